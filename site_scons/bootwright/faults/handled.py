"""An exception that a handler of the kernel's own got, and that the kernel has not come back from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bootwright.faults import vectors
from bootwright.faults.facts import is_panicking
from bootwright.faults.processor import Event, Log, Source
from bootwright.faults.unwind import Frame

MANY = 3  # times that one place was interrupted, and has not gone on: no handler is meant to


@dataclass(frozen=True)
class Handled:
    """chain is the exception and what came of its delivery, the last of which a handler got; frames are the handler's.

    The handler's innermost function comes first. again: the handler was interrupted itself, over and over, so that the
    stack was full; chain is empty then where the first exception was not logged.
    """

    chain: tuple[Event, ...]
    frames: tuple[Frame, ...]
    again: bool = False

    @property
    def event(self) -> Event:
        """The exception that it all began with."""
        return self.chain[0]

    def ending(self, panicked: bool, halted: bool) -> str:
        """Returns how the handler ended, in words."""
        if self.again:
            return "the kernel's handler faulted in turn, again and again, until the stack was full"
        if panicked or any(map(is_panicking, self.frames)):
            return "the kernel's handler panicked"
        return f"the kernel's handler {'halted' if halted else 'does not come back'}"

    @property
    def after_panic(self) -> tuple[Frame, ...]:
        """The frames of the handler that are not a panic's."""
        inside = [number for number, frame in enumerate(self.frames) if is_panicking(frame)]
        return self.frames[inside[-1] + 1 :] if inside else self.frames


def find_handled(log: Log, frames: Sequence[Frame]) -> Handled | None:
    """Returns the first exception that the kernel, with these frames, has not come back from; None where there is none.

    What a panic led to, if only in its handler, is the panic's.
    """
    for number in reversed(range(len(frames))):
        if is_panicking(frames[number]):
            return None
        chain = _chain_at(log, frames[number].pc) if frames[number].interrupted else ()
        if chain:
            return Handled(chain, tuple(frames[:number]))
    return None


def find_again(log: Log, frames: Sequence[Frame]) -> Handled | None:
    """Returns what handlers that fault themselves began with; None where these frames tell of none.

    The stack holds a frame for each time, more than a log keeps: the outermost that was interrupted is the first.
    """
    interrupted = [number for number, frame in enumerate(frames) if frame.interrupted]
    times = Counter(frames[number].pc for number in interrupted)
    if max(times.values(), default=0) < MANY:
        return None
    first = interrupted[-1]
    # A handler may fault in the very function that the first exception came from: the stack grows downwards.
    events = [one for one in log.events if one.registers.get("RIP") == frames[first].pc and one.vector in vectors.NAMES]
    outermost = sorted(events, key=lambda one: one.registers.get("RSP", 0))[-1:]
    return Handled(tuple(outermost), tuple(frames[:first]), again=True)


def _chain_at(log: Log, pc: int) -> tuple[Event, ...]:
    """Returns the chain that ended with the last exception at the instruction at pc.

    A device's interrupt by an exception's vector is one of them: the kernel's handler took it for the exception.
    """
    for event, chain in zip(reversed(log.events), reversed(log.chains), strict=True):
        if event.source is not Source.SOFTWARE and event.registers.get("RIP") == pc and event.vector in vectors.NAMES:
            return chain
    return ()
