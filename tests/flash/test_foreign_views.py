"""What other systems take a flashed stick for: a GPT with two partitions that are nobody's and an EFI system's.

And a CD, which nobody can write to.
"""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path

import pytest
from tests.boot.kernels import Built
from tests.flash.rig import flash, loop, make_backing, run

from bootwright.base.sizes import MIB
from bootwright.image import layout
from bootwright.image.layout import SECTOR_SIZE

pytestmark = [pytest.mark.needs("losetup", "blkid"), pytest.mark.xdist_group("media")]
NOTHING_FOUND = 2
BPB = "<HBHBHHBHHHII"  # from byte 11 on, as FAT12 and FAT16 have it; FAT32's sectors per FAT and version come after it


def is_fat_to_windows(sector: bytes | bytearray) -> bool:
    """Tells whether Windows would mount this sector's disk as FAT: FatIsBootSectorFat of its driver fastfat.

    Microsoft publishes the driver (github.com/microsoft/Windows-driver-samples, filesys/fastfat/fsctrl.c).
    """
    size, cluster, reserved, fats, roots, small, media, fat_size, _, _, _, large = struct.unpack_from(BPB, sector, 11)
    large_fat_size, flags, version = struct.unpack_from("<IHH", sector, 36)
    return (
        sector[0] in (0xE9, 0xEB, 0x49)
        and size in (128, 256, 512, 1024, 2048, 4096)
        and cluster in (1, 2, 4, 8, 16, 32, 64, 128)
        and bool(reserved and fats and (small or large))
        and media in (0xF0, 0xF8, 0xF9, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
        and (bool(roots) if fat_size else bool(large_fat_size) and version == 0 and not flags & 0x80)
    )


def is_fat_to_macos(sector: bytes | bytearray) -> bool:
    """Tells whether the FAT driver of macOS would take this sector: what its specification demands of a block.

    It is asked for a whole disk only where that is a leaf (IOKit, IOMedia.h, kIOMediaLeafKey), which a disk with a GPT
    is not; what a stick must not rest on is that the GPT is read first.
    """
    size, cluster, reserved, fats, _, small, _, fat_size, _, _, _, large = struct.unpack_from(BPB, sector, 11)
    (large_fat_size,) = struct.unpack_from("<I", sector, 36)
    powers = all(n and n & (n - 1) == 0 for n in (size, cluster))
    return powers and bool(reserved and fats and (small or large) and (fat_size or large_fat_size))


def fat_sector() -> bytes:
    """Returns the first sector of a small FAT12 volume, such as a formatter makes."""
    block = struct.pack(BPB, 512, 1, 1, 2, 224, 0, 0xF8, 9, 63, 255, 0, 2880)
    return (b"\xeb\x58\x90MSDOS5.0" + block).ljust(510, b"\0") + b"\x55\xaa"


def test_blkid_and_so_udev_find_a_partition_table_and_what_is_only_read(tmp_path: Path, hello: Built) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        assert flash(hello.image, *device.words()).status == 0
        found = dict(line.split("=", 1) for line in run("blkid", "-p", "-o", "udev", device.path).splitlines())
        assert found["ID_PART_TABLE_TYPE"] == "gpt"
        # As on the images of distributions: who mounts the whole stick gets a file system without a way to write.
        assert (found["ID_FS_TYPE"], found["ID_FS_LABEL"]) == ("iso9660", "HELLO")
        # Nor has the loader's partition, or the kernel's, something that a desktop would mount.
        for start in (layout.BIOS_BOOT_FIRST_LBA * SECTOR_SIZE, layout.KERNEL_FIRST_LBA * SECTOR_SIZE):
            argv = ["blkid", "-p", f"-O{start}", f"-S{MIB // 2}", device.path]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (NOTHING_FOUND, "")


def test_the_one_file_system_is_that_of_a_partition_which_says_that_it_is_the_firmwares(
    tmp_path: Path, hello: Built
) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        assert flash(hello.image, *device.words()).status == 0
        data = device.data()
        (start,) = [at for at in range(0, 64 * MIB, MIB) if data[at + 82 : at + 90] == b"FAT32   "]
        words = ("-p", "-o", "udev", f"-O{start}", f"-S{layout.ESP_SECTORS * SECTOR_SIZE}", device.path)
        found = dict(line.split("=", 1) for line in run("blkid", *words).splitlines())
        assert (found["ID_FS_TYPE"], found["ID_FS_VERSION"]) == ("vfat", "FAT32")
        assert found["ID_FS_LABEL"] == "BOOTWRIGHT"
    # It is type and place in the table that keep it from being mounted unasked: desktops leave an ESP alone.
    entries = [data[1024 + 128 * n :][:128] for n in range(4)]
    types = [(uuid.UUID(bytes_le=entry[:16]), int.from_bytes(entry[32:40], "little")) for entry in entries]
    assert types[2] == (layout.ESP_TYPE.uuid, start // SECTOR_SIZE)
    assert types[3][0] == uuid.UUID(int=0)


def test_windows_and_macos_do_not_take_its_first_sector_for_fat(hello: Built) -> None:
    sector = hello.image.read_bytes()[:SECTOR_SIZE]
    assert not is_fat_to_windows(sector)
    assert not is_fat_to_macos(sector)
    # Nor is it the first sector of NTFS, exFAT or BitLocker, which have a name there.
    assert sector[3:11] == b"BOOTWRGT"
    assert is_fat_to_windows(fat_sector())
    assert is_fat_to_macos(fat_sector())


def test_no_single_spoilt_byte_of_the_gap_makes_it_fat(hello: Built) -> None:
    sector = bytearray(hello.image.read_bytes()[:SECTOR_SIZE])
    for place in range(11, 0x5A):
        kept = sector[place]
        for value in (1, 2, 8, 0xF8):
            sector[place] = value
            assert not is_fat_to_windows(sector)
            assert not is_fat_to_macos(sector)
        sector[place] = kept
