"""The disk image: tables that sgdisk accepts, identities that stay, holes where nothing is."""

from __future__ import annotations

import struct
import subprocess
import uuid
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import MIB
from bootwright.image import checksum, gpt, kernel_file, layout, mbr
from bootwright.image import disk as image
from bootwright.image.layout import SECTOR_SIZE
from bootwright.loader import generated

KERNEL = kernel_file.write_kernel_file(b"\x7fELF" + bytes(range(256)) * 64)
CD_BOOT = bytes([0x91]) * 4 * SECTOR_SIZE
STAGES = bytes([7]) * 9216
BOOT_SECTOR = bytes([0x90]) * SECTOR_SIZE
EFI = b"MZ" + bytes(range(255)) * 150
LOADERS = image.Loaders(BOOT_SECTOR, CD_BOOT, STAGES, EFI)


def write(path: Path, kernel: bytes = KERNEL, name: str = "hello", active: str = "dummy") -> bytes:
    image.write_image(path, name, LOADERS, kernel, active)
    return path.read_bytes()


def test_every_part_lies_where_the_layout_says(tmp_path: Path) -> None:
    data = write(tmp_path / "i.img")
    assert data[: layout.BOOT_CODE_END] == BOOT_SECTOR[: layout.BOOT_CODE_END]
    assert data[510:512] == b"\x55\xaa"
    assert data[SECTOR_SIZE : SECTOR_SIZE + 8] == b"EFI PART"
    assert data[layout.BIOS_BOOT_FIRST_LBA * SECTOR_SIZE :].startswith(STAGES)
    assert data[layout.KERNEL_FIRST_LBA * SECTOR_SIZE :].startswith(KERNEL)
    assert data[-SECTOR_SIZE:][:8] == b"EFI PART"
    esp = data[2 * MIB : 36 * MIB]
    assert (esp[82:90], esp[510:512]) == (b"FAT32   ", b"\x55\xaa")
    assert EFI in esp
    assert len(data) == 37 * MIB


@pytest.mark.parametrize(
    ("active", "first", "second"), [("dummy", 0x00, (0x80, 0x00)), ("ee", 0x80, (0, 0)), ("none", 0, (0, 0))]
)
def test_the_active_entry_is_the_one_asked_for(
    tmp_path: Path, active: str, first: int, second: tuple[int, int]
) -> None:
    table = write(tmp_path / "i.img", active=active)[layout.PARTITION_TABLE_OFFSET : 510]
    assert (table[0], table[4]) == (first, mbr.GPT_PROTECTIVE)
    assert (table[16], table[20]) == second
    assert struct.unpack_from("<II", table, 8) == (1, 37 * MIB // SECTOR_SIZE - 1)


@pytest.mark.needs("sgdisk")
@pytest.mark.parametrize("size", [1, MIB - layout.KERNEL_HEADER_SIZE, MIB, 5 * MIB + 17])
def test_sgdisk_finds_no_problem(tmp_path: Path, size: int) -> None:
    path = tmp_path / "i.img"
    write(path, kernel_file.write_kernel_file(bytes(size)), active="none")
    done = subprocess.run(["sgdisk", "-v", path], capture_output=True, text=True, check=True)
    assert "No problems found" in done.stdout and "Caution" not in done.stdout, done.stdout
    assert path.stat().st_size % MIB == 0


def test_the_image_is_sparse(tmp_path: Path) -> None:
    path = tmp_path / "i.img"
    write(path, kernel_file.write_kernel_file(bytes(32 * MIB) + b"end"))
    assert path.stat().st_blocks * 512 < MIB


def test_a_change_of_the_kernel_keeps_the_disks_identity(tmp_path: Path) -> None:
    one = write(tmp_path / "a.img")
    other = write(tmp_path / "b.img", kernel_file.write_kernel_file(b"\x7fELF other"))
    assert one[: layout.BIOS_BOOT_FIRST_LBA * SECTOR_SIZE] == other[: layout.BIOS_BOOT_FIRST_LBA * SECTOR_SIZE]
    renamed = write(tmp_path / "c.img", name="other")
    assert renamed[SECTOR_SIZE : 2 * SECTOR_SIZE] != one[SECTOR_SIZE : 2 * SECTOR_SIZE]


def test_stages_that_leave_their_partition_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="stages are 999936 bytes; the BIOS boot partition has 999424"):
        loaders = image.Loaders(BOOT_SECTOR, CD_BOOT, bytes(1953 * SECTOR_SIZE), EFI)
        image.write_image(tmp_path / "i.img", "k", loaders, KERNEL)
    loaders = image.Loaders(BOOT_SECTOR, CD_BOOT, b"s" * 1952 * SECTOR_SIZE, EFI)
    image.write_image(tmp_path / "i.img", "k", loaders, KERNEL)


