"""The report on a kernel that died: what, where, by which calls, and what that usually means."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.base.terminal import printable
from bootwright.elf.symbols import Place, Symbols, read_symbols
from bootwright.faults import facts as fault
from bootwright.faults import vectors
from bootwright.faults.calls import calls, innermost
from bootwright.faults.catalogue import Facts, Fault, What, find_fault
from bootwright.faults.facts import Guest
from bootwright.faults.memory import GuestMemory, is_canonical
from bootwright.faults.panics import find_panic, is_panicking
from bootwright.faults.processor import Event, Log, Source, parse_log, parse_processor
from bootwright.faults.subject import Subject
from bootwright.faults.unwind import Frame, call_chain
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError
from bootwright.machine.verdict import Kind, Verdict

SERIAL_LINES = 8


@dataclass(frozen=True)
class Report:
    """A report; complete is False when a second run, under TCG, would tell vector and error code."""

    fault: Fault | None
    facts: Facts
    where: Place | None
    lines: tuple[tuple[str, str], ...]
    rip: int | None
    complete: bool = True

    @property
    def title(self) -> str:
        """The fault in a few words."""
        name = (
            self.fault.name if self.fault else vectors.name(self.facts.vector) if self.facts.vector is not None else "?"
        )
        where = self.where.where or "no line is known" if self.where else ""
        place = f" in {self.where.function or 'no function'}, {where}" if self.where else ""
        return f"{name}{place}"

    def text(self) -> str:
        """Returns the report as it is printed: a title, then a keyword and its text in each line."""
        body = []
        for keyword, group in groupby(self.lines, lambda line: line[0]):
            for number, (_, text) in enumerate(group):
                body.append(f"  {'' if number else keyword:<8} {text}".rstrip())
        # What the guest said and what its symbols are called are not ours.
        return printable("\n".join([f"fault: {self.title}", *body]) + "\n")


def make_report(
    machine: Machine, end: Verdict, subject: Subject, in_test: bool, what: What | None = None
) -> Report | None:
    """Returns the report on a run that ended so; None where nothing went wrong. The machine may be gone.

    what is what happened, where the caller knows it from another run.
    """
    panic = find_panic(end)
    what = what or _what(end, panic is not None, in_test)
    if what is None:
        return None
    return _Maker(machine, end, subject, panic).make(what, in_test)


def _what(end: Verdict, panicked: bool, in_test: bool) -> What | None:
    if end.kind is Kind.TRIPLE_FAULT:
        return What.EXCEPTION
    if end.kind is Kind.RESET:
        return What.RESET
    if end.kind is Kind.STOPPED:
        return What.PANIC
    if end.kind not in (Kind.EXITED, Kind.HALTED, Kind.STILL_RUNNING):
        return None
    if panicked:
        return What.PANIC
    if end.kind is Kind.HALTED:
        return What.HALT if in_test else None
    return What.EXIT if end.kind is Kind.EXITED else What.HANG


class _Maker:
    """Makes one report while the machine stands still."""

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

    def make(self, what: What, in_test: bool) -> Report | None:
        """Returns the report on what happened; None where a kernel only waits at its end, and need not leave."""
        log = parse_log(self._machine.log())
        event = log.fatal[0] if log.fatal else None
        guest = self._guest(event)
        complete = True
        if what in (What.EXCEPTION, What.RESET) and event is not None and guest is not None:
            facts = fault.examine_exception(guest, event, log)
        else:
            complete = what not in (What.EXCEPTION, What.RESET) or self._machine.sees_exceptions
            facts = Facts(what)
        frames = call_chain(guest.symbols, guest.memory, guest.registers) if guest else []
        if what in (What.HANG, What.HALT) and any(is_panicking(frame) for frame in frames):
            facts = Facts(What.PANIC)
        elif what is What.HANG and guest and not in_test and fault.is_idle(guest):
            return None
        elif what is What.HANG:
            facts = dataclasses.replace(facts, waits_for_lock=fault.waits_for_lock(frames))
        found = find_fault(facts)
        where = self._where(facts, frames)
        self._tell(facts, found, event, log.fatal)
        self._tell_where(where, frames)
        if guest:
            self._tell_machine(guest, facts)
            self._tell_before(guest, facts, log)
        self._tell_surroundings()
        return Report(found, facts, where, tuple(self._lines), guest.registers["RIP"] if guest else None, complete)

    def _guest(self, event: Event | None) -> Guest | None:
        """Returns the guest as it was at the event, else as it is; None when QEMU is gone."""
        machine = self._machine
        if machine.gone:
            return None
        try:
            machine.qmp.execute("stop")
        except (QmpError, QemuGone):
            return None
        registers = event.registers if event else parse_processor(machine.ask("info registers"))
        if "RIP" not in registers:
            return None
        if self._end.kind is Kind.STOPPED:
            registers["RIP"] -= 1  # out with dx has one byte, and has just been done
        control = (registers.get(name, 0) for name in ("CR3", "CR0", "CR4", "EFER"))
        return Guest(registers, GuestMemory(machine.read_physical, *control), self._symbols)

    def _where(self, facts: Facts, frames: Sequence[Frame]) -> Place | None:
        """Returns the place to look at: the innermost that is neither the library's nor a panic's."""
        after = [number for number, frame in enumerate(frames) if is_panicking(frame)]
        if facts.what is What.PANIC and self._panic:
            file, line = self._panic["file"], int(self._panic["line"])
            function = self._symbols.function_with_line(file, line)
            if not function and after:
                function = innermost(frames[after[-1] + 1 :]).function
            return Place(function, file, line)
        if facts.what is What.PANIC and after:
            frames = frames[after[-1] + 1 :]
        if facts.waits_for_lock:
            callers = [(f, tuple(p for p in f.places if not fault.takes_lock(p.function))) for f in frames]
            frames = [dataclasses.replace(frame, places=places) for frame, places in callers if places] or frames
        return innermost(frames) if frames else None

    def _say(self, keyword: str, text: str) -> None:
        self._lines.append((keyword, text))

    def _tell(self, facts: Facts, found: Fault | None, event: Event | None, chain: Sequence[Event]) -> None:
        if event is not None and facts.vector is not None:
            code = vectors.explain(event.vector, event.error_code)
            says = f": {code}" if code else ""
            self._say("what", f"{_name(event)} (vector {event.vector}, error code {event.error_code:#x}){says}")
            then = [f"{vectors.name(e.vector)} ({e.vector}, error code {e.error_code:#x})" for e in chain[1:]]
            if then:
                self._say("then", f"{', '.join(then)}, triple fault: the processor found no handler")
        else:
            self._say("what", self._end.sentence)
        if self._panic and facts.what is What.PANIC:
            self._say("message", (self._panic["new"] or self._panic["old"] or "").strip() or self._panic[0])
        if found:
            self._say("means", found.meaning)
            self._say("usually", found.usually)
        else:
            self._say("means", "the catalogue of faults has no entry for this")

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

    def _source_line(self, where: Place) -> str:
        try:
            # A panic names any file that it likes: one that is no source, or has no end, is not waited for.
            return read_text(self._subject.source / where.file).splitlines()[where.line - 1].strip()
        except (OSError, ValueError, IndexError, BootwrightError):
            return ""

    def _tell_machine(self, guest: Guest, facts: Facts) -> None:
        registers = guest.registers
        if facts.vector == vectors.PAGE_FAULT:
            address = registers["CR2"]
            mapping = (
                str(guest.memory.mapping(address)) if guest.memory.known and is_canonical(address) else "not canonical"
            )
            holder = guest.symbols.symbol(address)
            self._say("address", f"CR2={address:#x}: {mapping}{f'; there lies {holder}' if holder else ''}")
        names = ("RIP", "RSP", "RBP", "RFL", "CR3")
        self._say("state", " ".join(f"{name}={registers[name]:#x}" for name in names if name in registers))
        if facts.what is What.EXCEPTION and not registers.get("IDT.limit"):
            self._say("state", "no interrupt descriptor table is loaded, so any exception ends the machine")

    def _tell_before(self, guest: Guest, facts: Facts, log: Log) -> None:
        """Tells of the last exception that the kernel's own handlers got, which may be where the trouble began."""
        earlier = [e for e in log.events if e not in log.fatal and e.vector < 32 and e.source is not Source.HARDWARE]
        if not earlier or not guest.memory.known:
            return
        event = earlier[-1]
        rip = event.registers.get("RIP", 0)
        places = guest.symbols.places(rip)
        if places:
            which = f"{vectors.name(event.vector)} ({event.vector}, error code {event.error_code:#x})"
            at = f"{places[0].function}, {places[0].where}"
            self._say("before", f"{which} in {at}: the kernel's handler got it")

    def _tell_surroundings(self) -> None:
        said = [line.rstrip() for line in self._end.serial.replace("\r", "").splitlines() if line.strip()]
        for line in said[-SERIAL_LINES:] or ["nothing was said"]:
            self._say("serial", line)
        if self._machine.gone:
            self._say("screen", "no picture: QEMU ended with the guest")
            return
        try:
            self._machine.screendump(self._subject.picture)
        except (QmpError, QemuGone, OSError) as error:
            self._say("screen", f"no picture: {error}")
        else:
            self._say("screen", str(self._subject.picture))


def _name(event: Event) -> str:
    if event.source is Source.HARDWARE:
        return "a device's interrupt"
    name = vectors.name(event.vector)
    return name if event.source is Source.EXCEPTION else f"{name}, by an int instruction"
