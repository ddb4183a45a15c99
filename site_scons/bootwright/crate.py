"""Which files a crate is made of: its root's directory, but for the roots of other crates that live there."""

from __future__ import annotations

import os
from pathlib import Path


def crate_files(root: Path) -> list[Path]:
    """Returns every file that the crate with this root (absolute) may read without saying so, sorted.

    That is each file below the root's directory. Not its own are: hidden files and directories, editors' backups (~),
    caches (a Cargo target directory has a CACHEDIR.TAG), and the roots of sibling crates, by Cargo's conventions:
    lib.rs and main.rs beside each other, and every file directly in tests/ but this one.
    """
    directory = root.parent
    tests = directory.name == "tests"
    siblings = {"lib.rs", "main.rs"} - {root.name} if root.name in ("lib.rs", "main.rs") else set()
    found = []
    for place, directories, names in os.walk(directory):
        at_top = Path(place) == directory
        directories[:] = sorted(
            d for d in directories if not d.startswith(".") and not Path(place, d, "CACHEDIR.TAG").exists()
        )
        for name in names:
            path = Path(place, name)
            if name.startswith(".") or name.endswith("~"):
                continue
            if at_top and path != root and (name in siblings or (tests and name.endswith(".rs"))):
                continue
            found.append(path)
    return sorted(found)


def mentions(directory: Path, word: str) -> bool:
    """Says whether a Rust source below directory has word in it."""
    return any(word in path.read_text("utf-8", "replace") for path in sorted(directory.rglob("*.rs")))
