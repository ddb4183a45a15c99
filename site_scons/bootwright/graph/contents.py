"""What products of units hold: known without reading them again, where the system says that nobody wrote them since.

A kernel of 45 units has 180 MB of them, most of it build scripts and macros, and SCons would hash all of that in a
build that has nothing to do. So the SHA-256 of a large product is remembered with its stamp; the time of the last
change of the inode is among that, and cannot be set back. A product of this very moment is hashed: what is written to
it within the same tick of the clock leaves no other stamp.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from SCons.Node.Alias import Alias
from SCons.Node.FS import Entry, File

from bootwright.base.loaded import Stamp, stamp
from bootwright.base.remembered import Memory

NAME = "contents.json"
FORMAT = "contents 1"
LARGE = 1 << 16  # bytes; what is smaller is hashed as quickly as it is remembered
TICK = 1_000_000_000  # ns, longer than that of any clock of a file system (2 s is FAT's, which has no inodes)


class Contents:
    """What is known of the products in a build directory; clock is a file that was written as this build began."""

    def __init__(self, directory: Path, clock: Path) -> None:
        self._memory = Memory(directory / NAME, FORMAT)
        began = stamp(clock)
        self.before = began[2] - TICK if began and os.name == "posix" else 0
        self._seen: dict[str, tuple[File, Stamp]] = {}
        self._sealed: dict[str, Stamp] = {}

    def expect(self, node: File) -> None:
        """Notes a product, and tells SCons what it holds where that is known."""
        path = node.abspath
        now = stamp(path)
        if now is None or now[1] < LARGE or now[3] >= self.before:
            return
        self._seen[path] = (node, now)
        digest = self._memory.answer(path) if self._memory.holds(path, now) else None
        if isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest):
            node.get_ninfo().csig = digest

    def settle(self, path: str, now: Stamp) -> None:
        """Notes the stamp of a file that is no product of this run, and of which sealed.py told SCons what it holds."""
        self._sealed[path] = now

    def is_settled(self, path: str, now: Stamp) -> bool:
        """Says whether what SCons took a file for holds for its stamp: it had this one before it was hashed."""
        return now == (self._seen[path][1] if path in self._seen else self._sealed.get(path))

    def keep(self) -> None:
        """Remembers what SCons found of the products that were noted, for the next build."""
        is_new = False
        for path, (node, seen) in self._seen.items():
            if not self._memory.holds(path, seen) and stamp(path) == seen and hasattr(node.get_ninfo(), "csig"):
                self._memory.keep(path, seen, node.get_csig())
                is_new = True
        if is_new:
            for path in self._memory.questions():
                if not os.path.lexists(path):
                    self._memory.forget(path)
            self._memory.write()


def inputs_of(node: Entry) -> list[Entry]:
    """Returns all that node depends on; in place of an alias, of our modules, what it stands for."""
    found: list[Entry] = []
    for child in node.children():
        found += child.children() if isinstance(child, Alias) else [child]
    return found
