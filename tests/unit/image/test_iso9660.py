"""The image's face as a CD: what xorriso, and a reader by the specification's offsets, find in it."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from tests.unit.image.test_disk import CD_BOOT, EFI, KERNEL, write

from bootwright.base.sizes import MIB
from bootwright.image import iso9660, layout
from bootwright.image.iso9660 import BLOCK

ESP_BLOCK = 2 * MIB // BLOCK


def blocks(data: bytes, number: int, count: int = 1) -> bytes:
    return data[number * BLOCK : (number + count) * BLOCK]


def test_a_bios_and_uefi_find_their_program_in_the_catalogue(tmp_path: Path) -> None:
    data = write(tmp_path / "i.img")
    assert blocks(data, 16)[:8] == b"\1CD001\1\0"
    record = blocks(data, 17)
    assert record[:30] == b"\0CD001\1EL TORITO SPECIFICATION"
    catalogue = blocks(data, struct.unpack_from("<I", record, 71)[0])
    assert sum(struct.unpack_from("<16H", catalogue)) % (1 << 16) == 0
    bios, section, uefi = (catalogue[at : at + 32] for at in (32, 64, 96))
    # Bootable, no emulation, at 7C00h, the sectors that each BIOS loads anyway, and from where.
    assert struct.unpack_from("<BBHBBHI", bios) == (0x88, 0, 0, 0, 0, 4, 23)
    assert blocks(data, 23) == CD_BOOT
    assert (section[:2], section[2]) == (b"\x91\xef", 1)
    assert struct.unpack_from("<BBHBBHI", uefi) == (0x88, 0, 0, 0, 0, 0, ESP_BLOCK), "0: to the end, as UEFI has it"
    assert EFI in blocks(data, ESP_BLOCK, 1024)


def test_a_volume_has_the_discs_size_and_the_kernels_name(tmp_path: Path) -> None:
    data = write(tmp_path / "i.img", name="my-kernel_2.0")
    primary = blocks(data, 16)
    assert primary[40:72] == b"MY_KERNEL_2_0".ljust(32)
    assert struct.unpack_from("<I", primary, 80) == struct.unpack_from(">I", primary, 84) == (len(data) // BLOCK,)
    assert len(data) % BLOCK == 0
    assert iso9660.label_of("x" * 40) == "X" * 32


def test_all_of_it_lies_between_table_and_stage(tmp_path: Path) -> None:
    face = iso9660.write_face(1000, "k", iso9660.EfiImage(5, 7))
    assert len(face) == (layout.CD_BOOT_LBA - layout.CD_FIRST_LBA) * layout.SECTOR_SIZE
    assert layout.CD_BOOT_LBA + layout.CD_BLOCK_SECTORS == layout.BIOS_BOOT_FIRST_LBA
    data = write(tmp_path / "i.img")
    assert data[34 * 512 : 64 * 512] == bytes(30 * 512)


@pytest.mark.needs("xorriso")
def test_xorriso_finds_nothing_wrong_and_both_ways_to_boot(tmp_path: Path) -> None:
    write(tmp_path / "i.img", KERNEL + bytes(3 * MIB))
    out = tmp_path / "EFI.IMG"
    words = [
        "-indev",
        str(tmp_path / "i.img"),
        "-report_el_torito",
        "plain",
        "-osirrox",
        "on",
        "-extract",
        "/EFI.IMG",
        str(out),
    ]
    done = subprocess.run(["xorriso", *words], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"WARNING|SORRY|FAILURE|hidden", said), said
    assert re.search(r"boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 +23\n", said), said
    assert re.search(rf"boot img : +2 +UEFI +y +none +0x0000 +0x00 +0 +{5 * MIB // BLOCK}\n", said), said
    assert out.stat().st_size == layout.ESP_SECTORS * layout.SECTOR_SIZE
    assert EFI in out.read_bytes()[:MIB]
