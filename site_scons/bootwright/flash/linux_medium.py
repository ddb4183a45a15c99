"""An opened disk on Linux: O_EXCL, flock and O_DIRECT, so that what is read back comes from the medium."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable

from bootwright.flash.device import Device, changed
from bootwright.flash.posix_medium import PosixMedium

# <linux/fs.h>
BLKFLSBUF = 0x1261
BLKGETSIZE64 = 0x80081272
BLKGETDISKSEQ = 0x80081280  # since Linux 5.15, as is diskseq in sysfs
WAIT_SECONDS = 5.0


class LinuxMedium(PosixMedium):
    """device.Medium for Linux. identity reads the device's identity anew, to be compared after opening."""

    def __init__(self, device: Device, identity: Callable[[], tuple[str, ...]]) -> None:
        self._identity = identity
        super().__init__(device)

    def _open_device(self, path: str) -> int:
        """Returns a descriptor that is this process's alone.

        When a written device is closed udev holds it for a moment, to look at it anew: that is waited for.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return self._open_alone(path)
            except OSError as error:
                if error.errno not in (errno.EBUSY, errno.EWOULDBLOCK) or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _open_alone(self, path: str) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # udev leaves a locked device alone
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self) -> None:
        path, (number, diskseq, *_) = self._device.path, self._device.identity
        facts = os.fstat(self._descriptor)
        opened = f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
        if opened != number:
            raise changed(path, f"its number is {opened}, not {number}")
        if diskseq and (now := str(self._ask(BLKGETDISKSEQ))) != diskseq:
            raise changed(path, f"its sequence number is {now}, not {diskseq}")
        if (size := self._ask(BLKGETSIZE64)) != self._device.size:
            raise changed(path, f"it has {size} bytes, not {self._device.size}")
        identity = self._identity()
        if not any(identity):
            raise changed(path, "it is gone")
        if identity != self._device.identity:
            raise changed(path, f"it is {'/'.join(identity)}, not {'/'.join(self._device.identity)}")

    def _ask(self, request: int) -> int:
        answer = struct.unpack("=Q", fcntl.ioctl(self._descriptor, request, bytes(8)))[0]
        assert isinstance(answer, int)
        return answer

    def sync(self) -> None:
        """Flushes the device's own cache."""
        os.fsync(self._descriptor)

    def _drop_caches(self) -> None:
        fcntl.ioctl(self._descriptor, BLKFLSBUF, 0)
