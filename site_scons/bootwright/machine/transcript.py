"""What a guest said: the last of it, and for whoever listens each byte as it comes.

A guest may say more than memory holds. The last MiB is kept; of what came before it only the lines with a mark are,
by which a test tells how it ended.
"""

from __future__ import annotations

import re

LIMIT = 1 << 20  # bytes
LONGEST_LINE = 1024  # of a line with a mark
# A line of a kernel's own tests, as the books have it: module::name...
NAMED_TEST = re.compile(rb"(::\w[\w:]*)(?:[ \t]|\x1b\[[\d;]*m)*(?:\.\.\.|\xe2\x80\xa6)")
MOST_TESTS = 10_000


class Transcript:
    """Bytes come by add(); text is what is kept of them, total how many there were, marks how often the mark came,
    or, where there is one, the line of a test that was not named before."""

    def __init__(self, mark: str = "", limit: int = LIMIT) -> None:
        self.total = 0
        self.marks = 0
        self._line = b""  # what came of a line that has not ended
        self._named: set[bytes] = set()  # tests; one that names itself for ever gets no more time
        self._mark = mark.encode()
        self._limit = limit
        self._last = bytearray()
        self._marked = bytearray()  # lines with a mark, of what is not kept
        self._news: list[bytes] | None = None
        self._text: tuple[int, str] = (0, "")

    def listen(self, mark: str = "") -> None:
        """From here on the bytes are kept for take(); mark is counted, and its lines are kept for ever."""
        self._news = [] if self._news is None else self._news
        self._mark = mark.encode()

    def add(self, data: bytes) -> None:
        """Takes in what the guest just said."""
        if not data:
            return
        if self._mark:
            before = bytes(self._last[-len(self._mark) + 1 :]) if len(self._mark) > 1 else b""
            self.marks += (before + data).count(self._mark) + self._count_named(data)
        if self._news is not None:
            self._news.append(data)
        self.total += len(data)
        self._last += data
        if len(self._last) > 2 * self._limit:
            self._forget(len(self._last) - self._limit)

    def _count_named(self, data: bytes) -> int:
        """Returns how many tests that were not named before the lines that end in data name."""
        ended, newline, self._line = (self._line + data).rpartition(b"\n")
        self._line = self._line[-LONGEST_LINE:]
        if not newline or len(self._named) > MOST_TESTS:
            return 0
        found = set(NAMED_TEST.findall(ended)) - self._named
        self._named |= found
        return len(found)

    def take(self) -> bytes:
        """Returns what came since the last call; listen() comes first."""
        assert self._news is not None, "nobody listens"
        news, self._news = b"".join(self._news), []
        return news

    @property
    def text(self) -> str:
        """What is kept, as text; what was left out is told where it was."""
        if self._text[0] != self.total:
            self._text = (self.total, self._read())
        return self._text[1]

    def _read(self) -> str:
        last = bytes(self._last)
        left_out = self.total - len(last)
        if not left_out:
            return last.decode(errors="replace")
        note = f"[{left_out} bytes of the guest are not kept here]\n"
        return self._marked.decode(errors="replace") + note + last.decode(errors="replace")

    def _forget(self, count: int) -> None:
        """Drops the first count bytes, up to the end of a line if there is one near."""
        end = self._last.find(b"\n", count, count + LONGEST_LINE) + 1 or count
        if self._mark and len(self._marked) < self._limit:
            lines = bytes(self._last[:end]).split(b"\n")
            kept = [line[line.index(self._mark) :][:LONGEST_LINE] for line in lines if self._mark in line]
            self._marked += b"".join(line + b"\n" for line in kept)
        del self._last[:end]
