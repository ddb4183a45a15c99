"""The report on a kernel that died: what, where, by which calls, and what that usually means."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bootwright.faults import facts as fault
from bootwright.faults import vectors
from bootwright.faults.calls import SHORTENED, innermost
from bootwright.faults.catalogue import Fault, find_fault
from bootwright.faults.facts import Guest, is_panicking
from bootwright.faults.handled import Handled, find_again, find_handled
from bootwright.faults.known import Facts, What
from bootwright.faults.looks import frames_of, guest_of, memory_of
from bootwright.faults.memory import is_canonical
from bootwright.faults.moments import (
    PLACE,
    Moment,
    come_no_further,
    interrupted_alone,
    is_halted,
    take_moments,
    wait_for_lock,
    waits_for_nothing,
)
from bootwright.faults.panics import find_panic
from bootwright.faults.processor import Event, Log, Source, parse_log, parse_processors
from bootwright.faults.subject import Subject
from bootwright.faults.telling import Teller
from bootwright.faults.told import Report
from bootwright.faults.unwind import Frame, call_chain
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError
from bootwright.machine.verdict import FAILURE_EXIT_CODE, Kind, Verdict

BY_HAND = (Kind.LEFT, Kind.STANDS)  # somebody waits: nothing is run a second time for them


def make_report(
    machine: Machine, end: Verdict, subject: Subject, in_test: bool, first: Facts | None = None
) -> Report | None:
    """Returns the report on a run that ended so; None where nothing went wrong. The machine may be gone.

    first are the facts of another run, where that ended before anything could be looked at.
    """
    panic = find_panic(end)
    what = first.what if first else _what(end, panic is not None)
    if what is None:
        return None
    says_failed = first.says_failed if first else end.exit_code == FAILURE_EXIT_CODE
    return _Maker(machine, end, subject, panic).make(Facts(what, says_failed=says_failed), in_test)


def _what(end: Verdict, panicked: bool) -> What | None:
    if end.kind is Kind.TRIPLE_FAULT:
        return What.EXCEPTION
    if end.kind is Kind.RESET:
        return What.RESET
    if end.kind is Kind.STOPPED:
        return What.PANIC
    if end.kind not in (Kind.EXITED, Kind.HALTED, Kind.STILL_RUNNING, Kind.LEFT, Kind.STANDS):
        return None
    if panicked and end.kind is not Kind.STANDS:
        return What.PANIC
    if end.kind in (Kind.HALTED, Kind.LEFT, Kind.STANDS):
        return What.HALT
    return What.EXIT if end.kind is Kind.EXITED else What.HANG


def find_dead(guests: Sequence[Guest]) -> int | None:
    """Returns which of several processors a report is about, None where there is none.

    It is the first that stands in the handler of a panic or of an exception, else the first that is not idle.
    """
    if len(guests) < 2:
        return 0 if guests else None
    chains = [frames_of(guest) for guest in guests]
    dead = [n for n, frames in enumerate(chains) if any(is_panicking(f) or f.interrupted for f in frames)]
    busy = [n for n, guest in enumerate(guests) if not fault.is_idle(guest, chains[n])]
    return next(iter((*dead, *busy)), 0)


class _Maker(Teller):
    """Makes one report while the machine stands still."""

    _processor = ""  # which of several
    _number = 0
    _is_alone = True  # all others are halted, with interrupts off

    def make(self, facts: Facts, in_test: bool) -> Report | None:
        """Returns the report on what happened, of which facts are known; None where a kernel only waits at its end."""
        what = facts.what
        log = parse_log(self._machine.log())
        # A machine that starts anew after a reset has logged what it died of before.
        chain: Sequence[Event] = log.fatal if what in (What.EXCEPTION, What.RESET) else ()
        guest = self._guest(chain[0] if chain else None)
        faulted = {event.registers.get("RIP", 0) for event in log.events}
        frames = call_chain(guest.symbols, guest.memory, guest.registers, faulted) if guest else []
        handled = find_again(log, frames) if what in (What.EXCEPTION, What.RESET) else None
        handled = handled or (None if chain else find_handled(log, frames))
        complete, ending = self._machine.sees_exceptions or (handled is not None and handled.again), ""
        if guest and handled and not handled.chain:
            chain, ending, frames = (), handled.ending(False, False), frames[len(handled.frames) :]
            facts = dataclasses.replace(facts, again=True)
        elif guest and handled:
            ending = handled.ending(what is What.PANIC, guest.registers.get("HLT") == 1)
            chain, registers = handled.chain, handled.event.registers
            guest = dataclasses.replace(guest, registers=registers)
            frames = call_chain(guest.symbols, guest.memory, registers)
            facts = dataclasses.replace(fault.examine_exception(guest, chain, log), handled=True, again=handled.again)
        elif what in (What.EXCEPTION, What.RESET):
            facts = fault.examine_exception(guest, chain, log) if chain and guest else facts
        else:
            # Who interrupted a handler that panicked or hangs, the log alone tells.
            complete = complete or self._end.kind in BY_HAND or not any(frame.interrupted for frame in frames)
            if what is What.HANG and guest and fault.is_before_kernel(guest):
                self._say("where", "in the firmware or the loader: the kernel did not begin; TIMEOUT= gives it longer")
                return Report(None, facts, None, tuple(self._lines), None, alive=True)
            if what in (What.HANG, What.HALT) and any(map(is_panicking, frames)):
                facts = Facts(What.PANIC)
            elif not in_test and (what is What.HALT or (what is What.HANG and guest and fault.is_idle(guest, frames))):
                return None
            elif what is What.HANG and guest:
                seen = interrupted_alone(take_moments(self._machine, self._moment))
                stands = come_no_further(seen, PLACE)
                facts = dataclasses.replace(facts, waits_for_lock=stands and wait_for_lock(seen))
                dead = stands and (facts.waits_for_lock or (self._is_alone and waits_for_nothing(seen, guest)))
                if not dead and not in_test:
                    return self._busy(facts, frames)
                if stands:
                    guest, frames = dataclasses.replace(guest, registers=dict(seen[-1].registers)), [*seen[-1].frames]
        if facts.what is What.PANIC:
            facts = dataclasses.replace(facts, no_memory=fault.asked_for_memory(frames))
        found = find_fault(facts)
        where = self._where(facts, frames)
        self._panicked_again = fault.panicked_again(frames)
        self._tell(facts, found, chain, ending)
        if handled:
            self._tell_handler(handled, what)
        self._tell_where(where, frames)
        if guest:
            self._tell_machine(guest, facts)
            if not (handled and handled.again):
                self._tell_before(guest, chain, log)
        self._tell_surroundings()
        rip = guest.registers["RIP"] if guest else None
        return Report(found, facts, where, tuple(self._lines), rip, complete, ending)

    def _busy(self, facts: Facts, frames: Sequence[Frame]) -> Report:
        """Returns where a kernel was busy that may be healthy."""
        where = self._where(facts, frames)
        self._tell_where(where, frames)
        return Report(None, facts, where, tuple(self._lines), None, alive=True)

    def _guest(self, event: Event | None) -> Guest | None:
        """Returns the guest as it was at the event, else as it is; None when QEMU is gone."""
        machine = self._machine
        if machine.gone:
            return None
        try:
            machine.qmp.execute("stop")
        except (QmpError, QemuGone):
            return None
        processors = parse_processors(machine.ask("info registers -a"))
        guests = [guest_of(machine, registers, self._symbols) for registers in processors]
        if event:
            same = [number for number, one in enumerate(processors) if one["RIP"] == event.registers.get("RIP")]
            number = next(iter(same), None)
            guest = guest_of(machine, event.registers, self._symbols)
        else:
            number = find_dead(guests)
            guest = guests[number] if number is not None else Guest({}, memory_of(machine, {}), self._symbols)
        if "RIP" not in guest.registers:
            return None
        if len(guests) > 1 and number is not None:
            self._processor = f"of processor {number}, of {len(guests)}"
            self._number = number
            self._is_alone = all(is_halted(one) for other, one in enumerate(processors) if other != number)
        if self._end.kind is Kind.STOPPED:
            guest.registers["RIP"] -= 1  # out with dx has one byte, and has just been done
        return guest

    def _moment(self) -> Moment | None:
        """Returns what the processor of the report does now."""
        processors = parse_processors(self._machine.ask("info registers -a"))
        if len(processors) <= self._number:
            return None
        guest = guest_of(self._machine, processors[self._number], self._symbols)
        return Moment(guest.registers, frames_of(guest))

    def _tell(self, facts: Facts, found: Fault | None, chain: Sequence[Event], ending: str) -> None:
        if chain and facts.vector is not None:
            event = chain[0]
            code = vectors.explain(event.vector, event.error_code)
            says = f": {code}" if code else ""
            if facts.address == "null":
                says += f", at {event.registers.get('CR2', 0):#x} (null)"
            self._say("what", f"{_name(event)} (vector {event.vector}, error code {event.error_code:#x}){says}")
            then = [f"{vectors.name(e.vector)} ({e.vector}, error code {e.error_code:#x})" for e in chain[1:]]
            last = ending or "triple fault: the processor found no handler"
            if then or ending:
                self._say("then", ", ".join([*then, last]))
        else:
            self._say("what", self._end.sentence)
        if self._panic and facts.what is What.PANIC:
            self._say("message", self._message())
        if found:
            self._say("means", found.meaning)
            self._say("usually", self._usually(found, facts))
        else:
            self._say("means", "the catalogue of faults has no entry for this")

    def _tell_handler(self, handled: Handled, what: What) -> None:
        """Tells where the handler ended, and the message of its panic."""
        place = innermost(handled.after_panic)
        if place.function:
            self._say("handler", ", ".join(filter(None, (place.function, place.where))))
        if self._panic and what is What.PANIC:
            self._say("message", self._message())

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
        if self._processor:
            self._say("state", self._processor)
        if facts.what is What.EXCEPTION and not registers.get("IDT.limit"):
            self._say("state", "no interrupt descriptor table is loaded, so any exception ends the machine")

    def _tell_before(self, guest: Guest, chain: Sequence[Event], log: Log) -> None:
        """Tells of the last exception that the kernel's own handlers got, which may be where the trouble began."""
        earlier = [e for e in log.events if e not in chain and e.vector < 32 and e.source is not Source.HARDWARE]
        if not earlier or not guest.memory.known:
            return
        event = earlier[-1]
        if not guest.symbols.places(event.registers.get("RIP", 0)):
            return
        which = f"{vectors.name(event.vector)} ({event.vector}, error code {event.error_code:#x})"
        # What was on the stack then is there no more, but what the compiler put into the function is known.
        place = innermost([Frame(0, guest.symbols.places(event.registers["RIP"]))])
        where = SHORTENED.sub("", place.where)
        self._say("before", f"{which} in {place.function}, {where}: the kernel's handler got it")


def _name(event: Event) -> str:
    name = vectors.name(event.vector)
    if event.source is Source.HARDWARE:
        return f"a device's interrupt{f' by the number of the {name}' if event.vector in vectors.NAMES else ''}"
    return name if event.source is Source.EXCEPTION else f"{name}, by an int instruction"
