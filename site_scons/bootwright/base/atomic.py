"""Files that appear whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootwright.base.errors import BootwrightError

MARK = ".new"  # in the name of whatever is not whole yet


def beside(path: Path) -> Path:
    """Returns the temporary name for path: in its directory, always the same, so that a leftover is overwritten."""
    return path.with_name(f".{path.name}{MARK}")


def remove(path: Path) -> bool:
    """Removes the file, link or directory at path; returns whether there was one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def remove_file(path: Path) -> bool:
    """Removes the file or link at path; returns whether there was one. A directory stays: no action makes one.

    Raises BootwrightError where it is there and cannot be removed.
    """
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        if not os.path.lexists(path) or os.path.isdir(path):  # noqa: PTH112  # of a name that is too long, both say no
            return False
        raise BootwrightError(f"{path} cannot be removed: {error.strerror or error}") from error
    return True


def check_place(path: Path, word: str) -> Path:
    """Returns path, which word names, where a file may appear there; raises before hours went by for it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        why = "it is a directory" if path.is_dir() else "" if os.access(path.parent, os.W_OK) else "permission denied"
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise BootwrightError(f"{word}={path} cannot be written: {why[:1].lower()}{why[1:]}")
    return path


@contextmanager
def new_file(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yields a name to write; it becomes path when the block ends well, else it is removed and path stays as it was.

    shared: several processes may write it at a time, without a lock; so the name is this one's own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{beside(path).name}-{os.getpid()}") if shared else beside(path)
    remove(temporary)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields an empty scratch directory beside path; it is removed when the block ends, whatever was not taken out.

    Its name is a new one each time: the compiler of a build that was killed lives on for a moment, and what it still
    writes must not come between the files of the next build.
    """
    import tempfile  # which takes as long to import as all else here

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{beside(path).name}-", dir=path.parent))
    try:
        yield temporary
    finally:
        remove(temporary)


def is_leftover(name: str) -> bool:
    """Says whether a file or directory of this name is one that new_file or new_directory makes."""
    return name.startswith(".") and (name.endswith(MARK) or f"{MARK}-" in name)


def remove_leftovers(directory: Path) -> None:
    """Removes what killed processes left below directory; what one that still ends is just writing may stay."""
    for place, directories, names in os.walk(directory):
        for name in filter(is_leftover, (*directories, *names)):
            with contextlib.suppress(OSError):
                remove(Path(place, name))
        directories[:] = [name for name in directories if not is_leftover(name)]
