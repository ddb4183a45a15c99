"""An ELF as the loader reads it: segments, a section by its name, and what is left without sections."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.image.elf_file import PT_LOAD, ElfFile

HEADER, PROGRAM, SECTION = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), struct.Struct("<IIQQQQIIQQ")
CODE, NOTE = b"\x90" * 40, b"told"


def elf() -> bytes:
    """Returns an ELF with one segment, a section .note and the table of names."""
    names = b"\0.note\0.shstrtab\0"
    code_at = HEADER.size + PROGRAM.size
    note_at = code_at + len(CODE)
    names_at = note_at + len(NOTE)
    table_at = names_at + len(names)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = HEADER.pack(ident, 2, 62, 1, 0x200000, HEADER.size, table_at, 0, 64, 56, 1, 64, 3, 2)
    program = PROGRAM.pack(PT_LOAD, 5, code_at, 0x200000, 0x200000, len(CODE), 100, 4096)
    sections = [
        SECTION.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        SECTION.pack(1, 1, 0, 0, note_at, len(NOTE), 0, 0, 1, 0),
        SECTION.pack(7, 3, 0, 0, names_at, len(names), 0, 0, 1, 0),
    ]
    return header + program + CODE + NOTE + names + b"".join(sections)


def test_segments_and_sections_are_found() -> None:
    file = ElfFile(elf(), Path("k"))
    (segment,) = file.segments
    assert (file.e_type, file.e_machine, file.e_entry) == (2, 62, 0x200000)
    assert (segment.p_vaddr, segment.p_filesz, segment.p_memsz) == (0x200000, len(CODE), 100)
    assert (file.section(".note"), file.section(".not"), file.section("note")) == (NOTE, None, None)


def test_without_sections_it_ends_with_its_last_segment_and_is_an_elf() -> None:
    short = ElfFile(elf(), Path("k")).without_sections()
    assert short.endswith(CODE) and len(short) == HEADER.size + PROGRAM.size + len(CODE)
    again = ElfFile(short, Path("k"))
    assert again.segments == ElfFile(elf(), Path("k")).segments and again.section(".note") is None


@pytest.mark.parametrize("length", [0, 3, 4, 63, 64, 100, 150])
def test_one_that_ends_early_is_a_sentence(length: int) -> None:
    with pytest.raises(BootwrightError, match=r"k is no (whole )?ELF file"):
        ElfFile(elf()[:length], Path("k"))


@pytest.mark.parametrize(
    ("at", "form", "value"), [(40, "<Q", 1 << 40), (62, "<H", 99), (58, "<H", 63), (32, "<Q", 1 << 60)]
)
def test_tables_that_lie_elsewhere_are_a_sentence(at: int, form: str, value: int) -> None:
    data = bytearray(elf())
    struct.pack_into(form, data, at, value)
    with pytest.raises(BootwrightError, match="k is no whole ELF file"):
        ElfFile(bytes(data), Path("k")).section(".note")


def test_another_class_is_told_by_its_header_alone() -> None:
    data = bytearray(elf())
    data[4] = 1
    assert not ElfFile(bytes(data), Path("k")).is_64_little
