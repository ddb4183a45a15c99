"""The programs that a build waits for: they end with it, whoever alone is told to end.

SCons takes a signal as a note to begin nothing more, and waits for what runs. A terminal's Ctrl-C reaches that as well;
the signal of a program that knows scons alone (an IDE's, a CI server's) does not, and a compiler that waits for a FIFO,
or a build script for its network, would never end. Python writes each signal's number to a pipe, whatever handler
there is; a thread that is there while such programs are reads it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_lock = threading.Lock()
_running: set[subprocess.Popen[Any]] = set()
_pipe: int | None = None  # its end to read from, until the thread has it
_is_ending = False


def watch_signals() -> None:
    """Has Python tell of signals; called once, on the main thread, by what may start such programs."""
    global _pipe
    if os.name == "posix":
        _pipe, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)


@contextlib.contextmanager
def ends_with_us(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Has the program, and what it started, end when this process is told to, while the context lasts."""
    global _pipe
    with _lock:
        if _pipe is not None:
            threading.Thread(target=_watch, args=(_pipe,), daemon=True).start()
            _pipe = None
        _running.add(process)
        if _is_ending:
            _end(process)
    try:
        yield
    finally:
        with _lock:
            _running.discard(process)


def is_ending() -> bool:
    """Says whether this process was told to end: what failed since then did so because it was told to, too."""
    return _is_ending


def _watch(pipe: int) -> None:
    global _is_ending
    while numbers := os.read(pipe, 64):
        if {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} & set(numbers):
            with _lock:
                _is_ending = True
                for process in _running:
                    _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    """Ends a program with its descendants: a linker, or a compiler that a script calls, holds the pipe that we read."""
    # Found before one of them ends, which leaves its own without a parent; a parent ends first, and begins no more.
    descendants = list(_descendants(process.pid))
    process.terminate()
    for pid in descendants:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)


def _descendants(pid: int) -> Iterator[int]:
    """Yields the processes that one started, and those that they did; Linux alone tells."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for word in (task / "children").read_text().split():
                yield int(word)
                yield from _descendants(int(word))
