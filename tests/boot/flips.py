"""One byte of an image changed by lot: where, and what a machine may make of it.

Told apart are the parts of an image by what checks them. A loader's own first bytes nobody checks before they run: what
a changed one does is its own affair, but that no kernel runs that is not the one on the disk.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from bootwright.image import layout
from bootwright.image.disk import esp_first_lba

SECTOR = layout.SECTOR_SIZE
STAGE = layout.BIOS_BOOT_FIRST_LBA * SECTOR
KERNEL = layout.KERNEL_FIRST_LBA * SECTOR


@dataclass(frozen=True)
class Flip:
    """A byte's place, by what it is exclusive-or'd with, and the part of the image that it is in."""

    offset: int
    bits: int
    part: str


def parts_of(image: Path, stage: int, kernel: int, efi: int) -> dict[str, tuple[int, int]]:
    """Returns the parts of an image, from byte to byte; stage, kernel and efi are the lengths of what lies there."""
    esp = esp_first_lba(kernel) * SECTOR
    # The EFI program is the volume's last file; what lies before it are the FATs and directories.
    data = image.read_bytes()
    program = data.index(b"MZ", esp)
    return {
        "boot sector": (0, layout.BOOT_CODE_END),
        "tables": (layout.BOOT_CODE_END, layout.FIRST_USABLE_LBA * SECTOR),
        "stage": (STAGE, STAGE + stage),
        "kernel header": (KERNEL, KERNEL + layout.KERNEL_HEADER_SIZE),
        "kernel": (KERNEL + layout.KERNEL_HEADER_SIZE, KERNEL + kernel),
        "file system": (esp, program),
        "program": (program, program + efi),
        "anywhere": (0, len(data)),
    }


def flips(parts: dict[str, tuple[int, int]], names: tuple[str, ...], seed: int, count: int) -> list[Flip]:
    """Returns count flips by lot, as many in each part; a part that is full of zeroes has its share of them."""
    lot = random.Random(seed)
    chosen = []
    for number in range(count):
        part = names[number % len(names)]
        start, end = parts[part]
        chosen.append(Flip(lot.randrange(start, end), 1 << lot.randrange(8), part))
    return chosen
