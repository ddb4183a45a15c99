"""The per-user store of what is long to build and the same for every tree: cores and loaders.

    ROOT/KIND/KEY/          one entry, a directory; its modification time is when it was last used
    ROOT/lock/KIND-KEY      whoever makes or removes that entry holds the lock on this file
    ROOT/new/KIND-KEY-...   an entry being made, or being removed
    ROOT/work               no entries: the build directory of an installed bootwright for what is about no package

Each entry holds the proof of what it is, see proof.py; one that was damaged since is made again when it is wanted.
An entry appears by renaming, after its files reached the disk, so whatever is killed at any moment leaves either a
whole entry or none. The system frees the lock of a dead process, which is how its leftovers are known to be dead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bootwright.base.cache import cache_directory
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import lock_file
from bootwright.base.records import record
from bootwright.base.regular import read_text
from bootwright.storage import proof

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.storage.shared_cache import Cache

DESCRIPTION = "description"  # a file of an entry: one line for the list
_NAMES = r"[A-Za-z0-9_.]+"
_INTERNAL = ("lock", "new", "work")
_PROVEN_BY_OTHERS = ("apt",)  # lists of packages, whose signatures apt checks each time
_PLACE_IS_BAD = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST}


@record(frozen=True)
class Entry:
    """One entry: size in bytes, last_used in seconds since the epoch."""

    kind: str
    key: str
    description: str
    size: int
    last_used: float


def default_root() -> Path:
    """Returns where this person's store is."""
    return Path(cache_directory())


