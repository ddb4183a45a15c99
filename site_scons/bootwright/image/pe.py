"""An EFI program of a position-independent ELF: PE32+ with .text, .rodata, .data and .reloc, each in pages of its own.

Written by us because it is short: another compilation for a UEFI target would want a second core, lld-link writes the
clock into what it links, and objcopy of LLVM writes no PE at all. Source: Microsoft's PE format, UEFI 2.10, chapter
2.1.1, and what Secure Boot's signers ask for: no section is both writable and executable, sections are whole pages.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError

PAGE = 4096
FILE_ALIGNMENT = 512

_CODE, _DATA, _DISCARDABLE = 0x20, 0x40, 0x02000000
_EXECUTE, _READ, _WRITE = 0x20000000, 0x40000000, 0x80000000
# The sections that are loaded, in the order of their addresses, and what may be done with them.
_FLAGS = {".text": _CODE | _EXECUTE | _READ, ".rodata": _DATA | _READ, ".data": _DATA | _READ | _WRITE}

_MACHINE = 0x8664
_EXECUTABLE_IMAGE, _LARGE_ADDRESS_AWARE = 0x02, 0x20
_PE32_PLUS = 0x20B
_EFI_APPLICATION = 10
_HIGH_ENTROPY, _DYNAMIC_BASE, _NX_COMPATIBLE = 0x20, 0x40, 0x100
_DIRECTORIES = 16
_BASE_RELOCATIONS = 5  # which of them
_DIR64 = 10  # a relocation of eight bytes

_R_X86_64_RELATIVE = 8
_DOS_SIZE, _COFF_SIZE, _OPTIONAL_SIZE, _SECTION_SIZE = 64, 24, 112 + 8 * _DIRECTORIES, 40
_STACK_OR_HEAP = (0x100000, 0x1000)  # reserved and committed; firmware does not look


@dataclass
class Section:
    """A section: address and size in memory, the bytes in the file, and its flags."""

    name: str
    address: int
    size: int
    data: bytearray
    flags: int


def write_pe(program: Path) -> bytes:
    """Returns the ELF at program as an EFI program; raises BootwrightError for one that a PE cannot be made of."""
    from elftools.elf.elffile import ELFFile  # slow to import, and no null build comes here

    with program.open("rb") as stream:
        elf = ELFFile(stream)
        sections = _read_sections(program, elf)
        places = _apply_relocations(program, elf, sections)
        entry = int(elf.header["e_entry"])
    end = max(section.address + section.size for section in sections)
    relocations = _write_relocations(places)
    where = _round(end, PAGE)
    sections.append(Section(".reloc", where, len(relocations), bytearray(relocations), _DATA | _READ | _DISCARDABLE))
    return _write_file(sections, entry)


def add_section(program: bytes, name: str, data: bytes, *, kept: bool = False) -> tuple[bytes, int]:
    """Returns a program of write_pe's with one more section, which comes last, and its address.

    kept says that the program reads it; else the firmware need not keep it.
    """
    (entry,) = struct.unpack_from("<I", program, _DOS_SIZE + _COFF_SIZE + 16)
    sections = _sections_of(program)
    last = sections[-1]
    address = _round(last.address + last.size, PAGE)
    flags = _DATA | _READ | (0 if kept else _DISCARDABLE)
    sections.append(Section(name, address, len(data), bytearray(data), flags))
    return _write_file(sections, entry), address


def section(program: bytes, name: str) -> Section:
    """Returns a section of a program of write_pe's."""
    return next(section for section in _sections_of(program) if section.name == name)


def relocations(program: bytes) -> list[int]:
    """Returns the addresses, in a program of write_pe's, of the quadwords to which the firmware adds its place."""
    data, at, places = section(program, ".reloc").data, 0, []
    while at < len(data):
        page, size = struct.unpack_from("<II", data, at)
        entries = struct.unpack_from(f"<{(size - 8) // 2}H", data, at + 8)
        places += [page + entry % PAGE for entry in entries if entry >> 12 == _DIR64]
        at += size
    return places


def _sections_of(program: bytes) -> list[Section]:
    start = _DOS_SIZE + _COFF_SIZE + _OPTIONAL_SIZE
    (count,) = struct.unpack_from("<H", program, _DOS_SIZE + 6)
    sections = []
    for at in range(start, start + count * _SECTION_SIZE, _SECTION_SIZE):
        label, size, address, stored, where = struct.unpack_from("<8s4I", program, at)
        (flags,) = struct.unpack_from("<I", program, at + 36)
        content = bytearray(program[where : where + min(stored, size)])
        sections.append(Section(label.rstrip(b"\0").decode(), address, size, content, flags))
    return sections


