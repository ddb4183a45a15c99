"""What this process looks at in the file system, and whether all of it is still as it was.

Python tells of each file that it opens and each directory that it lists (PEP 578); os.stat, os.lstat, os.access and
os.readlink, by which all else that is asked of a path goes, tell here while somebody looks. So nothing is to be named,
and nothing is forgotten.

A file is known by its inode, size and the times of the last change of contents and inode, of which nobody can set back
the last. One is trusted if it is older than the process: a file that is written twice within a tick of the clock has
the same times. On another device than that of a file which shows that the clock is like this, and where there is no
such clock, what was opened is known by its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError

ABSENT = "-"
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
COMPILED = (".pyc", ".so")  # Python's own, which go by their sources
ANCIENT = 10**18  # nanoseconds since the epoch: in 2001

T = TypeVar("T")
Facts = dict[str, dict[str, str]]

_stat, _lstat, _access, _readlink = os.stat, os.lstat, os.access, os.readlink


def _file(status: os.stat_result) -> str:
    """Returns what stands for something that was looked at by its name: of a directory no more than what it is."""
    if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
        return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{status.st_ino} {status.st_mode} {status.st_uid} {status.st_gid}"


LOOKS: dict[str, Callable[[str], os.stat_result]] = {"found": _stat, "links": _lstat}


def _fact(how: str, name: str) -> str:
    try:
        return _file(LOOKS[how](name))
    except (OSError, ValueError):
        return ABSENT


def _names(directory: str) -> set[str] | None:
    """Returns the names in a directory, each with what it is; a lock that comes and goes there changes its times."""
    try:
        with os.scandir(directory) as entries:
            return {f"{e.name}\0{e.is_dir(follow_symlinks=False)}{e.is_symlink()}" for e in entries}
    except (OSError, ValueError):
        return None


def _digest(names: set[str] | None) -> str:
    return ABSENT if names is None else hashlib.sha256("\n".join(sorted(names)).encode(errors="replace")).hexdigest()


def _is_older(found: os.stat_result, began: os.stat_result) -> bool:
    """Says whether what is no directory has been as it is since before the process began, as far as one clock says."""
    return stat.S_ISDIR(found.st_mode) or found.st_dev != began.st_dev or found.st_ctime_ns < began.st_ctime_ns


def _contents(name: str) -> str:
    try:
        return file_digest(Path(name))
    except (OSError, ValueError, BootwrightError):  # a FIFO may have come in its place
        return ABSENT


class Seen:
    """What was looked at since start(); clock is a file that is written then."""

    def __init__(self, clock: Path) -> None:
        self.started_others = False
        self._clock = clock
        self._looks: dict[str, dict[str, str]] = {how: {} for how in LOOKS}
        self._listed: dict[str, set[str] | None] = {}
        self._opened: set[str] = set()
        self._written: set[str] = set()
        self._active = False

    def start(self) -> None:
        """Begins to look, until stop()."""
        self._clock.write_bytes(b"")
        os.utime(self._clock, ns=(ANCIENT, ANCIENT))
        self._active = True
        sys.addaudithook(self._hear)  # which no one can take away again
        os.stat = self._telling(_stat, "found")
        os.lstat = self._telling(_lstat, "links")
        os.access = self._telling(_access, "found")
        os.readlink = self._telling(_readlink, "links")

    def stop(self) -> None:
        """Looks no more."""
        self._active = False
        os.stat, os.lstat, os.access, os.readlink = _stat, _lstat, _access, _readlink

    def add(self, path: str, stamp: tuple[int, int, int, int]) -> None:
        """Adds a file that was looked at before start(), with inode, size and times of contents and inode."""
        self._looks["found"][path] = " ".join(map(str, stamp))

    def facts(self) -> Facts | None:
        """Returns what was seen, for is_as_seen; None where it was another one meanwhile, or is too young to tell."""
        began = _stat(self._clock)
        trusted = began.st_dev if began.st_ctime_ns > began.st_mtime_ns else None
        facts: Facts = {how: {} for how in (*LOOKS, "listed", "contents")}
        for how, looks in self._looks.items():
            for name, fact in looks.items():
                if name in self._written:
                    continue
                if _fact(how, name) != fact or (fact != ABSENT and not _is_older(LOOKS[how](name), began)):
                    return None
                facts[how][name] = fact
        for name, listed in self._listed.items():
            now = _names(name)
            if self._others(name, now) != self._others(name, listed):
                return None
            facts["listed"][name] = _digest(now)
        for name in self._opened - self._written:
            if facts["found"].get(name, ABSENT) != ABSENT and _stat(name).st_dev != trusted:
                facts["contents"][name] = _contents(name)
        return facts

    def _others(self, directory: str, names: set[str] | None) -> set[str] | None:
        """Returns those names in directory that this process has not written itself."""
        own = {path.name for path in map(Path, self._written) if path.parent == Path(directory)}
        return names and {name for name in names if name.partition("\0")[0] not in own}

    def _note(self, how: str, path: Any) -> None:
        if not isinstance(path, int):
            name = os.fsdecode(path)
            if name not in self._looks[how]:
                self._looks[how][name] = _fact(how, name)

    def _list(self, path: Any) -> None:
        name = "." if path is None else os.fsdecode(path) if not isinstance(path, int) else ""
        if name and name not in self._listed:
            self._listed[name] = None  # to list it is heard as well
            self._listed[name] = _names(name)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            name = os.fsdecode(path)
            if flags & WRITES:
                self._written.add(name)
            elif not name.endswith(COMPILED):
                self._note("found", name)
                self._opened.add(name)
        elif event in ("os.listdir", "os.scandir"):
            self._list(arguments[0])
        elif event == "os.rename":
            self._written.add(os.fsdecode(arguments[1]))
        elif event in STARTS:
            self.started_others = True

    def _telling(self, look: Callable[..., T], how: str) -> Callable[..., T]:
        """Returns a function that does as look, and notes of what."""

        def told(path: Any, *more: Any, **named: Any) -> T:
            # A name that is seen from an open directory is one of those that were listed.
            if named.get("dir_fd") is None:
                self._note(how if named.get("follow_symlinks", True) else "links", path)
            return look(path, *more, **named)

        return told


def is_as_seen(facts: Mapping[str, Mapping[str, str]]) -> bool:
    """Says whether all that facts() returned is as it was."""
    return (
        all(_fact(how, name) == fact for how in LOOKS for name, fact in facts[how].items())
        and all(_digest(_names(name)) == fact for name, fact in facts["listed"].items())
        and all(_contents(name) == fact for name, fact in facts["contents"].items())
    )
