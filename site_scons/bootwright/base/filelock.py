"""A lock on a file that the system frees when its holder dies, on Unix and on Windows.

sconsw has it before there are packages: the Python library alone.
"""

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

    LOCK_AT = 1 << 30  # Windows locks bytes, and nobody could read one that is locked: far behind the end of any file

    def try_lock(descriptor: int) -> bool:
        """Locks the open file and returns True, or returns False where another process or opening has it."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, LOCK_AT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True
else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Locks the open file and returns True, or returns False where another process or opening has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wait_for_lock(descriptor: int, waiting: Callable[[], None]) -> None:
    """Locks the open file; where another has it, calls waiting once and waits. Closing the file frees it."""
    if try_lock(descriptor):
        return
    waiting()
    while not try_lock(descriptor):
        time.sleep(POLL_INTERVAL)


@contextmanager
def lock_file(path: Path, waiting: Callable[[], None] | None, mode: int = 0o644) -> Iterator[None]:
    """Holds the lock on path, which is made with these rights if it is missing and stays.

    Where another process or thread has it: calls waiting once and waits, or, without waiting, raises BlockingIOError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
    try:
        if mode & 0o020 and os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, mode)  # whatever the umask says
        if waiting is not None:
            wait_for_lock(descriptor, waiting)
        elif not try_lock(descriptor):
            raise BlockingIOError(f"{path} is locked")
        yield
    finally:
        os.close(descriptor)