class Store:
    """The store in root. A kind and a key are letters, digits, "_" and ".".

    What it has not is taken from cache, where there is one, and what is made is offered to it.
    """

    def __init__(self, root: Path | None = None, cache: Cache | None = None) -> None:
        self.root = root if root is not None else default_root()
        self._cache = cache

    def path(self, kind: str, key: str) -> Path:
        """Returns where the entry is, or would be."""
        if not (re.fullmatch(_NAMES, kind) and re.fullmatch(_NAMES, key)) or kind in _INTERNAL:
            raise ValueError(f"no name for an entry: {kind} {key}")
        return self.root / kind / key

    def has(self, kind: str, key: str) -> bool:
        """Tells whether the store has the entry, whole; raises where it is there and is not to be trusted."""
        path = self.path(kind, key)
        return self._is_there(path) and not self._damage(path)

    def take_or_build(
        self, kind: str, key: str, build: Callable[[Path], None], emit: Callable[[str], None] = lambda _: None,
        durable: bool = True,
    ) -> Path:  # fmt: skip
        """Returns the entry's directory, which build has filled (an empty directory) if it was not there.

        Of several processes that want the same entry one builds and the others wait. What build raises is raised, and
        leaves no entry. emit hears that there is something to wait for. durable: its files reach the disk before it
        appears; for what is quickly made again the proof when it is used is enough.
        """
        path = self.path(kind, key)
        if not self.has(kind, key):
            with self._sentences():
                with self._lock(kind, key, lambda: emit(f"waiting for another build, which makes {kind} {key}")):
                    self._remove_leftovers(f"{kind}-{key}-")
                    damage = self._damage(path) if self._is_there(path) else "it is not there"
                    if damage and self._is_there(path):
                        emit(f"{damage}; it is made again")
                    if damage:
                        self._build(path, build, durable)
                self._remove_dead_leftovers()
        if self._cache:  # another process may have made it while this one waited
            self._cache.complete(kind, key, path, lambda name: name != proof.DIGESTS)
        with contextlib.suppress(OSError):  # who may only read the store does not keep its entries young
            os.utime(path)
        return path

    def entries(self) -> list[Entry]:
        """Returns all entries, the one that was used last first."""
        from bootwright.base.terminal import printable

        found = []
        for path in self.root.glob("*/*"):
            if path.parent.name in _INTERNAL or not path.is_dir():
                continue
            try:
                description = printable(read_text(path / DESCRIPTION).strip())
            except (OSError, BootwrightError):
                description = ""
            try:
                used = path.stat().st_mtime
                size = sum(_share(file) for file in path.rglob("*") if file.name != proof.DIGESTS)
            except FileNotFoundError:
                continue  # Another process removed it.
            found.append(Entry(path.parent.name, path.name, description, size, used))
        return sorted(found, key=lambda entry: (-entry.last_used, entry.kind, entry.key))

    def check(self) -> list[tuple[Entry, str]]:
        """Hashes all that the store holds; returns each entry with what is wrong with it, "" for nothing."""
        found = []
        for entry in self.entries():
            path = self.path(entry.kind, entry.key)
            if entry.kind in _PROVEN_BY_OTHERS:
                continue
            try:
                proof.check_owner(path, self.root)
                found.append((entry, proof.find_damage(path, thorough=True)))
            except (BootwrightError, OSError) as error:
                found.append((entry, getattr(error, "message", str(error))))
        return found

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

    def _build(self, path: Path, build: Callable[[Path], None], durable: bool) -> None:
        scratch = self._new_directory(path)
        try:
            self._fill(path, scratch, build)
            proof.seal(scratch, scratch.stat().st_mode & 0o777)
            if durable:
                for file in sorted(scratch.rglob("*")):
                    if not file.is_symlink():  # which is in its directory, and may lead anywhere
                        _to_disk(file)
                _to_disk(scratch)
            self._make(path.parent)
            if self._is_there(path):
                self._bury(path)  # only now: who still reads it shall not be without one for long
            scratch.rename(path)
            if durable:
                _to_disk(path.parent)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _fill(self, path: Path, scratch: Path, build: Callable[[Path], None]) -> None:
        cache, kind, key = self._cache, path.parent.name, path.name
        if cache is None:
            build(scratch)
            return
        found = cache.fetch(kind, key, scratch, f"{kind} {key}")
        if not found:
            build(scratch)
            cache.offer(kind, key, scratch)
        cache.counted(found)

    def _remove(self, entry: Entry) -> bool:
        try:
            with self._sentences(), self._lock(entry.kind, entry.key, None):
                self._bury(self.path(entry.kind, entry.key))
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    def _bury(self, path: Path) -> None:
        """Removes an entry, out of its place first."""
        grave = self._new_directory(path)
        path.rename(grave / "entry")
        shutil.rmtree(grave, ignore_errors=True)

    def _is_there(self, path: Path) -> bool:
        try:
            return path.is_dir()
        except OSError as error:
            raise BootwrightError(f"the store cannot be read: {path}: {error.strerror}") from error

    def _damage(self, path: Path) -> str:
        """Returns what is damaged of the entry, which is there; raises where it is not to be trusted."""
        try:
            proof.check_owner(path, self.root)
            return proof.find_damage(path)
        except FileNotFoundError:
            return f"{path} is gone"  # another process removed it
        except OSError as error:
            raise BootwrightError(f"the store cannot be read: {error.filename}: {error.strerror}") from error

    def _new_directory(self, path: Path) -> Path:
        """Makes a directory of a new name, with the rights that the person gives to new ones (umask)."""
        place = self.root / "new"
        self._make(place)
        scratch = place / f"{path.parent.name}-{path.name}-{os.getpid()}-{os.urandom(4).hex()}"
        scratch.mkdir()
        return scratch

    def _make(self, place: Path) -> None:
        """Makes a directory of the store's own; in a team's store, which a group may write, the group may write it."""
        if not place.is_dir():
            try:
                place.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError as error:  # as in /proc; of what an entry is built of one may be missing too
                raise self._not_written(error) from error
            mode = self.root.stat().st_mode & 0o7777
            if mode & 0o020:
                place.chmod(mode)

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
        self._make(place)
        with lock_file(place / f"{kind}-{key}", waiting, 0o664 if place.stat().st_mode & 0o020 else 0o644):
            yield

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turns what is wrong with the place, and nothing else, into its sentence."""
        try:
            yield
        except OSError as error:
            if error.errno not in _PLACE_IS_BAD:
                raise
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> BootwrightError:
        from bootwright.base import storage_space  # a store that takes what is written does not pay for it

        variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
        why = f"the store cannot be written: {error.filename or self.root}: {error.strerror}"
        return BootwrightError(
            storage_space.full(self.root, why) if error.errno == errno.ENOSPC else why,
            f"the environment variable {variable} can name another place; `scons store` lists what it holds",
        )


def _share(path: Path) -> int:
    """Returns the bytes of a file; where several entries have it in common, as hard links, this one's part of them."""
    facts = path.lstat()
    return facts.st_size // facts.st_nlink if stat.S_ISREG(facts.st_mode) else 0


def _to_disk(path: Path) -> None:
    """Waits until the file or directory is on the disk; Windows cannot do it for directories and need not."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
