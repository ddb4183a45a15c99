"""What a kernel's panic says, on the serial port or the screen."""

from __future__ import annotations

import re

from bootwright.machine.textscreen import COLUMNS
from bootwright.machine.verdict import Verdict

# Since Rust 1.73 the message is on the next line; before that it stood, quoted, before the place.
PANIC = re.compile(
    r"panicked at (?:'(?P<old>.*)', )?(?P<file>[^\s:']+):(?P<line>\d+):(?P<column>\d+):?(?:\n(?P<new>.*))?"
)


def find_panic(end: Verdict) -> re.Match[str] | None:
    """Returns the last panic message that the serial port or else the text screen shows."""
    screen = "".join(_joined(row) for row in end.screen)
    for text in (end.serial.replace("\r", ""), screen):
        found = list(PANIC.finditer(text))
        if found:
            return found[-1]
    return None


def _joined(row: str) -> str:
    """Returns a row of the screen with what follows it: a wider line goes on, with a blank where one was the last."""
    return row if len(row) == COLUMNS else f"{row} " if len(row) == COLUMNS - 1 else f"{row}\n"
