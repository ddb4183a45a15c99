"""Whose Ctrl-C it is while a child has the terminal."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts_are_the_childs() -> Iterator[None]:
    """Lets Ctrl-C reach the child alone. A handler, because a signal that is ignored would stay so in the child too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
