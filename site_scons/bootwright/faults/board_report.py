"""The report on a kernel that died on a board: what, where, by which calls, and what that usually means."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bootwright.faults import facts as fault
from bootwright.faults.architectures import Architecture, find_architecture
from bootwright.faults.board_catalogue import OVERFLOW, find_death
from bootwright.faults.board_log import Cause, find_cause
from bootwright.faults.board_unwind import PAGE, Board, BoardMemory
from bootwright.faults.catalogue import Fault, find_fault
from bootwright.faults.facts import OVERFLOW_REACH, is_panicking
from bootwright.faults.known import Facts, What
from bootwright.faults.moments import Moment, come_no_further, take_moments, wait_for_lock
from bootwright.faults.panics import find_panic
from bootwright.faults.subject import Subject
from bootwright.faults.telling import Teller
from bootwright.faults.told import Report
from bootwright.faults.unwind import Frame
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError
from bootwright.machine.verdict import Kind, Verdict

STACK = "__stack_bottom", "__stack_top"  # what linker/'s scripts call its ends


def make_board_report(machine: Machine, end: Verdict, subject: Subject, in_test: bool) -> Report | None:
    """Returns the report on a board's run that ended so; None where nothing went wrong, or nobody knows more."""
    panic = find_panic(end)
    what = _what(end, panic is not None)
    return _BoardMaker(machine, end, subject, panic).make(what, in_test) if what else None


def is_dead_end(machine: Machine, subject: Subject, sure: bool = True) -> bool:
    """Tells whether a kernel that runs on may have come to its end, in the handler of a panic; sure as for the PC."""
    maker = _BoardMaker(machine, Verdict(Kind.STANDS, 0, ""), subject, None)
    frames = [frame for seen in maker.look() for frame in seen.frames]
    return any(is_panicking(frame) or (sure and frame.interrupted) for frame in frames)


def is_over(machine: Machine, subject: Subject) -> bool:
    """Tells whether a kernel panicked and nothing can make it go on: its only processor runs `loop {}`, or what does no
    more than that, with interrupts off. A Cortex-M does not say whether they are.
    """
    processors = _BoardMaker(machine, Verdict(Kind.STANDS, 0, ""), subject, None).look()
    if len(processors) != 1 or not processors[0].is_idle:
        return False
    (seen,) = processors
    return seen.board.architecture.has_interrupts_off(seen.registers) and any(map(is_panicking, seen.frames))


def _what(end: Verdict, panicked: bool) -> What | None:
    if end.kind is Kind.DIED:
        return What.EXCEPTION
    if end.kind not in (Kind.EXITED, Kind.STILL_RUNNING, Kind.LEFT, Kind.STANDS):
        return None
    if panicked and end.kind is not Kind.STANDS:
        return What.PANIC
    return {Kind.STILL_RUNNING: What.HANG, Kind.EXITED: None}.get(end.kind, What.HALT)


@dataclass(frozen=True)
class _Seen:
    """One processor: its number, the board seen through it, its registers and calls."""

    number: int
    board: Board
    registers: dict[str, int]
    frames: list[Frame]

    @property
    def is_idle(self) -> bool:
        """Whether it waits in a loop that does nothing else."""
        return self.board.is_endless(self.registers["pc"])


