"""What an ELF tells about its code, read with pyelftools: of DWARF only the units of the addresses asked for."""

from __future__ import annotations

import io
import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.callframe import FDE, CallFrameInfo
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from bootwright.base.sizes import PAGE_SIZE
from bootwright.elf import units
from bootwright.elf.unit import Demangle, Unit

MAPPING = re.compile(r"\$[adtx](\.|$)")  # where code and data begin, in the ABIs of Arm and RISC-V: no function's name
NO_TYPE, OBJECT, CODE = 0, 1, 2  # STT_NOTYPE, STT_OBJECT, STT_FUNC
ENOUGH = 64  # bytes of code that tell one page from every other
ABSOLUTE = 0xFF00  # from SHN_LORESERVE on: no section
UNREADABLE = (ELFError, DWARFError, ConstructError)
Named = tuple[int, int, str]  # start, end, name


class Image:
    """An ELF's bytes. read_units counts the units of DWARF that were read."""

    def __init__(self, data: bytes, demangle: Demangle) -> None:
        self._elf = ELFFile(io.BytesIO(data))
        self._demangle = demangle
        self.entry = int(self._elf.header["e_entry"])
        self.is_movable = self._elf.header["e_type"] == "ET_DYN"
        self.machine = str(self._elf.header["e_machine"])
        self.word = self._elf.elfclass // 8  # bytes of an address
        self.executable = [
            (int(section["sh_addr"]), int(section["sh_addr"] + section["sh_size"]))
            for section in self._elf.iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
        ]
        self.has_dwarf = bool(self._elf.has_dwarf_info(strict=True))
        self._units: dict[int, Unit] = {}

    @property
    def read_units(self) -> int:
        """How many units were read so far."""
        return len(self._units)

    def is_code(self, address: int) -> bool:
        """Tells whether address lies in an executable section."""
        return any(start <= address < end for start, end in self.executable)

    @cached_property
    def _code(self) -> list[tuple[int, bytes]]:
        """The executable sections: where each begins, and its bytes."""
        sections = (s for s in self._elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR)
        return [(int(section["sh_addr"]), section.data()) for section in sections]

    def code(self, address: int, size: int) -> bytes:
        """Returns up to size bytes of code at address: fewer at the end of a section, none where there is none."""
        found = (data[address - start :][:size] for start, data in self._code if start <= address < start + len(data))
        return next(found, b"")

    def page_of(self, code: bytes) -> int | None:
        """Returns where the page was linked that holds code, PAGE_SIZE bytes; None where none does, or several do."""
        found = set()
        for start, data in self._code:
            for page in range(start & -PAGE_SIZE, start + len(data), PAGE_SIZE):
                first, end = max(page, start), min(page + PAGE_SIZE, start + len(data))
                same = data[first - start : end - start] == code[first - page : end - page]
                found |= {page} if same and end - first >= ENOUGH else set()
        return found.pop() if len(found) == 1 else None

    def value(self, name: str) -> int | None:
        """Returns the value of a symbol, None where there is no such symbol."""
        table: Any = self._elf.get_section_by_name(".symtab")
        found = table.get_symbol_by_name(name) if table else None
        return int(found[0]["st_value"]) if found else None

    def unit_at(self, address: int) -> Unit | None:
        """Returns the unit that holds the code at address."""
        starts, ranges = self._ranges
        at = bisect_right(starts, address) - 1
        return self._unit(ranges[at][2]) if at >= 0 and address < ranges[at][1] else None

    def units_of_file(self, file: str) -> Iterator[Unit]:
        """Yields the units that hold lines of file: its whole name, or the end of that."""
        for compilation in self._dwarf.iter_CUs() if self.has_dwarf else ():
            program = self._dwarf.line_program_for_CU(compilation)  # its header alone
            names = {entry.name.decode("utf-8", "replace") for entry in program.header["file_entry"]} if program else ()
            if any(posixpath.basename(name) == posixpath.basename(file) for name in names):
                yield self._unit(compilation.cu_offset)

    @cached_property
    def _dwarf(self) -> Any:
        return self._elf.get_dwarf_info()

    @cached_property
    def _info(self) -> bytes:
        return bytes(self._dwarf.debug_info_sec.stream.getvalue())

    def _unit(self, offset: int) -> Unit:
        if offset not in self._units:
            unit = self._dwarf.get_CU_at(offset)
            self._units[offset] = Unit(self._dwarf, unit, self._info, self._demangle, self.is_code)
        return self._units[offset]

    @cached_property
    def _ranges(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        """The code of each unit, sorted: by .debug_aranges, and by the heads of those that it leaves out."""
        if not self.has_dwarf:
            return [], []
        section = self._elf.get_section_by_name(".debug_aranges")
        ranges = list(units.read_ranges(section.data())) if section else []
        told = {unit for _, _, unit in ranges}
        for unit in self._dwarf.iter_CUs():
            if unit.cu_offset not in told:
                top = Unit(self._dwarf, unit, self._info, self._demangle, self.is_code)
                ranges += [(start, end, unit.cu_offset) for start, end in top.ranges()]
        ranges.sort()
        return [start for start, _, _ in ranges], ranges

    @cached_property
    def symbols(self) -> list[Named]:
        """Functions and statics of the symbol table, sorted by their starts, with their names as they are there."""
        table: Any = self._elf.get_section_by_name(".symtab")
        is_arm = self._elf.header["e_machine"] == "EM_ARM"
        rows: list[tuple[int, int, str, int]] = []
        names = table.stringtable.data() if table else b""
        for name, info, section, value, size in units.read_symbols(table.data() if table else b"", self._elf.elfclass):
            kind = info & 15
            if not section or section >= ABSOLUTE or kind not in (NO_TYPE, OBJECT, CODE) or not name:
                continue
            text = names[name : names.index(0, name)].decode("utf-8", "replace")
            if MAPPING.match(text):
                continue
            start = value & ~1 if is_arm and kind == CODE else value  # the lowest bit says Thumb
            rows.append((start, start + size, text, section))
        rows.sort(key=lambda row: (row[0], row[1]))
        found: list[Named] = []
        # Assembly gives its labels no size: such a one reaches to the next symbol of its section.
        for (start, end, text, number), following in zip(rows, [*rows[1:], None], strict=False):
            if start == end:
                inside = self._elf.get_section(number)
                here = following is not None and following[3] == number
                end = following[0] if following and here else inside["sh_addr"] + inside["sh_size"]
            if start < end:
                found.append((start, end, text))
        return found

    @cached_property
    def _frames(self) -> tuple[list[int], list[units.FrameEntry]]:
        """The entries of .debug_frame, sorted."""
        section = self._elf.get_section_by_name(".debug_frame")
        found = list(units.read_frame_entries(section.data(), self._elf.elfclass // 8)) if section else []
        found.sort(key=lambda entry: (entry.start, entry.end))
        return [entry.start for entry in found], found

    @cached_property
    def _eh_frames(self) -> list[Any]:
        """The entries of .eh_frame, which cover less, and which pyelftools reads all."""
        if self._elf.get_section_by_name(".eh_frame") is None:
            return []
        entries = self._dwarf.EH_CFI_entries() if self._dwarf.has_EH_CFI() else []
        return [e for e in entries if isinstance(e, FDE) and e["address_range"] and e["initial_location"]]

    def frame_rule(self, address: int) -> Any:
        """Returns the row of the table of call frames for the code at address, None where there is none."""
        entry = self._frame_entry(address)
        if entry is None:
            return None
        try:
            table = entry.get_decoded().table
        except (*UNREADABLE, ValueError):  # pyelftools does not know every rule; such a frame is undone without one
            return None
        return next((row for row in reversed(table) if row["pc"] <= address), None)

    def _frame_entry(self, address: int) -> FDE | None:
        starts, entries = self._frames
        at = bisect_right(starts, address) - 1
        if at >= 0 and address < entries[at].end:
            data = entries[at].data
            read = CallFrameInfo(io.BytesIO(data), len(data), 0, self._dwarf.structs)
            return next((entry for entry in read.get_entries() if isinstance(entry, FDE)), None)
        of_address = (e for e in self._eh_frames if 0 <= address - e["initial_location"] < e["address_range"])
        return next(of_address, None)
