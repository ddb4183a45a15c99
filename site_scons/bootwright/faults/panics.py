"""What a kernel's panic looks like: its message on the serial port or the screen, and its functions on the stack."""

from __future__ import annotations

import re

from bootwright.faults.unwind import Frame
from bootwright.machine.verdict import Verdict

# Since Rust 1.73 the message is on the next line; before that it stood, quoted, before the place.
PANIC = re.compile(
    r"panicked at (?:'(?P<old>.*)', )?(?P<file>[^\s:']+):(?P<line>\d+):(?P<column>\d+):?(?:\n(?P<new>.*))?"
)
UNWINDING = ("core::panicking::", "__rustc::rust_begin_unwind", "rust_begin_unwind")


def find_panic(end: Verdict) -> re.Match[str] | None:
    """Returns the last panic message that the serial port or else the text screen shows."""
    screen = "".join(row if len(row) == 80 else f"{row}\n" for row in end.screen)
    for text in (end.serial.replace("\r", ""), screen):
        found = list(PANIC.finditer(text))
        if found:
            return found[-1]
    return None


def is_panicking(frame: Frame) -> bool:
    return any(place.function.startswith(UNWINDING) for place in frame.places)
