"""Becomes scons (`startup.py SCons ...`) or pytest, so that Ctrl-C while they are imported ends with status 130.

Python raises KeyboardInterrupt wherever it is, in the middle of an import too, and shows it as a traceback. Whoever
starts this file may hold SIGINT back (blocked) until here: no moment is left in which it does that.
"""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130
PYTEST_INTERRUPTED = 2  # pytest.ExitCode.INTERRUPTED


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
    name, *rest = words
    if name == "pytest":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # it ends its tests in order
    import runpy

    sys.argv[1:] = rest
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except SystemExit as end:
        if name == "pytest" and end.code == PYTEST_INTERRUPTED:
            return INTERRUPTED
        raise
    return 0


if __name__ == "__main__":
    del sys.path[0]  # this directory, whose modules are bootwright's alone
    sys.exit(main(sys.argv[1:]))
