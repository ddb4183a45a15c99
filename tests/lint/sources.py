"""Which files there are to look at: what git tracks, and what it would if it were asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[Path]:
    """Returns the files of the checkout that match git's patterns, sorted, but for those that git ignores.

    There is one at least: a test that looks at none of them would pass.
    """
    argv = ["git", "-C", str(HOME), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(argv, capture_output=True, check=True).stdout.decode().split("\0")
    found = sorted(path for name in set(listed) if name and (path := HOME / name).is_file())
    assert found, patterns
    return found


def is_python(path: Path) -> bool:
    """Tells whether a file is Python: by its suffix, or the first line of a program without one."""
    if path.suffix in (".py", ".pyi"):
        return True
    with path.open("rb") as stream:
        return not path.suffix and stream.readline().startswith(b"#!/usr/bin/env python3")
