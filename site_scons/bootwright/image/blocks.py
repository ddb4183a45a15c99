"""A disk image in blocks: what the sparse files of virtual machines hold of it, those that are not zero."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_COPIED = 64 << 10


def block_count(size: int, block: int) -> int:
    """Returns how many blocks a disk of size bytes takes."""
    return -(-size // block)


def used_blocks(image: Path, block: int) -> Iterator[tuple[int, bytes]]:
    """Yields the number and the bytes of each block of image that is not zero; the last one is filled up."""
    zeroes = bytes(block)
    with image.open("rb") as stream:
        for number in range(block_count(image.stat().st_size, block)):
            data = stream.read(block).ljust(block, b"\0")
            if data != zeroes:
                yield number, data


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
