"""The files of a package as cargo lists them: any of them makes a build script run again that declares nothing.

As for `cargo package`: what git has or would take where the manifest is in a git repository, else all but hidden files;
without the package's own target directory, without packages inside, and as include and exclude of the manifest say.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import attempt
from bootwright.base.regular import read_text

MANIFEST = "Cargo.toml"
CACHE = "CACHEDIR.TAG"  # in a build directory, of whatever tool


def package_files(root: Path) -> list[Path]:
    """Returns the files of the package in root, sorted."""
    included, excluded = _patterns(root)
    names = _without_inner(root, _names(root) if included else _in_git(root) or _names(root, hidden=False))
    if included or excluded:
        from pathspec import GitIgnoreSpec  # for the few whose manifest has such a key

        fits = GitIgnoreSpec.from_lines(included or excluded).match_file
        names = [name for name in names if name == MANIFEST or fits(name) is bool(included)]
    return sorted(root / name for name in names)


def _patterns(root: Path) -> tuple[list[str], list[str]]:
    """Returns include and exclude of the manifest; nothing where it cannot be read, which cargo says."""
    try:
        package = tomllib.loads(read_text(root / MANIFEST)).get("package", {})
        return [str(word) for word in package.get("include", [])], [str(word) for word in package.get("exclude", [])]
    except (OSError, ValueError, AttributeError, TypeError, BootwrightError):
        return [], []


def _names(root: Path, hidden: bool = True) -> list[str]:
    """Returns the names of all files below root but those in build directories, hidden ones on request."""
    found = []
    for place, directories, names in os.walk(root):
        inner = Path(place).relative_to(root)
        directories[:] = [
            name for name in directories
            if (hidden or name[0] != ".") and name != ".git" and not Path(place, name, CACHE).exists()
        ]  # fmt: skip
        found += [(inner / name).as_posix() for name in names if hidden or name[0] != "."]
    return found


def _in_git(root: Path) -> list[str]:
    """Returns the names of what git has and of what is new and not ignored; nothing where git has no such manifest."""
    words = ["ls-files", "-t", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = attempt(["git", "-c", "core.fsmonitor=false", "-C", str(root), *words])
    except BootwrightError:
        return []  # no git on this machine
    entries = [entry.partition(" ") for entry in listed.stdout.split("\0") if entry]
    if listed.status or not any(tag != "?" and name == MANIFEST for tag, _, name in entries):
        return []
    return list(dict.fromkeys(name for _, _, name in entries if (root / name).is_file()))


def _without_inner(root: Path, names: list[str]) -> list[str]:
    """Returns names without the target directory's and those of packages inside."""
    inner = {name.removesuffix(MANIFEST) for name in names if name.endswith(f"/{MANIFEST}")}
    nested = tuple(sorted(inner))
    return [name for name in names if not name.startswith(("target/", *nested))]
