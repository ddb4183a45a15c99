"""The check of a linked program, by what reads its format."""

from __future__ import annotations

from pathlib import Path

from bootwright.hosts.product import Product
from bootwright.hosts.table import Row


def check_product(path: Path, linker_map: Path, row: Row) -> None:
    """Raises BootwrightError, which names the field, unless path is a freestanding program as its row wants it."""
    if row.format == "ELF":
        from bootwright.hosts.elf import check
    elif row.format == "PE":
        from bootwright.hosts.pe import check
    else:
        from bootwright.hosts.macho import check
    check(Product(path, row, linker_map.read_text(encoding="utf-8", errors="replace")))
