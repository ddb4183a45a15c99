"""Whose Ctrl-C it is while a machine or another child runs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts_are_the_childs() -> Iterator[list[int]]:
    """Lets Ctrl-C reach the child alone; the list grows by each that we were told of.

    A handler, because a signal that is ignored would stay so in the child too.
    """
    told: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: told.append(number))
    try:
        yield told
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


def is_pending() -> bool:
    """Tells whether Ctrl-C came while it was held back."""
    return hasattr(signal, "sigpending") and signal.SIGINT in signal.sigpending()


def wait_for_child(start: Callable[[], subprocess.Popen[bytes]]) -> int:
    """Returns the status of the process that start begins, whose every Ctrl-C is from here on.

    Ctrl-C is held back in the child, which lets it through once it can take it; one that came before there was a child
    is sent on to it, also where another thread of ours took it, which does not hold it back.
    """
    with interrupts_are_the_childs() as told:
        with interrupts_held_back():
            child = start()
            if told or is_pending():
                child.send_signal(signal.SIGINT)
        return child.wait()


class Terminated(KeyboardInterrupt):
    """We are asked to end by another signal than Ctrl-C; status is what a shell makes of it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def terminate(number: int, frame: object) -> None:
    """Has everything that is open taken away, where the system would end the process at once; a second time it may."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Makes Ctrl-C a KeyboardInterrupt while the context lasts, SIGTERM and SIGHUP a Terminated.

    SCons installs handlers of its own. A signal that is ignored, as nohup has it, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[int, Callable[..., object]] = {signal.SIGINT: signal.default_int_handler}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            handlers[number] = terminate
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
