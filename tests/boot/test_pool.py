"""POOL=: a kernel's tests on the workers of a real Dask scheduler, over mutual TLS on loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.boot.kernels import HOME, KERNEL, SMALL_KERNELS, Workshop
from tests.servers import free_port, served

from bootwright.base.errors import BootwrightError
from bootwright.machine.qemu import find_qemu
from bootwright.run.config import RunConfig
from bootwright.testing import job
from bootwright.testing.judge import TestProgram
from bootwright.testing.listed import FILE_NAME, write_programs

pytestmark = [pytest.mark.xdist_group("pool"), pytest.mark.needs("openssl")]
WAIT = 1.5  # seconds that each machine sleeps before it starts: what is measured is no work of this machine's
LINE = re.compile(r"^(passed|FAILED|not reached) +(?:[\d.]+ s)?  (kernel/\S+)$", re.MULTILINE)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOME / "site_scons"), "NO_COLOR": "1", "CI": ""}


class Pool:
    """A scheduler, its certificates and its workers, each with a log of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc"
        for command in (
            f"req -x509 {new} -days 9 -subj /CN=pool -keyout ca.key -out ca.pem",
            f"req {new} -subj /CN=localhost -keyout one.key -out one.csr",
            "x509 -req -in one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out one.crt",
        ):
            subprocess.run(["openssl", *command.split()], cwd=place, check=True, capture_output=True)
        (place / "one.pem").write_text((place / "one.crt").read_text() + (place / "one.key").read_text())
        self.port = free_port()
        self.url = f"tls://127.0.0.1:{self.port}"

    def words(self) -> list[str]:
        return ["--tls-ca-file", "ca.pem", "--tls-cert", "one.crt", "--tls-key", "one.key", "--no-dashboard"]

    @contextlib.contextmanager
    def scheduler(self) -> Iterator[None]:
        command = ["dask", "scheduler", "--host", "tls://127.0.0.1", "--port", str(self.port), "--no-show"]
        with served(python(*command, *self.words()), self.port, self.place / "scheduler.log", self.place, ENVIRONMENT):
            yield

    @contextlib.contextmanager
    def worker(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        port = free_port()
        command = ["dask", "worker", self.url, "--host", "tls://127.0.0.1", "--worker-port", str(port), "--no-nanny"]
        command += ["--resources", "machine=1", "--nthreads", "1", "--local-directory", str(self.place / name)]
        log, scratch = self.place / f"{name}.log", self.place / "scratch"
        scratch.mkdir(exist_ok=True)
        environment = {**ENVIRONMENT, "TMPDIR": str(scratch)}
        with served(python(*command, *self.words()), port, log, self.place, environment) as process:
            yield process


def python(*words: str) -> list[str]:
    return [sys.executable, "-c", "from dask.__main__ import main; main()", *words[1:]]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    made = Pool(tmp_path_factory.mktemp("pool"))
    with made.scheduler(), made.worker("first"):
        yield made


def sleeping_qemu(place: Path) -> str:
    """Returns a QEMU that sleeps before it starts, and tells who asked for it."""
    path = place / "qemu"
    path.write_text(f'#!/bin/sh\ncase "$*" in *qmp*) echo $PPID >> "{place}/started"; sleep {WAIT} ;; esac\n'
                    f'exec {find_qemu(None)} "$@"\n')  # fmt: skip
    path.chmod(0o755)
    return str(path)


def run(place: Path, programs: list[TestProgram], *words: str, config: RunConfig) -> tuple[int, str, float]:
    """Runs programs as `scons test` does, and returns status, output and seconds."""
    write_programs(place / FILE_NAME, programs, config)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(HOME / name, place)
    argv = [sys.executable, "-m", "pytest", "-p", "bootwright.testing.plugin", FILE_NAME, *words]
    start = time.monotonic()
    ended = subprocess.run(argv, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    return ended.returncode, ended.stdout + ended.stderr, time.monotonic() - start


def in_pool(pool: Pool) -> list[str]:
    return [f"--pool={pool.url}", f"--pool-ca={pool.place / 'ca.pem'}", f"--pool-cert={pool.place / 'one.pem'}"]


def many(workshop: Workshop, count: int) -> list[TestProgram]:
    """Returns as many programs of one test, the same one under other names."""
    program = workshop.program(KERNEL / "tests" / "should_panic.rs")
    return [dataclasses.replace(program, package=f"hello-{number}") for number in range(count)]


def test_two_workers_take_little_more_than_half_of_one_and_a_killed_one_loses_no_test(
    pool: Pool, workshop: Workshop, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    soak = pytestconfig.getoption("--soak")
    programs = many(workshop, 20 if soak else 6)
    names = [name for program in programs for name in program.printed_names]
    config = RunConfig(Path(), qemu=sleeping_qemu(tmp_path), accelerator="tcg")
    status, said, one = run(tmp_path, programs, *in_pool(pool), config=config)
    assert status == 0 and LINE.findall(said) == [("passed", name) for name in names], said
    with pool.worker("second") as second:
        status, said, two = run(tmp_path, programs, *in_pool(pool), config=config)
        assert status == 0 and LINE.findall(said) == [("passed", name) for name in names], said
        print(f"{len(names)} tests: {one:.1f} s with one worker, {two:.1f} s with two: {two / one:.2f}")
        assert two / one < (0.65 if soak else 0.8), (one, two)
        (tmp_path / "started").unlink()
        write_programs(tmp_path / FILE_NAME, programs, config)
        argv = [sys.executable, "-m", "pytest", "-p", "bootwright.testing.plugin", FILE_NAME, *in_pool(pool)]
        with subprocess.Popen(argv, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as tests:
            while str(second.pid) not in started(tmp_path):
                assert tests.poll() is None
                time.sleep(0.05)
            second.send_signal(signal.SIGKILL)
            said = tests.communicate(timeout=300)[0]
    assert tests.returncode == 0 and LINE.findall(said) == [("passed", name) for name in names], said
    assert len(re.findall(r"^ran again once, as its worker died: kernel/hello-\d+/should_panic", said, re.M)) == 1, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_client_that_goes_ends_what_boots_for_it(
    pool: Pool, workshop: Workshop, tmp_path: Path, number: signal.Signals
) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text(f'#!/bin/sh\ncase "$*" in *qmp*) echo $$ >> "{tmp_path}/started"; exec sleep 600 ;; esac\n'
                    f'exec {find_qemu(None)} "$@"\n')  # fmt: skip
    qemu.chmod(0o755)
    programs = many(workshop, 2)
    write_programs(tmp_path / FILE_NAME, programs, RunConfig(Path(), qemu=str(qemu), accelerator="tcg"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(HOME / name, tmp_path)
    argv = [sys.executable, "-m", "pytest", "-p", "bootwright.testing.plugin", FILE_NAME, *in_pool(pool)]
    with subprocess.Popen(
        argv, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a job in the background ignores
    ) as tests:  # fmt: skip
        while not started(tmp_path):
            assert tests.poll() is None
            time.sleep(0.05)
        machine = Path("/proc", started(tmp_path)[0])
        tests.send_signal(number)
        deadline = time.monotonic() + 30
        while machine.exists() or list((pool.place / "scratch").iterdir()):
            assert time.monotonic() < deadline, "its machine runs on, or has left files"
            time.sleep(0.05)
        said = tests.communicate(timeout=60)[0]
    assert "Traceback" not in said
    # The worker is free, and has not begun the client's other program.
    status, said, _ = run(tmp_path, programs[:1], *in_pool(pool), config=RunConfig(Path(), accelerator="tcg"))
    assert status == 0, said
    assert len((tmp_path / "started").read_text().split()) == 1


def started(place: Path) -> list[str]:
    """Returns the process ids of those that started a machine, and of their parents."""
    with contextlib.suppress(FileNotFoundError):
        found = (place / "started").read_text().split()
        return [*found, *(parent_of(pid) for pid in found)]
    return []


def parent_of(pid: str) -> str:
    with contextlib.suppress(OSError):
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
    return ""


def test_a_failure_is_told_as_on_this_machine(pool: Pool, workshop: Workshop, tmp_path: Path) -> None:
    program = dataclasses.replace(workshop.program(SMALL_KERNELS / "three_failing_tests.rs"), source=SMALL_KERNELS)
    config = RunConfig(Path(), accelerator="tcg")
    found = []
    for words in ([], in_pool(pool)):
        program.serial_log.unlink(missing_ok=True)
        status, said, _ = run(tmp_path, [program], *words, config=config)
        assert status == 1
        assert program.serial_log.read_text().startswith("[test] plan 3")
        assert program.subject.picture.stat().st_size > 500
        found.append(re.sub(r"\d+\.\d+ ?s(?: +\(\d+:\d+:\d+\))?|\d+ us|0x[0-9a-f]+|RIP=\S+", "", said))
    assert found[0] == found[1]


def test_who_has_no_certificate_of_the_pools_gets_a_sentence(pool: Pool, workshop: Workshop, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = Pool(other)
    words = [f"--pool={pool.url}", f"--pool-ca={pool.place / 'ca.pem'}", f"--pool-cert={other / 'one.pem'}"]
    (program,) = many(workshop, 1)
    status, said, _ = run(tmp_path, [program], *words, config=RunConfig(Path()))
    assert status == 1 and re.search(rf"^POOL={pool.url} does not answer: ", said, re.MULTILINE), said
    words = [f"--pool={stranger.url}", f"--pool-ca={pool.place / 'ca.pem'}", f"--pool-cert={pool.place / 'one.pem'}"]
    status, said, _ = run(tmp_path, [program], *words, config=RunConfig(Path()))
    assert status == 1 and re.search(rf"^POOL={stranger.url} does not answer: ", said, re.MULTILINE), said
    assert "Traceback" not in said


def test_a_machine_that_no_pool_has_and_another_bootwright_are_refused(workshop: Workshop) -> None:
    (program,) = many(workshop, 1)
    with pytest.raises(BootwrightError, match=r"the machine is ./run-it's"):
        job.pack(program, RunConfig(Path(), program=("./run-it",)))
    packed = job.pack(program, RunConfig(Path()))
    with pytest.raises(BootwrightError, match="another bootwright is installed there"):
        job.results(job.run({**packed, "edition": "0"}), program)
