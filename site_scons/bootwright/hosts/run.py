"""Running a linked program: on this machine, under qemu-user, or under wine."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bootwright.errors import BootwrightError
from bootwright.hostprograms import find_on_path
from bootwright.hosts.table import Builder, Row
from bootwright.procs import allowed_environment

TIMEOUT = 60.0  # seconds; the first start of wine takes a few
WINE = ("wine64", "wine")
WINE_SERVER = ("wineserver", "wineserver64")


@dataclass(frozen=True)
class Runner:
    """What starts a program: the words before its path; name is for people, "" where the program starts by itself."""

    name: str
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a program ended: its status, negative for a signal; None where it still ran after the time-out."""

    status: int | None
    output: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.status is None:
            return "still running"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"status {self.status}"


def find_runner(row: Row, builder: Builder, environ: Mapping[str, str]) -> Runner | str:
    """Returns what runs the row's program on this builder, or a sentence why nothing does."""
    if row.host == "macos":
        return "a Mac alone runs it"  # and what lld links without libSystem, not every release of macOS
    if row.host == builder.system and row.arch == builder.arch:
        return Runner("")
    names: tuple[str, ...]
    if row.host == "linux" and builder.system == "linux":
        names = (f"qemu-{row.arch}", f"qemu-{row.arch}-static")
    elif row.host == "windows" and row.arch == builder.arch and builder.system != "windows":
        names = WINE
    else:
        return f"no {row.name} here"
    found = next((word for name in names if (word := find_on_path(name, environ))), None)
    return Runner(found.name, (str(found),)) if found else f"{names[0]} is not on PATH"


def run_program(program: Path, runner: Runner, timeout: float = TIMEOUT) -> Ending:
    """Runs program and returns how it ended; it gets no input, and is ended after timeout seconds."""
    with _surroundings(runner) as environment:
        argv = [*runner.prefix, str(program)]
        try:
            ended = subprocess.run(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=timeout, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Ending(None)
        except OSError as error:
            raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
    return Ending(ended.returncode, ended.stdout)


def run_and_tell(program: Path, runner: Runner, timeout: float | None, tell: Callable[[str], None]) -> int:
    """Runs program in this terminal, for timeout seconds at most, tells how it ended, and returns the exit status.

    That is the program's own; a signal counts from 128 as in a shell, a program still running at its time-out is 0.
    """
    with _surroundings(runner) as environment:
        argv = [*runner.prefix, str(program)]
        try:
            process = subprocess.Popen(argv, env=environment)
        except OSError as error:
            raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
        try:
            ending = Ending(process.wait(timeout))
        except subprocess.TimeoutExpired:
            ending = Ending(None)
        finally:
            process.kill()
            process.wait()
    by = f" under {runner.name}" if runner.name else ""
    if ending.status is None:
        tell(f"{program.name} is still running{by} after {timeout:g} s, and was ended")
        return 0
    tell(f"{program.name} ended{by}: {ending}")
    return ending.status if ending.status >= 0 else 128 - ending.status


@contextmanager
def _surroundings(runner: Runner) -> Iterator[dict[str, str]]:
    """Yields the environment for a run. wine gets a directory of its own, and its server is gone afterwards."""
    environment = allowed_environment(os.environ)
    if "wine" not in runner.name:
        yield environment
        return
    server = next((str(found) for name in WINE_SERVER if (found := find_on_path(name, os.environ))), None)
    with tempfile.TemporaryDirectory(prefix="bootwright-wine-", ignore_cleanup_errors=True) as directory:
        # No window, no question whether Mono or Gecko shall be downloaded, no reports of what wine itself lacks.
        own = {"WINEPREFIX": directory, "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree=;mshtml="}
        environment |= {**own, **({"WINESERVER": server} if server else {})}
        try:
            # Else the first program's output has wine's own lines on how it makes its directory.
            subprocess.run([*runner.prefix, "cmd", "/c", "exit"], env=environment, check=False, capture_output=True)
            yield environment
        finally:
            if server:
                subprocess.run([server, "-k"], env=environment, check=False, capture_output=True)
                subprocess.run([server, "-w"], env=environment, check=False, capture_output=True)
