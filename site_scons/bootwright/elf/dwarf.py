"""What an ELF tells about its code, read with pyelftools into the plain lists that bootwright.elf.symbols keeps."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.callframe import FDE
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from bootwright.base.errors import BootwrightError

Row = list[int | str]
Facts = dict[str, list[Row]]
Demangle = Callable[[str], str]
NO_FRAME = -1
MAPPING = re.compile(r"\$[adtx](\.|$)")  # where code and data begin, in the ABIs of Arm and RISC-V: no function's name
UNREADABLE = (ELFError, DWARFError, ConstructError)


def read_facts(elf: Path, demangle: Demangle) -> Facts:
    """Returns the lists that Symbols describes; those that need DWARF are empty where the ELF has none."""
    with elf.open("rb") as stream:
        try:
            return _read(ELFFile(stream), demangle)
        except UNREADABLE as error:
            raise BootwrightError(f"{elf}: its symbols cannot be read: {error or 'it ends early'}") from error


def _read(image: Any, demangle: Demangle) -> Facts:
    facts: Facts = {name: [] for name in ("files", "lines", "functions", "inlined", "symbols", "frames")}
    facts["entry"] = [[image.header["e_entry"]]]
    code = [
        (section["sh_addr"], section["sh_addr"] + section["sh_size"])
        for section in image.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
    ]
    facts["executable"] = [[start, end] for start, end in code]
    facts["symbols"] = _symbols(image, demangle)
    if image.has_dwarf_info(strict=True):
        dwarf = image.get_dwarf_info()
        files: dict[str, int] = {}
        for unit in dwarf.iter_CUs():
            _Unit(dwarf, unit, files, facts, demangle).read()
        facts["files"] = [[name] for name in files]
    frames = image.get_dwarf_info() if image.has_dwarf_info() else None
    if frames is not None:
        facts["frames"] = _frames(frames)
    for name in ("lines", "functions", "inlined"):
        # What --gc-sections left out is still described, from the address 0 on, where a board may have code as well: so
        # whatever begins at 0 was passed over, and this is for the rest.
        facts[name] = [row for row in facts[name] if any(a <= int(row[0]) <= b for a, b in code)]
        facts[name].sort(key=lambda row: (int(row[0]), -int(row[1])))
    # Where one sequence of lines ends and the next begins at one address, the end must come first.
    facts["lines"].sort(key=lambda row: (int(row[0]), int(row[2]) != 0))
    return facts


def _symbols(image: Any, demangle: Demangle) -> list[Row]:
    table = image.get_section_by_name(".symtab")
    is_arm = image.header["e_machine"] == "EM_ARM"
    rows: list[Row] = []
    for symbol in table.iter_symbols() if table else ():
        kind, section = symbol["st_info"]["type"], symbol["st_shndx"]
        if (
            section in ("SHN_UNDEF", "SHN_ABS")
            or kind not in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
            or not symbol.name
            or MAPPING.match(symbol.name)
        ):
            continue
        start = symbol["st_value"] & ~1 if is_arm and kind == "STT_FUNC" else symbol["st_value"]  # the bit says Thumb
        rows.append([start, start + symbol["st_size"], demangle(symbol.name), section])
    rows.sort(key=lambda row: (int(row[0]), int(row[1])))
    # Assembly gives its labels no size: such a one reaches to the next symbol of its section.
    for row, following in zip(rows, [*rows[1:], None], strict=False):
        if row[0] == row[1]:
            section = image.get_section(row[3])
            end = section["sh_addr"] + section["sh_size"]
            row[1] = int(following[0]) if following and following[3] == row[3] else end
    return [row[:3] for row in rows if int(row[0]) < int(row[1])]


class _Unit:
    """One compilation unit."""

    def __init__(self, dwarf: Any, unit: Any, files: dict[str, int], facts: Facts, demangle: Demangle) -> None:
        self._dwarf = dwarf
        self._unit = unit
        self._files = files
        self._facts = facts
        self._demangle = demangle
        self._base = 0
        self._own_files: dict[int, int] = {}

    def read(self) -> None:
        top = self._unit.get_top_DIE()
        low = top.attributes.get("DW_AT_low_pc")
        self._base = low.value if low else 0
        directory = top.attributes.get("DW_AT_comp_dir")
        program = self._dwarf.line_program_for_CU(self._unit)
        if program is not None:
            self._read_lines(program, directory.value.decode("utf-8", "replace") if directory else "")
        if low and not low.value and "DW_AT_high_pc" in top.attributes:
            return  # all of the unit was left out
        self._walk(top, 0)

    def _read_lines(self, program: Any, directory: str) -> None:
        header = program.header
        new = header["version"] >= 5
        directories = [name.decode("utf-8", "replace") for name in header.get("include_directory", ())]
        if not new:
            directories.insert(0, directory)  # before version 5 the unit's own directory is not in the list
        for number, entry in enumerate(header["file_entry"], 0 if new else 1):
            path = posixpath.join(directories[entry.dir_index], entry.name.decode("utf-8", "replace"))
            if not posixpath.isabs(path) and directory:
                path = posixpath.join(directory, path)
            self._own_files[number] = self._files.setdefault(posixpath.normpath(path), len(self._files))
        sequence: list[Row] = []
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if not state.end_sequence:
                sequence.append([state.address, self._own_files.get(state.file, 0), state.line])
                continue
            if sequence and sequence[0][0]:
                self._facts["lines"] += [row for row in sequence if row[2]]
                self._facts["lines"].append([state.address, 0, 0])
            sequence = []

    def _walk(self, die: Any, depth: int) -> None:
        for child in die.iter_children():
            if child.tag == "DW_TAG_subprogram":
                for start, end in self._ranges(child):
                    self._facts["functions"].append([start, end, self._name(child)])
                self._walk(child, 0)
            elif child.tag == "DW_TAG_inlined_subroutine":
                file = self._own_files.get(_number(child, "DW_AT_call_file"), 0)
                line = _number(child, "DW_AT_call_line")
                for start, end in self._ranges(child):
                    self._facts["inlined"].append([start, end, self._name(child), depth, file, line])
                self._walk(child, depth + 1)
            elif child.tag in ("DW_TAG_namespace", "DW_TAG_lexical_block", "DW_TAG_structure_type",
                               "DW_TAG_union_type", "DW_TAG_enumeration_type"):  # fmt: skip
                self._walk(child, depth)

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


def _frames(dwarf: Any) -> list[Row]:
    """Returns how frames are undone; .debug_frame wins over .eh_frame, which covers less."""
    tables: dict[tuple[int, int], list[Row]] = {}
    for present, read in ((dwarf.has_EH_CFI(), dwarf.EH_CFI_entries), (dwarf.has_CFI(), dwarf.CFI_entries)):
        for entry in read() if present else ():
            if not isinstance(entry, FDE) or not entry["address_range"] or not entry["initial_location"]:
                continue
            start = entry["initial_location"]
            try:
                table = [_frame(row) for row in entry.get_decoded().table]
            except (*UNREADABLE, ValueError):  # pyelftools does not know every rule; such a frame is undone without one
                continue
            tables[start, start + entry["address_range"]] = table
    rows: list[Row] = []
    for (_, end), table in sorted(tables.items()):
        rows += [*table, [end, NO_FRAME, 0]]
    # A function that begins where another ends wins over that end.
    return sorted(rows, key=lambda row: (int(row[0]), int(row[1]) != NO_FRAME))


def _frame(row: Any) -> Row:
    base = row["cfa"]
    if base is None or base.expr is not None:
        return [row["pc"], NO_FRAME, 0]
    saved: list[int | str] = []
    for register, rule in row.items():
        if isinstance(register, int) and rule.type == "OFFSET":
            saved += [register, rule.arg]
    return [row["pc"], base.reg, base.offset, *saved]
