"""Whether a crate is for bare metal, by the attribute at its root; what macros make of it is not seen."""

from __future__ import annotations

import re
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import LARGEST, read_text

NO_STD = re.compile(r"^\s*#!\[\s*(?:cfg_attr\(.*\b)?no_std\b", re.MULTILINE)


def is_freestanding(root: Path) -> bool:
    """Says whether the crate with that root file has #![no_std]; not for one that cannot be read: rustc says so."""
    try:
        return bool(NO_STD.search(read_text(root, LARGEST)))
    except (OSError, BootwrightError):
        return False
