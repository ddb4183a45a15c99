"""A kernel that is linked for another machine than its board is told so in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bootwright.base.records import replace
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.boards import board_named
from bootwright.machine.config import MachineConfig
from bootwright.machine.fits import told_place
from bootwright.machine.raspberry import write_kernel8

HEADER, SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
LOAD = 1


def write(path: Path, entry: int, *segments: tuple[int, int]) -> None:
    """Writes an ELF of 64 bits: the physical address and the bytes in the file of each segment."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = HEADER.pack(ident, 2, 243, 1, entry, HEADER.size, 0, 0, 64, 56, len(segments), 64, 0, 0)
    rows = [SEGMENT.pack(LOAD, 5, 0, 1 << 50, address, size, 64, 4096) for address, size in segments]
    path.write_bytes(header + b"".join(rows))


def told(tmp_path: Path, board: str, entry: int, *segments: tuple[int, int], flags: str = "") -> str:
    """Returns the line on such a kernel."""
    image = tmp_path / "k.elf"
    write(image, entry, *segments)
    return told_place(MachineConfig(image, board=board, qemu_flags=tuple(flags.split())), board_named(board))


@pytest.mark.parametrize(
    ("board", "entry", "segments"),
    [
        ("mps2-an386", 0x401, [(0, 64), (0x20000000, 64)]),
        ("mps2-an385", 0x401, [(0, 64), (0x10000000, 0)]),  # memory that nothing is loaded to
        ("microbit", 0x401, [(0, 64)]),
        ("riscv64-virt", 0x80000000, [(0x80000000, 64)]),
        ("riscv64-virt", 0x80200044, [(0x80200000, 64)]),  # OpenSBI goes by the entry
        ("riscv32-virt", 0x80200000, [(0x80200000, 64)]),
        ("aarch64-virt", 0x40080040, [(0x40080000, 64)]),
    ],
)
def test_a_kernel_of_the_board_is_told_nothing(
    tmp_path: Path, board: str, entry: int, segments: list[tuple[int, int]]
) -> None:
    assert told(tmp_path, board, entry, *segments) == ""


@pytest.mark.parametrize(
    ("board", "address"),
    [("mps2-an385", 0x08000000), ("mps2-an386", 0x10000000), ("microbit", 0x08000000), ("aarch64-virt", 0x80040),
     ("riscv64-virt", 0x20000000)],
)  # fmt: skip
def test_one_that_lies_where_the_board_has_no_memory(tmp_path: Path, board: str, address: int) -> None:
    line = told(tmp_path, board, address, (address, 64))
    assert line.startswith(f"k.elf is linked at {address:#x}, where {board} has no memory for a kernel: ")
    assert "-machine in QEMUFLAGS=" in line
    assert told(tmp_path, board, address, (address, 64), flags="-machine raspi3b") == ""


def test_one_whose_entry_point_is_not_where_the_machine_starts(tmp_path: Path) -> None:
    line = told(tmp_path, "riscv64-virt", 0x80001234, (0x80000000, 64))
    assert line.startswith("k.elf begins at 0x80001234, and riscv64-virt at 0x80000000, whatever is there: ")
    assert told(tmp_path, "riscv64-virt", 0x80201234, (0x80200000, 64), flags="-bios none").startswith("k.elf begins")
    assert told(tmp_path, "riscv64-virt", 0x80001234, (0x80000000, 64), flags="-bios fw.bin") == ""


def test_one_that_lies_where_a_raspberry_starts_it_gets_that_machine(tmp_path: Path) -> None:
    line = told(tmp_path, "aarch64-virt", 0x80000, (0x80000, 64))
    assert line == "k.elf is linked at 0x80000, where a Raspberry Pi starts kernel8.img: the machine is raspi3b"
    config = MachineConfig(tmp_path / "k.elf", board="aarch64-virt")
    words = machine_arguments(config, None)
    assert words[words.index("-machine") + 1] == "raspi3b" and not {"-cpu", "-m"} & set(words)
    for flags in (("-machine", "virt"), ("-M", "raspi4b")):
        words = machine_arguments(replace(config, qemu_flags=flags), None)
        assert "raspi3b" not in words


def test_kernel8_is_the_memory_that_the_elf_fills(tmp_path: Path) -> None:
    write(tmp_path / "k.elf", 0x80000, (0x80040, 8), (0x80000, 4), (0x90000, 0))
    head = (tmp_path / "k.elf").read_bytes()[:8]
    assert write_kernel8(tmp_path / "k.elf", tmp_path) == tmp_path / "kernel8.img"
    assert (tmp_path / "kernel8.img").read_bytes() == head[:4] + bytes(0x3C) + head


def test_what_is_no_elf_qemu_tells_of(tmp_path: Path) -> None:
    (tmp_path / "k.elf").write_text("text")
    for name in ("k.elf", "none.elf"):
        assert told_place(MachineConfig(tmp_path / name, board="riscv64-virt"), board_named("riscv64-virt")) == ""
