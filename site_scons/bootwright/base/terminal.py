"""What other people's programs say, made harmless for a terminal.

A terminal obeys what it is sent: titles, the clipboard (OSC 52), the alternate screen, and questions (ESC [6n) whose
answers it types for the person. A kernel that is run must not do that to whoever looks at it. Sequences are those of
ECMA-48 and xterm's list, https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# What stays in its line: colours, erasing in the line, moving along it.
_SAFE_FINALS = frozenset("mKCDG")
_SAFE_CONTROLS = frozenset("\n\r\t\b")
# OSC, DCS, SOS, PM and APC take text until ST or BEL. A guest that never ends one gets its voice back at a line's end.
_STRINGS = frozenset("]PX^_")
_LONGEST_STRING = 4096
_LONGEST_SEQUENCE = 64
_PLAIN = re.compile("[^\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]+")


def takes_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tells whether colours may be sent to stream: a terminal, and neither NO_COLOR (no-color.org) nor TERM=dumb."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """Returns text with each control character but line ends and tabs written as \\x1b is here."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class TerminalFilter:
    """Takes a guest's bytes as they come and lets through text, colours and what moves within the line."""

    def __init__(self) -> None:
        self.dropped = 0  # sequences and controls that were kept from the terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._sequence = ""  # an escape sequence that is not complete yet, its ESC [ or ESC included
        self._string = 0  # characters of a string control so far; 0: in none
        self._coloured = False

    def feed(self, data: bytes) -> str:
        """Returns what of data, and of what was held back before, is for the terminal."""
        text = self._decoder.decode(data)
        out: list[str] = []
        at = 0
        while at < len(text):
            plain = None if self._sequence or self._string else _PLAIN.match(text, at)
            if plain:
                out.append(plain[0])
                at = plain.end()
            else:
                out.append(self._take(text[at]))
                at += 1
        return "".join(out)

    def end(self) -> str:
        """Returns what puts the terminal back to its own colours, where the guest changed them."""
        return "\x1b[m" if self._coloured else ""

    def _take(self, char: str) -> str:
        """Returns what goes out because of one more character that is no plain text."""
        if self._string:
            return self._in_string(char)
        if char == "\x1b" or not self._sequence:
            return self._begin(char)
        if self._sequence == "\x1b":
            return self._after_escape(char)
        return self._in_sequence(char)

    def _begin(self, char: str) -> str:
        self.dropped += bool(self._sequence)
        self._sequence = ""
        if char == "\x1b":
            self._sequence = char
        elif char == "\x9b":
            self._sequence = "\x1b["
        elif char in "\x90\x98\x9d\x9e\x9f":
            self._open_string()
        elif char in _SAFE_CONTROLS:
            return char
        else:
            self.dropped += 1
        return ""

    def _after_escape(self, char: str) -> str:
        if char == "[":
            self._sequence += char
        elif char in _STRINGS:
            self._open_string()
        elif char == "\\":
            self._sequence = ""  # the end of a string; without one it means nothing
        elif " " <= char <= "/":
            self._sequence += char  # an intermediate, such as ( for a character set: one more follows
        else:
            return self._drop(char)
        return ""

    def _in_sequence(self, char: str) -> str:
        """Takes a character of ESC [ parameters intermediates final, or of ESC intermediates final."""
        if not " " <= char <= "~" or len(self._sequence) > _LONGEST_SEQUENCE:
            return self._drop(char)
        if " " <= char <= "/" or (char <= "?" and self._sequence[1] == "["):
            self._sequence += char
            return ""
        whole, self._sequence = self._sequence + char, ""
        if char in _SAFE_FINALS and re.fullmatch(r"\x1b\[[0-9;:]*.", whole):
            self._coloured |= char == "m"
            return whole
        self.dropped += 1
        return ""

    def _drop(self, char: str) -> str:
        """Drops the sequence so far; the character that it ended with counts where it is a control."""
        self.dropped += 1
        self._sequence = ""
        return self._begin(char) if char < " " or "\x7f" <= char <= "\x9f" else ""

    def _open_string(self) -> None:
        self.dropped += 1
        self._sequence, self._string = "", 1

    def _in_string(self, char: str) -> str:
        self._string += 1
        if char == "\x1b":  # ESC \ ends it, and any other sequence does too
            self._string, self._sequence = 0, char
        elif char in "\x07\x9c\x18\x1a" or self._string > _LONGEST_STRING:
            self._string = 0
        elif char == "\n":
            self._string = 0
            return char
        return ""