def test_both_headers_carry_their_checksums() -> None:
    tables = gpt.write_gpt(uuid.UUID(int=1), 6144, [])
    for header, entries in (
        (tables.primary[:SECTOR_SIZE], tables.primary[SECTOR_SIZE:]),
        (tables.backup[-SECTOR_SIZE:], tables.backup[:-SECTOR_SIZE]),
    ):
        stated = struct.unpack_from("<I", header, 16)[0]
        blank = header[:16] + bytes(4) + header[20 : gpt.HEADER_SIZE]
        assert zlib.crc32(blank) == stated
        assert struct.unpack_from("<I", header, 88)[0] == zlib.crc32(entries)


@pytest.mark.parametrize("span", [(33, 40), (40, 6111), (100, 99)])
def test_a_partition_outside_the_usable_range_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(BootwrightError, match="free are 34 to 6110"):
        gpt.write_gpt(uuid.UUID(int=1), 6144, [gpt.Partition(layout.KERNEL_TYPE.uuid, uuid.UUID(int=2), *span, "p")])


@pytest.mark.parametrize(
    ("lba", "packed"),
    [(0, "000100"), (1, "000200"), (2048, "202100"), (255 * 63, "000101"), (700 * 255 * 63, "0081bc"),
     (1023 * 255 * 63, "00c1ff"), (1024 * 255 * 63, "ffffff"), (1 << 30, "ffffff")],
)  # fmt: skip
def test_cylinder_head_and_sector_are_packed_as_old_firmware_reads_them(lba: int, packed: str) -> None:
    assert mbr.PartitionRecord(0, lba, 1).to_bytes()[1:4].hex() == packed


def test_the_table_is_byte_for_byte_what_the_specification_has() -> None:
    records = mbr.protective_records(6144, mbr.Active.DUMMY)
    table = mbr.write_mbr(b"code", 0x12345678, records)[440:]
    # Boot indicator, first sector, type, last sector (6143 is head 97, sector 33), first LBA, count.
    protective, dummy = "00 000200 ee 612100 01000000 ff170000", "80 000100 00 000100 00000000 01000000"
    assert table == bytes.fromhex(f"78563412 0000 {protective} {dummy}") + bytes(32) + b"\x55\xaa"
    (longest,) = mbr.protective_records((1 << 32) + 1, mbr.Active.NONE)
    assert longest.to_bytes() == bytes.fromhex("00 000200 ee ffffff 01000000 ffffffff")


def test_a_table_for_another_disk_has_another_length_and_nothing_else() -> None:
    other, protective = mbr.PartitionRecord(0x83, 5, 7, active=True), mbr.PartitionRecord(mbr.GPT_PROTECTIVE, 1, 9)
    sector = mbr.write_mbr(b"code", 1, [other, other, other, protective])
    whole = mbr.PartitionRecord(mbr.GPT_PROTECTIVE, 1, 99)
    assert mbr.retarget(sector, 100) == mbr.write_mbr(b"code", 1, [other, other, other, whole])


