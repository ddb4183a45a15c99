"""What a medium is to hold: the image, with its partition tables made for the medium's own size."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.image import gpt, mbr
from bootwright.image.layout import GPT_ENTRIES_SECTORS, GPT_HEADER_LBA, SECTOR_SIZE

HEAD = (GPT_HEADER_LBA + 1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # LBA 0, the header and its entries
TAIL = (1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # the backup: entries, then the header


class Image:
    """An opened image. The descriptor stays on the same bytes when a build renames another image over the name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise BootwrightError(f"{path}: {error.strerror}", "`scons` makes it", Status.BAD_IMAGE) from error
        self.size = os.fstat(self._descriptor).st_size
        head = self.read(0, HEAD) if self.size >= HEAD + TAIL else b""
        header = gpt.read_header(head[SECTOR_SIZE : 2 * SECTOR_SIZE]) if head else None
        if header is None or self.size % SECTOR_SIZE or head[510:512] != mbr.SIGNATURE:
            os.close(self._descriptor)
            raise BootwrightError(
                f"{path} is no disk image of bootwright: it has no GPT", "give build/VARIANT/NAME.img", Status.BAD_IMAGE
            )
        self.head = head
        self.disk_guid: uuid.UUID = header.disk_guid

    def read(self, offset: int, length: int) -> bytes:
        """Returns bytes of the image; raises where it became shorter."""
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        data = os.read(self._descriptor, length)
        while len(data) < length:
            more = os.read(self._descriptor, length - len(data))
            if not more:
                raise BootwrightError(f"{self.path} ends at {offset + len(data)}: it was changed meanwhile",
                                      "run it again", Status.BAD_IMAGE)  # fmt: skip
            data += more
        return data

    def __enter__(self) -> Image:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


class Content:
    """The bytes of an image on a medium of medium_size bytes: head, body and tail.

    body ends where the image does; what lies between it and the backup table at the medium's end is left alone.
    """

    def __init__(self, image: Image, medium_size: int) -> None:
        self._image = image
        self.medium_size = medium_size
        self.body_end = image.size
        sectors = medium_size // SECTOR_SIZE
        try:
            tables = gpt.retarget(image.head[SECTOR_SIZE:], sectors)
        except ValueError as error:
            raise BootwrightError(
                f"{image.path}: {error}", "`scons` makes one that is whole", Status.BAD_IMAGE
            ) from error
        self.lba_0 = mbr.retarget(image.head[:SECTOR_SIZE], sectors)
        self.header = tables.primary[:SECTOR_SIZE]
        self.tail_start = tables.backup_lba * SECTOR_SIZE
        self._patches = [(0, self.lba_0 + self.header)]
        if medium_size != image.size:
            # The image's own backup would be a second one, at a place where none belongs.
            self._patches.append((image.size - TAIL, bytes(TAIL)))
        self._patches.append((self.tail_start, tables.backup))

    @property
    def size(self) -> int:
        """How many bytes of the medium are given."""
        return sum(length for _, length in self.pieces())

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Yields offset and length of what the medium is to hold, a MiB at most each."""
        for start in range(0, self.body_end, MIB):
            yield start, min(MIB, self.body_end - start)
        start = max(self.tail_start, self.body_end)
        if start < self.medium_size:
            yield start, self.medium_size - start

    def read(self, offset: int, length: int) -> bytes:
        """Returns what belongs at offset, in one of the pieces."""
        inside = max(0, min(length, self.body_end - offset))
        data = self._image.read(offset, inside) if inside else b""
        data += bytes(length - inside)
        for start, patch in self._patches:
            low, high = max(offset, start), min(offset + length, start + len(patch))
            if low < high:
                data = data[: low - offset] + patch[low - start : high - start] + data[high - offset :]
        return data
