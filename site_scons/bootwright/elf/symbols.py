"""Addresses of an ELF as function, file and line, by DWARF, and how the frames of its code are undone.

Of DWARF the units are read that hold the addresses asked for (bootwright.elf.dwarf): a kernel with the packages of a
registry has megabytes of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bootwright.base.errors import BootwrightError
from bootwright.elf.demangle import demangle

if TYPE_CHECKING:
    from bootwright.elf.dwarf import Image
    from bootwright.elf.unit import Function

Found = TypeVar("Found")


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
    """The code of one ELF by address; every address is virtual. What is asked for is read, once."""

    def __init__(self, elf: Path, image: Image) -> None:
        self.elf = elf
        self.image = image
        self.entry = image.entry
        self.has_dwarf = image.has_dwarf
        # A recursion asks for the same few addresses thousands of times.
        self.places = lru_cache(1024)(self._readably(self._find_places))
        self.frame = lru_cache(1024)(self._readably(self._find_frame))
        self._function = lru_cache(1024)(self._readably(self._find_function))

    def _readably(self, find: Callable[[int], Found]) -> Callable[[int], Found]:
        """Returns find, which raises BootwrightError where the ELF is not what it says it is."""
        from bootwright.elf.dwarf import UNREADABLE

        def found(address: int) -> Found:
            try:
                return find(address)
            except (*UNREADABLE, KeyError, IndexError) as error:
                sentence = f"{self.elf}: its symbols cannot be read: {error or 'it ends early'}"
                raise BootwrightError(sentence) from error

        return found

    def is_code(self, address: int) -> bool:
        """Tells whether address lies in an executable section."""
        return self.image.is_code(address)

    def _find_function(self, address: int) -> Function | None:
        unit = self.image.unit_at(address)
        return unit.function_at(address) if unit else None

    def function(self, address: int) -> tuple[int, int, str] | None:
        """Returns start, end and name of the function (not inlined) at address."""
        found = self._function(address)
        if found:
            return found.start, found.end, found.name
        return self._in_table(address) if self.is_code(address) else None

    def _in_table(self, address: int) -> tuple[int, int, str] | None:
        """Returns start, end and name of the symbol at address."""
        symbols = self.image.symbols
        at = bisect_right(symbols, address, key=lambda row: row[0]) - 1
        if at < 0 or address >= symbols[at][1]:
            return None
        start, end, name = symbols[at]
        return start, end, demangle(name)

    def symbol(self, address: int) -> str:
        """Returns the name of the function or static at address, "" where there is none."""
        row = self._in_table(address) or self.function(address)
        return row[2] if row else ""

    def _find_places(self, address: int) -> tuple[Place, ...]:
        """Returns the place at address, innermost first: an inlined function is followed by the one it is in."""
        unit, function = self.image.unit_at(address), self._function(address)
        file, line = unit.line_at(address) if unit else ("", 0)
        outer = self.function(address)
        if outer is None:
            return (Place("", file, line),) if file else ()
        inlined = [one for one in (function.inlined if function else ()) if one.start <= address < one.end]
        found = []
        for one in sorted(inlined, key=lambda one: -one.depth):
            found.append(Place(one.name, file, line, inlined=True))
            file, line = one.file, one.line
        return (*found, Place(outer[2], file, line))

    def address_of(self, file: str, line: int) -> int | None:
        """Returns the lowest address of a line of file (as DWARF names it, or the end of that); None if none has."""
        addresses = [
            address
            for unit in self.image.units_of_file(file)
            for address, name, number in unit.lines
            if number == line and (name == file or name.endswith(f"/{file}"))
        ]
        return min(addresses, default=None)

    def function_with_line(self, file: str, line: int) -> str:
        """Returns the function that holds a line of file, "" if none does."""
        address = self.address_of(file, line)
        places = self.places(address) if address is not None else ()
        return places[0].function if places else ""

    def _find_frame(self, address: int) -> FrameRow | None:
        """Returns how the frame of the code at address is undone, None where the ELF does not tell."""
        row = self.image.frame_rule(address)
        if row is None or row["cfa"] is None or row["cfa"].expr is not None:
            return None
        saved = [(n, rule.arg) for n, rule in row.items() if isinstance(n, int) and rule.type == "OFFSET"]
        return FrameRow(row["cfa"].reg, row["cfa"].offset, tuple(saved))


def read_entry(elf: Path) -> int:
    """Returns the address of the kernel's first instruction."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        return int(ELFFile(stream).header["e_entry"])


def read_start(elf: Path) -> int:
    """Returns the address of `_start`, before which a linker script may have put a few instructions; else the entry."""
    from bootwright.elf import dwarf

    image = dwarf.Image(elf.read_bytes(), demangle)
    start = image.value("_start")
    return (image.entry if start is None else start) & ~(1 if image.machine == "EM_ARM" else 0)


def read_symbols(elf: Path) -> Symbols:
    """Returns the symbols of elf, of which no more than the heads are read yet."""
    from bootwright.elf import dwarf

    try:
        return Symbols(elf, dwarf.Image(elf.read_bytes(), demangle))
    except OSError as error:
        raise BootwrightError(f"{elf} cannot be read: {error.strerror}") from error
    except dwarf.UNREADABLE as error:
        raise BootwrightError(f"{elf}: its symbols cannot be read: {error or 'it ends early'}") from error
