"""Files that appear whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def beside(path: Path) -> Path:
    """Returns the temporary name for path, in its directory; always the same, so that a leftover is overwritten."""
    return path.with_name(f".{path.name}.new")


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


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yields a name to write; it becomes path when the block ends well, else it is removed and path stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    remove(temporary)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields an empty scratch directory beside path; it is removed when the block ends, whatever was not taken out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    remove(temporary)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        remove(temporary)
