"""The sum that finds every single changed byte of the kernel file and the loader."""

from __future__ import annotations

from bootwright.image.layout import CHECKSUM_MULTIPLIER, SECTOR_SIZE


def checksum(data: bytes) -> int:
    """Returns the 64-bit checksum of data, which is taken as filled up with zeroes to whole sectors."""
    import array
    import sys

    data += bytes(-len(data) % SECTOR_SIZE)
    words = array.array("Q", data)
    if sys.byteorder == "big":
        words.byteswap()
    per_sector = SECTOR_SIZE // 8
    acc = 0
    for first in range(0, len(words), per_sector):
        acc = (acc * CHECKSUM_MULTIPLIER + sum(words[first : first + per_sector])) % (1 << 64)
    return acc
