"""A lock on a file that the system frees when its holder dies, on Unix and on Windows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_INTERVAL = 0.1  # seconds; a wait that Ctrl-C can end, on every system

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def lock_file(path: Path, waiting: Callable[[], None] | None) -> Iterator[None]:
    """Holds the lock on path, which is made if it is missing and stays.

    Where another process or thread has it: calls waiting once and waits, or, without waiting, raises BlockingIOError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try_lock(descriptor):
            if waiting is None:
                raise BlockingIOError(f"{path} is locked")
            waiting()
            while not _try_lock(descriptor):
                time.sleep(POLL_INTERVAL)
        yield
    finally:
        os.close(descriptor)
