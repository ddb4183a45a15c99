"""Programs of a build end when we are told to, with all that they started: no others, and by no other signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bootwright.base import children
from bootwright.base.children import ends_with_us, is_ending, watch_signals

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who started whom")
# Each holds the pipe of the first: who waits for the pipe's end waits for all three.
FAMILY = "sh -c 'sleep 60 & echo begun; wait'; :"
TOLD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that is told of signals, which end nothing by themselves."""
    monkeypatch.setattr(children, "_pipe", None)
    monkeypatch.setattr(children, "_is_ending", False)
    before = {number: signal.signal(number, lambda *_: None) for number in (*TOLD, signal.SIGUSR1)}
    watch_signals()
    yield
    os.close(signal.set_wakeup_fd(-1))  # so the thread that reads of them ends
    for number, handler in before.items():
        signal.signal(number, handler)


def begun() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", FAMILY], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    return process


@pytest.mark.parametrize("number", TOLD)
def test_a_program_ends_with_what_it_started_and_so_does_one_that_is_begun_later(number: signal.Signals) -> None:
    with begun() as first, begun() as second, ends_with_us(first), ends_with_us(second):
        assert not is_ending()
        os.kill(os.getpid(), number)
        for process in (first, second):
            process.communicate(timeout=50)
            assert process.returncode == -signal.SIGTERM
        assert is_ending()
    with begun() as late, ends_with_us(late):
        late.communicate(timeout=50)
        assert late.returncode == -signal.SIGTERM


def test_another_signal_and_another_program_are_none_of_it() -> None:
    with begun() as other, begun() as ours:
        with ends_with_us(other):
            os.kill(os.getpid(), signal.SIGUSR1)
        with ends_with_us(ours):
            assert (is_ending(), ours.poll()) == (False, None)
            os.kill(os.getpid(), signal.SIGTERM)
            ours.communicate(timeout=50)
        assert other.poll() is None, "it was waited for no more"
        children._end(other)
