"""`scons size`: what a kernel is made of, by section, crate and symbol, and what the last build changed about that."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.elf.demangle import crate_of, demangle

LARGEST = 20
CHANGED = 10
NO_CRATE = "(no crate: entry, assembly)"
NO_SYMBOL = "(no symbol: constants, padding)"


@dataclass(frozen=True)
class Sizes:
    """Bytes in memory, by the name of the section, crate or symbol."""

    sections: Counter[str]
    crates: Counter[str]
    symbols: Counter[str]

    @property
    def total(self) -> int:
        """All bytes in memory."""
        return self.sections.total()


def keep_build(elf: Path, directory: Path) -> None:
    """Keeps elf, which was just built, in directory as last.elf, and the one before it, if another, beside it."""
    directory.mkdir(parents=True, exist_ok=True)
    last, previous = directory / "last.elf", directory / "previous.elf"
    if last.exists():
        if filecmp.cmp(last, elf, shallow=False):
            return
        last.replace(previous)
    try:
        os.link(elf, last)
    except OSError:  # a file system without links
        shutil.copyfile(elf, last)


def read_sizes(elf: Path) -> Sizes:
    """Returns the sizes of what elf puts into memory; debug sections are not counted."""
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        image = ELFFile(stream)
        sections = [s for s in image.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC and s["sh_size"]]
        table: Any = image.get_section_by_name(".symtab")
        rows = [
            (symbol["st_value"], symbol["st_size"], symbol.name)
            for symbol in (table.iter_symbols() if table else ())
            if symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT")
            and symbol["st_size"]
            and not symbol.name.startswith("anon.")  # a constant that the compiler numbers anew in each build
        ]
    symbols, crates = count_symbols(rows)
    by_section = Counter({section.name: 0 for section in sections})
    for section in sections:
        by_section[section.name] += section["sh_size"]
    crates[NO_SYMBOL] = by_section.total() - crates.total()
    return Sizes(by_section, crates, symbols)


def count_symbols(rows: Iterable[tuple[int, int, str]]) -> tuple[Counter[str], Counter[str]]:
    """Returns the bytes of each symbol and of each crate, of rows of address, size and name.

    One function can have two names, and a symbol lie within another: each byte counts once.
    """
    symbols: Counter[str] = Counter()
    crates: Counter[str] = Counter()
    end = 0
    for address, size, name in sorted(rows):
        counted = min(size, address + size - end)
        if counted > 0:
            symbols[demangle(name)] += counted
            crates[crate_of(name) or NO_CRATE] += counted
            end = address + size
    return symbols, crates


def report(elf: Path, previous: Path) -> str:
    """Returns the report on elf, with differences to the ELF previous where there is one."""
    now = read_sizes(elf)
    before = read_sizes(previous) if previous.exists() else None
    since = f", {now.total - before.total:+,} since the last build" if before else "; there is no earlier build"
    lines = [f"{elf}: {now.total:,} bytes in memory{since}"]
    lines += _table("sections", now.sections, before.sections if before else None, now.sections)
    lines += _table("crates", now.crates, before.crates if before else None, _largest(now.crates))
    largest = _largest(now.symbols)[:LARGEST]
    lines += _table(f"the {len(largest)} largest symbols", now.symbols, before.symbols if before else None, largest)
    if before:
        changes = {name: now.symbols[name] - before.symbols[name] for name in now.symbols | before.symbols}
        changed = sorted((name for name in changes if changes[name]), key=lambda name: (-abs(changes[name]), name))
        if changed:
            title = f"the {len(changed[:CHANGED])} symbols that changed most, of {len(changed)}"
            lines += _table(title, now.symbols, before.symbols, changed[:CHANGED])
    return "\n".join(lines) + "\n"


def _largest(sizes: Counter[str]) -> list[str]:
    return sorted(sizes, key=lambda name: (-sizes[name], name))


def _table(title: str, now: Counter[str], before: Counter[str] | None, names: Iterable[str]) -> list[str]:
    rows = []
    for name in names:
        difference = now[name] - before[name] if before is not None else 0
        rows.append(f"  {now[name]:>12,}  {f'{difference:+,}' if difference else '':>10}  {name}".rstrip())
    return ["", title, *rows]
