"""One compilation unit of DWARF, read as far as it is asked: its files, lines and functions."""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootwright.elf import units
from bootwright.elf.lines import Row, read_sequences

Demangle = Callable[[str], str]


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
