"""Addresses of an ELF as function, file and line, by DWARF, and how the frames of its code are undone.

Of DWARF the units are read that hold the addresses asked for (bootwright.elf.dwarf): a kernel with the packages of a
registry has megabytes of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import PAGE_SIZE
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
    """The code of one ELF by address; every address is virtual. What is asked for is read, once.

    slide is how far from where it was linked a position-independent kernel lies: what is asked and answered is where it
    runs. place() finds it in a guest.
    """

    def __init__(self, elf: Path, image: Image) -> None:
        self.elf = elf
        self.image = image
        self.slide = 0
        self.has_dwarf = image.has_dwarf
        # A recursion asks for the same few addresses thousands of times.
        self._places = lru_cache(1024)(self._readably(self._find_places))
        self._frame = lru_cache(1024)(self._readably(self._find_frame))
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

    @property
    def entry(self) -> int:
        """The address of the kernel's first instruction."""
        return self.image.entry + self.slide

    def place(self, read: Callable[[int, int], bytes], addresses: Iterable[int]) -> None:
        """Learns by the guest's code where a position-independent kernel lies; read returns bytes of its memory.

        The first of addresses counts whose page is one of the kernel's, and of no other than that one.
        """
        if self.slide or not self.image.is_movable:
            return
        seen = set()
        for page in (address & -PAGE_SIZE for address in addresses):
            linked = self.image.page_of(read(page, PAGE_SIZE)) if page not in seen else None
            if linked is not None:
                self.slide = page - linked
                return
            seen.add(page)

    def places(self, address: int) -> tuple[Place, ...]:
        """Returns the place at address, innermost first: an inlined function is followed by the one it is in."""
        return self._places(address - self.slide)

    def frame(self, address: int) -> FrameRow | None:
        """Returns how the frame of the code at address is undone, None where the ELF does not tell."""
        return self._frame(address - self.slide)

    def is_code(self, address: int) -> bool:
        """Tells whether address lies in an executable section."""
        return self.image.is_code(address - self.slide)

    def _find_function(self, address: int) -> Function | None:
        unit = self.image.unit_at(address)
        return unit.function_at(address) if unit else None

    def function(self, address: int) -> tuple[int, int, str] | None:
        """Returns start, end and name of the function (not inlined) at address."""
        return self._moved(self._outer(address - self.slide))

    def _moved(self, row: tuple[int, int, str] | None) -> tuple[int, int, str] | None:
        return (row[0] + self.slide, row[1] + self.slide, row[2]) if row else None

    def _outer(self, linked: int) -> tuple[int, int, str] | None:
        found = self._function(linked)
        if found:
            return found.start, found.end, found.name
        return self._in_table(linked) if self.image.is_code(linked) else None

    def _in_table(self, linked: int) -> tuple[int, int, str] | None:
        """Returns start, end and name of the symbol at an address, as all of them were linked."""
        symbols = self.image.symbols
        at = bisect_right(symbols, linked, key=lambda row: row[0]) - 1
        if at < 0 or linked >= symbols[at][1]:
            return None
        start, end, name = symbols[at]
        return start, end, demangle(name)

    def symbol(self, address: int) -> str:
        """Returns the name of the function or static at address, "" where there is none."""
        linked = address - self.slide
        row = self._in_table(linked) or self._outer(linked)
        return row[2] if row else ""

    def _find_places(self, address: int) -> tuple[Place, ...]:
        unit, function = self.image.unit_at(address), self._function(address)
        file, line = unit.line_at(address) if unit else ("", 0)
        outer = self._outer(address)
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
        return min(addresses) + self.slide if addresses else None

    def function_with_line(self, file: str, line: int) -> str:
        """Returns the function that holds a line of file, "" if none does."""
        address = self.address_of(file, line)
        places = self.places(address) if address is not None else ()
        return places[0].function if places else ""

    def _find_frame(self, address: int) -> FrameRow | None:
        row = self.image.frame_rule(address)
        if row is None or row["cfa"] is None or row["cfa"].expr is not None:
            return None
        saved = [(n, rule.arg) for n, rule in row.items() if isinstance(n, int) and rule.type == "OFFSET"]
        return FrameRow(row["cfa"].reg, row["cfa"].offset, tuple(saved))


def read_entry(elf: Path) -> tuple[int, bool]:
    """Returns the address of the kernel's first instruction, and whether a loader may put the kernel elsewhere."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        header = ELFFile(stream).header
        return int(header["e_entry"]), header["e_type"] == "ET_DYN"


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
