"""What tests of several rooms start from."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

SECONDS = 5.0  # of processor time, far more than a test of fakes takes on a slow machine


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that takes as long as one that runs a compiler: those lie in tests/build."""
    before = sum(os.times()[:4])
    yield
    spent = sum(os.times()[:4]) - before
    if spent > SECONDS and not request.config.getoption("--soak"):
        pytest.fail(f"it took {spent:.1f} s of processor time; the limit here is {SECONDS:.0f}", pytrace=False)


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away the width that pytest-xdist gives its workers: what a test's terminal is told is in lines of any."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def waits_for_nobody() -> Iterator[None]:
    """Ends a test that waits for a FIFO, which it would for ever."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
