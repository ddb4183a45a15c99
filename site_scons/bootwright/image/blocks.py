"""A disk image in blocks: what the sparse files of virtual machines hold of it, those that are not zero."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_COPIED = 64 << 10


def block_count(size: int, block: int) -> int:
    """Returns how many blocks a disk of size bytes takes."""
    return -(-size // block)


def used_blocks(image: Path, block: int) -> Iterator[tuple[int, bytes]]:
    """Yields the number and the bytes of each block of image that is not zero; the last one is filled up.

    Holes of the file are not read (lseek(2), SEEK_DATA).
    """
    zeroes, number = bytes(block), 0
    with image.open("rb") as stream:
        while (number := _block_with_data(stream, number, block)) >= 0:
            # Not by the stream, which does not know where the search for data left the file.
            data = os.pread(stream.fileno(), block, number * block).ljust(block, b"\0")
            if data != zeroes:
                yield number, data
            number += 1


def _block_with_data(stream: IO[bytes], number: int, block: int) -> int:
    """Returns the first block from number on that is not within a hole, or -1 if there is none."""
    try:
        return os.lseek(stream.fileno(), number * block, os.SEEK_DATA) // block
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return -1


def write_at(stream: IO[bytes], offset: int, data: bytes) -> None:
    """Writes data at offset; what was not written before is zero."""
    stream.seek(offset, io.SEEK_SET)
    stream.write(data)


def copy_sparse(image: Path, out: Path) -> None:
    """Copies image to out, where what is zero stays a hole."""
    with out.open("wb") as stream:
        for number, data in used_blocks(image, _COPIED):
            write_at(stream, number * _COPIED, data)
        stream.truncate(image.stat().st_size)
