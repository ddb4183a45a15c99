"""Becomes scons (`startup.py SCons ...`) or pytest, so that Ctrl-C while they are imported ends with status 130.

Python raises KeyboardInterrupt wherever it is, in the middle of an import too, and shows it as a traceback. Whoever
starts this file may hold SIGINT back (blocked) until here: no moment is left in which it does that.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys

INTERRUPTED = 130
PYTEST_INTERRUPTED = 2  # pytest.ExitCode.INTERRUPTED


def open_closed() -> None:
    """Opens a stdin, stdout or stderr that this process was started without, so that it leads nowhere.

    Else the next file that is opened, a disk even, has its number, and is written what a program prints there.
    """
    given = (sys.__stdin__, sys.__stdout__, sys.__stderr__)  # SCons puts something of its own in a stream's place
    if None not in given:
        return
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:  # the lowest that is free, each time
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    for name, stream in zip(("stdin", "stdout", "stderr"), given, strict=True):
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            opened = os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")
            setattr(sys, name, opened)
            setattr(sys, f"__{name}__", opened)  # which takes that place again at the end


def leave(number: int, frame: object) -> None:
    """Ends the process: whatever is half done here is what a kill would leave, and is made good by the next run."""
    os._exit(INTERRUPTED)


def hold() -> None:
    """Holds Ctrl-C back until the program that this process becomes can take it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def main(words: list[str]) -> int:
    """Runs the module that the first word names, with the others; returns where it does."""
    signal.signal(signal.SIGINT, leave)  # SCons has a handler of its own while it builds
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    import runpy

    name, *rest = words
    sys.argv[1:] = rest
    try:
        if name == "pytest":
            signal.signal(signal.SIGINT, signal.default_int_handler)  # it ends its tests in order
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except SystemExit as end:
        if name != "pytest":
            raise
        end_at_once(INTERRUPTED if end.code == PYTEST_INTERRUPTED else int(end.code or 0))
    return 0


def end_at_once(status: int) -> None:
    """Ends as Python does, but does not take its memory to pieces first, which costs pytest's 20 ms."""
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # nobody reads them any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    del sys.path[0]  # this directory, whose modules are bootwright's alone
    sys.exit(main(sys.argv[1:]))
