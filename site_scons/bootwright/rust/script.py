"""Running a build script: its variables, what it says, and what it depends on."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.children import ends_with_us
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.procs import pasteable
from bootwright.base.regular import LARGEST, read_text
from bootwright.cargo.command import NAMES
from bootwright.cargo.directives import Directives, read_directives
from bootwright.cargo.units import Unit
from bootwright.rust.compile import environment_of
from bootwright.rust.more import More, Room
from bootwright.rust.unit_reads import Reads, digest_below, digest_of_package, digest_or_absent

LAST_LINES = 40
BUSY_ATTEMPTS, BUSY_SECONDS = 500, 0.02
NOT_FOUND = re.compile(r"kind: NotFound|No such file or directory|program not found")
CC = re.compile(r'[Ff]ailed to find tool(?:\. Is)? ["`]([^"`]+)["`]')  # what the crate cc says
COMMAND = re.compile(r'\bCommand::new\(\s*"([^"{}]+)"')


@dataclass(frozen=True)
class Ran:
    """What a script said and made: stdout, and a line `SHA-256  name` for each file in OUT_DIR."""

    said: str
    files: str
    directives: Directives


def run_script(unit: Unit, room: Room, person: Mapping[str, str], show: Callable[[str], None]) -> Ran:
    """Runs the build script that unit is, in an empty OUT_DIR; show gets its warnings and errors, as cargo words them.

    person is the whole environment and room's variables, and the script gets it as with Cargo: compilers for other
    languages are chosen by it. Raises where it
    fails; of a package that is not the person's the warnings are shown only then.
    """
    out = room.out / unit.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    base = {name: value for name, value in person.items() if not NAMES.match(name)}
    environment = {**base, **room.variables, **environment_of(unit, room, More())}
    program = room.text(unit.argv[0])
    process = _start(program, Path(unit.cwd), environment)
    with process, ends_with_us(process):
        stdout, stderr = process.communicate()
    done = subprocess.CompletedProcess([program], process.returncode, stdout, stderr)
    directives = read_directives(done.stdout)
    failed = done.returncode or directives.errors
    if unit.local or failed:
        for line in warning_lines(unit, directives):
            show(f"{line}\n")
    for line in directives.errors:
        show(f"error: {unit.package}@{unit.version}: {line}\n")
    if done.returncode:
        how = f"ended with status {done.returncode}" if done.returncode > 0 else f"died of signal {-done.returncode}"
        lines = "\n    ".join([f"the build script of {unit.package} v{unit.version} {how}:", *_last_lines(done)])
        absent = programs_not_there(Path(unit.root), stderr, environment)
        hint = f"build.rs starts {' and '.join(absent)}, which is not on PATH; " if absent else ""
        hint = hint or _compiler_not_there(stderr, environment.get("TARGET", ""))
        hint += f"the command was: (cd {pasteable([unit.cwd])} && {pasteable([program])}), with cargo's variables"
        raise BootwrightError(lines, hint)
    if directives.errors:
        raise BootwrightError(f"the build script of {unit.package} v{unit.version} logged errors")
    return Ran(done.stdout, files_made(out), directives)


def files_made(out: Path) -> str:
    """Returns a line `SHA-256  name` for each file in an OUT_DIR."""
    made = sorted(path for path in out.rglob("*") if path.is_file())
    return "".join(f"{file_digest(path)}  {path.relative_to(out).as_posix()}\n" for path in made)


def _start(program: str, directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts a program that this process has just written.

    A program that another thread begins to start holds all that is open here for a moment, the file that was being
    written among it; Linux executes no file that is open for writing (ETXTBSY).
    """
    for attempt in range(BUSY_ATTEMPTS):
        try:
            return subprocess.Popen(
                [program], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.ETXTBSY or attempt == BUSY_ATTEMPTS - 1:
                raise BootwrightError(f"{program} cannot be run: {error.strerror or error}") from error
            time.sleep(BUSY_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def programs_not_there(root: Path, said: str, environment: Mapping[str, str]) -> list[str]:
    """Returns the programs that build.rs in root names and PATH has not, where the script said that one is not there.

    Rust's own error for that, with which most scripts end, does not say which one.
    """
    if not NOT_FOUND.search(said):
        return []
    try:
        source = read_text(root / "build.rs", LARGEST)
    except (OSError, BootwrightError):
        return []
    names = dict.fromkeys(re.findall(COMMAND, source))
    return [name for name in names if shutil.which(name, path=environment.get("PATH", "")) is None]


def _compiler_not_there(said: str, target: str) -> str:
    """Returns what to do where the crate cc, in whose words the script ended, found no C compiler for target."""
    found = CC.search(said)
    if not found:
        return ""
    name = re.split(r"[/\\]", found[1])[-1]
    package = f", which Debian has as gcc-{name.removesuffix('-gcc')}" if name.endswith("-gcc") else ""
    return f"the crate cc wants the C compiler {name}{package}; CC_{target.replace('-', '_')}= names another; "


def warning_lines(unit: Unit, directives: Directives) -> list[str]:
    """Returns what the script of unit warned of, a line each, as cargo has them."""
    return [f"warning: {unit.package}@{unit.version}: {line}" for line in directives.warnings]


def _last_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Returns the end of what a script said beside directives: of stdout and of stderr, each under its name."""
    own = [line for line in done.stdout.splitlines() if not line.startswith("cargo:")]
    found = []
    for name, lines in (("stdout", own), ("stderr", done.stderr.strip().splitlines())):
        found += [f"--- {name}", *lines[-LAST_LINES:]] if lines else []
    return found


def script_reads(unit: Unit, room: Room, directives: Directives, person: Mapping[str, str]) -> Reads:
    """Returns what the script depends on: what it declared, else every file of a package that may change."""
    reads = Reads()
    if unit.local and not directives.declares:
        reads.packages[unit.root] = digest_of_package(Path(unit.root))
    for name in directives.files:
        path = Path(os.path.normpath(Path(unit.root, name)))
        if not path.is_dir():
            reads.files[str(path)] = digest_or_absent(path)
        elif not path.is_relative_to(room.out):
            reads.directories[str(path)] = digest_below(path)
    reads.variables = {name: person.get(name) for name in directives.variables if name not in unit.environment}
    return reads
