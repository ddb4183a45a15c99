"""An opened disk on a Unix: reads and writes through one aligned buffer, past the page cache."""

from __future__ import annotations

import errno
import mmap
import os
from abc import ABC, abstractmethod
from contextlib import suppress

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import Device, changed

BUFFER_SIZE = MIB


class PosixMedium(ABC):
    """What Linux and macOS share of device.Medium; a subclass opens, checks, flushes and drops caches."""

    def __init__(self, device: Device) -> None:
        self.size = device.size
        self._device = device
        self._buffer = mmap.mmap(-1, BUFFER_SIZE)  # anonymous memory is aligned to pages, as uncached access wants it
        self._view = memoryview(self._buffer)
        self._descriptor = -1
        self._open()

    def _open(self) -> None:
        try:
            self._descriptor = self._open_device(self._device.path)
            self._check()
        except OSError as error:
            self.close()
            raise refusal(self._device.path, error) from error
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _open_device(self, path: str) -> int:
        """Returns a descriptor that nobody else can have."""

    @abstractmethod
    def _check(self) -> None:
        """Raises unless the descriptor is the device that was looked at."""

    @abstractmethod
    def sync(self) -> None:
        """Returns when the medium has all that was written."""

    @abstractmethod
    def _drop_caches(self) -> None:
        """Drops what the kernel holds of the device."""

    def read(self, offset: int, length: int) -> memoryview:
        """Returns bytes of the medium; they are overwritten by the next call."""
        assert length <= BUFFER_SIZE, "callers read at most a buffer"
        done = 0
        while done < length:
            got = os.preadv(self._descriptor, [self._view[done:length]], offset + done)
            if got == 0:
                raise OSError(errno.EIO, f"the medium ends at offset {offset + done}")
            done += got
        return self._view[:length]

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Writes all of data."""
        for start in range(0, len(data), BUFFER_SIZE):
            piece = data[start : start + BUFFER_SIZE]
            self._view[: len(piece)] = piece
            done = 0
            while done < len(piece):
                done += os.pwritev(self._descriptor, [self._view[done : len(piece)]], offset + start + done)

    def refresh(self) -> None:
        """Flushes, drops caches, and looks whether it is still the same medium."""
        self.sync()
        self._drop_caches()
        self._check()

    def close(self) -> None:
        """Closes the device; safe to call twice. What was written was flushed before, so nothing hangs on it."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def refusal(path: str, error: OSError) -> BootwrightError:
    """Returns the sentence for a device that cannot be opened."""
    if error.errno in (errno.EBUSY, errno.EWOULDBLOCK):
        return BootwrightError(
            f"{path} is busy: another program has it open for itself", "end that program first", Status.BUSY
        )
    if error.errno == errno.EROFS:
        return BootwrightError(f"{path} is read-only", "many cards and some sticks have a switch", Status.READ_ONLY)
    if error.errno == getattr(errno, "ENOMEDIUM", 123):
        return BootwrightError(f"{path} has no medium in it", "put one in", Status.NO_MEDIUM)
    if error.errno in (errno.EACCES, errno.EPERM):
        return BootwrightError(f"{path} may not be written by you", "root may", Status.NO_PERMISSION)
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return changed(path, "it is gone")
    return BootwrightError(f"{path} cannot be opened: {error.strerror}", status=Status.BUSY)
