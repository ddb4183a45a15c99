"""What reports on all machines tell alike: the place, the calls, a panic's message, what was said and seen last."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from functools import cached_property

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.elf.symbols import Place, Symbols, read_symbols
from bootwright.faults import facts as fault
from bootwright.faults.calls import calls, innermost, is_foreign
from bootwright.faults.catalogue import Fault
from bootwright.faults.facts import asked_for_memory, is_panicking
from bootwright.faults.known import Facts, What
from bootwright.faults.subject import Subject
from bootwright.faults.unwind import Frame, is_cut
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError
from bootwright.machine.verdict import Verdict

SERIAL_LINES = 8


def is_same_file(one: str, other: str) -> bool:
    """Tells whether two names of a source are one file's: a panic and DWARF may name it from different directories."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


class Teller:
    """Collects the lines of one report."""

    _panicked_again = False  # the kernel's panic handler itself, too

    def __init__(self, machine: Machine, end: Verdict, subject: Subject, panic: re.Match[str] | None) -> None:
        self._machine = machine
        self._end = end
        self._subject = subject
        self._panic = panic
        self._lines: list[tuple[str, str]] = []

    @cached_property
    def _symbols(self) -> Symbols:
        """The kernel's; what a machine that is gone left behind needs none."""
        return read_symbols(self._subject.elf)

    def _where(self, facts: Facts, frames: Sequence[Frame]) -> Place | None:
        """Returns the place to look at: the innermost that is neither the library's nor a panic's."""
        # Who asked for memory is meant, not a handler of the kernel's own that it ended in, where that panics.
        asked = [frame for frame in frames if facts.no_memory and asked_for_memory([frame])]
        after = [number for number, frame in enumerate(frames) if is_panicking(frame) or frame in asked]
        if facts.what is What.PANIC and self._panic and not (asked or (after and is_foreign(self._panic["file"]))):
            file, line = self._panic["file"], int(self._panic["line"])
            beyond = frames[after[-1] + 1 :] if after else frames
            # Of a generic function several instances hold the line; who called the panic is the one that is meant.
            places = [place for frame in beyond for place in frame.places if place.line == line]
            panicked = [place.function for place in places if is_same_file(place.file, file)]
            function = panicked[0] if panicked else self._symbols.function_with_line(file, line)
            if not function and after:
                function = innermost(beyond).function
            return Place(function, file, line)
        if after and (facts.what is What.PANIC or fault.panicked_again(frames)):
            frames = frames[after[-1] + 1 :]
        if facts.waits_for_lock:
            callers = [(f, tuple(p for p in f.places if not fault.takes_lock(p.function))) for f in frames]
            frames = [dataclasses.replace(frame, places=places) for frame, places in callers if places] or frames
        return innermost(frames) if frames else None

    def _say(self, keyword: str, text: str) -> None:
        self._lines.append((keyword, text))

    def _message(self) -> str:
        assert self._panic is not None
        return (self._panic["new"] or self._panic["old"] or "").strip() or self._panic[0]

    def _usually(self, found: Fault, facts: Facts) -> str:
        """Returns what usually causes it; a panic whose message nobody has heard tells nothing itself."""
        if self._panicked_again:
            return "a panic handler that panics itself: mend it first, and it can tell of the panic at the place below"
        silent = found.name == What.PANIC and self._panic is None and facts.what is What.PANIC
        return "its handler prints no message: the PanicInfo that it gets holds one" if silent else found.usually

    def _tell_where(self, where: Place | None, frames: Sequence[Frame]) -> None:
        if where:
            place = where.where or "its line is not known"
            self._say("where", f"{where.function or 'no function of the kernel'}, {place}")
            text = self._source_line(where)
            if text:
                self._say("where", f"{where.line} | {text}")
        if (where or frames) and not self._symbols.has_dwarf:
            name = self._subject.elf.name
            self._say("symbols", f"{name} holds no DWARF: functions are those of its symbol table, lines are not known")
            self._say("symbols", "debug = true in the profile of Cargo.toml gives them")
        for line in calls(frames):
            self._say("calls", line)
        if frames and frames[-1].more:
            self._say("calls", f"who called that was not looked for: {len(frames)} calls are enough")
        elif frames and is_cut(self._symbols, frames):
            self._say("calls", "who called that is not known: nothing on the stack fits")

    def _source_line(self, where: Place) -> str:
        try:
            # A panic names any file that it likes: one that is no source, or has no end, is not waited for.
            return read_text(self._subject.source / where.file).splitlines()[where.line - 1].strip()
        except (OSError, ValueError, IndexError, BootwrightError):
            return ""

    def _tell_surroundings(self) -> None:
        said = [line.rstrip() for line in self._end.serial.replace("\r", "").splitlines() if line.strip()]
        for line in said[-SERIAL_LINES:] or ["nothing was said"]:
            self._say("serial", line)
        if not self._machine.board.is_pc:
            return
        if self._machine.gone:
            self._say("screen", "no picture: QEMU ended with the guest")
            return
        try:
            self._machine.screendump(self._subject.picture)
        except (QmpError, QemuGone, OSError) as error:
            self._say("screen", f"no picture: {error}")
        else:
            self._say("screen", str(self._subject.picture))
