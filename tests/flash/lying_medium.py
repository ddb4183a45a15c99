"""A FUSE file system of one file, `disk`, whose contents lie as a bad stick does; a process of its own.

    python lying_medium.py MOUNTPOINT BACKING

What is written to the file `fault` beside it sets how: a JSON object of kind and offset. The process ends when its
standard input does, so that it never outlives the test: a FUSE server that stands still leaves readers that no signal
ends.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from typing import Any

import mfusepy

SECTOR = 512


class LyingMedium(mfusepy.Operations):  # type: ignore[misc]  # mfusepy has no types
    """Passes reads and writes to the backing file but for the fault.

    drop: writes to the sector at offset vanish. flip: a byte written at offset is stored with a bit changed.
    read-error, write-error: EIO for what touches offset. full: ENOSPC for writes from offset on.
    alias: there are only offset bytes, which repeat.
    """

    use_ns = True

    def __init__(self, backing: str) -> None:
        self._backing = os.open(backing, os.O_RDWR)
        self._kind, self._offset = "none", 0
        self.hits = 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": 0o40700, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": os.fstat(self._backing).st_size}
        if path == "/fault":
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": 0}
        raise mfusepy.FuseOSError(errno.ENOENT)

    def open(self, path: str, flags: Any) -> int:
        return 1

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if path != "/disk":
            return f"{self.hits}\n".encode()[offset : offset + size]
        if self._kind == "read-error" and offset <= self._offset < offset + size:
            self.hits += 1
            raise mfusepy.FuseOSError(errno.EIO)
        return b"".join(os.pread(self._backing, length, place) for place, length in self._places(offset, size))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        if path != "/disk":
            fault = json.loads(data)
            self._kind, self._offset, self.hits = fault["kind"], fault["offset"], 0
            return len(data)
        end = offset + len(data)
        hit = offset <= self._offset < end
        if self._kind == "write-error" and hit:
            self.hits += 1
            raise mfusepy.FuseOSError(errno.EIO)
        if self._kind == "full" and end > self._offset:
            self.hits += 1
            raise mfusepy.FuseOSError(errno.ENOSPC)
        if self._kind == "flip" and hit:
            self.hits += 1
            place = self._offset - offset
            data = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        if self._kind == "drop" and hit:
            self.hits += 1
            place = self._offset - self._offset % SECTOR - offset
            os.pwrite(self._backing, data[: max(place, 0)], offset)
            os.pwrite(self._backing, data[place + SECTOR :], offset + place + SECTOR)
            return len(data)
        done = 0
        for place, length in self._places(offset, len(data)):
            os.pwrite(self._backing, data[done : done + length], place)
            done += length
        return len(data)

    def _places(self, offset: int, size: int) -> list[tuple[int, int]]:
        """Returns where in the backing file a stretch lies: in one piece, or in several where capacity repeats."""
        if self._kind != "alias":
            return [(offset, size)]
        places = []
        while size:
            place = offset % self._offset
            length = min(size, self._offset - place)
            places.append((place, length))
            offset, size = offset + length, size - length
        return places


def end_with_input() -> None:
    """Ends this process when nobody holds its standard input any more."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    # Without direct_io the page cache would answer reads from what was written, and no fault would be seen.
    options = {"foreground": True, "nothreads": True, "direct_io": True, "fsname": "lying"}
    mfusepy.FUSE(LyingMedium(sys.argv[2]), sys.argv[1], **options)
