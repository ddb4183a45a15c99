"""What an ELF tells about its code, read with pyelftools: of DWARF only the units of the addresses asked for."""

from __future__ import annotations

import io
import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.callframe import FDE, CallFrameInfo
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from bootwright.elf import units
from bootwright.elf.lines import Row, read_sequences

MAPPING = re.compile(r"\$[adtx](\.|$)")  # where code and data begin, in the ABIs of Arm and RISC-V: no function's name
NO_TYPE, OBJECT, CODE = 0, 1, 2  # STT_NOTYPE, STT_OBJECT, STT_FUNC
ABSOLUTE = 0xFF00  # from SHN_LORESERVE on: no section
UNREADABLE = (ELFError, DWARFError, ConstructError)
Demangle = Callable[[str], str]
Named = tuple[int, int, str]  # start, end, name


@dataclass(frozen=True)
class Inlined:
    """One function inside another: where its code is, its name, how deep it lies, and the line that calls it."""

    start: int
    end: int
    name: str
    depth: int
    file: str
    line: int


@dataclass(frozen=True)
class Function:
    """One function: its code, its name, and what the compiler put into it."""

    start: int
    end: int
    name: str
    inlined: tuple[Inlined, ...]


class Image:
    """An ELF's bytes. read_units counts the units of DWARF that were read."""

    def __init__(self, data: bytes, demangle: Demangle) -> None:
        self._elf = ELFFile(io.BytesIO(data))
        self._demangle = demangle
        self.entry = int(self._elf.header["e_entry"])
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


class Unit:
    """One compilation unit of DWARF, read as far as it is asked."""

    def __init__(self, dwarf: Any, unit: Any, info: bytes, demangle: Demangle, is_code: Callable[[int], bool]) -> None:
        self._dwarf = dwarf
        self._unit = unit
        self._info = info
        self._demangle = demangle
        self._is_code = is_code
        top = unit.get_top_DIE()
        low, directory = top.attributes.get("DW_AT_low_pc"), top.attributes.get("DW_AT_comp_dir")
        self._top = top
        self._base = low.value if low else 0
        self._directory = directory.value.decode("utf-8", "replace") if directory else ""

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yields start and end of each piece of the unit's code; whatever begins at 0 was left out by the linker."""
        return self._ranges(self._top)

    @cached_property
    def files(self) -> dict[int, str]:
        """The unit's source files by their numbers in it."""
        program = self._program
        if program is None:
            return {}
        header = program.header
        new = header["version"] >= 5
        directories = [name.decode("utf-8", "replace") for name in header.get("include_directory", ())]
        if not new:
            directories.insert(0, self._directory)  # before version 5 the unit's own directory is not in the list
        files = {}
        for number, entry in enumerate(header["file_entry"], 0 if new else 1):
            path = posixpath.join(directories[entry.dir_index], entry.name.decode("utf-8", "replace"))
            if not posixpath.isabs(path) and self._directory:
                path = posixpath.join(self._directory, path)
            files[number] = posixpath.normpath(path)
        return files

    @cached_property
    def _program(self) -> Any:
        return self._dwarf.line_program_for_CU(self._unit)

    @cached_property
    def lines(self) -> list[tuple[int, str, int]]:
        """Where the code of which line begins: address, file and line, sorted; line 0 ends a sequence."""
        found: list[tuple[int, str, int]] = []
        for rows, end in self._sequences():
            # What --gc-sections left out is still described, from the address 0 on, where a board may have code too.
            if rows and rows[0][0] and self._is_code(rows[0][0]):
                found += [(address, self.files.get(file, ""), line) for address, file, line in rows if line]
                found.append((end, "", 0))
        # Where one sequence of lines ends and the next begins at one address, the end must come first.
        return sorted(found, key=lambda row: (row[0], row[2] != 0))

    def _sequences(self) -> Iterator[tuple[list[Row], int]]:
        program = self._program
        if program is None:
            return
        program.stream.seek(program.program_start_offset)
        data = program.stream.read(program.program_end_offset - program.program_start_offset)
        yield from read_sequences(data, program.header)

    def line_at(self, address: int) -> tuple[str, int]:
        """Returns file and line of the code at address, "" and 0 where none is told."""
        at = bisect_right(self.lines, address, key=lambda row: row[0]) - 1
        _, file, line = self.lines[at] if at >= 0 else (0, "", 0)
        return (file, line) if line else ("", 0)

    @cached_property
    def _functions(self) -> list[tuple[int, int, int]]:
        """Start, end and the entry's offset of each function, sorted."""
        found = []
        for offset in units.find_functions(self._unit, self._info):
            found += [(start, end, offset) for start, end in self._ranges(self._die(offset))]
        return sorted((row for row in found if self._is_code(row[0])), key=lambda row: (row[0], -row[1]))

    def function_at(self, address: int) -> Function | None:
        """Returns the function, not inlined, whose code is at address."""
        at = bisect_right(self._functions, address, key=lambda row: row[0]) - 1
        if at < 0 or address >= self._functions[at][1]:
            return None
        start, end, offset = self._functions[at]
        die = self._die(offset)
        return Function(start, end, self._name(die), tuple(self._inlined(die, 0)))

    def _die(self, offset: int) -> Any:
        return self._unit.get_DIE_from_refaddr(offset)

    def _inlined(self, die: Any, depth: int) -> Iterator[Inlined]:
        for child in die.iter_children():
            if child.tag == "DW_TAG_inlined_subroutine":
                file, line = self.files.get(_number(child, "DW_AT_call_file"), ""), _number(child, "DW_AT_call_line")
                for start, end in self._ranges(child):
                    yield Inlined(start, end, self._name(child), depth, file, line)
                yield from self._inlined(child, depth + 1)
            elif child.tag == "DW_TAG_lexical_block":
                yield from self._inlined(child, depth)

    def _ranges(self, die: Any) -> Iterator[tuple[int, int]]:
        attributes = die.attributes
        if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
            low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
            # An address since version 2, since version 4 mostly a length.
            end = high.value if high.form == "DW_FORM_addr" else low + high.value
            if low:  # the linker left it out: --gc-sections gives such code the address 0
                yield low, end
        elif "DW_AT_ranges" in attributes:
            base, left_out = self._base, False
            lists = self._dwarf.range_lists()
            for entry in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=self._unit):
                if hasattr(entry, "base_address"):
                    base = entry.base_address
                    left_out = not base
                elif not left_out and entry.begin_offset < entry.end_offset:
                    start = 0 if getattr(entry, "is_absolute", False) else base
                    if start + entry.begin_offset:
                        yield start + entry.begin_offset, start + entry.end_offset

    def _name(self, die: Any) -> str:
        """Returns the path of a function: what it is called stands with it or with what it is a copy of."""
        plain = ""
        for _ in range(4):
            for attribute in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
                if attribute in die.attributes:
                    return self._demangle(die.attributes[attribute].value.decode("utf-8", "replace"))
            if "DW_AT_name" in die.attributes:
                plain = plain or die.attributes["DW_AT_name"].value.decode("utf-8", "replace")
            for attribute in ("DW_AT_abstract_origin", "DW_AT_specification"):
                if attribute in die.attributes:
                    die = die.get_DIE_from_attribute(attribute)
                    break
            else:
                break
        return plain


def _number(die: Any, attribute: str) -> int:
    found = die.attributes.get(attribute)
    return int(found.value) if found else 0