def test_partitions_lie_one_behind_the_other(tmp_path: Path) -> None:
    data = write(tmp_path / "i.img")
    spans = [struct.unpack_from("<QQ", data, 2 * SECTOR_SIZE + 128 * number + 32) for number in range(4)]
    esp = layout.KERNEL_FIRST_LBA + MIB // SECTOR_SIZE
    assert spans == [
        (layout.BIOS_BOOT_FIRST_LBA, layout.BIOS_BOOT_LAST_LBA), (layout.KERNEL_FIRST_LBA, esp - 1),
        (esp, esp + 34 * MIB // SECTOR_SIZE - 1), (0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("tail", [0, 1, 4095, 4096, 4097])
def test_holes_are_as_good_as_zeroes(tmp_path: Path, tail: int) -> None:
    kernel = b"a" * 4095 + bytes(4097) + b"b" + bytes(8192) + b"c" * 5000 + bytes(tail)
    assert write(tmp_path / "i.img", kernel)[layout.KERNEL_FIRST_LBA * SECTOR_SIZE :].startswith(kernel)


def test_boot_code_that_reaches_the_disk_signature_is_refused() -> None:
    with pytest.raises(BootwrightError, match="code is 441 bytes; the limit is 440"):
        mbr.write_mbr(bytes(441), 1, [])


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_any_single_changed_byte_changes_the_checksum(data: bytes, draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(data) - 1))
    value = draw.draw(st.integers(0, 255).filter(lambda v: v != data[place]))
    assert checksum.checksum(data[:place] + bytes([value]) + data[place + 1 :]) != checksum.checksum(data)


def test_the_checksum_sees_sectors_that_changed_places() -> None:
    one, other = b"a" * SECTOR_SIZE, b"b" * SECTOR_SIZE
    assert checksum.checksum(one + other) != checksum.checksum(other + one)


def test_a_kernel_file_gives_back_its_elf() -> None:
    for elf in (b"", b"x", bytes(range(256)) * 5):
        assert kernel_file.read_elf(kernel_file.write_kernel_file(elf), "k") == elf


@pytest.mark.parametrize("place", [0, 9, 17, 25, 33, 41, 57, 65, 4000, 4096, 5000])
def test_a_flipped_byte_of_a_kernel_file_is_named(place: int) -> None:
    data = bytearray(kernel_file.write_kernel_file(bytes(range(256)) * 8))
    data[place] ^= 0x10
    with pytest.raises(BootwrightError, match=r"^some\.kernel"):
        kernel_file.read_elf(bytes(data), "some.kernel")


@pytest.mark.parametrize("length", [0, 100, 4096, 4608])
def test_a_truncated_kernel_file_is_refused_with_both_lengths(length: int) -> None:
    data = kernel_file.write_kernel_file(bytes(range(256)) * 8)
    with pytest.raises(BootwrightError, match=r"some\.kernel (is|ends after) \d+"):
        kernel_file.read_elf(data[:length], "some.kernel")


@pytest.mark.parametrize("place", [0, 8], ids=["magic", "version"])
def test_another_magic_or_version_is_no_kernel_file_of_ours(place: int) -> None:
    data = bytearray(kernel_file.write_kernel_file(b"elf"))
    data[place] ^= 1
    with pytest.raises(BootwrightError, match="k is no kernel file of version"):
        kernel_file.read_elf(bytes(data), "k")


@pytest.mark.parametrize(("length", "padded"), [(0, 0), (1, 512), (511, 512), (512, 512), (513, 1024)])
def test_a_ramdisk_lies_in_whole_sectors_behind_the_elf_and_is_told(length: int, padded: int) -> None:
    elf, ramdisk = b"elf" * 171, b"r" * length  # of 513 bytes
    data = kernel_file.write_kernel_file(elf, kernel_file.KernelSettings(features=5), ramdisk)
    assert data[layout.KERNEL_HEADER_SIZE :] == elf + bytes(511) + ramdisk + bytes(padded - length)
    (size,) = struct.unpack_from("<I", data, layout.KERNEL_RECORDS_LENGTH_OFFSET)
    records = list(struct.iter_unpack("<IIQ", data[layout.KERNEL_RECORDS_OFFSET :][:size]))
    told = [(layout.RECORD_RAMDISK_LENGTH, 8, length), (layout.RECORD_RAMDISK_CHECKSUM, 8, checksum.checksum(ramdisk))]
    settings = [(layout.RECORD_KERNEL_STACK_SIZE, 8, 2 * MIB), (layout.RECORD_FEATURES, 8, 5)]
    assert records == settings + (told if length else [])


def test_settings_are_part_of_the_build_id() -> None:
    small = kernel_file.KernelSettings(kernel_stack_size=4096)
    assert kernel_file.build_id(b"elf", small) != kernel_file.build_id(b"elf", kernel_file.KernelSettings())


def test_every_layout_constant_reaches_rust() -> None:
    source = generated.rust_source()
    assert f"pub const STAGE_MAGIC: u64 = {layout.STAGE_MAGIC:#x};" in source
    assert f"pub const KERNEL_TYPE: [u8; 16] = {list(layout.KERNEL_TYPE.uuid.bytes_le)};" in source


def test_the_checksum_is_the_one_that_the_loader_computes() -> None:
    assert checksum.checksum(bytes(2 * layout.SECTOR_SIZE)) == checksum.checksum(b"") == 0
    first = bytes(7) + b"\x80" + bytes(496) + (5).to_bytes(8, "little")  # of a sector the first and the last quadword
    assert checksum.checksum(first) == (1 << 63) + 5
    # What came before is multiplied once for each sector that follows; what fills a sector up are zeroes.
    wanted = (((1 << 63) + 5) * layout.CHECKSUM_MULTIPLIER + 3) % (1 << 64)
    assert checksum.checksum(first + b"\x03") == wanted
