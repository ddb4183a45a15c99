"""A recursion that filled the stack: its turns look alike there, and are counted instead of being walked one by one.

A stack of 2 MiB holds 262,144 return addresses. To find each caller by itself takes seconds; to compare bytes, none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bootwright.faults.memory import GuestMemory

LONGEST = 8  # functions that call each other in a circle
WINDOW = 64 * 1024  # bytes of stack that are compared at once


@dataclass(frozen=True)
class Called:
    """A frame that was found by its return address, pc, which lies below sp."""

    pc: int
    sp: int


@dataclass(frozen=True)
class Turns:
    """The last `frames` of a chain are one turn of so many bytes, and lie on the stack so many more times."""

    frames: int
    size: int
    times: int


def more_turns(memory: GuestMemory, chain: Sequence[Called]) -> Turns | None:
    """Returns what goes on as the end of chain does; None where its last two turns are not alike, or none follows."""
    for frames in range(1, min(LONGEST, len(chain) // 2) + 1):
        turn, before = chain[-frames:], chain[-2 * frames : -frames]
        size = turn[-1].sp - before[-1].sp
        if all(now.pc == then.pc and now.sp - then.sp == size for now, then in zip(turn, before, strict=True)):
            times = _times(memory, turn, size)
            return Turns(frames, size, times) if times else None
    return None


def _times(memory: GuestMemory, turn: Sequence[Called], size: int) -> int:
    """Returns how often the return addresses of turn follow at the same distances, each time size bytes further."""
    first = turn[0].sp - 8
    wanted = [(frame.sp - 8 - first, frame.pc.to_bytes(8, "little")) for frame in turn]
    times = 0
    while True:
        data = memory.read(first + (times + 1) * size, max(WINDOW, size))
        starts = range(0, len(data) - size + 1, size)
        alike = next((i for i, s in enumerate(starts) if any(data[s + o : s + o + 8] != w for o, w in wanted)), None)
        times += len(starts) if alike is None else alike
        if alike is not None or not starts:
            return times
