"""The loader's failures, a sentence for each code, read from the loader's own table: their one home."""

from __future__ import annotations

import re
from pathlib import Path

from bootwright.base.home import HOME

TABLE = HOME / "bootloader" / "common" / "src" / "failure.rs"


def loader_sentences(table: Path = TABLE) -> dict[str, str]:
    """Returns code and sentence of each row `Name b"CODE" "sentence"` of the table; none where there is no table."""
    if not table.exists():
        return {}
    return dict(re.findall(r'^ +\w+ +b"(\w\w)" "([^"]*)"', table.read_text(encoding="utf-8"), re.MULTILINE))
