"""What RUSTFLAGS= says that the graph must know: the files that it names, and a linker that has no effect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def files_in_flags(flags: Iterable[str], cwd: Path) -> list[Path]:
    """Returns the files that flags name, relative to cwd: @FILE, --extern NAME=FILE, -C linker=FILE and the like.

    rustc names some of them nowhere among what it read.
    """
    parts = {part for word in flags for part in re.split("[=@]", word) if part}
    return sorted(path for path in (cwd / part for part in parts) if path.is_file())


def digests_in_flags(flags: Iterable[str], cwd: Path) -> tuple[tuple[str, str], ...]:
    """Returns these files, each with its SHA-256."""
    files = files_in_flags(flags, cwd)
    if not files:
        return ()
    from bootwright.base.digests import file_digest  # most have none

    return tuple((str(path), file_digest(path)) for path in files)


def linkers_in_flags(flags: Iterable[str]) -> list[str]:
    """Returns what flags say of the linker (linker=..., linker-flavor=...), however -C or --codegen is written."""
    found = (re.fullmatch(r"(?:-C|--codegen=)?(linker(?:-flavor)?=.+)", word) for word in flags)
    return [match[1] for match in found if match]
