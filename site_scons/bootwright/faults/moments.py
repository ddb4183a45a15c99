"""Whether a busy kernel comes no further: several moments of one processor, and what they have in common.

A kernel that polls, as an executor without hlt does, is as busy as one that waits in vain. What tells them apart: who
comes no further is at the same few places with the same registers, again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootwright.faults.facts import Guest, waits_for_lock
from bootwright.faults.loops import may_ask
from bootwright.faults.unwind import Frame
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError

MOMENTS = 16
APART_SECONDS = 0.02
INTERRUPTS = 1 << 9
PLACE = ("RIP", "RSP")


@dataclass(frozen=True)
class Moment:
    """A processor that was stopped at a moment: its registers, and its calls then."""

    registers: Mapping[str, int]
    frames: Sequence[Frame]


def take_moments(machine: Machine, look: Callable[[], Moment | None]) -> list[Moment]:
    """Lets a guest that stands go on for moments, and returns what look saw at each; it stands at the end.

    None are returned of a guest that left meanwhile.
    """
    seen: list[Moment] = []
    try:
        for _ in range(MOMENTS):
            machine.qmp.execute("cont")
            end = time.monotonic() + APART_SECONDS
            while (left := end - time.monotonic()) > 0:
                machine.step(left)
            machine.qmp.execute("stop")
            moment = look()
            if moment is None:
                return []
            seen.append(moment)
    except (QmpError, QemuGone):
        return []
    return seen


def come_no_further(moments: Sequence[Moment], place: Sequence[str] = PLACE) -> bool:
    """Tells whether the same registers were seen at the same few places; place are the names that make a place."""
    states: dict[tuple[int | None, ...], Mapping[str, int]] = {}
    for moment in moments:
        key = tuple(moment.registers.get(name) for name in place)
        if states.setdefault(key, moment.registers) != moment.registers:
            return False
    return bool(moments) and len(states) <= len(moments) // 2


def wait_for_lock(moments: Sequence[Moment]) -> bool:
    """Tells whether a lock was being taken at every moment: one that is free is soon taken."""
    return bool(moments) and all(waits_for_lock(moment.frames) for moment in moments)


def is_halted(registers: Mapping[str, int]) -> bool:
    """Tells whether a PC's processor is halted, and no interrupt makes it go on."""
    return registers.get("HLT") == 1 and not registers.get("RFL", 0) & INTERRUPTS


def interrupted_alone(moments: Sequence[Moment]) -> Sequence[Moment]:
    """Returns the moments of a PC's processor without those in a handler of an interrupt, which are off there."""
    on = [moment for moment in moments if moment.registers.get("RFL", 0) & INTERRUPTS]
    return on or moments


def waits_for_nothing(moments: Sequence[Moment], guest: Guest) -> bool:
    """Tells whether nothing can make a PC's only busy processor go on that comes no further.

    With interrupts on one may come, and a device that is asked may yet answer.
    """
    if any(moment.registers.get("RFL", 0) & INTERRUPTS for moment in moments):
        return False
    return not any(may_ask(guest, moment.registers, moment.frames) for moment in moments)