class _BoardMaker(Teller):
    """Makes one report while the board stands still."""

    def look(self) -> list[_Seen]:
        """Returns the processors as they are now, but for those that the kernel has not called yet.

        None where QEMU is gone or the architecture is not known.
        """
        architecture = find_architecture(self._symbols)
        if self._machine.gone or architecture is None:
            return []
        found = []
        for number, part in enumerate(re.split(r"CPU#\d+", self._machine.ask("info registers -a"))[1:]):
            registers = architecture.parse(part)
            if not {"pc", "sp"} <= registers.keys():
                return []
            if registers["pc"] in self._machine.parked:
                continue
            board = Board(architecture, self._symbols, BoardMemory(self._machine, number))
            found.append(_Seen(number, board, registers, board.frames(registers)))
        return found

    def make(self, what: What, in_test: bool) -> Report | None:
        """Returns the report on what happened; None where a kernel only waits at its end."""
        try:
            if not self._machine.gone:
                self._machine.qmp.execute("stop")
            processors = self.look()
        except (QmpError, QemuGone):
            processors = []
        if what is What.EXCEPTION:
            return self._died(processors)
        seen = next((one for one in processors if any(map(is_panicking, one.frames))), None)
        facts = Facts(What.PANIC if seen else what)
        if seen is None and what is not What.PANIC:
            seen = next((one for one in processors if not one.is_idle), None)
            if what is What.HALT or (seen is None and not in_test):
                return None
            seen = seen or next(iter(processors), None)
            if seen is None:
                return None
            moments = take_moments(self._machine, functools.partial(self._moment, seen.number))
            locked = come_no_further(moments, ("pc", "sp")) and wait_for_lock(moments)
            facts = Facts(what, waits_for_lock=locked)
            if not locked and not in_test:  # whether an interrupt may come, or a device answer, nobody knows
                where = self._where(facts, seen.frames)
                self._tell_where(where, seen.frames)
                return Report(None, facts, where, tuple(self._lines), None, alive=True)
        seen = seen or next(iter(processors), None)
        if seen and facts.what is What.PANIC and seen.frames and is_panicking(seen.frames[-1]):
            seen = dataclasses.replace(seen, frames=seen.board.beyond_panic(seen.frames, seen.registers["sp"]))
        if seen and facts.what is What.PANIC:
            facts = dataclasses.replace(facts, no_memory=fault.asked_for_memory(seen.frames))
        found = find_fault(facts)
        self._tell(self._end.sentence, found, facts)
        return self._finish(facts, found, seen, len(processors))

    def _moment(self, number: int) -> Moment | None:
        """Returns what a processor does now."""
        processors = self.look()
        return Moment(processors[number].registers, processors[number].frames) if len(processors) > number else None

    def _died(self, processors: Sequence[_Seen]) -> Report | None:
        unset = self._machine.unset
        cause = find_cause(self._machine.log(), unset)
        seen = next((one for one in processors if one.registers["pc"] in unset), None)
        if cause is None or seen is None:
            return None
        registers = seen.board.before_exception(seen.registers) or seen.registers
        if cause.pc is not None:
            registers = {**registers, "pc": cause.pc}
        registers["pc"] &= ~seen.board.architecture.code_bit
        overflow = _is_overflow(seen.board, registers["sp"], cause)
        known = not overflow or self._symbols.is_code(registers["pc"])
        frames = seen.board.frames(registers) if known else _guess(seen.board, registers["sp"])
        found = OVERFLOW if overflow else find_death(cause)
        self._tell(cause.words, found, Facts(What.EXCEPTION))
        seen = _Seen(seen.number, seen.board, registers, frames)
        return self._finish(Facts(What.EXCEPTION, overflow=overflow), found, seen, len(processors))

    def _tell(self, what: str, found: Fault | None, facts: Facts) -> None:
        self._say("what", what)
        if facts.what is What.EXCEPTION:
            self._say("then", "the kernel has no handler for it")
        if self._panic and facts.what is What.PANIC:
            self._say("message", self._message())
        if found:
            self._say("means", found.meaning)
            self._say("usually", self._usually(found, facts))

    def _finish(self, facts: Facts, found: Fault | None, seen: _Seen | None, processors: int) -> Report:
        frames = seen.frames if seen else []
        where = self._where(facts, frames)
        self._tell_where(where, frames)
        if seen:
            self._say("state", _shown(seen.board.architecture, seen.registers))
            if processors > 1:
                self._say("state", f"of processor {seen.number}, of {processors}")
        self._tell_surroundings()
        return Report(found, facts, where, tuple(self._lines), seen.registers["pc"] if seen else None)


def _shown(architecture: Architecture, registers: dict[str, int]) -> str:
    return " ".join(f"{name}={registers[name]:#x}" for name in architecture.shown if name in registers)


def _is_overflow(board: Board, sp: int, cause: Cause) -> bool:
    """Tells whether sp left the stack downwards: its end, or else memory, to the address that the exception has."""
    bottom, top = map(board.symbols.image.value, STACK)
    if bottom is not None and top is not None:
        return bottom - OVERFLOW_REACH <= sp < bottom
    near = cause.address is not None and abs(cause.address - sp) < PAGE
    return near and not board.memory.read(sp - PAGE, 4) and bool(_mapped_above(board, sp))


def _mapped_above(board: Board, sp: int) -> int:
    """Returns the lowest address above sp where there is memory, if it is not far; 0 for none."""
    places = range(-(-sp // PAGE) * PAGE, sp + 64 * PAGE, PAGE)
    return next((place for place in places if board.memory.read(place, 4)), 0)


def _guess(board: Board, sp: int) -> list[Frame]:
    """Returns the innermost calls that the stack looks like, where the processor could not say where it was."""
    behind = board.calls_on_stack(sp if board.memory.read(sp, 4) else _mapped_above(board, sp))
    return [Frame(address, board.symbols.places(address - 1), guess=True) for address in behind[:4]]
