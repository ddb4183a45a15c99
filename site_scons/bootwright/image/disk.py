"""NAME.img: the disk image, from the loaders and a kernel file. The disk map is drawn in bootloader/README.md."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.sizes import MIB
from bootwright.image import fat32, gpt, iso9660, layout, mbr
from bootwright.image.layout import SECTOR_SIZE


def _guid(name: str, role: str) -> uuid.UUID:
    """Returns a GUID of the package's name and the layout, not of the kernel: a re-flashed stick keeps its identity."""
    facts = f"{layout.BIOS_BOOT_FIRST_LBA}:{layout.BIOS_BOOT_LAST_LBA}:{layout.KERNEL_FIRST_LBA}"
    return uuid.uuid5(layout.GUID_NAMESPACE.uuid, f"{name}/{role}/{facts}")


def image_sectors(kernel_length: int) -> int:
    """Returns the disk's size in sectors for a kernel file of kernel_length bytes: whole MiB."""
    end = (esp_first_lba(kernel_length) + layout.ESP_SECTORS) * SECTOR_SIZE
    end += (layout.GPT_ENTRIES_SECTORS + 1) * SECTOR_SIZE
    return -(-end // MIB) * MIB // SECTOR_SIZE


def kernel_sectors(kernel_length: int) -> int:
    """Returns the size of the kernel's partition in sectors: kernel_length bytes rounded up to whole MiB."""
    return -(-kernel_length // MIB) * MIB // SECTOR_SIZE


def esp_first_lba(kernel_length: int) -> int:
    """Returns where the EFI system partition begins: right behind the kernel's."""
    return layout.KERNEL_FIRST_LBA + kernel_sectors(kernel_length)


@record(frozen=True)
class Loaders:
    """The bytes of what starts the kernel: boot sectors of disk and CD and stages for a BIOS, the program for UEFI."""

    boot_sector: bytes
    cd_boot: bytes
    stages: bytes
    efi: bytes


def write_image(
    path: Path, name: str, loaders: Loaders, kernel_file: bytes, active: mbr.Active | str = "dummy"
) -> None:
    """Writes the image to path, with holes where it is empty; name gives the GUIDs and the partition's label."""
    room = (layout.BIOS_BOOT_LAST_LBA - layout.BIOS_BOOT_FIRST_LBA + 1) * SECTOR_SIZE
    if len(loaders.stages) > room:
        raise BootwrightError(
            f"the loader's stages are {len(loaders.stages)} bytes; the BIOS boot partition has {room}"
        )
    sectors = image_sectors(len(kernel_file))
    disk_guid = _guid(name, "disk")
    esp = esp_first_lba(len(kernel_file))
    esp_guid = _guid(name, "esp")
    tables = gpt.write_gpt(
        disk_guid,
        sectors,
        [
            gpt.Partition(
                layout.BIOS_BOOT_TYPE.uuid,
                _guid(name, "bios-boot"),
                layout.BIOS_BOOT_FIRST_LBA,
                layout.BIOS_BOOT_LAST_LBA,
                "BIOS boot",
            ),
            gpt.Partition(layout.KERNEL_TYPE.uuid, _guid(name, "kernel"), layout.KERNEL_FIRST_LBA, esp - 1, name),
            gpt.Partition(layout.ESP_TYPE.uuid, esp_guid, esp, esp + layout.ESP_SECTORS - 1, "EFI system"),
        ],
    )
    records = mbr.protective_records(sectors, mbr.Active(active))
    sector_0 = mbr.write_mbr(loaders.boot_sector[: layout.BOOT_CODE_END], disk_guid.time_low, records)
    files = {layout.EFI_PATH: loaders.efi}
    volume = fat32.write_volume(layout.ESP_SECTORS, files, "BOOTWRIGHT", esp_guid.time_low, esp)
    on_cd = iso9660.EfiImage(esp // layout.CD_BLOCK_SECTORS, layout.ESP_SECTORS)
    face = iso9660.write_face(sectors // layout.CD_BLOCK_SECTORS, name, on_cd)
    with path.open("wb") as image:
        image.truncate(sectors * SECTOR_SIZE)
        for lba, data in (
            (0, sector_0),
            (layout.GPT_HEADER_LBA, tables.primary),
            (layout.CD_FIRST_LBA, face),
            (layout.CD_BOOT_LBA, loaders.cd_boot),
            (layout.BIOS_BOOT_FIRST_LBA, loaders.stages),
            (layout.KERNEL_FIRST_LBA, kernel_file),
            *((esp + piece.sector, piece.data) for piece in volume),
            (tables.backup_lba, tables.backup),
        ):
            _write_sparse(image.fileno(), lba * SECTOR_SIZE, data)


def _write_sparse(descriptor: int, offset: int, data: bytes) -> None:
    """Writes data at offset but for its 4 KiB blocks of zeroes, which stay holes."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    view = memoryview(data)
    run_start = 0
    zeroes = bytes(4096)
    for start in range(0, len(data) + 4096, 4096):
        at_end = start >= len(data)
        if not at_end and view[start : start + 4096] != zeroes[: len(view[start : start + 4096])]:
            continue
        end = min(start, len(data))
        if end > run_start:
            os.lseek(descriptor, offset + run_start, os.SEEK_SET)
            rest = view[run_start:end]
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        run_start = start + 4096
