"""The file that SERIAL= names: it gets each byte of the guest's serial port."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from bootwright.base.errors import BootwrightError


def open_copy(path: Path, tell: Callable[[str], None]) -> IO[bytes]:
    """Opens path for writing; raises where that cannot be. tell hears that a FIFO is waited for which nobody reads."""
    try:
        if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
            return _open_fifo(path, tell)
        return path.open("wb")
    except OSError as error:
        raise BootwrightError(f"SERIAL={path} cannot be written: {error.strerror}") from error


def _open_fifo(path: Path, tell: Callable[[str], None]) -> IO[bytes]:
    # Opened once: a reader takes it for the end when a writer closes it.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        tell(f"SERIAL={path} is a FIFO that nobody reads: the machine starts when somebody does; Ctrl-C leaves")
        return path.open("wb")
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")
