"""The per-user store of what is long to build and the same for every tree: cores and loaders.

    ROOT/KIND/KEY/          one entry, a directory; its modification time is when it was last used
    ROOT/lock/KIND-KEY      whoever makes or removes that entry holds the lock on this file
    ROOT/new/KIND-KEY-...   an entry being made, or being removed

An entry appears by renaming, after its files reached the disk, so whatever is killed at any moment leaves either a
whole entry or none. The system frees the lock of a dead process, which is how its leftovers are known to be dead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import lock_file

DESCRIPTION = "description"  # a file of an entry: one line for the list
_NAMES = re.compile(r"[A-Za-z0-9_.]+")
_INTERNAL = ("lock", "new")
_PLACE_IS_BAD = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST}


@dataclass(frozen=True)
class Entry:
    """One entry: size in bytes, last_used in seconds since the epoch."""

    kind: str
    key: str
    description: str
    size: int
    last_used: float


def default_root() -> Path:
    """Returns where this system wants caches, and bootwright in it; the environment is the process's own."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: a relative path is to be ignored.
        base = base if Path(base).is_absolute() else str(Path.home() / ".cache")
    return Path(base) / "bootwright"


class Store:
    """The store in root. A kind and a key are letters, digits, "_" and "."."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else default_root()

    def path(self, kind: str, key: str) -> Path:
        """Returns where the entry is, or would be."""
        if not (_NAMES.fullmatch(kind) and _NAMES.fullmatch(key)) or kind in _INTERNAL:
            raise ValueError(f"no name for an entry: {kind} {key}")
        return self.root / kind / key

    def has(self, kind: str, key: str) -> bool:
        """Tells whether the store has the entry; changes nothing."""
        return self.path(kind, key).is_dir()

    def take_or_build(
        self, kind: str, key: str, build: Callable[[Path], None], emit: Callable[[str], None] = lambda _: None
    ) -> Path:
        """Returns the entry's directory, which build has filled (an empty directory) if it was not there.

        Of several processes that want the same entry one builds and the others wait. What build raises is raised, and
        leaves no entry. emit hears that there is something to wait for.
        """
        path = self.path(kind, key)
        if not path.is_dir():
            with self._sentences():
                with self._lock(kind, key, lambda: emit(f"waiting for another build, which makes {kind} {key}")):
                    self._remove_leftovers(f"{kind}-{key}-")
                    if not path.is_dir():
                        self._build(path, build)
                self._remove_dead_leftovers()
        with contextlib.suppress(OSError):  # who may only read the store does not keep its entries young
            os.utime(path)
        return path

    def entries(self) -> list[Entry]:
        """Returns all entries, the one that was used last first."""
        found = []
        for path in self.root.glob("*/*"):
            if path.parent.name in _INTERNAL or not path.is_dir():
                continue
            try:
                description = (path / DESCRIPTION).read_text(encoding="utf-8").strip()
            except OSError:
                description = ""
            try:
                used = path.stat().st_mtime
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            except FileNotFoundError:
                continue  # Another process removed it.
            found.append(Entry(path.parent.name, path.name, description, size, used))
        return sorted(found, key=lambda entry: (-entry.last_used, entry.kind, entry.key))

    def prune(
        self, *, everything: bool = False, unused_for: float | None = None, larger_than: int | None = None
    ) -> list[Entry]:
        """Removes entries and returns them: all, those unused for so many seconds, or the oldest beyond so many bytes.

        An entry that another process is just making, or taking for the first time, stays.
        """
        now, total, removed = time.time(), 0, []
        for entry in self.entries():
            total += entry.size
            old = unused_for is not None and now - entry.last_used >= unused_for
            big = larger_than is not None and total > larger_than
            if (everything or old or big) and self._remove(entry):
                total -= entry.size
                removed.append(entry)
        self._remove_dead_leftovers()
        return removed

    def _build(self, path: Path, build: Callable[[Path], None]) -> None:
        scratch = self._new_directory(path)
        try:
            build(scratch)
            for file in sorted(scratch.rglob("*")):
                _to_disk(file)
            _to_disk(scratch)
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(path)
            _to_disk(path.parent)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _remove(self, entry: Entry) -> bool:
        try:
            with self._sentences(), self._lock(entry.kind, entry.key, None):
                path = self.path(entry.kind, entry.key)
                grave = self._new_directory(path)
                path.rename(grave / "entry")
                shutil.rmtree(grave, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    def _new_directory(self, path: Path) -> Path:
        place = self.root / "new"
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{path.parent.name}-{path.name}-", dir=place))

    def _remove_leftovers(self, prefix: str) -> None:
        for leftover in (self.root / "new").glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _remove_dead_leftovers(self) -> None:
        """Removes what killed processes left in new/: where the entry's lock is free nobody is at work."""
        for leftover in (self.root / "new").glob("*-*-*"):
            kind, key = leftover.name.split("-")[:2]
            try:
                with self._lock(kind, key, None):
                    shutil.rmtree(leftover, ignore_errors=True)
            except OSError:
                continue

    @contextlib.contextmanager
    def _lock(self, kind: str, key: str, waiting: Callable[[], None] | None) -> Iterator[None]:
        """Holds the lock on an entry; where another has it, waits after calling waiting, or raises BlockingIOError."""
        place = self.root / "lock"
        place.mkdir(parents=True, exist_ok=True)
        with lock_file(place / f"{kind}-{key}", waiting):
            yield

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turns what is wrong with the place, and nothing else, into its sentence."""
        try:
            yield
        except OSError as error:
            if error.errno not in _PLACE_IS_BAD:
                raise
            name = error.filename or self.root
            variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
            raise BootwrightError(
                f"the store cannot be written: {name}: {error.strerror}",
                f"the environment variable {variable} can name another place; `scons store` lists what it holds",
            ) from error


def _to_disk(path: Path) -> None:
    """Waits until the file or directory is on the disk; Windows cannot do it for directories and need not."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
