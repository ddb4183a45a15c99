"""Watching a machine that runs, until it is known how it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from bootwright.base.errors import Status
from bootwright.base.records import replace
from bootwright.base.sizes import PAGE_SIZE
from bootwright.faults.board_log import find_cause
from bootwright.loader.failures import loader_sentences
from bootwright.machine import textscreen, verdict
from bootwright.machine.anew import start_anew
from bootwright.machine.display import Display
from bootwright.machine.machine import Machine
from bootwright.machine.verdict import HALT_SECONDS, Kind, Registers, Verdict
from bootwright.run.config import FIRMWARE_SECONDS, HEADLESS_TIMEOUT, RunConfig
from bootwright.run.keys import Keys
from bootwright.run.standstill import FEW_LOOKS, Standstill
from bootwright.run.voice import Voice

LOOK_SECONDS = 0.1
# A loader that wrote a code but no end of line is given this long to go on.
CONSOLE_SECONDS = 0.3
# A loader that failed tells it in several places, one after the other: the last of them is waited for no longer.
LOADER_SECONDS = 3.0
# A screen that has not changed for this long is worth a picture.
STILL_SECONDS = 2.0
# OVMF with Secure Boot resets the machine once it knows how much memory of each kind it takes, and keeps that.
FIRMWARE_RESETS = 2
# Why QEMU ends where the person had it end: a window of GTK says what the monitor's quit does, one of SDL the other.
LEFT_BY_HAND = ("host-ui", "host-qmp-quit")


class Watch:
    """Looks at one machine until there is a verdict, and passes on what the guest says."""

    def __init__(
        self, machine: Machine, config: RunConfig, display: Display, voice: Voice, still_seconds: float | None = None
    ) -> None:
        self.rows: tuple[str, ...] = ()
        self._machine = machine
        self._config = config
        self._window = display.window
        self._voice = voice
        self._heard = machine.heard["serial"]
        self._heard.listen(config.restart_mark)
        self.midway: Callable[[Machine, Verdict, bool], bool] | None = None
        self.keys: Keys | None = None
        self._standstills: list[tuple[Standstill, Standstill]] = []  # of each processor: after few looks, after many
        self._still_seconds = still_seconds
        self._board = machine.board
        plain = config.headless or display.window or not machine.board.is_pc
        self._view = None if plain else textscreen.LiveView()
        self._registers: list[Registers] = []
        self._halted_since: float | None = None
        self._parked: dict[int, int] = {}  # of processors that a firmware left waiting: their number, and their page
        self._console = ("", 0.0)
        self._marks = 0
        self._resets = 0
        self._host_ended = False
        self._still_since = 0.0
        timeout = HEADLESS_TIMEOUT if config.timeout is None and config.headless else config.timeout
        self._timeout = timeout

    def until_verdict(self) -> Verdict:
        """Returns the verdict; the machine may be gone then."""
        now = start = self._still_since = time.monotonic()
        in_firmware = self._machine.in_firmware
        if in_firmware:
            start += FIRMWARE_SECONDS  # what it takes is not the kernel's time
        allowed = self._timeout or float("inf")
        next_look = now + LOOK_SECONDS  # before, there is nothing to see but the firmware's first steps
        while True:
            self._machine.step(max(0.0, min(next_look, start + allowed) - now))
            now = time.monotonic()
            if self.keys and not self._machine.gone:
                self.keys.pass_on(self._machine)
            if in_firmware and not self._machine.in_firmware:
                others = list(enumerate(self._machine.registers()))[1:]
                self._parked = {number: processor.rip // PAGE_SIZE for number, processor in others}
            if self._restarts() or (in_firmware and not self._machine.in_firmware):
                start, in_firmware = now, self._machine.in_firmware
                self._still_since = max(self._still_since, start)
            if now >= next_look:
                self._look(now)
            end = self._from_qemu() or self._from_loader(now) or self._from_processor(now)
            if now >= next_look:
                end = end or self._look_closer()
                next_look = now + LOOK_SECONDS
                self._machine.tend_log(now)
            self._pass_on_serial()
            if end:
                return end
            if now >= start + allowed:
                return self._at_time_out(allowed)

    def _at_time_out(self, seconds: float) -> Verdict:
        registers = self._machine.registers()
        if self._board.is_pc and self._all_stand(registers):
            return verdict.halted(registers[0])  # a window stays open over it
        if any(row.startswith(verdict.NO_DEVICE) for row in self._machine.rows() or self.rows):
            return verdict.not_started()
        return verdict.still_running(seconds, next(iter(registers), None))

    def finish(self) -> str:
        """Passes on what came last, and those rows of the screen that the serial port did not say.

        Returns what is to be said about what was not passed on, "" for nothing.
        """
        self._pass_on_serial()
        rows = list(self.rows)
        if self._view and rows:
            rows = self._view.finish(self.rows)
        if not self._window:
            self._print_rows(rows)
        return self._voice.end()

    def _restarts(self) -> bool:
        """Returns whether the serial port said the mark since the last call."""
        before, self._marks = self._marks, self._heard.marks
        return self._marks > before

    def _all_stand(self, registers: list[Registers]) -> bool:
        """Tells whether no processor does anything more. UEFI leaves those that no kernel starts in MWAIT or halted."""
        return bool(registers) and all(
            processor.stopped or self._parked.get(number) == processor.rip // PAGE_SIZE
            for number, processor in enumerate(registers)
        )

    def _look(self, now: float) -> None:
        """Looks at the screen and the processors; both cost a millisecond of QEMU's time."""
        registers = self._registers = self._machine.registers()
        if self._window and self._board.is_pc:
            self.rows = self._machine.rows() or self.rows  # for who closes the window over a panic
        if self._window or not self._board.is_pc:
            return
        if not self._all_stand(registers):
            self._halted_since = None
        elif self._halted_since is None:
            self._halted_since = now
        rows = self._machine.rows()
        if not rows:
            return
        if rows != self.rows:
            self._still_since = now
        self.rows = rows
        if self._view:
            self._print_rows(self._view.look(rows))

    def _look_closer(self) -> Verdict | None:
        """Has a guest looked at that has come to stand; returns the verdict where that is its end."""
        if self.midway is None or not self._registers or self._machine.in_firmware:
            return None
        self._standstills += [(Standstill(FEW_LOOKS), Standstill()) for _ in self._registers[len(self._standstills) :]]
        for processor, (few, many) in zip(self._registers, self._standstills, strict=False):
            new, sure = few.is_new(processor.rip), many.is_new(processor.rip)
            if new or sure:
                seen = replace(verdict.stands(processor), serial=self._machine.serial, screen=self.screen)
                if self.midway(self._machine, seen, sure):
                    return replace(verdict.stands(processor), kind=Kind.STILL_RUNNING)
        return None

    @property
    def screen(self) -> tuple[str, ...]:
        """The rows of the text screen; of a window they are read now."""
        return (self._machine.rows() if self._window else ()) or self.rows

    def _from_qemu(self) -> Verdict | None:
        machine = self._machine
        while machine.qmp.events:
            name, data = machine.qmp.events.popleft()
            if name == "GUEST_PANICKED":
                self._look_last()
                return verdict.stopped(next(iter(machine.registers()), None))
            if name != "SHUTDOWN":
                continue
            if data["reason"] in LEFT_BY_HAND:
                return self._left_by_hand()
            if not self._board.is_pc and data["reason"] != "guest-reset":
                self._host_ended = not data["guest"]
                continue  # QEMU ends now, and its status says how
            if data["reason"] == "guest-reset" and machine.in_firmware and self._resets < FIRMWARE_RESETS:
                self._resets += 1
                start_anew(machine.qmp)
                continue
            if data["reason"] in ("guest-reset", "guest-panic"):
                self._look_last()
                return verdict.reset(next(iter(machine.registers()), None), "Triple fault" in machine.log())
            if data["guest"]:
                self._look_last()
                return verdict.powered_off()
        if not machine.gone:
            return None
        code = machine.exit_code
        if code == 0 and not machine.stderr.strip() and self._board.is_pc:
            return self._left_by_hand()  # nothing else has this machine end so: the guest can only stop it
        if not self._board.is_pc:
            return self._from_board(code)
        # isa-debug-exit gives odd codes only; 1 is also QEMU's own, but then QEMU says why.
        if code is not None and code > 0 and code % 2 and not (code == 1 and machine.stderr.strip()):
            return verdict.exited(code, self._config.success_exit_code)
        return verdict.qemu_failed(code, machine.stderr, machine.command)

    def _left_by_hand(self) -> Verdict:
        return verdict.left("closing the window" if self._window else "QEMU's command quit")

    def _from_board(self, code: int | None) -> Verdict:
        """Returns the verdict on a board whose QEMU is gone: its status is the guest's, where nothing else ended it."""
        machine = self._machine
        said = machine.stderr.strip()
        if code is None or code < 0 or self._host_ended or (code == 1 and said) or "fatal: " in said:
            if "fatal: Lockup" in said:  # of a Cortex-M; QEMU dies of it
                return self._died()
            return verdict.qemu_failed(code, machine.stderr, machine.command)
        return verdict.exited(code, Status.DONE)

    def _died(self) -> Verdict:
        cause = find_cause(self._machine.log(), self._machine.unset)
        return verdict.died(cause.words if cause else "", cause.pc if cause else None)

    def _from_loader(self, now: float) -> Verdict | None:
        if self._machine.console != self._console[0]:
            self._console = (self._machine.console, now)
        if self._machine.refused:
            return verdict.refused()
        complete = now - self._console[1] > CONSOLE_SECONDS
        if "bootwright: " not in self._console[0]:
            return None
        end = verdict.find_loader_failure(self._machine.console, complete, loader_sentences())
        if end:
            self._hear_loader_out(now + LOADER_SECONDS)
        return end

    def _hear_loader_out(self, deadline: float) -> None:
        """Takes what a loader says of its failure after the debug console: it waits for a key then, and is quiet."""
        code = re.compile(r"^bootwright: \w\w\b.*\n", re.MULTILINE)
        before, quiet = None, time.monotonic()
        while not self._machine.gone and time.monotonic() < deadline:
            self._look_last()
            heard = (self._heard.total, self._machine.heard["console"].total, self.rows)
            if heard != before:
                before, quiet = heard, time.monotonic()
            elif code.search(self._machine.serial) or time.monotonic() - quiet >= CONSOLE_SECONDS:
                return

    def _from_processor(self, now: float) -> Verdict | None:
        if self._halted_since is not None and now - self._halted_since >= HALT_SECONDS:
            return verdict.halted(self._registers[0])
        if any(processor.in_handler and processor.rip in self._machine.unset for processor in self._registers):
            return self._died()
        if self._still_seconds and not self._machine.in_firmware and now - self._still_since >= self._still_seconds:
            return verdict.stood_still(self._still_seconds)
        return None

    def _look_last(self) -> None:
        """Takes what the guest said up to its end: the machine stands, so nothing more will come."""
        self._machine.step(LOOK_SECONDS)
        self.rows = self._machine.rows() or self.rows

    def _pass_on_serial(self) -> None:
        self._voice.say(self._heard.take())

    def _print_rows(self, rows: list[str]) -> None:
        if any(rows):
            for row in textscreen.unsaid_rows(rows, self._machine.serial):
                self._voice.tell(row)
