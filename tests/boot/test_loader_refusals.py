"""What the loader refuses: each damage on the disk, each kernel that cannot run, by its code and its sentence."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.kernels import Workshop
from tests.boot.loader_rig import PAGE, Rig

from bootwright.image import checksum, layout
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader.build import LOW_SIZE, balance, low_sum, rest_sum

SECTOR = layout.SECTOR_SIZE
STAGE = layout.BIOS_BOOT_FIRST_LBA * SECTOR
KERNEL = layout.KERNEL_FIRST_LBA * SECTOR
ELF = KERNEL + layout.KERNEL_HEADER_SIZE
MIB = 1 << 20


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("refusals"))


@pytest.mark.parametrize(
    ("offset", "code"),
    [
        pytest.param(STAGE + layout.STAGE_MAGIC_OFFSET, "SM", id="stage magic"),
        pytest.param(STAGE + layout.STAGE_MAGIC_OFFSET + 7, "SC", id="end of the stage magic"),
        pytest.param(STAGE + layout.STAGE_SECTORS_OFFSET, "SC", id="stage sectors"),
        pytest.param(STAGE + layout.STAGE_CHECKSUM_OFFSET + 3, "SC", id="stage checksum"),
        pytest.param(STAGE + layout.STAGE_BUILD_ID_OFFSET, "SI", id="stage build id"),
        pytest.param(STAGE, "SC", id="first byte of the stage"),
        pytest.param(STAGE + 700, "SC", id="code of the stage"),
        pytest.param(STAGE + 4096, "SC", id="what the stage checks itself"),
        pytest.param(STAGE + 20000, "SC", id="later code of the stage"),
        pytest.param(SECTOR + 3, "GS", id="GPT signature"),
        pytest.param(SECTOR + 16, "GH", id="GPT header CRC"),
        pytest.param(SECTOR + 60, "GH", id="GPT disk GUID"),
        pytest.param(2 * SECTOR + 130, "GA", id="kernel's partition entry"),
        pytest.param(33 * SECTOR + 511, "GA", id="last byte of the entries"),
        pytest.param(KERNEL, "KM", id="kernel magic"),
        pytest.param(KERNEL + layout.KERNEL_ELF_LENGTH_OFFSET, "KH", id="kernel length"),
        pytest.param(KERNEL + 4095, "KH", id="last byte of the kernel header"),
        pytest.param(ELF, "KC", id="ELF magic"),
        pytest.param(ELF + 0x800, "KC", id="kernel's code"),
    ],
)
def test_a_flipped_bit_is_found_and_named(rig: Rig, offset: int, code: str) -> None:
    disk = rig.image(rig.kernel())
    disk[offset] ^= 1 << random.Random(offset).randrange(8)
    ended = rig.boot(disk)
    assert ended.code == code
    assert "done" not in ended.told
    assert f"bootwright: {code}" in ended.serial
    assert any(row.startswith(f"bootwright: {code}") for row in ended.rows)


def test_any_changed_byte_of_the_stage_is_found(rig: Rig) -> None:
    stage = rig.stage(rig.image(rig.kernel()))
    assert (low_sum(stage[:LOW_SIZE]), rest_sum(stage[LOW_SIZE:])) == (0, 0)
    generator = random.Random(1)
    for offset in [*range(64), *(generator.randrange(len(stage)) for _ in range(50))]:
        changed = bytearray(stage)
        changed[offset] ^= generator.randrange(1, 256)
        assert low_sum(changed[:LOW_SIZE]) or rest_sum(changed[LOW_SIZE:])
    changed[:] = stage
    balance(changed)
    assert changed == stage


def test_a_stage_of_another_build_is_named(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    stage = rig.stage(disk)
    stage[layout.STAGE_BUILD_ID_OFFSET : layout.STAGE_BUILD_ID_OFFSET + 8] = b"another1"
    rig.put_stage(disk, stage)
    assert rig.boot(disk).code == "SI"


def test_a_disk_without_a_kernel_partition_is_named(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    disk[2 * SECTOR + 128] ^= 1
    struct.pack_into("<I", disk, SECTOR + 88, zlib.crc32(disk[2 * SECTOR : 34 * SECTOR]))
    struct.pack_into("<I", disk, SECTOR + 16, 0)
    struct.pack_into("<I", disk, SECTOR + 16, zlib.crc32(disk[SECTOR : SECTOR + 92]))
    ended = rig.boot(disk)
    assert "bootwright: GK there is no kernel partition among the 128 entries of the GPT" in ended.serial


def patched(offset: int, form: str, value: int) -> Callable[[bytearray], None]:
    return lambda elf: struct.pack_into(form, elf, offset, value)


def first_header(elf: bytearray, kind: int = 1, flags: int | None = None) -> int:
    """Returns the offset of the first program header of that type, and with those flags if they are given."""
    (count,) = struct.unpack_from("<H", elf, 56)
    for index in range(count):
        found = struct.unpack_from("<II", elf, 64 + 56 * index)
        if found[0] == kind and flags in (None, found[1]):
            return 64 + 56 * index
    raise AssertionError(f"no program header {kind} {flags}")


def move_text(address: int) -> Callable[[bytearray], None]:
    """Puts the executable segment at the page of address, and the entry point with it."""

    def change(elf: bytearray) -> None:
        header = first_header(elf, flags=5)
        (old,) = struct.unpack_from("<Q", elf, header + 16)
        (entry,) = struct.unpack_from("<Q", elf, 24)
        struct.pack_into("<Q", elf, header + 16, address + old % PAGE)
        struct.pack_into("<Q", elf, 24, entry - old + address + old % PAGE)

    return change


def in_header(offset: int, value: int, flags: int | None = None) -> Callable[[bytearray], None]:
    return lambda elf: struct.pack_into("<Q", elf, first_header(elf, flags=flags) + offset, value)


def grow_bss(elf: bytearray) -> None:
    """Makes the last segment, which holds .bss, 64 TiB long."""
    header = max(first_header(elf, flags=6), elf.rindex(struct.pack("<II", 1, 6), 0, 64 + 56 * 12))
    struct.pack_into("<Q", elf, header + 40, 1 << 46)


def interpreted(elf: bytearray) -> None:
    struct.pack_into("<I", elf, first_header(elf, 0x6474E551), 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda elf: elf.__delitem__(slice(0x600, None)), "EO the ELF names bytes up to", id="truncated"),
        pytest.param(lambda elf: elf.clear(), "EM the kernel is no ELF file", id="empty"),
        pytest.param(patched(18, "<H", 183), "EA the kernel is for machine 183; 62", id="another machine"),
        pytest.param(patched(4, "<B", 1), "EC the kernel's ELF has class 1 and data encoding 1", id="32 bit"),
        pytest.param(patched(16, "<H", 1), "EX the kernel's ELF has type 1; 2 (EXEC) or 3", id="object"),
        pytest.param(patched(24, "<Q", 0), "EE the entry point 0x0 lies in no executable segment", id="no entry"),
        pytest.param(patched(56, "<H", 33), "EH the ELF has 33 program headers", id="too many headers"),
        pytest.param(interpreted, "ED the kernel needs a dynamic linker", id="interpreter"),
        pytest.param(in_header(40, 0x2000, 4), "EL two segments overlap", id="overlapping"),
        pytest.param(move_text(0x8000), "EW the kernel's addresses collide at 0x8", id="over the loader"),
        pytest.param(move_text(0xB8000), "EW the kernel's addresses collide at 0xb8", id="over the screen"),
        pytest.param(move_text(0x8000_0000_0000), "EN a segment at 0x8000", id="not canonical"),
        pytest.param(grow_bss, "KB the kernel needs", id="bigger than memory"),
        pytest.param(in_header(40, 1 << 62, 6), "EN a segment at", id="bigger than all addresses"),
        pytest.param(in_header(32, 1 << 62, 6), "EO the ELF names bytes up to", id="bytes that are not there"),
        pytest.param(in_header(40, 0, 5), "EZ a segment takes", id="less memory than file"),
        pytest.param(in_header(8, 0x11, 5), "EG a segment at", id="not congruent"),
    ],
)  # fmt: skip
def test_a_kernel_that_cannot_run_is_refused(rig: Rig, change: Callable[[bytearray], None], sentence: str) -> None:
    elf = bytearray(rig.kernel())
    change(elf)
    ended = rig.boot(rig.image(bytes(elf)))
    assert f"bootwright: {sentence}" in ended.serial
    assert f"bootwright: {sentence}" in ended.console


def test_a_kernel_file_that_leaves_its_partition_is_refused(rig: Rig) -> None:
    kernel = bytearray(write_kernel_file(rig.kernel()))
    struct.pack_into("<Q", kernel, layout.KERNEL_ELF_LENGTH_OFFSET, 2 * MIB)
    struct.pack_into("<Q", kernel, layout.KERNEL_HEADER_CHECKSUM_OFFSET, 0)
    sum_of_header = checksum.checksum(bytes(kernel[: layout.KERNEL_HEADER_SIZE]))
    struct.pack_into("<Q", kernel, layout.KERNEL_HEADER_CHECKSUM_OFFSET, sum_of_header)
    ended = rig.boot(rig.image_of(bytes(kernel)))
    assert f"KT the kernel file takes {2 * MIB + 4096} bytes; {MIB} are there" in ended.serial


def test_a_kernel_bigger_than_memory_is_refused_with_both_numbers(rig: Rig, tmp_path: Path) -> None:
    elf = rig.kernel() + bytes(16 * MIB)
    ended = rig.boot(rig.image(elf), memory="16M")
    assert f"bootwright: KB the kernel needs {len(elf)} bytes of memory; the largest free piece" in ended.serial
    assert rig.boot(rig.image(elf), memory="32M").told["done"] == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (KernelSettings(handover=7), "KP the kernel wants handover 7"),
        (KernelSettings(boot_info_address=0x200001), "KA record 3 of the kernel file has the value 0x200001"),
        (KernelSettings(boot_info_address=0x200000), "EW the kernel's addresses collide"),
        (KernelSettings(kernel_stack_address=0x1FF000), "EW the kernel's addresses collide"),
        (KernelSettings(kernel_stack_size=256 * MIB), f"MF {256 * MIB} bytes of memory are needed"),
    ],
    ids=["handover", "misaligned", "boot information in the kernel", "stack in the kernel", "huge stack"],
)
def test_settings_that_cannot_be_met_are_refused(rig: Rig, settings: KernelSettings, sentence: str) -> None:
    assert f"bootwright: {sentence}" in rig.boot(rig.image(rig.kernel(), settings)).serial
