"""The guest's text screen: 25 rows of 80 cells at 0xb8000, and which of them are news to the reader."""

from __future__ import annotations

import functools
from collections.abc import Sequence

COLUMNS = 80
ROWS = 25
ADDRESS = 0xB8000
SIZE = COLUMNS * ROWS * 2

# What SeaBIOS writes on every boot says nothing about the kernel.
FIRMWARE_ROWS = ("SeaBIOS (version", "Booting from ", "Machine UUID")

# Code page 437 as the screen shows it: the control codes have glyphs, and three bytes are blank.
_CONTROL_GLYPHS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"


@functools.cache
def _glyphs() -> str:
    """Returns the 256 of them; Python imports a code page when it is asked for."""
    return _CONTROL_GLYPHS + bytes(range(32, 256)).decode("cp437").replace("\x7f", "⌂").replace("\xa0", " ")


def read_rows(memory: bytes) -> tuple[str, ...]:
    """Returns the 25 rows in memory (SIZE bytes from ADDRESS: character, colour), without blanks at their ends."""
    glyphs = _glyphs()
    text = "".join(glyphs[byte] for byte in memory[0:SIZE:2])
    return tuple(text[start : start + COLUMNS].rstrip() for start in range(0, COLUMNS * ROWS, COLUMNS))


def parse_words(dump: str) -> bytes:
    """Returns the bytes in the answer of the monitor's `xp /Nxw`: lines of `address: 0x07480748 0x...`."""
    words = [word for line in dump.splitlines() for word in line.partition(":")[2].split()]
    return b"".join(int(word, 16).to_bytes(4, "little") for word in words)


def unsaid_rows(rows: Sequence[str], said: str) -> list[str]:
    """Returns the rows that neither the firmware wrote nor the serial port said; order kept."""
    return [row for row in rows if row.strip() and row.strip() not in said and not row.startswith(FIRMWARE_ROWS)]


def _shift(old: Sequence[str], new: Sequence[str]) -> int:
    """Returns by how many rows the screen scrolled from old to new; ROWS when nothing of old is left."""
    for shift in range(ROWS):
        pairs = [(old[row + shift], new[row]) for row in range(ROWS - shift)]
        if all(after.startswith(before) for before, after in pairs):
            return shift
    return ROWS


class LiveView:
    """Turns one look at the screen after another into the rows that a terminal should print next."""

    def __init__(self) -> None:
        self._printed: tuple[str, ...] = ("",) * ROWS
        self._last_look: tuple[str, ...] = ("",) * ROWS

    def look(self, rows: tuple[str, ...]) -> list[str]:
        """Returns the rows that are new; a screen counts when two looks agree, so that no half row is printed."""
        settled = rows == self._last_look
        self._last_look = rows
        return self.finish(rows) if settled else []

    def finish(self, rows: tuple[str, ...]) -> list[str]:
        """Returns the rows that are new, settled or not."""
        shift = _shift(self._printed, rows)
        before = (*self._printed[shift:], *[""] * shift)
        self._printed = rows
        return [after for earlier, after in zip(before, rows, strict=True) if after and after != earlier]
