"""What asks for a nightly compiler by itself: #![feature] at a crate's root, -Z among its arguments.

A stable compiler takes both with RUSTC_BOOTSTRAP=1, so that who wrote a kernel for nightly need not say it again here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import LARGEST, read_bytes
from bootwright.cargo.units import Unit

FEATURE = rb"(?m)^[ \t]*#!\s*\[\s*feature\s*\("
# As many crates of the registry have it; what other conditions come to rustc says, with E0554.
WITH_FEATURE = rb'(?m)^[ \t]*#!\s*\[\s*cfg_attr\s*\(\s*feature\s*=\s*"([^"]*)"\s*,\s*feature\s*\('
OF_JSON = "-Zunstable-options"  # cargo's own for a target that is a JSON file


def asks_for_nightly(argv: Sequence[str], root: Path) -> bool:
    """Says whether the crate with these arguments and this root file is for nightly compilers as it stands there."""
    if any(word.startswith("-Z") and word != OF_JSON for word in argv):
        return True
    try:
        text = read_bytes(root, LARGEST)
    except (OSError, BootwrightError):
        return False  # rustc says so
    if re.search(FEATURE, text):
        return True
    return any(f'feature="{name.decode(errors="replace")}"' in argv for name in re.findall(WITH_FEATURE, text))


def is_for_nightly(unit: Unit) -> bool:
    """Says whether the unit is for nightly compilers: of a registry's the planner knew, all others may be edited."""
    if unit.is_run or unit.checksum:
        return unit.nightly
    return asks_for_nightly(unit.argv, Path(unit.cwd, unit.source))


def is_nightly(release: str) -> bool:
    """Says whether rustc of that release takes features of itself."""
    return release.endswith(("-nightly", "-dev"))
