"""The names of an rlib's objects: without the word of chance that rustc 1.88 on gives those of an incremental run.

An rlib is a System V archive: a member is a header of 60 bytes and its data, and "//" holds the names that are longer
than a header has room for.
"""

from __future__ import annotations

import re
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER = 60
NAME, SIZE = slice(0, 16), slice(48, 58)
CHANCE = re.compile(rb"(?<=\.[0-9a-z]{25}\.)[0-9a-z]{7}(?=\.rcgu\.o)")


def name_objects_alike(path: Path) -> None:
    """Gives the objects in the archive at path the names that they have in every run; their lengths stay."""
    data = bytearray(path.read_bytes())
    if not data.startswith(MAGIC):
        return
    at = len(MAGIC)
    while at + HEADER <= len(data):
        header = bytes(data[at : at + HEADER])
        begin, size = at + HEADER, int(header[SIZE])
        if header[NAME].rstrip() == b"//":
            names = bytes(data[begin : begin + size])
            changed = CHANCE.sub(b"0000000", names)
            if changed != names:
                data[begin : begin + size] = changed
                path.write_bytes(data)
            return
        at = begin + size + size % 2
