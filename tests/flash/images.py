"""Disk images for the flasher's tests: small ones, with a kernel's partition and nothing behind it.

The flasher takes any image with a GPT. One with an EFI system partition has 34 MiB more, which only boots need.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from bootwright.base.sizes import MIB
from bootwright.image import gpt, layout, mbr
from bootwright.image.disk import kernel_sectors


def write_small_image(path: Path, name: str, boot_sector: bytes, stages: bytes, kernel_file: bytes) -> None:
    """Writes an image whose size is whole MiB; its identity comes of its name."""
    kernel_end = layout.KERNEL_FIRST_LBA + kernel_sectors(len(kernel_file)) - 1
    sectors = kernel_end + 1 + MIB // layout.SECTOR_SIZE
    disk, bios_boot, kernel = (
        uuid.uuid5(layout.GUID_NAMESPACE.uuid, f"{name}/{role}") for role in ("disk", "bios", "k")
    )
    tables = gpt.write_gpt(
        disk,
        sectors,
        [
            gpt.Partition(
                layout.BIOS_BOOT_TYPE.uuid,
                bios_boot,
                layout.BIOS_BOOT_FIRST_LBA,
                layout.BIOS_BOOT_LAST_LBA,
                "BIOS boot",
            ),
            gpt.Partition(layout.KERNEL_TYPE.uuid, kernel, layout.KERNEL_FIRST_LBA, kernel_end, name),
        ],
    )
    records = mbr.protective_records(sectors, mbr.Active.DUMMY)
    first = mbr.write_mbr(boot_sector[: layout.BOOT_CODE_END], disk.time_low, records)
    with path.open("wb") as image:
        image.truncate(sectors * layout.SECTOR_SIZE)
        for lba, data in (
            (0, first),
            (layout.GPT_HEADER_LBA, tables.primary),
            (layout.BIOS_BOOT_FIRST_LBA, stages),
            (layout.KERNEL_FIRST_LBA, kernel_file),
            (tables.backup_lba, tables.backup),
        ):
            image.seek(lba * layout.SECTOR_SIZE)
            image.write(data)
