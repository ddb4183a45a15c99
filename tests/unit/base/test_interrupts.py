"""Ctrl-C while a child is begun: whenever it comes, the child hears of it, and we wait for the child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from bootwright.base.interrupts import wait_for_child

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
