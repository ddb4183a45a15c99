"""Where the flasher tells things: what cannot be printed decides nothing about what is written."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from bootwright.base.folding import fit


class Voice:
    """A stream to a person, who may have closed it: a broken pipe, a full disk, a closed terminal, or none at all."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        """Tells whether a person sees it as it comes."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # it is closed
            return False

    def write(self, text: str) -> None:
        """Writes text, and flushes it. After a failure nothing more is tried."""
        if self._stream is None:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError as error:
                self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._lose(self._stream)

    def tell(self, text: str) -> None:
        """Writes text in lines that a terminal need not fold."""
        if self._stream is not None and self.isatty():
            text = fit(text, self._stream)
        self.write(f"{text}\n")

    def _lose(self, stream: TextIO) -> None:
        """Gives the stream up. What it still holds would fail again as Python ends, and change the exit status."""
        self._stream = None
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@dataclass
class Terminal:
    """Where the person is: answers come from ask, lines go to notes; neither is a terminal in a script, or is there."""

    ask: TextIO | None
    notes: TextIO | None

    def __post_init__(self) -> None:
        self.voice = Voice(self.notes)

    def tell(self, line: str) -> None:
        """Prints one line for the person."""
        self.voice.tell(f"bootwright: {line}")


def fill_standard_streams() -> None:
    """Opens what is closed of descriptors 0, 1 and 2: a device that got one of them would be written to as a stream."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        os.set_inheritable(descriptor, True)
