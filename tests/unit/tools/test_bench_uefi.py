"""The bench of boots under UEFI: the mark in a copy of an EFI program, and which machines are counted."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from tools.benchmark.uefi import JUMP, LIMITS, MARK, UefiSides, marked, measure_uefi
from tools.icount.count import Counts

from bootwright.base.errors import BootwrightError

HEADER, OPTIONAL = 0x40, 0xF0
TEXT, STORED = 0x1000, 0x200
ENTRY = TEXT + 0x20
LENGTH = len(MARK) + JUMP.size


def program(size: int, entry: int = ENTRY) -> bytes:
    """Returns an EFI program with two sections, of which the second is the code: size bytes in half a KiB."""
    data = bytearray(0x600)
    struct.pack_into("<I", data, 0x3C, HEADER)
    struct.pack_into("<4sHH12xH", data, HEADER, b"PE\0\0", 0x8664, 2, OPTIONAL)
    struct.pack_into("<I", data, HEADER + 24 + 16, entry)
    table = HEADER + 24 + OPTIONAL
    struct.pack_into("<8sIIII", data, table, b".rodata", 0x200, 0x2000, 0x200, 0x400)
    struct.pack_into("<8sIIII", data, table + 40, b".text", size, TEXT, STORED, 0x200)
    data[0x200 : 0x200 + size] = b"\x90" * size
    return bytes(data)


@pytest.mark.parametrize("size", [0x100, STORED - LENGTH])
def test_the_first_instruction_is_the_mark_and_the_next_one_leads_to_where_it_began(size: int) -> None:
    before, after = program(size), marked(program(size))
    (entry,) = struct.unpack_from("<I", after, HEADER + 40)
    assert entry == TEXT + size
    code = after[0x200 + size :]
    assert code.startswith(MARK)
    opcode, distance = JUMP.unpack_from(code, len(MARK))
    assert (opcode, entry + LENGTH + distance) == (0xE9, ENTRY)
    (loaded,) = struct.unpack_from("<I", after, HEADER + 24 + OPTIONAL + 40 + 8)
    assert loaded == size + LENGTH, "a firmware copies what the section's size says"
    assert len(after) == len(before) and after[0x200 : 0x200 + size] == before[0x200 : 0x200 + size]


def test_a_program_that_cannot_have_a_mark_is_told() -> None:
    with pytest.raises(BootwrightError, match="7 bytes of room behind its code, not 8"):
        marked(program(STORED - LENGTH + 1))
    with pytest.raises(BootwrightError, match="entry lies in no section"):
        marked(program(0x100, TEXT + 0x100))


class Fake(UefiSides):
    """Sides whose images are names."""

    def __init__(self) -> None:
        self.elf = Path("counted.elf")

    def set_up(self) -> None:
        pass

    def make(self, mebibytes: int) -> tuple[Path, Path]:
        return Path(f"ours{mebibytes}"), Path(f"peers{mebibytes}")


def test_both_are_counted_on_each_bus_with_each_kernel() -> None:
    booted = []

    def count(config: Any, elf: Path) -> Counts:
        assert (config.firmware, elf.name) == ("uefi", "counted.elf") and "-icount" in config.qemu_flags
        booted.append((config.image.name, config.disk))
        return Counts(len(booted) * 100_000, 0)

    rows = list(measure_uefi(Fake(), count, lambda line: None))
    assert booted == [
        (f"{who}{size}", bus) for size in (0, 16) for bus in ("ahci", "virtio") for who in ("ours", "peers")
    ]
    assert [(row.ours, row.peer) for row in rows] == [
        ((0.1,), (0.2,)),
        ((0.3,), (0.4,)),
        ((0.5,), (0.6,)),
        ((0.7,), (0.8,)),
    ]
    assert [row.limit for row in rows] == [
        LIMITS["ahci", 0],
        LIMITS["virtio", 0],
        LIMITS["ahci", 16],
        LIMITS["virtio", 16],
    ]
    assert rows[2].name.endswith(", 16 MiB of data")
