"""What ends the writing: one signal is enough, it is nobody else's meanwhile, and everybody's again afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from bootwright.flash.signals import handle_signals, interrupt, no_interrupt, signals_handled_by

if sys.platform == "win32":
    pytest.skip("there Ctrl-C alone is known, and goes to a whole console", allow_module_level=True)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def anothers() -> Iterator[list[int]]:
    """Handlers of somebody else's, and what they were given."""
    given: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        given.append(number)

    before = {number: signal.signal(number, note) for number in ENDING}
    yield given
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_one_signal_ends_the_writing_and_what_follows_is_not_interrupted(
    number: signal.Signals, anothers: list[int]
) -> None:
    with signals_handled_by(interrupt):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        for more in ENDING:
            os.kill(os.getpid(), more)
    assert anothers == []
    os.kill(os.getpid(), number)
    assert anothers == [number], "who had it before has it again"


def test_a_moment_is_interrupted_by_none_also_where_it_fails(anothers: list[int]) -> None:
    with pytest.raises(ValueError, match="it failed"), no_interrupt():
        for number in ENDING:
            os.kill(os.getpid(), number)
        raise ValueError("it failed")
    assert anothers == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert anothers == [signal.SIGTERM]


def test_a_closing_terminal_alone_can_be_left_unheard(anothers: list[int]) -> None:
    handle_signals(signal.SIG_IGN, ["SIGHUP", "SIGNAL_OF_ANOTHER_SYSTEM"])
    for number in ENDING:
        os.kill(os.getpid(), number)
    assert anothers == [signal.SIGINT, signal.SIGTERM]


def test_a_handler_that_python_does_not_know_becomes_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as another:
        another.setattr(signal, "signal", lambda number, handler: None)
        assert handle_signals(interrupt, ["SIGTERM"]) == [(signal.SIGTERM, signal.SIG_DFL)]


def test_a_thread_that_may_not_leaves_them_as_they_are(anothers: list[int]) -> None:
    went_on: list[bool] = []

    def work() -> None:
        with no_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)
        went_on.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (anothers, went_on) == ([signal.SIGTERM], [True])
