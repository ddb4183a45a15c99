"""A guest's page tables, walked from outside: what the processor would find, in runs of pages that belong together."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PRESENT, WRITE, LARGE, NO_EXECUTE = 1 << 0, 1 << 1, 1 << 7, 1 << 63
FRAME = 0x000F_FFFF_FFFF_F000
TABLE = struct.Struct("<512Q")


class Run(NamedTuple):
    """Pages in a row from start up to end, virtual, with the physical address of the first.

    rights is "r" with "w" and "x" behind it; that of a table which shows in itself is "recursive".
    """

    start: int
    end: int
    frame: int
    rights: str


def read_runs(memory: bytes, root: int) -> list[Run]:
    """Returns what the tables from root on map, in the order of addresses; memory is the guest's, from 0 on."""
    return list(join(_walk(memory, root, root, 4, 0, WRITE)))


def join(runs: Iterator[Run] | Sequence[Run]) -> Iterator[Run]:
    """Returns runs that go on where the one before ends, in frames and rights too, as one."""
    last: Run | None = None
    for run in runs:
        if (
            last
            and last.rights == run.rights
            and (last.end, last.frame + last.end - last.start) == (run.start, run.frame)
        ):
            last = Run(last.start, run.end, last.frame, run.rights)
        else:
            if last:
                yield last
            last = run
    if last:
        yield last


def _walk(memory: bytes, root: int, table: int, level: int, base: int, rights: int) -> Iterator[Run]:
    """Returns the pages of one table: rights is what the levels above leave, WRITE allowed and NO_EXECUTE set."""
    size = 1 << 12 + 9 * (level - 1)
    for index, entry in enumerate(TABLE.unpack_from(memory, table)):
        if not entry & PRESENT:
            continue
        start, frame = base + index * size, entry & FRAME
        if level == 4 and index >= 256:
            start += 0xFFFF << 48
        left = rights & entry & WRITE | (rights | entry) & NO_EXECUTE
        if level == 4 and frame == root:
            yield Run(start, start + size, frame, "recursive")
        elif level == 1 or entry & LARGE:
            # Of a large page bit 12 is no address.
            yield Run(start, start + size, frame & -size, name_rights(left))
        else:
            yield from _walk(memory, root, frame, level - 1, start, left)


def name_rights(bits: int) -> str:
    """Returns the letters of rights."""
    return "r" + ("w" if bits & WRITE else "") + ("" if bits & NO_EXECUTE else "x")
