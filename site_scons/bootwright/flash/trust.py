"""Whether what root is about to run can be changed by somebody else than this person and root."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import SITE, SOURCES

ACL = "system.posix_acl_access"


def check_trusted(paths: Iterable[Path] | None = None) -> None:
    """Raises where one of the files that root is to run, or a directory above one, is not this person's and root's."""
    seen: set[Path] = set()
    for path in program_files() if paths is None else paths:
        for place in _places(path):
            if place not in seen and (reason := distrust(place)):
                raise BootwrightError(
                    f"root would run {path}, and {place} {reason}",
                    f"`chmod go-w {place}`, or have another copy of bootwright; nothing was written",
                    Status.NO_PERMISSION,
                )
            seen.add(place)


def program_files() -> Iterator[Path]:
    """Yields what `python -I -S` with this package may read: the package, the interpreter and Python's library."""
    yield Path(sys.executable)
    configuration = Path(sys.prefix, "pyvenv.cfg")
    if configuration.exists():
        yield configuration
    yield Path(os.__file__)
    yield SITE
    for directory, _, names in os.walk(SOURCES):
        yield Path(directory)
        yield from (Path(directory, name) for name in names)


def _places(path: Path) -> Iterator[Path]:
    """Yields a path and the directories above, as it is named and where its links lead."""
    for one in (path.absolute(), path.resolve()):
        yield from (one, *one.parents)


def distrust(path: Path) -> str:
    """Returns what is wrong with a path, "" where only its owner and root can change it."""
    try:
        facts = path.lstat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if stat.S_ISLNK(facts.st_mode):
        return ""  # its target and its directory are looked at
    if facts.st_uid not in (0, os.getuid()):
        return f"belongs to user {facts.st_uid}"
    if stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX:
        return ""  # such as /tmp: what lies in it is its owner's, who is looked at there
    if facts.st_mode & stat.S_IWOTH:
        return "may be written by everybody"
    if facts.st_mode & stat.S_IWGRP and not _is_private_group(facts.st_uid, facts.st_gid):
        return f"may be written by group {facts.st_gid}"
    if facts.st_mode & stat.S_IWGRP and _has_acl(path):
        return "may be written by others, as its access control list says"
    return ""


def _is_private_group(uid: int, gid: int) -> bool:
    """Tells whether a group is its one user's own, as many systems give one to each; or root's."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _has_acl(path: Path) -> bool:
    try:
        return sys.platform == "linux" and ACL in os.listxattr(path)
    except OSError:
        return False
