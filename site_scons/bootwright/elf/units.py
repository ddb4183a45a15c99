"""Where in DWARF an address is described: its unit, and in that the function, without reading the rest.

pyelftools makes an object of each entry, 4 s for a megabyte. Here entries are only stepped over, by the sizes of their
forms (DWARF 5, 7.5.5 and 7.5.6; .debug_aranges is 6.1.2), but for the addresses of functions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# In bytes, or below zero what is as long as it says itself, or as the unit says.
LEB, BLOCK, BLOCK1, BLOCK2, BLOCK4, TEXT, ADDRESS, OFFSET = range(-1, -9, -1)
SIZES = {
    "DW_FORM_addr": ADDRESS, "DW_FORM_block": BLOCK, "DW_FORM_block1": BLOCK1, "DW_FORM_block2": BLOCK2,
    "DW_FORM_block4": BLOCK4,
    "DW_FORM_exprloc": BLOCK, "DW_FORM_data1": 1, "DW_FORM_data2": 2, "DW_FORM_data4": 4, "DW_FORM_data8": 8,
    "DW_FORM_data16": 16, "DW_FORM_sdata": LEB, "DW_FORM_udata": LEB, "DW_FORM_string": TEXT, "DW_FORM_strp": OFFSET,
    "DW_FORM_line_strp": OFFSET, "DW_FORM_flag": 1, "DW_FORM_flag_present": 0, "DW_FORM_ref1": 1, "DW_FORM_ref2": 2,
    "DW_FORM_ref4": 4, "DW_FORM_ref8": 8, "DW_FORM_ref_udata": LEB, "DW_FORM_ref_addr": OFFSET, "DW_FORM_ref_sig8": 8,
    "DW_FORM_sec_offset": OFFSET, "DW_FORM_implicit_const": 0, "DW_FORM_strx": LEB, "DW_FORM_strx1": 1,
    "DW_FORM_strx2": 2, "DW_FORM_strx3": 3, "DW_FORM_strx4": 4, "DW_FORM_addrx": LEB, "DW_FORM_addrx1": 1,
    "DW_FORM_addrx2": 2, "DW_FORM_addrx3": 3, "DW_FORM_addrx4": 4, "DW_FORM_loclistx": LEB, "DW_FORM_rnglistx": LEB,
}  # fmt: skip


@dataclass(frozen=True)
class _Shape:
    """What an abbreviation says of its entries: steps are the sizes of their attributes, runs of fixed ones in one."""

    is_function: bool
    steps: tuple[int, ...]


def find_functions(unit: Any, info: bytes) -> list[int]:
    """Returns the offsets in .debug_info (info) of the entries of unit's functions that have code, in their order.

    Raises KeyError for a form that nobody emits.
    """
    width, offset_size = unit["address_size"], 4 if unit.dwarf_format() == 32 else 8
    table = unit.get_abbrev_table()
    shapes: dict[int, _Shape] = {}
    at, end = unit.cu_die_offset, unit.cu_offset + unit.size
    found: list[int] = []
    while at < end:
        start, code, shift = at, 0, 0
        while True:
            byte = info[at]
            at += 1
            code |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if not code:
            continue  # the end of somebody's children
        shape = shapes.get(code)
        if shape is None:
            shape = shapes[code] = _shape(table.get_abbrev(code), width, offset_size)
        if shape.is_function:
            found.append(start)
        for step in shape.steps:
            if step >= 0:
                at += step
            elif step == LEB:
                while info[at] >= 128:
                    at += 1
                at += 1
            elif step == TEXT:
                at = info.index(0, at) + 1
            else:
                at = _past_block(info, at, step)
    return found


def _shape(abbreviation: Any, width: int, offset_size: int) -> _Shape:
    names = {name for name, _ in abbreviation.iter_attr_specs()}
    has_code = "DW_AT_low_pc" in names or "DW_AT_ranges" in names
    steps: list[int] = []
    for _, form in abbreviation.iter_attr_specs():
        size = {ADDRESS: width, OFFSET: offset_size}.get(SIZES[form], SIZES[form])
        if size >= 0 and steps and steps[-1] >= 0:
            steps[-1] += size
        else:
            steps.append(size)
    return _Shape(abbreviation["tag"] == "DW_TAG_subprogram" and has_code, tuple(steps))


def _past_block(info: bytes, at: int, step: int) -> int:
    """Returns what follows a block, whose length is a LEB128 or has one, two or four bytes."""
    if step != BLOCK:
        size = {BLOCK1: 1, BLOCK2: 2, BLOCK4: 4}[step]
        return at + size + int.from_bytes(info[at : at + size], "little")
    length, shift = 0, 0
    while True:
        byte = info[at]
        at += 1
        length |= (byte & 127) << shift
        if byte < 128:
            return at + length
        shift += 7


def read_ranges(section: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields start, end and the unit's offset for each range of .debug_aranges."""
    at = 0
    while at + 12 <= len(section):
        (length,) = struct.unpack_from("<I", section, at)
        wide = length == 0xFFFFFFFF
        if wide:
            (length,) = struct.unpack_from("<Q", section, at + 4)
        begin = at + (12 if wide else 4)
        _, unit, width, _ = struct.unpack_from("<HQBB" if wide else "<HIBB", section, begin)
        size = 2 * width
        first = begin + (12 if wide else 8)
        first = at + -(-(first - at) // size) * size  # pairs are aligned to their size, from the set's start
        pair = struct.Struct("<QQ" if width == 8 else "<II")
        for where in range(first, begin + length - size + 1, size):
            start, count = pair.unpack_from(section, where)
            if start and count:
                yield start, start + count, unit
        at = begin + length


@dataclass(frozen=True)
class FrameEntry:
    """An entry of .debug_frame: the code whose frames it undoes, and its own bytes behind those of its common part."""

    start: int
    end: int
    data: bytes


def read_frame_entries(section: bytes, width: int) -> Iterator[FrameEntry]:
    """Yields the entries of .debug_frame (DWARF 5, 6.4.1; the 32-bit format), each behind its common part.

    width is the size of an address. What begins at 0 was left out by the linker.
    """
    pair = struct.Struct("<QQ" if width == 8 else "<II")
    commons: dict[int, bytes] = {}
    at = 0
    while at + 8 <= len(section):
        length, common = struct.unpack_from("<II", section, at)
        if length == 0xFFFFFFFF:
            raise KeyError("the 64-bit format of .debug_frame")
        end = at + 4 + length
        if common == 0xFFFFFFFF:
            commons[at] = section[at:end]
        elif length >= 4 + pair.size:
            start, size = pair.unpack_from(section, at + 8)
            if start and size and common in commons:
                own = struct.pack("<II", length, 0) + section[at + 8 : end]
                yield FrameEntry(start, start + size, commons[common] + own)
        at = end


def read_symbols(section: bytes, elf_class: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yields the name's offset, st_info, the section's number, value and size of each symbol of .symtab."""
    if elf_class == 64:
        for name, info, _, number, value, size in struct.iter_unpack("<IBBHQQ", section):
            yield name, info, number, value, size
    else:
        for name, value, size, info, _, number in struct.iter_unpack("<IIIBBH", section):
            yield name, info, number, value, size
