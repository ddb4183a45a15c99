"""Handlers that raise exceptions themselves: which was the first."""

from __future__ import annotations

import pytest

from bootwright.faults.handled import Handled, find_again
from bootwright.faults.processor import Event, Log, Source
from bootwright.faults.unwind import Frame

CAUSE, HANDLER, START = 0x100, 0x200, 0x300
FIRST = Event(14, 0, Source.EXCEPTION, {"RIP": CAUSE, "RSP": 0x9000})
SECOND = Event(14, 0, Source.EXCEPTION, {"RIP": CAUSE, "RSP": 0x8000})


def stack(times: int) -> list[Frame]:
    """Returns the frames of a handler that was interrupted so often, by what began at CAUSE."""
    turns = [Frame(HANDLER, (), interrupted=True)] * times
    return [Frame(HANDLER, ()), *turns, Frame(CAUSE, (), interrupted=True), Frame(START, ())]


@pytest.mark.parametrize("logged", [True, False])
def test_the_outermost_that_was_interrupted_is_the_first_logged_or_not(logged: bool) -> None:
    log = Log((FIRST, SECOND), (), ((FIRST,), (SECOND,))) if logged else Log()
    frames = stack(5)
    chain = (FIRST,) if logged else ()
    assert find_again(log, frames) == Handled(chain, tuple(frames[:6]), again=True)


def test_a_handler_that_was_interrupted_now_and_then_is_none_that_faults_again_and_again() -> None:
    assert find_again(Log(), stack(2)) is None
    assert find_again(Log(), []) is None
