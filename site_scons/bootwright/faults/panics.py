"""What a kernel's panic says, on the serial port or the screen."""

from __future__ import annotations

import re

from bootwright.machine.verdict import Verdict

# Since Rust 1.73 the message is on the next line; before that it stood, quoted, before the place.
PANIC = re.compile(
    r"panicked at (?:'(?P<old>.*)', )?(?P<file>[^\s:']+):(?P<line>\d+):(?P<column>\d+):?(?:\n(?P<new>.*))?"
)


def find_panic(end: Verdict) -> re.Match[str] | None:
    """Returns the last panic message that the serial port or else the text screen shows."""
    screen = "".join(row if len(row) == 80 else f"{row}\n" for row in end.screen)
    for text in (end.serial.replace("\r", ""), screen):
        found = list(PANIC.finditer(text))
        if found:
            return found[-1]
    return None
