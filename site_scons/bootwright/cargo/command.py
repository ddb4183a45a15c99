"""The program cargo: which one, how it is asked for a plan, and its words without what it only reports on the way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import Ended, allowed_environment, attempt
from bootwright.base.records import record
from bootwright.cargo.watched import check_toolchain_files

SYSTEM = () if os.name == "nt" else (Path("/usr/bin"), Path("/usr/local/bin"))
EXE = ".exe" if os.name == "nt" else ""
LOCKFILE_VARIABLE = (1, 95)  # from here on the lock file's path is a variable, before it was an option
LOCKFILE_STABLE = (1, 98)  # and from here on no option allows it: 1.97 has nightlies that want one
JSON_IS_UNSTABLE = (1, 95)
STATUS_LINE = r"\s*[A-Z][a-z]+ (?!generated)\S.*"
# What cargo reads of a person's environment beside its own names; the compiler and its wrapper are ours.
OURS = ("RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_BOOTSTRAP", "RUST_LOG", "RUST_BACKTRACE")
NAMES = re.compile(r"CARGO_|RUST|DEP_")


@record(frozen=True)
class Cargo:
    """One cargo: the executable itself and its version, and the rustc that it plans for."""

    program: Path
    version: tuple[int, int]
    rustc: Path

    def command(self, verb: str, target: str, lock: Path | None) -> list[str]:
        """Returns the words that begin a command for a target, with the lock file at lock in place of the package's."""
        words = [str(self.program), verb, "--target", target]
        if target.endswith(".json") and self.version >= JSON_IS_UNSTABLE:
            words.append("-Zjson-target-spec")
        if lock is not None and self.version < LOCKFILE_STABLE:
            by_variable = self.version >= LOCKFILE_VARIABLE
            words += ["-Zlockfile-path"] if by_variable else ["-Zunstable-options", f"--lockfile-path={lock}"]
        return words

    def environment(self, environ: Mapping[str, str], lock: Path | None) -> dict[str, str]:
        """Returns the environment for it: what every program gets, and what cargo's own settings are in environ.

        RUSTC_BOOTSTRAP lets a stable cargo have its lock file elsewhere; the ghost keeps it from the units.
        """
        own = {name: value for name, value in environ.items() if NAMES.match(name) and name not in OURS}
        more = {"CARGO_RESOLVER_LOCKFILE_PATH": str(lock)} if lock is not None else {}
        ours = {"RUSTC": str(self.rustc), "RUSTC_BOOTSTRAP": "1", "CARGO_TERM_COLOR": "never"}
        return {**allowed_environment(environ), **own, **ours, **more}


def cargo_home(environ: Mapping[str, str]) -> Path:
    """Returns the directory of cargo's own: its registry, and a configuration for all packages."""
    return Path(environ.get("CARGO_HOME") or Path.home() / ".cargo")


def cargos(rustc: Path, environ: Mapping[str, str]) -> list[str]:
    """Returns the path of each cargo that may plan for rustc: its own toolchain's, beside it, then those on PATH."""
    places = [rustc.parent, *(Path(word) for word in environ.get("PATH", "").split(os.pathsep) if word), *SYSTEM]
    found = (place / f"cargo{EXE}" for place in places)
    return list(dict.fromkeys(str(path) for path in found if os.access(path, os.X_OK) and path.is_file()))


def find_cargo(rustc: Path, environ: Mapping[str, str]) -> Cargo:
    """Returns the first of cargos that runs; raises with the cure. rustup's does not where no toolchain is chosen."""
    for cargo in working_cargos(rustc, environ):
        return cargo
    found = cargos(rustc, environ)
    if not found:
        raise BootwrightError(
            f"there is no cargo, neither beside {rustc} nor on PATH",
            "the package that brings this rustc has one of its name for cargo (apt: cargo, or cargo-web); rustup "
            "brings both",
        )
    raise attempt([found[-1], "-V"], env=environ).error()


def working_cargos(rustc: Path, environ: Mapping[str, str]) -> Iterator[Cargo]:
    """Yields each of cargos that runs."""
    check_toolchain_files(Path.cwd())  # a cargo on PATH may be rustup's
    for found in cargos(rustc, environ):
        ended = attempt([found, "-V"], env=environ)
        match = re.match(r"cargo (\d+)\.(\d+)", ended.stdout)
        if not ended.status and match:
            yield Cargo(Path(found), (int(match[1]), int(match[2])), rustc)


def run_cargo(words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Ended:
    """Runs cargo to its end."""
    with _started(words, cwd, environment) as process:
        stdout, stderr = process.communicate()
    said, told = (text.decode("utf-8", errors="replace") for text in (stdout, stderr))
    return Ended(tuple(words), process.returncode, said, told)


def run_cargo_with_progress(words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Ended:
    """Runs a cargo that says nothing on stdout to its end; what it tells goes to the person's stderr as it comes."""
    progress = {}
    if sys.stderr.isatty():
        width = str(shutil.get_terminal_size().columns)
        progress = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": width}
    told = bytearray()
    with _started(words, cwd, {**environment, **progress}) as process:
        assert process.stderr is not None
        while chunk := os.read(process.stderr.fileno(), 4096):
            told += chunk
            sys.stderr.write(chunk.decode("utf-8", errors="replace"))
            sys.stderr.flush()
    return Ended(tuple(words), process.returncode, "", told.decode("utf-8", errors="replace"))


def _started(words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(words), cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise BootwrightError(f"{words[0]} cannot be run: {error.strerror or error}") from error


def warnings_in(said: str) -> list[str]:
    """Returns the warnings among what cargo said, each with the lines that belong to it."""
    found: list[str] = []
    open_ = False
    for line in said.splitlines():
        if line.startswith("warning: "):
            found.append(line)
            open_ = True
        elif re.fullmatch(STATUS_LINE, line) and line[:1] == " ":
            open_ = False
        elif open_ and line.strip():
            found[-1] += f"\n{line}"
        else:
            open_ = False
    return list(dict.fromkeys(found))


def error_in(said: str) -> str:
    """Returns what cargo said of an error, without its warnings and what it was doing."""
    start = re.search(r"^error", said, re.MULTILINE)
    return said[start.start() :].strip() if start else said.strip()
