"""What an entry of the store holds, proven each time it is used: that it is what was stored, and whose it is.

A file `digests` in the entry has a line for each file: SHA-256, size, times of the last change of the contents and of
the inode in nanoseconds, and name. While size and times are those of the line nobody wrote the file, which costs a stat
to see; where they differ, as after a copy of the store, the contents are hashed. The inode's time cannot be set back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text

DIGESTS = "digests"
NO_FILE = "no file "
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_HAS_OWNERS = os.name == "posix"


def seal(entry: Path, mode: int) -> None:
    """Writes the proof of a new entry; before that gives its files the rights in mode, without others' to write."""
    for path in sorted(entry.rglob("*")):
        now = path.lstat().st_mode
        if not stat.S_ISLNK(now):
            rights = mode & ~_OTHERS_MAY_WRITE & (0o777 if stat.S_ISDIR(now) or now & stat.S_IXUSR else 0o666)
            if rights != stat.S_IMODE(now):  # a file may be another entry's too, whose inode's time would change
                path.chmod(rights)
    entry.chmod(mode & ~_OTHERS_MAY_WRITE)
    _write(entry, {name: _digest(entry / name) for name in _names(entry)})


def find_damage(entry: Path, thorough: bool = False) -> str:
    """Returns what of an entry is not as it was stored, "" for nothing; thorough hashes each file, whatever its times.

    Raises BootwrightError where the entry cannot be read.
    """
    try:
        lines = [line.split("  ", 2) for line in read_text(entry / DIGESTS).splitlines()]
        known = {name: (digest, facts) for digest, facts, name in lines}
    except (FileNotFoundError, ValueError):
        return f"{entry} has no list of what it holds"
    names = _names(entry)
    for name in names:
        if name not in known:
            return f"{entry / name} was not stored"
    moved = False
    for name, (digest, facts) in known.items():
        if name not in names:
            return f"{entry / name} is missing"
        now = _facts(entry / name)
        same = now == facts
        if now.startswith(NO_FILE) or ((thorough or not same) and _digest(entry / name) != digest):
            return f"{entry / name} is not what was stored"
        moved |= not same
    if moved:
        with contextlib.suppress(OSError):  # who may only read the store hashes again the next time
            _write(entry, {name: digest for name, (digest, _) in known.items()})
    return ""


def check_owner(entry: Path, root: Path) -> None:
    """Raises where somebody else may write what the entry holds, or this person may not read it.

    Whoever owns root is trusted with what lies in it; where its group may write it, a team's store, the group is.
    """
    if not _HAS_OWNERS:
        return
    store = root.stat()
    if store.st_mode & stat.S_IWOTH:
        raise BootwrightError(f"anybody may write the store {root}", f"chmod o-w {root}")
    trusted = {os.geteuid(), 0, store.st_uid}
    try:
        paths = [entry, *(entry / name for name in _names(entry))]
    except OSError as error:
        raise _unreadable(entry) from error
    for path in paths:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            continue  # which has no rights of its own
        in_team = bool(store.st_mode & stat.S_IWGRP) and status.st_gid == store.st_gid
        if status.st_uid not in trusted and not in_team:
            whose = f"{path} belongs to {_owner(status.st_uid)}, not to you or to whom the store belongs"
            raise BootwrightError(whose, f"remove {entry}: it is made again")
        if status.st_mode & _OTHERS_MAY_WRITE:
            raise BootwrightError(f"others than its owner may write {path}", f"chmod -R go-w {entry}")
        if not os.access(path, os.R_OK):
            raise _unreadable(entry)


def _unreadable(entry: Path) -> BootwrightError:
    status = entry.stat()
    whose = f"it belongs to {_owner(status.st_uid)} and has mode {status.st_mode & 0o777:04o}"
    return BootwrightError(f"{entry} cannot be read: {whose}", f"its owner can let you: chmod -R go+rX {entry}")


def _owner(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _names(entry: Path) -> set[str]:
    """Returns the names of all files of an entry but of its proof; raises OSError where a directory cannot be read."""
    found: set[str] = set()
    waiting = [""]
    while waiting:
        place = waiting.pop()
        with os.scandir(entry / place if place else entry) as entries:
            for item in entries:
                name = f"{place}{item.name}"
                if item.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                elif name != DIGESTS and not atomic.is_leftover(item.name):
                    found.add(name)
    return found


def _digest(path: Path) -> str:
    """Returns the SHA-256 of a file, of a link that of where it leads."""
    if path.is_symlink():
        return hashlib.sha256(f"link {path.readlink()}".encode()).hexdigest()
    return file_digest(path)


def _facts(path: Path) -> str:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"link {path.readlink()}"
    kind = "" if stat.S_ISREG(status.st_mode) else NO_FILE
    return f"{kind}{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _write(entry: Path, digests: dict[str, str]) -> None:
    lines = (f"{digest}  {_facts(entry / name)}  {name}\n" for name, digest in sorted(digests.items()))
    with atomic.new_file(entry / DIGESTS) as path:
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
        path.chmod(entry.stat().st_mode & 0o666)
