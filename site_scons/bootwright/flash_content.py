"""What a medium is to hold: the image, with its partition tables made for the medium's own size."""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from bootwright.disk import gpt, mbr
from bootwright.errors import BootwrightError, Status
from bootwright.layout import GPT_ENTRIES_SECTORS, GPT_HEADER_LBA, MIB, SECTOR_SIZE
from bootwright.outputs import MANIFEST, read_manifest

HEAD = (GPT_HEADER_LBA + 1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # LBA 0, the header and its entries
TAIL = (1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # the backup: entries, then the header
START = 4096  # what is read back of the medium's start once LBA 0 is there
BUILD_DEPTH = 4  # how far above an image the build directory may lie that made it


class Image:
    """An opened image whose bytes are the same from here on.

    The descriptor stays on one file when a build renames another over the name. What somebody writes into that file
    is found by the hash of each MiB: all are read once at the start, and compared with what the build's manifest says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = self._open()
        try:
            self.size = os.fstat(self._descriptor).st_size
            self.head = self._raw(0, HEAD) if self.size >= HEAD + TAIL else b""
            header = gpt.read_header(self.head[SECTOR_SIZE : 2 * SECTOR_SIZE]) if self.head else None
            if header is None or self.size % SECTOR_SIZE or self.head[510:512] != mbr.SIGNATURE:
                sentence = f"{path} is no disk image of bootwright: it has no GPT"
                raise BootwrightError(sentence, "give build/VARIANT/NAME.img", Status.BAD_IMAGE)
            self.disk_guid: uuid.UUID = header.disk_guid
            self._digests = self._hash()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _open(self) -> int:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO would wait for a writer
        try:
            descriptor = os.open(self.path, flags)
        except OSError as error:
            raise BootwrightError(f"{self.path}: {error.strerror}", "`scons` makes it", Status.BAD_IMAGE) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            hint = "give build/VARIANT/NAME.img"
            raise BootwrightError(f"{self.path} is no regular file", hint, Status.BAD_IMAGE)
        return descriptor

    def _hash(self) -> list[bytes]:
        """Returns the SHA-256 of each MiB; raises where all of them are not what the build made."""
        whole, digests = hashlib.sha256(), []
        manifest, built = built_digest(self.path)
        for offset in range(0, self.size, MIB):
            data = self._raw(offset, min(MIB, self.size - offset))
            if offset == 0 and not data.startswith(self.head):
                raise self._changed(f"{self.path} was changed meanwhile, before offset {HEAD}")
            digests.append(hashlib.sha256(data).digest())
            if built:
                whole.update(data)
        if built and whole.hexdigest() != built:
            raise BootwrightError(
                f"{self.path} is not what was built: {manifest} names another SHA-256",
                "remove it and run `scons`; a copy elsewhere is written as it is",
                Status.BAD_IMAGE,
            )
        return digests

    def piece(self, offset: int) -> bytes:
        """Returns the MiB that begins at offset, or what there is of it; raises where it is not what it was."""
        data = self._raw(offset, min(MIB, self.size - offset))
        if hashlib.sha256(data).digest() != self._digests[offset // MIB]:
            raise self._changed(f"{self.path} was changed meanwhile, after offset {offset}")
        return data

    def digest(self, offset: int) -> bytes:
        """Returns the SHA-256 of that piece."""
        return self._digests[offset // MIB]

    def _raw(self, offset: int, length: int) -> bytes:
        """Returns bytes of the image as they are now; raises where it became shorter or cannot be read."""
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            data = os.read(self._descriptor, length)
            while len(data) < length:
                more = os.read(self._descriptor, length - len(data))
                if not more:
                    raise self._changed(f"{self.path} ends at {offset + len(data)}: it was changed meanwhile")
                data += more
        except OSError as error:
            sentence = f"{self.path}: reading at offset {offset} failed: {error.strerror}"
            raise BootwrightError(sentence, "`scons` makes it", Status.BAD_IMAGE) from error
        return data

    @staticmethod
    def _changed(sentence: str) -> BootwrightError:
        return BootwrightError(sentence, "run it again", Status.BAD_IMAGE)

    def __enter__(self) -> Image:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def built_digest(path: Path) -> tuple[Path, str]:
    """Returns the manifest above an image that names it, and the SHA-256 that it gives; empty where there is none."""
    path = path.resolve()
    for build in path.parents[:BUILD_DEPTH]:
        manifest = build / MANIFEST
        try:
            digest = read_manifest(manifest).get(path.relative_to(build).as_posix(), "")
        except (OSError, ValueError):
            continue  # another program's file of that name
        if digest:
            return manifest, digest
    return Path(), ""


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
        self.start = (self.lba_0 + self.header + image.head[2 * SECTOR_SIZE :])[:START]
        self.tail_start = tables.backup_lba * SECTOR_SIZE
        self._patches = [(0, self.lba_0 + self.header)]
        if medium_size != image.size:
            # The image's own backup would be a second one, at a place where none belongs.
            self._patches.append((image.size - TAIL, bytes(TAIL)))
        self._patches.append((self.tail_start, tables.backup))
        self._digests: dict[int, bytes] = {}

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
        """Returns what belongs at offset, which with length is one of the pieces; it is what is_right() asks for."""
        whole = data = self._image.piece(offset) if offset < self.body_end else bytes(length)
        for start, patch in self._patches:
            low, high = max(offset, start), min(offset + length, start + len(patch))
            if low < high:
                data = data[: low - offset] + patch[low - start : high - start] + data[high - offset :]
        assert len(whole) == len(data) == length, "callers ask for whole pieces"
        if offset not in self._digests:
            as_it_was = data is whole and offset < self.body_end
            self._digests[offset] = self._image.digest(offset) if as_it_was else hashlib.sha256(data).digest()
        return data

    def is_right(self, offset: int, found: bytes | memoryview) -> bool:
        """Tells whether found is what was read as the piece at offset, whatever became of the image since then."""
        if offset not in self._digests:
            self.read(offset, len(found))
        return hashlib.sha256(found).digest() == self._digests[offset]
