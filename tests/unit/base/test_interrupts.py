"""Ctrl-C while a child is begun is the child's, whenever it comes; and what asks us to end takes away what is open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from bootwright.base.interrupts import Terminated, interruptible, wait_for_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is an event of the console")
CHILD = """
import signal, sys, time
def leave(*_):
    sys.exit(7)
signal.signal(signal.SIGINT, leave)
assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT}), "it was not held back"
time.sleep(60)
"""


@pytest.fixture(params=[False, True], ids=["one thread", "another thread"])
def other_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """A thread that does not hold Ctrl-C back, as a process may have: the system may give it to that one."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    if request.param:
        thread.start()
    yield
    ended.set()
    if request.param:
        thread.join()


@pytest.mark.usefixtures("other_thread")
@pytest.mark.parametrize("before", [True, False], ids=["before there is a child", "when there is one"])
def test_an_interrupt_while_a_child_is_begun_is_the_childs(before: bool) -> None:
    def strike() -> None:
        os.kill(os.getpid(), signal.SIGINT)  # to us alone, as one that comes before the child is in the group

    def start() -> subprocess.Popen[bytes]:
        if before:
            strike()
        child = subprocess.Popen([sys.executable, "-c", CHILD])
        if not before:
            strike()
        return child

    handler = signal.getsignal(signal.SIGINT)
    assert wait_for_child(start) == 7
    assert signal.getsignal(signal.SIGINT) is handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.fixture
def anothers() -> Iterator[dict[int, int]]:
    """Handlers of somebody else's, as SCons has them, for what asks a program to end; how often each was called."""
    called = {int(number): 0 for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def note(number: int, _: FrameType | None) -> None:
        called[number] += 1

    before = {number: signal.signal(number, note) for number in called}
    yield called
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_comes_up_as_an_interrupt_with_the_status_of_a_shell(
    number: signal.Signals, status: int, anothers: dict[int, int]
) -> None:
    with interruptible():
        with pytest.raises(Terminated, match=number.name) as ended:
            os.kill(os.getpid(), number)
        assert ended.value.status == status
        assert signal.getsignal(number) == signal.SIG_DFL, "a second one may end us at once"
    os.kill(os.getpid(), number)
    assert anothers[number] == 1, "who had it before has it again"


def test_an_interrupt_comes_up_whoever_had_it(anothers: dict[int, int]) -> None:
    with pytest.raises(KeyboardInterrupt) as ended, interruptible():
        os.kill(os.getpid(), signal.SIGINT)
    assert not isinstance(ended.value, Terminated)
    os.kill(os.getpid(), signal.SIGINT)
    assert anothers[signal.SIGINT] == 1


@pytest.mark.usefixtures("anothers")
def test_what_nohup_has_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_thread_that_may_handle_no_signal_goes_on(anothers: dict[int, int]) -> None:
    done: list[bool] = []

    def work() -> None:
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (done, anothers[signal.SIGTERM]) == ([True], 1)
