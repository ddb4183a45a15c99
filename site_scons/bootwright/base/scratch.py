"""Directories for a while in TMPDIR, of which none stays: not when we are ended, nor when we are killed.

A process holds a lock in its directory, which the system frees with the process. So whoever makes the next directory
knows which of those that lie there are dead, and removes them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootwright.base.filelock import try_lock

PREFIX = "bootwright-"
MARK = ".lock"  # in each of them; another directory of that prefix is a person's


@contextmanager
def scratch_directory(kind: str = "") -> Iterator[Path]:
    """Yields an empty directory in TMPDIR, which is gone with the context; kind is for whoever finds it meanwhile."""
    import tempfile  # which takes as long to import as all else here

    place = Path(tempfile.gettempdir())
    _remove_dead(place)
    # Under another name until it is locked: nobody must take it for a dead one.
    begun = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
    path = place / f"{PREFIX}{f'{kind}-' if kind else ''}{begun.name.removeprefix(f'.{PREFIX}')}"
    descriptor = os.open(begun / MARK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try_lock(descriptor)
        if os.name == "nt":  # where no directory is renamed that holds an open file
            path = begun
        else:
            begun.rename(path)
        yield path
    finally:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)


def _remove_dead(place: Path) -> None:
    """Removes this person's directories in place that nobody holds any more."""
    mine = os.geteuid() if hasattr(os, "geteuid") else None
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if not entry.name.startswith((PREFIX, f".{PREFIX}")) or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                if mine is None or entry.stat(follow_symlinks=False).st_uid == mine:
                    _remove_if_dead(Path(entry.path))


def _remove_if_dead(path: Path) -> None:
    descriptor = os.open(path / MARK, os.O_RDWR)
    try:
        dead = try_lock(descriptor)
    finally:
        os.close(descriptor)
    if dead and (os.name == "nt" or not path.name.startswith(".")):
        shutil.rmtree(path, ignore_errors=True)
