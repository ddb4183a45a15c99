"""Words on a picture of the PC's text screen: 25 rows of 80 cells, each of 9 x 16 pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

COLUMNS, ROWS = 80, 25
WIDTH, HEIGHT = 9, 16
DARK = bytes(WIDTH * HEIGHT)


def read_pixels(picture: Path) -> list[bytes]:
    """Returns the rows of a PNG with 8 bits of red, green and blue; the format is ISO/IEC 15948."""
    data, at, packed = picture.read_bytes(), 8, b""
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    assert (width, height, depth, colours) == (COLUMNS * WIDTH, ROWS * HEIGHT, 8, 2)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    inflated, rows = zlib.decompress(packed), [bytes(width * 3)]
    for start in range(0, len(inflated), width * 3 + 1):
        rows.append(_unfiltered(inflated[start], inflated[start + 1 : start + 1 + width * 3], rows[-1]))
    return rows[1:]


def _unfiltered(kind: int, row: bytes, above: bytes) -> bytes:
    """Returns a row as it was before the filter of that kind took what its neighbours foretell."""
    found = bytearray(row)
    for n, byte in enumerate(row):
        left, corner = (found[n - 3], above[n - 3]) if n >= 3 else (0, 0)
        nearest = min((left, above[n], corner), key=lambda value: abs(left + above[n] - corner - value))
        found[n] = (byte + (0, left, above[n], (left + above[n]) // 2, nearest)[kind]) & 0xFF
    return bytes(found)


def read_cells(picture: Path) -> list[list[bytes]]:
    """Returns for each cell of each row of text which of its pixels are lit."""
    lit = [bytes(any(row[n : n + 3]) for n in range(0, len(row), 3)) for row in read_pixels(picture)]
    return [
        [
            b"".join(line[column * WIDTH : (column + 1) * WIDTH] for line in lit[row * HEIGHT : (row + 1) * HEIGHT])
            for column in range(COLUMNS)
        ]
        for row in range(ROWS)
    ]


def check_words(picture: Path, lines: Sequence[str]) -> None:
    """Asserts that the picture shows these lines from the top, wrapped at its edge, and nothing else.

    No font is known: each character must be drawn alike wherever it stands, and no two characters alike. The cursor
    blinks in the first cell, which is passed over.
    """
    rows = [line[n : n + COLUMNS] for line in lines for n in range(0, max(len(line), 1), COLUMNS)]
    drawn: dict[str, bytes] = {" ": DARK}
    cells = read_cells(picture)
    for number, row in enumerate(cells):
        text = rows[number] if number < len(rows) else ""
        for column, (character, cell) in enumerate(zip(text.ljust(COLUMNS), row, strict=True)):
            if (number, column) == (0, 0):
                continue
            assert drawn.setdefault(character, cell) == cell, f"row {number}, column {column}: no {character!r}"
    assert len(set(drawn.values())) == len(drawn), "two characters look alike"
