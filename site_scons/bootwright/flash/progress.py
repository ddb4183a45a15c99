"""How far the writing is: one line that moves on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import time

from bootwright.base.sizes import MIB, size_text
from bootwright.flash.voice import Voice

MOVE_SECONDS = 0.2
LOG_SECONDS = 10.0


class Meter:
    """Shows stages; seconds is how long all took."""

    def __init__(self, out: Voice) -> None:
        self._out = out
        self._moves = out.isatty()
        self._stage = ""
        self._stage_start = 0.0
        self._shown = 0.0
        self._start = time.monotonic()
        self._open_line = False
        self.seconds = 0.0

    def show(self, stage: str, done: int, total: int) -> None:
        """Takes in that done of total bytes are through a stage."""
        now = time.monotonic()
        self.seconds = now - self._start
        new = stage != self._stage
        if new:
            self._end_line()
            self._stage, self._stage_start = stage, now
        if not (new or done == total) and now - self._shown < (MOVE_SECONDS if self._moves else LOG_SECONDS):
            return
        self._shown = now
        line = f"bootwright: {self.line(stage, done, total, now - self._stage_start)}"
        if self._moves:
            self._out.write(f"\r{line:<78}")
            self._open_line = True
        else:
            self._out.write(f"{line}\n")

    @staticmethod
    def line(stage: str, done: int, total: int, seconds: float) -> str:
        """Returns the words: percent, sizes, speed and time left, once there is something to tell them from."""
        text = f"{stage:<9} {100 * done // total:3} %  {size_text(done)} of {size_text(total)}"
        if seconds > 0.5 and done:
            speed = done / seconds
            text += f"  {speed / MIB:.1f} MiB/s"
            text += f"  {(total - done) / speed:.0f} s left" if done < total else ""
        return text

    def end(self) -> None:
        """Ends the line that moves."""
        self.seconds = time.monotonic() - self._start
        self._end_line()

    def _end_line(self) -> None:
        if self._open_line:
            self._out.write("\n")
            self._open_line = False
