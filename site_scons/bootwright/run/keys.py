"""What a person types while the guest's screen is in the terminal: each key is pressed in the guest as well.

The terminal gives keys as they come, and shows none, until the run ends, however that is. Ctrl-C and Ctrl-Z stay the
terminal's. The names of keys are QEMU's (qapi/ui.json, QKeyCode), the layout is the American one, as QEMU's monitor
has it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone, QmpError

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO

Chord = tuple[str, ...]  # keys that are pressed together

PLAIN = {
    " ": "spc", "\r": "ret", "\n": "ret", "\t": "tab", "\x7f": "backspace", "\b": "backspace", "\x1b": "esc",
    "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", "\\": "backslash", ";": "semicolon",
    "'": "apostrophe", "`": "grave_accent", ",": "comma", ".": "dot", "/": "slash",
}  # fmt: skip
SHIFTED = dict(zip('!@#$%^&*()_+{}|:"~<>?', "1234567890-=[]\\;'`,./", strict=True))
# What a terminal sends for a key that has no character, behind ESC [ or ESC O (xterm's ctlseqs).
SEQUENCE = re.compile(rb"\x1b(?:\[|O)([0-9;]*)([A-Za-z~])")
BY_LETTER = {
    "A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "P": "f1", "Q": "f2", "R": "f3",
    "S": "f4",
}  # fmt: skip
BY_NUMBER = {
    "1": "home", "2": "insert", "3": "delete", "4": "end", "5": "pgup", "6": "pgdn", "11": "f1", "12": "f2",
    "13": "f3", "14": "f4", "15": "f5", "17": "f6", "18": "f7", "19": "f8", "20": "f9", "21": "f10", "23": "f11",
    "24": "f12",
}  # fmt: skip
MOST = 256  # bytes that are taken at once


def chords(typed: bytes) -> Iterator[Chord]:
    """Yields the keys that a terminal's bytes stand for; what no key of that layout makes is left out."""
    at = 0
    while at < len(typed):
        found = SEQUENCE.match(typed, at)
        if found:
            number, letter = found[1].decode(), found[2].decode()
            key = BY_NUMBER.get(number.partition(";")[0]) if letter == "~" else BY_LETTER.get(letter)
            if key:
                yield (key,)
            at = found.end()
            continue
        yield from _chord(chr(typed[at]))
        at += 1


def _chord(character: str) -> Iterator[Chord]:
    if character in PLAIN:
        yield (PLAIN[character],)
    elif character in SHIFTED:
        base = SHIFTED[character]
        yield "shift", PLAIN.get(base, base)
    elif character.isascii() and character.isalnum():
        yield ("shift", character.lower()) if character.isupper() else (character,)
    elif "\x01" <= character <= "\x1a":
        yield "ctrl", chr(ord(character) + ord("a") - 1)


class Keys:
    """The keyboard of a terminal, taken for as long as the context lasts."""

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno()

    @contextlib.contextmanager
    def taken(self) -> Iterator[Keys]:
        """Has the terminal give keys at once and show none; gives it back as it was."""
        import termios

        before = termios.tcgetattr(self._descriptor)
        mode = termios.tcgetattr(self._descriptor)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 0, 0  # a read returns at once, with what there is
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        try:
            yield self
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def pass_on(self, machine: Machine) -> None:
        """Presses in the guest what was typed since the last call."""
        try:
            typed = os.read(self._descriptor, MOST)
        except OSError:  # the terminal was closed
            return
        for chord in chords(typed):
            keys = [{"type": "qcode", "data": key} for key in chord]
            with contextlib.suppress(QmpError, QemuGone):
                machine.qmp.execute("send-key", {"keys": keys, "hold-time": 20})


def find_keys(stream: TextIO) -> Keys | None:
    """Returns the keyboard, where stream is the terminal that this process has in its hands; None where it is not."""
    try:
        import termios  # Windows has none
    except ImportError:
        return None
    try:
        descriptor = stream.fileno()
        if not os.isatty(descriptor) or os.tcgetpgrp(descriptor) != os.getpgrp():
            return None
        termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        return None
    return Keys(stream)
