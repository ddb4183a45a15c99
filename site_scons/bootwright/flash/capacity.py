"""Whether a medium is as large as it says: sectors that tell where they were written, and where they appear again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from bootwright.base.sizes import MIB
from bootwright.flash.device import Medium
from bootwright.image.layout import SECTOR_SIZE

ALIAS_SEARCH = 64 * MIB


def tag(offset: int) -> bytes:
    """Returns the sector that marks a place; the same in every run, so that equal media become equal bytes."""
    words = f"bootwright was here, at offset {offset}, to see whether the medium is as large as it says\n"
    return words.encode().ljust(SECTOR_SIZE, b"\0")


def find_alias(medium: Medium, pieces: Iterable[tuple[int, int]], offset: int) -> int | None:
    """Returns the place, among pieces (offset and length) behind offset, that is the same as the wrong sector there.

    What is on the medium is lost already, so sectors that say where they were written go over it, from its end
    downwards: the one that then appears at offset was written at the next place that is the same. None where there is
    none, or the medium fails.
    """
    nonce = os.urandom(16)
    places = [(max(start, offset + SECTOR_SIZE), start + length) for start, length in pieces]
    places = [(start, end) for start, end in places if start < end]
    # Enough to find it in most images; a stick that takes a minute for more has failed all the same.
    near = [(start, end) for start, end in places if start < offset + ALIAS_SEARCH]
    with suppress(OSError):
        for start, end in reversed([*near, *places[-1:]]):
            medium.write(start, b"".join(_stamp(nonce, place) for place in range(start, end, SECTOR_SIZE)))
        medium.sync()
        found = bytes(medium.read(offset, SECTOR_SIZE))
        if found.startswith(nonce):
            return int.from_bytes(found[16:24], "little")
    return None


def _stamp(nonce: bytes, offset: int) -> bytes:
    """Returns a sector that says where it was written in this run."""
    return (nonce + offset.to_bytes(8, "little")).ljust(SECTOR_SIZE, b"\0")
