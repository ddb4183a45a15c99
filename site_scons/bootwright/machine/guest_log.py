"""QEMU's log of resets and exceptions, which a report reads; kept small however long a guest runs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

# An entry has about 1,200 bytes; a boot by the BIOS alone fills 200 KiB.
LIMIT = 4 << 20
# A guest that fills the log faster than once in this many seconds would be slowed down by it.
FASTEST_SECONDS = 1.0
# QEMU takes a % in the name of its log for that of its process, and its monitor a quote for the name's end.
_ODD = re.compile(r"[%\"\\\n]")


class GuestLog:
    """Two files that QEMU fills in turn. Under TCG it writes exceptions and interrupts, elsewhere only resets."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._shown: Path | None = None  # how QEMU names the directory
        self.descriptors: list[int] = []  # which QEMU inherits
        self._turned = float("-inf")
        self.whole = True  # nothing was left out

    def arguments(self, directory: Path) -> list[str]:
        """Returns QEMU's arguments for a log in directory."""
        self._files = [directory / "log-1", directory / "log-2"]
        if _ODD.search(str(directory)) and sys.platform.startswith("linux"):
            self.descriptors = [os.open(directory, os.O_RDONLY)]
            self._shown = Path(f"/proc/self/fd/{self.descriptors[0]}")
        return ["-d", "int,cpu_reset", "-D", self._named(self._files[0])]

    def started(self) -> None:
        """Closes what only QEMU needs, once it has started. Safe to call twice."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    def _named(self, path: Path) -> str:
        """Returns how QEMU is told of path."""
        return str(self._shown / path.name if self._shown else path)

    def tend(self, now: float) -> list[str]:
        """Returns the monitor's commands that are due at the time now (seconds)."""
        if not self._files or self._size(self._files[0]) < LIMIT:
            return []
        full, self._files = self._files[0], self._files[::-1]
        with contextlib.suppress(FileNotFoundError):
            self._files[0].unlink()
        turn = f'logfile "{self._named(self._files[0])}"'
        if now - self._turned < FASTEST_SECONDS:
            # What is lost is found again by a second run. What was last must not be taken for what was fatal.
            self._files = self._files[:1]
            full.unlink()
            self.whole = False
            return ["log cpu_reset", turn]
        self._turned = now
        return [turn]

    def read(self) -> str:
        """Returns what is left of the log, oldest first."""
        return "".join(path.read_text(errors="replace") for path in reversed(self._files) if path.exists())

    def _size(self, path: Path) -> int:
        return path.stat().st_size if path.exists() else 0
