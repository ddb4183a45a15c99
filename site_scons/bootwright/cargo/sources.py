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
    # Text until the end: this runs in each build for each crate, and a Path for each file and each question takes time.
    for place, directories, names in os.walk(str(directory)):
        directories[:] = [d for d in directories if d[0] != "." and not Path(place, d, "CACHEDIR.TAG").exists()]
        at_top = place == str(directory)
        for name in names:
            if name[0] == "." or name[-1] == "~":
                continue
            if at_top and name != root.name and (name in siblings or (tests and name.endswith(".rs"))):
                continue
            found.append(f"{place}{os.sep}{name}")
    return [Path(path) for path in sorted(found)]


def mentions(directory: Path, word: str) -> bool:
    """Says whether a Rust source below directory has word in it."""
    wanted = word.encode()
    return any(wanted in path.read_bytes() for path in directory.rglob("*.rs"))
