"""What a medium is to hold: the image, with its partition tables made for the medium's own size."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from bootwright.base import regular
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB, size_text
from bootwright.image import gpt, mbr
from bootwright.image.layout import GPT_ENTRIES_SECTORS, GPT_HEADER_LBA, SECTOR_SIZE

HEAD = (GPT_HEADER_LBA + 1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # LBA 0, the header and its entries
TAIL = (1 + GPT_ENTRIES_SECTORS) * SECTOR_SIZE  # the backup: entries, then the header
START = 4096  # what is read back of the medium's start once LBA 0 is there
MANIFEST = "manifest"  # of a build directory, as sha256sum writes one: a digest, two blanks, a name
SETTLED = 0.05  # seconds, more than a tick of a file system's clock
BUILD_DEPTH = 4  # how far above an image the build directory may lie that made it


class Image:
    """An opened image, which is read once from its start to its end, and then looked at for changes.

    The descriptor stays on one file when a build renames another over the name. What somebody writes into that file
    meanwhile shows in its times, and against the build's manifest, where that names the image.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = self._open()
        try:
            self._facts = self._settled_facts()
            self.size = os.fstat(self._descriptor).st_size
            self.head = self._raw(0, HEAD) if self.size >= HEAD + TAIL else b""
            header = gpt.read_header(self.head[SECTOR_SIZE : 2 * SECTOR_SIZE]) if self.head else None
            if header is None or self.size % SECTOR_SIZE or self.head[510:512] != mbr.SIGNATURE:
                sentence = f"{path} is no disk image of bootwright: it has no GPT"
                raise BootwrightError(sentence, "give build/VARIANT/NAME.img", Status.BAD_IMAGE)
            self.disk_guid: uuid.UUID = header.disk_guid
            self._manifest, self._built = built_digest(path)
            if self._built:
                self._check_built(self._raw(start, min(MIB, self.size - start)) for start in range(0, self.size, MIB))
        except BaseException:
            os.close(self._descriptor)
            raise
        self._digests: list[bytes] = []  # of each MiB, as it was when it was read to be written
        self._whole = hashlib.sha256()

    def words(self) -> str:
        """Returns what it is, for a person: its name, of what build a build made it, and its size."""
        variant = f", {self.path.resolve().parent.name}" if self._built else ""
        return f"{self.path.stem}{variant}, {size_text(self.size)} ({self.path})"

    def _open(self) -> int:
        flags = (
            os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        )  # a FIFO would wait for a writer
        try:
            descriptor = os.open(self.path, flags)
        except OSError as error:
            raise BootwrightError(f"{self.path}: {error.strerror}", "`scons` makes it", Status.BAD_IMAGE) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            hint = "give build/VARIANT/NAME.img"
            raise BootwrightError(f"{self.path} is no regular file", hint, Status.BAD_IMAGE)
        return descriptor

    def _settled_facts(self) -> tuple[int, int, int]:
        """Returns what changes when the file is written to; waits until a later change would show in its times."""
        facts = os.fstat(self._descriptor)
        if abs(time.time() - facts.st_ctime) < SETTLED:
            time.sleep(SETTLED)
        return self._now()

    def _now(self) -> tuple[int, int, int]:
        facts = os.fstat(self._descriptor)
        return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns

    def _check_built(self, pieces: Iterable[bytes]) -> None:
        whole = hashlib.sha256()
        for piece in pieces:
            whole.update(piece)
        if whole.hexdigest() != self._built:
            raise BootwrightError(
                f"{self.path} is not what was built: {self._manifest} names another SHA-256",
                "remove it and run `scons`; a copy elsewhere is written as it is",
                Status.BAD_IMAGE,
            )

    def piece(self, offset: int) -> bytes:
        """Returns the MiB that begins at offset, or what there is of it, as it is now."""
        data = self._raw(offset, min(MIB, self.size - offset))
        if offset == 0 and not data.startswith(self.head):
            raise self._changed(f"{self.path} was changed meanwhile, before offset {HEAD}")
        if offset == len(self._digests) * MIB:
            self._digests.append(hashlib.sha256(data).digest())
            if self._built:
                self._whole.update(data)
        return data

    def digest(self, offset: int) -> bytes:
        """Returns the SHA-256 of the piece at offset as it was when it was first read."""
        return self._digests[offset // MIB]

    def seems_unchanged(self) -> bool:
        """Tells whether nobody wrote to the file. (A build that takes its name away changes its times as well.)"""
        return self._now() == self._facts

    def check_unchanged(self) -> None:
        """Raises where the pieces, all of which were read once, are not of one and the same image."""
        if self._built and self._whole.hexdigest() != self._built:
            raise self._changed(f"{self.path} was changed meanwhile: {self._manifest} names another SHA-256")
        if self.seems_unchanged():
            return
        for number, digest in enumerate(self._digests):
            data = self._raw(number * MIB, min(MIB, self.size - number * MIB))
            if hashlib.sha256(data).digest() != digest:
                raise self._changed(f"{self.path} was changed meanwhile, after offset {number * MIB}")

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
            lines = regular.read_text(manifest).splitlines()
        except (OSError, BootwrightError):
            continue  # there is none, or another program's file of that name
        digests = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        digest = digests.get(path.relative_to(build).as_posix(), "")
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
        """Returns what belongs at offset, which with length is one of the pieces; is_right() asks for the same."""
        data = self._current(offset, length)
        if offset not in self._digests:
            as_it_is = offset < self.body_end and not self._is_patched(offset, length)
            self._digests[offset] = self._image.digest(offset) if as_it_is else hashlib.sha256(data).digest()
        return data

    def _is_patched(self, offset: int, length: int) -> bool:
        return any(offset < start + len(patch) and start < offset + length for start, patch in self._patches)

    def _current(self, offset: int, length: int) -> bytes:
        whole = data = self._image.piece(offset) if offset < self.body_end else bytes(length)
        for start, patch in self._patches:
            low, high = max(offset, start), min(offset + length, start + len(patch))
            if low < high:
                data = data[: low - offset] + patch[low - start : high - start] + data[high - offset :]
        assert len(whole) == len(data) == length, "callers ask for whole pieces"
        return data

    def is_right(self, offset: int, found: bytes) -> bool:
        """Tells whether found is what was written as the piece at offset, whatever became of the image since then."""
        if found and self._image.seems_unchanged() and found == self._current(offset, len(found)):
            return True
        return hashlib.sha256(found).digest() == self._digests[offset]

    def check_image(self) -> None:
        """Raises where the image was changed while it was read; every piece was."""
        self._image.check_unchanged()
