"""`scons run` and `scons screenshot`: a machine from its first instruction to its verdict."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.interrupts import Terminated, interruptible
from bootwright.base.records import replace
from bootwright.base.terminal import printable
from bootwright.machine import verdict
from bootwright.machine.boards import board_named
from bootwright.machine.display import Display, find_display, forget_display
from bootwright.machine.machine import Machine
from bootwright.machine.options import names
from bootwright.machine.qemu import find_qemu
from bootwright.machine.qmp import QmpError
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.started import started
from bootwright.run.voice import Silence, Voice, note

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO


def run(
    config: RunConfig,
    out: TextIO,
    notes: TextIO,
    at_end: Callable[[Machine, Verdict], None] | None = None,
    midway: Callable[[Machine, Verdict, bool], bool] | None = None,
) -> Verdict:
    """Runs the image until the first end: an exit, a reset, a halt, a loader's failure, TIMEOUT (machine/verdict.py).

    The guest's serial port goes to out as it comes, hints for the person go to notes. at_end is called with the verdict
    while the machine is still there, unless QEMU left with the guest; midway where a guest runs on and seems to come no
    further, with whether it has been so for long: the run ends where it says so. Raises BootwrightError with status 5
    where QEMU does not start.
    """
    display, keys = Display(None, False), None
    board = board_named(config.board)
    if not config.headless and board.is_pc:
        display = find_display(find_qemu(config.qemu), config.flags, os.environ)
    with interruptible(), contextlib.ExitStack() as stack:
        copy = None
        if config.serial:
            from bootwright.run.serial_copy import open_copy

            copy = stack.enter_context(open_copy(config.serial, lambda line: note(notes, f"bootwright: {line}\n")))
        try:
            machine = stack.enter_context(started(config, display.name, notes))
        except BootwrightError as error:
            if display.name is None:
                raise
            forget_display(find_qemu(config.qemu))
            machine = stack.enter_context(started(config, None, notes))
            display = Display(None, False, f"no window: {error.message}")
        from bootwright.run.watch import Watch  # while QEMU starts

        if display.hint:
            note(notes, f"bootwright: {display.hint}\n")
        if not config.headless and not board.is_pc:
            note(notes, f"bootwright: {board.name} has no window: its serial port follows; Ctrl-C leaves\n")
        elif not config.headless:
            where = "the guest's screen is in the window" if display.window else "the guest's screen follows"
            from bootwright.run.keys import find_keys

            keys = None if display.window else find_keys(sys.stdin)
            typed = "keys go to it" if keys else "keys do not reach it"
            leave = "closing it or Ctrl-C leaves" if display.window else f"{typed}; Ctrl-C leaves"
            note(notes, f"bootwright: {where}; {leave}\n")
        if not board.is_pc:
            from bootwright.machine.fits import told_place

            if line := told_place(config, board):
                note(notes, f"bootwright: {line}\n")
        watch = Watch(machine, config, display, Voice(out, config.raw, copy))
        watch.keys = stack.enter_context(keys.taken()) if keys else None
        watch.midway = midway
        try:
            if names(config.flags, "-S"):
                note(notes, "bootwright: -S: the guest stands still until a debugger lets it go\n")
            else:
                machine.resume()
            end = watch.until_verdict()
        except Terminated:
            raise
        except KeyboardInterrupt:
            status = Status.INTERRUPTED if config.headless else Status.DONE
            end = verdict.left("Ctrl-C", status, next(iter(machine.registers()), None))
        end = replace(end, serial=machine.serial, screen=watch.screen)
        if at_end:
            at_end(machine, end)
        machine.end()
        if remark := watch.finish():
            note(notes, f"bootwright: {remark}\n")
    if machine.stderr.strip() and end.kind not in (Kind.QEMU_FAILED, Kind.DIED):
        note(notes, printable(machine.stderr))
    return replace(end, serial=machine.serial, screen=watch.rows)


def screenshot(config: RunConfig, path: Path) -> Verdict:
    """Runs the image headless and writes its screen to path (PNG) once it halts, stands still or reaches TIMEOUT.

    Raises BootwrightError where the kernel leaves before, as no screen is left then.
    """
    from bootwright.run.watch import STILL_SECONDS, Watch

    config = replace(config, headless=True)
    with interruptible(), started(config) as machine:
        machine.resume()
        watch = Watch(machine, config, Display(None, False), Voice(Silence()), STILL_SECONDS)
        end = watch.until_verdict()
        if machine.gone:
            raise BootwrightError(f"no screenshot: {end.sentence}", "only a machine that is still there has a screen")
        try:
            machine.screendump(path)
        except (QmpError, OSError) as error:
            raise BootwrightError(f"no screenshot at {path}: {error}") from error
        return replace(end, serial=machine.serial, screen=machine.rows())
