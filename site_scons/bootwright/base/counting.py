"""What goes on now, and for how long: a line that counts on a terminal, so that a long wait is not mute."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from typing import TextIO

LOOK_SECONDS = 1.0
LONG_SECONDS = 5.0  # what takes longer is named meanwhile
CLEAR = "\r\x1b[K"


def columns_of_terminal() -> int:
    """Returns how wide the terminal is, COLUMNS before what it says itself."""
    return shutil.get_terminal_size().columns


_open: list[Counting] = []


def hide_all() -> None:
    """Takes every counting line away, before another line is printed; who shows no such line pays nothing."""
    for counting in list(_open):
        counting.hide()


class Counting:
    """What began and did not end. stream is a terminal, or None where nothing is counted; verb begins the line."""

    def __init__(
        self, stream: TextIO | None, verb: str = "running", columns: Callable[[], int] = columns_of_terminal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._stream = stream
        self._verb = verb
        self._columns = columns
        self._clock = clock
        self._began: dict[str, float] = {}
        self._shown = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, name: str) -> None:
        """Says that what has this name begins."""
        with self._lock:
            self._began[name] = self._clock()
        if self._stream is not None and self._thread is None:
            _open.append(self)
            self._thread = threading.Thread(target=self._count, daemon=True)
            self._thread.start()

    def end(self, name: str) -> None:
        """Says that it ended, and takes the counting line away."""
        with self._lock:
            self._began.pop(name, None)
        self.hide()

    def close(self) -> None:
        """Counts no more."""
        self._ended.set()
        self.hide()
        if self in _open:
            _open.remove(self)

    def words(self, least: float = 0.0) -> str:
        """Returns what has gone on for least seconds, longest first, each with its seconds; "" for none."""
        now = self._clock()
        with self._lock:
            rows = sorted((began, name) for name, began in self._began.items() if now - began >= least)
        return ", ".join(f"{name} {now - began:.0f} s" for began, name in rows)

    def look(self) -> None:
        """Shows the counting line where something takes long."""
        words = self.words(LONG_SECONDS)
        if self._stream is None or not words:
            return
        line = f"{self._verb} {words}"
        width = max(self._columns() - 1, 20)
        line = line if len(line) <= width else f"{line[: width - 3]}..."
        with self._lock:
            self._stream.write(f"{CLEAR}{line}")
            self._stream.flush()
            self._shown = True

    def hide(self) -> None:
        """Takes the counting line away; called before anything else is printed."""
        with self._lock:
            if self._shown and self._stream is not None:
                self._stream.write(CLEAR)
                self._stream.flush()
                self._shown = False

    def _count(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()
