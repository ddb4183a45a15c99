"""Running a linked program: on this machine, under qemu-user, or under wine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.interrupts import interruptible
from bootwright.base.procs import allowed_environment, find_on_path
from bootwright.base.scratch import scratch_directory
from bootwright.hosts.elf import aligns_its_stack
from bootwright.hosts.table import Builder, Row

TIMEOUT = 30.0  # seconds
RUNS_SECONDS = 5.0  # after which a program is said to run
WINE = ("wine64", "wine")
WINE_SERVER = ("wineserver", "wineserver64")
# wine's own debugger would take a crash over; Mono and Gecko are asked for where they are not switched off.
WITHOUT = "mscoree=;mshtml=;winedbg.exe=d"
# <ntstatus.h>: from 0xC0000000 on a status is what Windows ended the program for.
EXCEPTIONS = {
    0xC0000005: "access violation", 0xC000001D: "illegal instruction", 0xC0000094: "integer division by zero",
    0xC0000096: "privileged instruction", 0xC00000FD: "stack overflow",
}  # fmt: skip
FIRST_EXCEPTION = 0xC0000000
SIGSEGV = 11  # which Windows has another number for
UNALIGNED = """\
a Rust function as the entry finds its stack 8 bytes off: Linux jumps to _start with rsp at a multiple of 16, where a \
function expects a call, so that instructions of SSE (floats, much of core's formatting) fault
  hint: global_asm!(".globl _start", "_start: xor ebp, ebp", "and rsp, -16", "call {main}", main = sym main) is an \
entry that calls an extern "C" fn main() -> ! of yours"""
DIED = 1  # the status of `scons run` for a program that Windows ended


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
        if self.status >= FIRST_EXCEPTION:
            return f"died of {EXCEPTIONS.get(self.status, 'exception')} ({self.status:#x})"
        return f"status {self.status}"

    @property
    def exit_status(self) -> int:
        """What `scons run` returns: the program's own; a signal counts from 128 as in a shell; 0 while it runs."""
        if self.status is None:
            return 0
        if self.status >= FIRST_EXCEPTION:
            return DIED
        return self.status if self.status >= 0 else 128 - self.status


@dataclass(frozen=True)
class _Start:
    """How a program is started: its words, environment and directory; status makes its status of the process's."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path | None = None
    status: Callable[[int], int] = int


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
    return _run(program, runner, timeout, subprocess.DEVNULL, subprocess.PIPE)


def run_and_tell(program: Path, runner: Runner, timeout: float | None, tell: Callable[[str], None]) -> int:
    """Runs program in this terminal, for timeout seconds at most, tells how it ended, and returns the exit status.

    One that goes on for a while is said to run: it may say nothing, and no prompt comes back.
    """
    by = f" under {runner.name}" if runner.name else ""
    until = "" if timeout is None else f" or TIMEOUT={timeout:g}"
    running = threading.Timer(RUNS_SECONDS, lambda: tell(f"{program.name} runs{by}; Ctrl-C{until} ends it"))
    running.daemon = True
    running.start()
    try:
        ending = _run(program, runner, timeout, None, None)
    finally:
        running.cancel()
    if ending.status is None:
        tell(f"{program.name} is still running{by} after {timeout:g} s, and was ended")
        return ending.exit_status
    tell(f"{program.name} ended{by}: {ending}")
    if ending.status == -SIGSEGV and not aligns_its_stack(program.read_bytes()):
        tell(UNALIGNED)
    return ending.exit_status


def _run(program: Path, runner: Runner, timeout: float | None, stdin: int | None, output: int | None) -> Ending:
    with interruptible(), _prepared(program, runner) as start:
        try:
            process = subprocess.Popen(
                start.argv, env=start.environment, cwd=start.directory, stdin=stdin, stdout=output,
                stderr=subprocess.STDOUT if output else None, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise BootwrightError(f"{start.argv[0]} cannot be run: {error.strerror or error}") from error
        with process:
            try:
                said, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                return Ending(None)
            finally:
                process.kill()
        return Ending(start.status(process.returncode), said or "")


@contextlib.contextmanager
def _prepared(program: Path, runner: Runner) -> Iterator[_Start]:
    """Yields how program is started, and takes away afterwards what that needed."""
    environment = allowed_environment(os.environ)
    if "wine" not in runner.name:
        yield _Start([*runner.prefix, str(program)], environment)
        return
    server = next((str(found) for name in WINE_SERVER if (found := find_on_path(name, os.environ))), None)
    with scratch_directory("wine") as home:
        environment |= {"HOME": str(home), "WINEPREFIX": str(home), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": WITHOUT}
        environment |= {"WINESERVER": server} if server else {}
        shutil.copyfile(program, home / program.name)
        # A process of Unix has 8 bits of status, in which a crash looks like a status; cmd has all 32.
        words = ["cmd", "/v:on", "/c", program.name, "&", "echo", "!errorlevel!", ">", "status"]

        def status(of_wine: int) -> int:
            try:
                return int((home / "status").read_text()) & 0xFFFFFFFF
            except (OSError, ValueError):
                return of_wine

        try:
            # Else the program's output has wine's own lines on how it makes its directory.
            subprocess.run([*runner.prefix, "cmd", "/c", "exit"], env=environment, check=False, capture_output=True)
            yield _Start([*runner.prefix, *words], environment, home, status)
        finally:
            for word in ("-k", "-w") if server else ():
                subprocess.run([str(server), word], env=environment, check=False, capture_output=True)