def _read_sections(program: Path, elf: Any) -> list[Section]:
    """Returns what is loaded; .bss is the part of .data that the file does not hold."""
    sections = []
    for name, flags in _FLAGS.items():
        found = [part for part in (elf.get_section_by_name(name),) if part is not None and part["sh_size"]]
        bss = elf.get_section_by_name(".bss") if name == ".data" else None
        if bss is not None and bss["sh_size"]:
            found.append(bss)
        if not found:
            continue
        address = int(found[0]["sh_addr"])
        if address % PAGE:
            raise BootwrightError(f"{program}: section {name} begins at {address:#x}, which is no whole page")
        end = int(found[-1]["sh_addr"] + found[-1]["sh_size"])
        data = found[0].data() if found[0]["sh_type"] != "SHT_NOBITS" else b""
        sections.append(Section(name, address, end - address, bytearray(data), flags))
    return sections


def _apply_relocations(program: Path, elf: Any, sections: list[Section]) -> list[int]:
    """Writes each value that depends on the program's place as for place 0; returns where they are."""
    from elftools.elf.relocation import RelocationSection

    places = []
    for table in elf.iter_sections():
        if not isinstance(table, RelocationSection):
            continue
        for relocation in table.iter_relocations():
            kind, place = relocation["r_info_type"], int(relocation["r_offset"])
            if kind != _R_X86_64_RELATIVE:
                raise BootwrightError(f"{program}: a relocation of kind {kind} at {place:#x}; a PE knows none such")
            inside = [s for s in sections if s.address <= place <= s.address + len(s.data) - 8]
            if not inside:
                raise BootwrightError(f"{program}: a relocation at {place:#x} lies in no section of the file")
            struct.pack_into("<Q", inside[0].data, place - inside[0].address, relocation["r_addend"])
            places.append(place)
    return sorted(places)


def _write_relocations(places: list[int]) -> bytes:
    """Returns the base relocations: a block for each page, of whole doublewords."""
    blocks = b""
    for page, inside in itertools.groupby(places, lambda place: place // PAGE):
        entries = [_DIR64 << 12 | place % PAGE for place in inside]
        entries += [0] * (len(entries) % 2)
        blocks += struct.pack(f"<II{len(entries)}H", page * PAGE, 8 + 2 * len(entries), *entries)
    # A program without any is taken by some firmware for one that cannot be moved.
    return blocks or struct.pack("<II2H", 0, 12, 0, 0)


def _write_file(sections: list[Section], entry: int) -> bytes:
    headers = _round(_DOS_SIZE + _COFF_SIZE + _OPTIONAL_SIZE + _SECTION_SIZE * len(sections), FILE_ALIGNMENT)
    table, body, size = b"", b"", {_CODE: 0, _DATA: 0}
    for section in sections:
        stored = _round(len(section.data), FILE_ALIGNMENT)
        where = headers + len(body) if stored else 0
        name = section.name.encode()
        table += struct.pack("<8s6I2HI", name, section.size, section.address, stored, where, 0, 0, 0, 0, section.flags)
        body += section.data.ljust(stored, b"\0")
        size[section.flags & (_CODE | _DATA)] += stored
    last = sections[-1]
    optional = struct.pack("<H2B5I", _PE32_PLUS, 0, 0, size[_CODE], size[_DATA], 0, entry, sections[0].address)
    optional += struct.pack("<Q2I6H", 0, PAGE, FILE_ALIGNMENT, 0, 0, 0, 0, 0, 0)
    optional += struct.pack(
        "<4I2H", 0, _round(last.address + last.size, PAGE), headers, 0, _EFI_APPLICATION,
        _HIGH_ENTROPY | _DYNAMIC_BASE | _NX_COMPATIBLE,
    )  # fmt: skip
    optional += struct.pack("<4Q2I", *_STACK_OR_HEAP, *_STACK_OR_HEAP, 0, _DIRECTORIES)
    directories = [(0, 0)] * _DIRECTORIES
    directories[_BASE_RELOCATIONS] = next((s.address, s.size) for s in sections if s.name == ".reloc")
    optional += b"".join(struct.pack("<2I", *directory) for directory in directories)
    # No time stamp: the same program makes the same bytes.
    characteristics = _EXECUTABLE_IMAGE | _LARGE_ADDRESS_AWARE
    coff = struct.pack("<4s2H3I2H", b"PE\0\0", _MACHINE, len(sections), 0, 0, 0, len(optional), characteristics)
    dos = b"MZ".ljust(_DOS_SIZE - 4, b"\0") + struct.pack("<I", _DOS_SIZE)
    return (dos + coff + optional + table).ljust(headers, b"\0") + body


def _round(value: int, step: int) -> int:
    return -(-value // step) * step
