"""An opened disk on Windows: its volumes locked and dismounted, the drive opened past the cache."""

from __future__ import annotations

import errno
import mmap
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import Device, changed

FSCTL_LOCK_VOLUME = 0x00090018
FSCTL_DISMOUNT_VOLUME = 0x00090020
IOCTL_DISK_GET_LENGTH_INFO = 0x0007405C
IOCTL_DISK_UPDATE_PROPERTIES = 0x00070140
ERROR_ACCESS_DENIED = 5
ERROR_NOT_READY = 21
ERROR_SHARING_VIOLATION = 32
ERROR_LOCK_VIOLATION = 33
BUFFER_SIZE = MIB


class Win32(Protocol):
    """The few calls of Windows that are needed; each raises OSError with winerror's number in errno."""

    def system_directory(self) -> str:
        """Returns where Windows keeps its own programs, whatever PATH says."""

    def is_administrator(self) -> bool:
        """Tells whether this process may write to drives."""

    def open(self, path: str, exclusive: bool) -> int:
        """Returns a handle for reading and writing without buffers; exclusive: nobody else may write."""

    def control(self, handle: int, code: int, length: int) -> bytes:
        """Returns the answer, at most length bytes, of DeviceIoControl."""

    def read(self, handle: int, offset: int, view: memoryview) -> int:
        """Reads into view; returns how many bytes came."""

    def write(self, handle: int, offset: int, view: memoryview) -> int:
        """Writes view; returns how many bytes went."""

    def flush(self, handle: int) -> None:
        """Flushes the drive's cache."""

    def close(self, handle: int) -> None:
        """Closes a handle; a lock that it holds ends with it."""


class Volumes:
    """The volumes that are locked: path -> handle."""

    def __init__(self, win32: Win32) -> None:
        self._win32 = win32
        self.locked: dict[str, int] = {}

    def lock(self, volume: str, name: str) -> None:
        """Locks and dismounts a volume (a path that ends in a backslash); does nothing for one that is locked."""
        if volume in self.locked:
            return
        handle = None
        try:
            handle = self._win32.open(volume.rstrip("\\").replace("\\\\?\\", "\\\\.\\"), False)
            self._win32.control(handle, FSCTL_LOCK_VOLUME, 0)
            self._win32.control(handle, FSCTL_DISMOUNT_VOLUME, 0)
        except OSError as error:
            if handle is not None:
                self._win32.close(handle)
            reason = "a file on it is open" if error.errno == ERROR_ACCESS_DENIED else error.strerror or str(error)
            raise BootwrightError(
                f"{name} was not unmounted: {reason}", "close what uses it; it is never forced", Status.NOT_UNMOUNTED
            ) from error
        self.locked[volume] = handle

    def release(self) -> None:
        """Gives every volume back."""
        while self.locked:
            self._win32.close(self.locked.popitem()[1])


class WindowsMedium:
    """bootwright.flash.device.Medium for Windows; identity asks PowerShell anew, to be compared after opening."""

    def __init__(self, device: Device, win32: Win32, volumes: Volumes, identity: Callable[[], tuple[str, ...]]) -> None:
        self.size = device.size
        self._device = device
        self._win32 = win32
        self._volumes = volumes
        self._identity = identity
        self._view = memoryview(mmap.mmap(-1, BUFFER_SIZE))  # aligned to pages, as unbuffered access wants it
        self._handle: int | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        path = self._device.path
        try:
            self._handle = self._win32.open(path, True)
            self._check()
        except OSError as error:
            raise _refusal(path, error) from error

    def _check(self) -> None:
        """Raises unless the handle is the drive that was looked at."""
        path, handle = self._device.path, self._handle
        assert handle is not None
        size = int.from_bytes(self._win32.control(handle, IOCTL_DISK_GET_LENGTH_INFO, 8), "little")
        if size != self._device.size:
            raise changed(path, f"it has {size} bytes, not {self._device.size}")
        if self._identity() != self._device.identity:
            raise changed(path, "Windows describes it otherwise now")

    def read(self, offset: int, length: int) -> memoryview:
        """Returns bytes of the medium; they are overwritten by the next call."""
        assert self._handle is not None and length <= BUFFER_SIZE
        done = 0
        while done < length:
            got = self._win32.read(self._handle, offset + done, self._view[done:length])
            if got == 0:
                raise OSError(errno.EIO, f"the medium ends at offset {offset + done}")
            done += got
        return self._view[:length]

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Writes all of data."""
        assert self._handle is not None
        for start in range(0, len(data), BUFFER_SIZE):
            piece = data[start : start + BUFFER_SIZE]
            self._view[: len(piece)] = piece
            done = 0
            while done < len(piece):
                done += self._win32.write(self._handle, offset + start + done, self._view[done : len(piece)])

    def sync(self) -> None:
        """Flushes the drive's own cache."""
        assert self._handle is not None
        self._win32.flush(self._handle)

    def refresh(self) -> None:
        """Flushes, and looks whether it is still the same drive; without buffers there is no cache to drop."""
        self.sync()
        self._check()

    def close(self) -> None:
        """Lets Windows see the new partition table, then gives drive and volumes back."""
        if self._handle is not None:
            # What is on the medium does not depend on it; Windows looks again when the stick is put in.
            with suppress(OSError):
                self._win32.control(self._handle, IOCTL_DISK_UPDATE_PROPERTIES, 0)
        self._close_drive()
        self._volumes.release()

    def _close_drive(self) -> None:
        if self._handle is not None:
            self._win32.close(self._handle)
            self._handle = None


def _refusal(path: str, error: OSError) -> BootwrightError:
    if error.errno in (ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION):
        return BootwrightError(
            f"{path} is busy: another program has it open for itself", "end that program first", Status.BUSY
        )
    if error.errno == ERROR_NOT_READY:
        return BootwrightError(f"{path} has no medium in it", "put one in", Status.NO_MEDIUM)
    if error.errno == ERROR_ACCESS_DENIED:
        return BootwrightError(f"{path} may not be written by you", "an administrator may", Status.NO_PERMISSION)
    return changed(path, f"it cannot be opened: {error.strerror or error}")


def find_win32() -> Win32:
    """Returns the real calls."""
    if sys.platform == "win32":
        from bootwright.flash.win32 import Kernel32

        return Kernel32()
    raise AssertionError("asked for on Windows alone")
