"""Whose Ctrl-C it is while a machine or another child runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts_are_the_childs() -> Iterator[None]:
    """Lets Ctrl-C reach the child alone. A handler, because a signal that is ignored would stay so in the child too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Keeps Ctrl-C for the end of the context, on systems that know signals.

    os.fork() runs hooks written in Python (logging has one), and a KeyboardInterrupt that rises in a hook is dropped.
    The child of a fork, or of subprocess, begins with Ctrl-C held back too, and must let it through.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Makes Ctrl-C a KeyboardInterrupt while the context lasts: SCons installs a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Callable[..., object] | int | None = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
