"""Passing on what a guest says: exactly to a file or a pipe, harmlessly to a terminal."""

from __future__ import annotations

import codecs
import io

from bootwright.base.terminal import TerminalFilter

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import IO, TextIO


class Voice:
    """The guest's way to out. raw has a terminal obey the guest, too; copy gets every byte of its serial port."""

    def __init__(self, out: TextIO, raw: bool = False, copy: IO[bytes] | None = None) -> None:
        self.at_line_start = True
        self._out = out
        self._copy = copy
        self._bytes: IO[bytes] | None = getattr(out, "buffer", None)
        self._filter = TerminalFilter() if not raw and out.isatty() else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def say(self, data: bytes) -> None:
        """Passes on bytes of the guest's serial port."""
        if not data:
            return
        self.at_line_start = data.endswith(b"\n")
        if self._copy is not None:
            self._copy.write(data)
            self._copy.flush()
        if self._filter is not None:
            write(self._out, self._filter.feed(data))
        elif self._bytes is not None:
            self._out.flush()
            self._bytes.write(data)
            self._bytes.flush()
        else:
            write(self._out, self._decoder.decode(data))

    def tell(self, row: str) -> None:
        """Passes on a row of the guest's screen, in a line of its own."""
        write(self._out, row + "\n" if self.at_line_start else f"\n{row}\n")
        self.at_line_start = True

    def end(self) -> str:
        """Ends the last line; returns what is to be said about what was kept from the terminal, "" for nothing."""
        write(self._out, (self._filter.end() if self._filter else "") + ("" if self.at_line_start else "\n"))
        self.at_line_start = True
        dropped = self._filter.dropped if self._filter else 0
        if not dropped:
            return ""
        what = f"{dropped} control{'s' if dropped > 1 else ''} of the guest's"
        return f"{what} did not reach the terminal, which would have obeyed; RAW=1 passes all on"


class Silence(io.StringIO):
    """Where a guest's words go that nobody reads: nothing is kept."""

    def write(self, text: str) -> int:
        """Drops text."""
        return len(text)


def note(stream: TextIO, text: str) -> None:
    """Writes text for the person, in lines that a terminal need not fold."""
    from bootwright.base.folding import fit  # a run mostly starts before there is something to be told

    write(stream, fit(text, stream))


def write(stream: TextIO, text: str) -> None:
    """Writes text at once, with escapes where the stream's encoding has no such character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
