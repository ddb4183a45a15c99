"""A program of tests and its machine as a job for another computer: packed here, run there, its results unpacked here.

A job is a dictionary of texts, numbers and bytes, so that nothing of ours but this module has to be the same there; it
says which bootwright packed it, and another one refuses. What the boot reads goes along: what the machine starts from,
the ELF, and the package's Rust sources, of which reports quote. It runs in a process of its own, which can be ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import zstandard

from bootwright.base.errors import BootwrightError
from bootwright.base.home import PACKAGE, SITE
from bootwright.base.scratch import scratch_directory
from bootwright.run.config import RunConfig
from bootwright.testing.boot import run_test_program
from bootwright.testing.judge import Outcome, TestProgram, TestResult
from bootwright.testing.listed import FILE_NAME, read_programs, write_programs
from bootwright.testing.written import sources_of

LEVEL = 3  # of zstd
LARGEST = 1 << 32  # bytes of a file that is unpacked
PROGRAM, SOURCES = "program", "source"  # directories of a job
SERIAL, PICTURE = "serial", "picture"
LOOK_SECONDS = 0.3
APART = "import sys; from bootwright.testing.job import serve; serve(*sys.argv[1:])"


@cache
def edition() -> str:
    """Returns what differs where another bootwright is installed: a digest of its modules."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if "carried" not in path.relative_to(PACKAGE).parts:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def pack(program: TestProgram, config: RunConfig) -> dict[str, Any]:
    """Returns the job; raises BootwrightError for a machine that is no QEMU of the other computer's."""
    if config.program:
        raise BootwrightError(
            f"POOL=: the machine is {config.program[0]}'s, which run-command in Cargo.toml names",
            "QEMU=qemu-system-x86_64 starts a machine of ours, on the pool as well",
        )
    files: dict[str, bytes] = {}

    def along(path: Path | None, place: str = PROGRAM) -> Path | None:
        if path is None:
            return None
        name = f"{place}/{path.name}"
        if name not in files:
            files[name] = zstandard.compress(path.read_bytes(), LEVEL)
        return Path(name)

    for path in sources_of(program.source):
        files[f"{SOURCES}/{path.relative_to(program.source).as_posix()}"] = zstandard.compress(path.read_bytes(), LEVEL)
    elf, image = along(program.elf), along(program.image)
    assert elf is not None and image is not None, "both are there"
    there = dataclasses.replace(program, elf=elf, image=image, source=Path(SOURCES))
    machine = dataclasses.replace(
        config, image=Path(), loader=along(config.loader, "loader"), certificate=along(config.certificate, "keys"),
        directory=Path(SOURCES) if config.directory else None,
    )  # fmt: skip
    with scratch_directory("pack") as scratch:
        listed = Path(scratch, FILE_NAME)
        write_programs(listed, [there], machine)
        return {"edition": edition(), "listed": listed.read_text(), "files": files}


def run_apart(job: dict[str, Any], is_wanted: Callable[[], bool]) -> dict[str, Any]:
    """Returns what run() does in a process of its own, which ends, with its machine, when nobody wants that any more.

    It ends with this process, too: its standard input is a pipe that nobody but us holds.
    """
    with scratch_directory("job") as scratch:  # the next job removes that of a worker that was killed
        given, said = scratch / "given", scratch / "said"
        given.write_bytes(pickle.dumps(job))
        path = os.pathsep.join(filter(None, (str(SITE), os.environ.get("PYTHONPATH"))))
        with subprocess.Popen(
            [sys.executable, "-c", APART, str(given), str(said)], stdin=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(scratch)},
        ) as child:  # fmt: skip
            try:
                while child.poll() is None and is_wanted():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(LOOK_SECONDS)
            finally:
                child.kill()  # which is nothing where it has ended
        if child.returncode:
            return {"error": [f"a boot ended there with status {child.returncode}", "the worker's log may say why", 2]}
        return dict(pickle.loads(said.read_bytes()))


def serve(given: str, said: str) -> None:
    """Runs the job of a file, and leaves what it says in another one."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Path(said).write_bytes(pickle.dumps(run(pickle.loads(Path(given).read_bytes()))))


def _end_with_parent() -> None:
    """Ends this process with whoever started it; the machine ends with us (machine/lifeline.py)."""
    while os.read(0, 1):
        pass
    os._exit(1)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Boots the job's program on this computer, and returns what results() takes."""
    if job["edition"] != edition():
        return {"error": ["another bootwright is installed there", "install the same one on each machine", 2]}
    with scratch_directory("job") as scratch:
        place = Path(scratch)
        for name, data in job["files"].items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zstandard.decompress(data, LARGEST))
        (place / SOURCES).mkdir(exist_ok=True)
        (place / FILE_NAME).write_text(job["listed"])
        (program,), config = read_programs(place / FILE_NAME)
        program = dataclasses.replace(
            program, elf=place / program.elf, image=place / program.image, source=place / program.source
        )
        paths = {name: getattr(config, name) for name in ("loader", "certificate", "directory")}
        moved = {name: place / path for name, path in paths.items() if path}
        try:
            found = run_test_program(program, dataclasses.replace(config, **moved))
        except BootwrightError as error:
            return {"error": [error.message, error.hint, error.status]}
        evidence = {SERIAL: program.serial_log, PICTURE: program.subject.picture}
        return {
            "results": [dataclasses.asdict(result) for result in found],
            "place": str(place),
            **{name: path.read_bytes() for name, path in evidence.items() if path.exists()},
        }


def results(said: dict[str, Any], program: TestProgram) -> list[TestResult]:
    """Returns the results of run(); what it kept of a failure is put beside the program, and named there."""
    if "error" in said:
        message, hint, status = said["error"]
        raise BootwrightError(message, hint, status)
    for name, path in ((SERIAL, program.serial_log), (PICTURE, program.subject.picture)):
        path.unlink(missing_ok=True)
        if name in said:
            path.write_bytes(said[name])
    here = ((f"{said['place']}/{PROGRAM}", program.elf.parent), (f"{said['place']}/{SOURCES}", program.source))
    found = []
    for facts in said["results"]:
        result = TestResult(**{**facts, "outcome": Outcome(facts["outcome"])})
        message = result.message
        for there, path in here:
            message = message.replace(there, str(path))
        found.append(dataclasses.replace(result, message=message))
    return found
