"""Writing an image to a medium so that it boots whole or not at all, and never counts as right unless it was read back.

LBA 0 is zeroed before anything else and written after everything else was read back from the medium. So whatever ends
this process, and whatever the medium does, firmware finds either nothing to start or all of it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB, size_text
from bootwright.flash.capacity import find_alias, tag
from bootwright.flash.content import START, Content
from bootwright.flash.device import Medium
from bootwright.flash.signals import no_interrupt
from bootwright.image import gpt
from bootwright.image.layout import GPT_HEADER_LBA, SECTOR_SIZE

BLOCK = 4096
ZERO_SECTOR = bytes(SECTOR_SIZE)
# stage, bytes done, bytes in all
Progress = Callable[[str, int, int], None]
NOT_BOOTABLE = "it does not boot now; the same command writes it anew"
NOT_KNOWN = "whether it boots now is not known; the same command writes it anew"
FOUND_WHILE_WRITING = (Status.WRITE_FAILED, Status.NOT_VERIFIED, Status.FALSE_CAPACITY, Status.NOT_FINISHED)


@dataclass(frozen=True)
class Written:
    """What was done: bytes sent to the medium, bytes that it holds of ours, and whether only what differed was sent."""

    sent: int
    held: int
    compared: bool


class Writer:
    """One image on its way to one medium. flash() is all of it; its steps are apart: a test can leave one out."""

    def __init__(self, path: str, medium: Medium, content: Content, progress: Progress) -> None:
        self.path = path
        self.sent = 0
        self.begun = False  # whether the medium was changed
        self.complete: Written | None = None  # what was done, once all of it was read back and is right
        self._dead = False  # whether LBA 0 is known to be zero
        self._given_up = False
        self._medium = medium
        self._content = content
        self._progress = progress

    def flash(self, disk_guid: object) -> Written:
        """Writes and verifies; raises BootwrightError where the medium is not right, and then it does not boot.

        What would be a refusal before the first byte is NOT_FINISHED after it.
        """
        try:
            compared = self.carries(disk_guid)
            self.invalidate(compared)
            self.write_tags()
            self.write_rest(compared)
            self.verify()
            # A moment that Ctrl-C waits for: after it the medium boots, so it must not say that it does not.
            with no_interrupt():
                self.write_start()
                self.verify_start()
                self.complete = Written(self.sent, self._content.size, compared)
                return self.complete
        except BootwrightError as error:
            if not self.begun or error.status in FOUND_WHILE_WRITING:
                raise
            reason = error.message
            if reason.startswith(f"{self.path} "):
                reason = reason.replace(self.path, "it", 1)
            sentence = f"{self.path} was begun and could not be finished: {reason}"
            raise BootwrightError(sentence, self.aftermath(), Status.NOT_FINISHED) from error
        finally:
            self.aftermath()

    def carries(self, disk_guid: object) -> bool:
        """Tells whether the medium holds an earlier image of the same identity, with tables for its whole size."""
        with self._sentence("reading", 0):
            sector = bytes(self._medium.read(GPT_HEADER_LBA * SECTOR_SIZE, SECTOR_SIZE))
        header = gpt.read_header(sector)
        last = self._content.medium_size // SECTOR_SIZE - 1
        return header is not None and (header.disk_guid, header.alternate_lba) == (disk_guid, last)

    def invalidate(self, compared: bool) -> None:
        """Takes away what makes the medium bootable or partitioned: LBA 0 first, and for itself."""
        end = self._content.medium_size
        self._write(0, ZERO_SECTOR)
        self._sync()
        self._dead = True
        if compared:
            self._write(GPT_HEADER_LBA * SECTOR_SIZE, ZERO_SECTOR)
            self._write(end - SECTOR_SIZE, ZERO_SECTOR)
        else:
            self._write(SECTOR_SIZE, bytes(MIB - SECTOR_SIZE))
            self._write(end - MIB, bytes(MIB))
        self._sync()

    def write_tags(self) -> None:
        """Marks places beyond the image at which a medium that wraps around would come back to LBA 0, which is zero."""
        for offset in self._tags():
            self._write(offset, tag(offset))
        with self._sentence("reading", 0):
            found = bytes(self._medium.read(0, SECTOR_SIZE))
        for offset in self._tags():
            if found == tag(offset):
                raise self._false_capacity(offset, 0)

    def write_rest(self, compared: bool) -> None:
        """Writes everything but LBA 0; where compared, only blocks of 4 KiB that differ. LBA 1 is the last of them."""
        done = 0
        for offset, length in self._content.pieces():
            self._progress("writing", done, self._content.size)
            wanted = self._without_start(offset, length)
            if compared:
                with self._sentence("reading", offset):
                    found = bytes(self._medium.read(offset, length))
                for start, end in differing_runs(found, wanted):
                    self._write(offset + start, memoryview(wanted)[start:end])
            else:
                self._write(offset, wanted)
            done += length
        self._progress("writing", done, done)
        self._content.check_image()
        self._sync()
        self._write(GPT_HEADER_LBA * SECTOR_SIZE, self._content.header)
        self._sync()

    def verify(self) -> None:
        """Reads back everything from the medium; raises with the first offset that is wrong."""
        self._refresh()
        done = 0
        for offset, length in self._content.pieces():
            self._progress("verifying", done, self._content.size)
            self._verify_piece(offset, length)
            done += length
        for offset in self._tags():
            self._check(offset, self._read_back(offset, SECTOR_SIZE), tag(offset))
        self._progress("verifying", done, done)

    def write_start(self) -> None:
        """Writes LBA 0: from here on the medium boots."""
        self._dead = False
        self._write(0, self._content.lba_0)
        self._sync()

    def verify_start(self) -> None:
        """Reads LBA 0 and what lies beside it back from the medium."""
        self._refresh()
        self._check(0, self._read_back(0, START), self._content.start)

    def aftermath(self) -> str:
        """Takes care that a medium which was begun does not boot, and returns what is to be said of one that failed.

        LBA 0 may have been written, or have become what lies elsewhere.
        """
        if not self.begun:
            return "nothing was written"
        if not self.complete and not self._given_up:
            self._given_up = True
            with no_interrupt(), suppress(OSError, BootwrightError):
                self._medium.write(0, ZERO_SECTOR)
                self._medium.sync()
                self._dead = True
        return NOT_BOOTABLE if self._dead else NOT_KNOWN

    def _without_start(self, offset: int, length: int) -> bytes:
        """Returns what belongs at offset, with zeroes in place of LBA 0 and LBA 1."""
        wanted = self._content.read(offset, length)
        return bytes(2 * SECTOR_SIZE) + wanted[2 * SECTOR_SIZE :] if offset == 0 else wanted

    def _tags(self) -> Iterator[int]:
        """Yields where tags go: the capacities that chips have, where they lie outside of what the image gives."""
        size = MIB
        while size < self._content.tail_start:
            for offset in (size, size + size // 2):
                if self._content.body_end <= offset <= self._content.tail_start - SECTOR_SIZE:
                    yield offset
            size *= 2

    def _verify_piece(self, offset: int, length: int) -> None:
        """Compares a piece with what was read of the image when it was written, which may be another file by now."""
        found = self._read_back(offset, length)
        whole = found
        if offset == 0 and found[:SECTOR_SIZE] == ZERO_SECTOR:
            whole = self._content.lba_0 + found[SECTOR_SIZE:]
        if self._content.is_right(offset, whole):
            return
        wanted = b""
        with suppress(BootwrightError):
            wanted = self._content.read(offset, length)
        if not self._content.is_right(offset, wanted):  # the image is another one by now, and cannot say which byte
            sentence = f"{self.path} does not give back what was written in the {length} bytes from offset {offset} on"
            hint = f"{self.aftermath()}, but this stick is not to be trusted"
            raise BootwrightError(sentence, hint, Status.NOT_VERIFIED)
        self._check(offset, found, ZERO_SECTOR + wanted[SECTOR_SIZE:] if offset == 0 else wanted)

    def _read_back(self, offset: int, length: int) -> bytes:
        with self._sentence("reading back", offset):
            return bytes(self._medium.read(offset, length))

    def _check(self, offset: int, found: bytes, wanted: bytes) -> None:
        if found == wanted:
            return
        first = next(n for n, (a, b) in enumerate(zip(found, wanted, strict=True)) if a != b)
        block = first - first % SECTOR_SIZE
        written = find_alias(self._medium, self._content.pieces(), offset + block)
        if written is not None:
            raise self._false_capacity(written, offset + block)
        raise BootwrightError(
            f"{self.path} gives {found[first]:#04x} at offset {offset + first}; {wanted[first]:#04x} was written",
            f"{self.aftermath()}, but this stick is not to be trusted",
            Status.NOT_VERIFIED,
        )

    def _false_capacity(self, written: int, appeared: int) -> BootwrightError:
        capacity = size_text(written - appeared)
        return BootwrightError(
            f"{self.path} has less room than it says: what is written at offset {written} appears at {appeared}",
            f"it holds {capacity} at most, not {size_text(self._content.medium_size)}; {self.aftermath()}, elsewhere",
            Status.FALSE_CAPACITY,
        )

    def _write(self, offset: int, data: bytes | memoryview) -> None:
        self.begun = True
        with self._sentence("writing", offset):
            self._medium.write(offset, data)
        self.sent += len(data)

    def _sync(self) -> None:
        with self._sentence("flushing", None):
            self._medium.sync()

    def _refresh(self) -> None:
        with self._sentence("flushing", None):
            self._medium.refresh()

    @contextmanager
    def _sentence(self, doing: str, offset: int | None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = "" if offset is None else f" at offset {offset}"
            reason = "there is no room left" if error.errno == errno.ENOSPC else error.strerror or str(error)
            sentence = f"{self.path}: {doing}{where} failed: {reason}"
            status = Status.WRITE_FAILED if self.begun else Status.UNREADABLE
            raise BootwrightError(sentence, self.aftermath(), status) from error


def differing_runs(found: bytes, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Yields start and end of each run of 4 KiB blocks in which two pieces of one length differ."""
    if found == wanted:
        return
    run: int | None = None
    for start in range(0, len(wanted), BLOCK):
        if found[start : start + BLOCK] == wanted[start : start + BLOCK]:
            if run is not None:
                yield run, start
            run = None
        elif run is None:
            run = start
    if run is not None:
        yield run, len(wanted)
