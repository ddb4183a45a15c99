"""Who minds Ctrl-C, a closed terminal and kill while a medium is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import cast

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def handle_signals(handler: Handler, names: Sequence[str] = ENDING) -> list[tuple[int, Handler]]:
    """Gives signals to handler from now on; returns who had them. A thread may not, and leaves them as they are."""
    if threading.current_thread() is not threading.main_thread():
        return []
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [(number, cast(Handler, signal.signal(number, handler) or signal.SIG_DFL)) for number in numbers]


@contextmanager
def signals_handled_by(handler: Handler) -> Iterator[None]:
    """Gives what a person, a closing terminal or kill can send to handler while the context lasts."""
    before = handle_signals(handler)
    try:
        yield
    finally:
        for number, handler_before in before:
            signal.signal(number, handler_before)


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Ignores them while the context lasts."""
    with signals_handled_by(signal.SIG_IGN):
        yield


def interrupt(number: int, frame: FrameType | None) -> None:
    """Is the handler that ends the writing, alike for all of them. One is enough: what follows it is short."""
    handle_signals(signal.SIG_IGN)
    raise KeyboardInterrupt
