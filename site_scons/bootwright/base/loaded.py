"""What the Python files of the build were when they were loaded, so that old code never passes for new.

Python takes a compiled file for current while the source's size and modification time are the ones that it noted, so
an edit that restores them would run the old code under the new file's hash. The time of the last change of the inode
cannot be restored: compiled files that are no younger than that are removed before anything is imported. (Windows has
no such time; there the size and the modification time are all that is looked at.)
"""

from __future__ import annotations

import os
import sys

from bootwright.base.home import INSTALLED, SOURCES

Stamp = tuple[int, int, int, int]

_loaded: dict[str, Stamp] = {}


def stamp(path: str | os.PathLike[str]) -> Stamp | None:
    """Returns what changes when the file at path is written or replaced; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def note_sources(site: str = str(SOURCES), edited: bool = not INSTALLED) -> None:
    """Notes every Python file below site, and removes those compiled files that Python could wrongly trust.

    edited: a person may write these files. Those of an installation pip has written, and compiled, and nobody else.
    """
    tag = sys.implementation.cache_tag
    for place, directories, names in os.walk(site):
        compiled = {name: os.path.join(place, "__pycache__", name) for name in _names(place, "__pycache__")}
        directories[:] = [name for name in directories if name != "__pycache__"]
        for name in names:
            if not name.endswith(".py"):
                continue
            path = os.path.join(place, name)
            found = stamp(path)
            if found is None:
                continue
            _loaded[path] = found
            cached = compiled.get(f"{name[:-3]}.{tag}.pyc")
            made = stamp(cached) if cached else None
            if edited and cached and made and made[2] <= found[3]:
                _remove(cached)


def note(path: str) -> None:
    """Notes a file that is no Python source, such as a program, for changed."""
    found = stamp(path)
    if found is not None:
        _loaded[path] = found


def changed(path: str) -> bool:
    """Says whether the file at path is another one than was noted; False for a file that was not."""
    return path in _loaded and stamp(path) != _loaded[path]


def noted() -> dict[str, Stamp]:
    """Returns what was noted of each file."""
    return _loaded


def _names(place: str, name: str) -> list[str]:
    try:
        return os.listdir(os.path.join(place, name))
    except OSError:
        return []


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # a checkout that this person cannot write is one that this person does not edit
