"""What every check of a linked program shares: the row that it was linked by, its map, and the sentence of a breach."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.hosts.table import Row

# Whatever brings one of these into a program starts it another way than by its own entry: the compiler's start files,
# by the name that they give themselves, and the C run-time library's entries of Windows.
CRT_FILES = re.compile(r"(?:[SgMr]?crt[012ins]|crtbegin[ST]?|crtendS?|crtstuff)\.[oc]")
CRT_ENTRIES = re.compile(r"\b_*(?:w?mainCRTStartup|w?WinMainCRTStartup|libc_start_main)\b")


@dataclass(frozen=True)
class Product:
    """A linked program and the map that its linker wrote."""

    path: Path
    row: Row
    map: str

    def breach(self, field: str, found: str, wanted: str) -> BootwrightError:
        """Returns the sentence for a field of the product that is another than a freestanding program's."""
        hint = f"the arguments are [{self.row.host}.{self.row.linker}]'s of linker/hosts.toml, and RUSTFLAGS"
        return BootwrightError(f"{self.path}: {field} is {found}; {self.row} wants {wanted}", hint)


def check_start_files(product: Product) -> None:
    """Raises where the map names a start file of the C library or its entry."""
    # With its directory: GNU ld's map also shows its linker script, where the names stand for places of sections.
    found = re.search(rf"[/\\]({CRT_FILES.pattern})\b", product.map) or CRT_ENTRIES.search(product.map)
    if found:
        raise product.breach("start file", found[found.lastindex or 0], "none, since the program has its own entry")
