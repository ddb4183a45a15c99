"""What tests of several rooms start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def waits_for_nobody() -> Iterator[None]:
    """Ends a test that waits for a FIFO, which it would for ever."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
