"""Which files a crate is made of: its root's directory, but for the roots of other crates that live there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from bootwright.base import regular
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import LARGEST

DOC_FENCE = rb"(?m)^\s*//[/!][ \t]*```([^\n`]*)$"
NO_TEST = rb"\b(text|ignore|console|toml|sh|bash|plain|txt|none|rust,ignore)\b"


def crate_files(root: Path) -> list[Path]:
    """Returns every file that the crate with this root (absolute) may read without saying so, sorted.

    That is each file below the root's directory. Not its own are: hidden files and directories, editors' backups (~),
    caches (a Cargo target directory has a CACHEDIR.TAG), and the roots of sibling crates, by Cargo's conventions:
    lib.rs and main.rs beside each other, and every file directly in tests/ but this one. Raises for one that is no
    regular file, or cannot be read: to open a FIFO waits for ever, and a device may have no end. But for a root beside
    Cargo.toml, as build.rs is, such are nobody's unless they are Rust sources: the pipe of a serial port, a disk of
    2 GiB, a link to a directory that a build will make. What a source says of one of them rust/readable.py looks at.
    """
    directory = root.parent
    siblings = {"lib.rs", "main.rs"} - {root.name} if root.name in ("lib.rs", "main.rs") else set()
    found: list[str] = []
    all_are_read = not os.path.lexists(directory / "Cargo.toml")
    _add(str(directory), root.name, siblings, directory.name == "tests", found, all_are_read)
    return [Path(path) for path in sorted(found)]


def _add(
    directory: str, root: str, siblings: set[str], others_are_roots: bool, found: list[str], all_are_read: bool
) -> None:
    """Adds the files of directory, and of those below; root, siblings and others_are_roots count at the top alone.

    all_are_read: what is no Rust source is to be a file, too.

    Text until the end: this runs in each build for each crate, and a Path for each file and each question takes time.
    """
    try:
        entries = list(os.scandir(directory))
    except OSError as error:
        raise BootwrightError(f"{directory} cannot be read: {error.strerror}") from error
    for entry in entries:
        name = entry.name
        if name[0] == ".":
            continue
        if entry.is_dir(follow_symlinks=False):
            if not os.path.lexists(f"{entry.path}{os.sep}CACHEDIR.TAG"):
                _add(entry.path, "", set(), False, found, all_are_read)
            continue
        if name[-1] == "~" or name in siblings or (others_are_roots and name != root and name.endswith(".rs")):
            continue
        if _is_file(entry, all_are_read):
            found.append(entry.path)


def _is_file(entry: os.DirEntry[str], all_are_read: bool) -> bool:
    """Says whether the entry is a file to read; False for a link to a directory, which nobody follows."""
    is_read = all_are_read or entry.name.endswith(".rs")
    try:
        status = entry.stat()
    except OSError as error:
        if not is_read:
            return False
        raise BootwrightError(f"{entry.path} {regular.why_lost(entry.path, error)}", _hint(entry)) from error
    if stat.S_ISDIR(status.st_mode):
        return False
    if not is_read:
        return not regular.why_unreadable(entry.path, status, LARGEST)
    if status.st_size > LARGEST:
        size = f"{status.st_size / LARGEST:.1f} GiB"
        raise BootwrightError(f"{entry.path} has {size}; 1 GiB is the most that a crate reads", _hint(entry))
    if why := regular.why_unreadable(entry.path, status, LARGEST):
        raise BootwrightError(f"{entry.path} {why}", _hint(entry))
    return True


def _hint(entry: os.DirEntry[str]) -> str:
    return f"every file beside the crate's root is an input of it, but for hidden ones; move {entry.name} away"


def mentions(directory: Path, word: str) -> bool:
    """Says whether a Rust source below directory has word in it; what is no readable file is told by crate_files."""
    return any(word.encode() in _text(path) for path in package_sources(directory))


def _text(path: Path) -> bytes:
    try:
        return regular.read_bytes(path, LARGEST)
    except (OSError, BootwrightError):
        return b""


def has_doc_tests(directory: Path) -> bool:
    """Says whether the documentation in a Rust source below directory has code that rustdoc would run."""
    for path in package_sources(directory):
        fences = re.findall(DOC_FENCE, _text(path))
        if any(not re.search(NO_TEST, fence) for fence in fences[::2]):  # every other one ends what one began
            return True
    return False


def package_sources(directory: Path) -> Iterator[Path]:
    """Yields the Rust sources below directory."""
    for place, directories, names in os.walk(str(directory)):
        directories[:] = [name for name in directories if name[0] != "."]
        yield from (Path(place, name) for name in names if name.endswith(".rs") and name[0] != ".")


def mentions_in(path: Path, word: str) -> bool:
    """Says whether the file at path has word in it; False where it cannot be read."""
    return word.encode() in _text(path)
