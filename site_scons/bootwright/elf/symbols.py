"""Addresses of an ELF as function, file and line, by DWARF; an index is kept for each ELF, because reading is slow.

The index also holds how each function's frame is undone (.debug_frame and .eh_frame), for bootwright.faults.unwind.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.elf.demangle import demangle

FORMAT = "bootwright symbols 2"


@dataclass(frozen=True)
class Place:
    """What stands at an address: function ("" where there is none), file and line ("" and 0 without DWARF).

    inlined says that the compiler put this function into the one that follows in a list of places.
    """

    function: str
    file: str = ""
    line: int = 0
    inlined: bool = False

    @property
    def where(self) -> str:
        """file:line, or "" """
        return f"{self.file}:{self.line}" if self.file else ""


@dataclass(frozen=True)
class FrameRow:
    """How to undo a frame from an address on: the caller's rsp is the register base + offset.

    saved has the registers that lie at caller's rsp + n, by their DWARF numbers.
    """

    base: int
    offset: int
    saved: tuple[tuple[int, int], ...]


class Symbols:
    """The index of one ELF; the lists are sorted by their first number, and every address is virtual."""

    def __init__(self, elf: Path, facts: dict[str, list[list[int | str]]]) -> None:
        self.elf = elf
        self._files = [str(name) for (name,) in facts["files"]]
        self._lines = facts["lines"]  # address, file, line; line 0 ends a sequence
        self._functions = facts["functions"]  # start, end, name; outermost first
        self._inlined = facts["inlined"]  # start, end, name, depth, file and line of the call
        self._symbols = facts["symbols"]  # start, end, name
        self._frames = facts["frames"]  # start, base, offset, then pairs of saved; base -1 ends
        self._executable = facts["executable"]  # start, end
        self.entry = int(facts["entry"][0][0])
        self.has_dwarf = bool(self._lines)
        # A recursion asks for the same few addresses thousands of times.
        self.places = lru_cache(1024)(self._find_places)
        self.frame = lru_cache(1024)(self._find_frame)
        self._starts = {id(table): [int(row[0]) for row in table] for table in (
            self._lines, self._functions, self._inlined, self._symbols, self._frames)}  # fmt: skip

    def _row(self, table: list[list[int | str]], address: int) -> list[int | str] | None:
        at = bisect_right(self._starts[id(table)], address) - 1
        return table[at] if at >= 0 else None

    def _spanning(self, table: list[list[int | str]], address: int) -> list[int | str] | None:
        row = self._row(table, address)
        return row if row and address < int(row[1]) else None

    def is_code(self, address: int) -> bool:
        """Tells whether address lies in an executable section."""
        return any(int(start) <= address < int(end) for start, end in self._executable)

    def function(self, address: int) -> tuple[int, int, str] | None:
        """Returns start, end and name of the function (not inlined) at address."""
        row = self._spanning(self._functions, address)
        if row is None and self.is_code(address):
            row = self._spanning(self._symbols, address)
        return (int(row[0]), int(row[1]), str(row[2])) if row else None

    def symbol(self, address: int) -> str:
        """Returns the name of the function or static at address, "" where there is none."""
        row = self._spanning(self._symbols, address) or self._spanning(self._functions, address)
        return str(row[2]) if row else ""

    def _find_places(self, address: int) -> tuple[Place, ...]:
        """Returns the place at address, innermost first: an inlined function is followed by the one it is in."""
        function = self.function(address)
        row = self._row(self._lines, address)
        file, line = (self._files[int(row[1])], int(row[2])) if row and int(row[2]) else ("", 0)
        if function is None:
            return (Place("", file, line),) if file else ()
        first = bisect_right(self._starts[id(self._inlined)], function[0] - 1)
        last = bisect_right(self._starts[id(self._inlined)], address)
        inlined = [row for row in self._inlined[first:last] if address < int(row[1])]
        found = []
        for _, _, name, _, call_file, call_line in sorted(inlined, key=lambda row: -int(row[3])):
            found.append(Place(str(name), file, line, inlined=True))
            file, line = self._files[int(call_file)], int(call_line)
        return (*found, Place(function[2], file, line))

    def function_with_line(self, file: str, line: int) -> str:
        """Returns the function that holds a line of file (as DWARF names it, or the end of that); "" if none does."""
        wanted = {n for n, name in enumerate(self._files) if name == file or name.endswith(f"/{file}")}
        for address, number, found in self._lines:
            if found == line and number in wanted:
                places = self.places(int(address))
                return places[0].function if places else ""
        return ""

    def _find_frame(self, address: int) -> FrameRow | None:
        """Returns how the frame of the code at address is undone, None where the ELF does not tell."""
        row = self._row(self._frames, address)
        if row is None or int(row[1]) < 0:
            return None
        saved = [int(number) for number in row[3:]]
        return FrameRow(int(row[1]), int(row[2]), tuple(zip(saved[::2], saved[1::2], strict=True)))


def read_entry(elf: Path) -> int:
    """Returns the address of the kernel's first instruction."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        return int(ELFFile(stream).header["e_entry"])


def read_symbols(elf: Path, index: Path | None = None) -> Symbols:
    """Returns the symbols of elf: from the file index where that was made of the same bytes, else that is made."""
    try:
        data = elf.read_bytes()
    except OSError as error:
        raise BootwrightError(f"{elf} cannot be read: {error.strerror}") from error
    key = f"{FORMAT} {hashlib.sha256(data).hexdigest()}"
    if index:
        try:
            kept = json.loads(index.read_text(encoding="utf-8"))
            if kept.pop("key") == key:
                return Symbols(elf, kept)
        except (OSError, ValueError, KeyError, AttributeError):
            pass  # there is none yet, or it is another version's
    from bootwright.elf import dwarf

    facts = dwarf.read_facts(elf, demangle)
    if index:
        with atomic.new_file(index) as path:
            path.write_text(json.dumps({"key": key, **facts}, separators=(",", ":")), encoding="utf-8")
    return Symbols(elf, facts)
