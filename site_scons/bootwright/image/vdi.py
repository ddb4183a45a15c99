"""NAME.vdi, the disk for VirtualBox: the image without its zeroes, in blocks of a MiB.

Source: VirtualBox, src/VBox/Storage/VDICore.h, version 1.1; QEMU's block/vdi.c reads the same. What VirtualBox makes
carries identifiers that are new each time; these are the disk's own, so that the same image is the same file.
"""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

from bootwright.base.sizes import MIB
from bootwright.image.blocks import block_count, used_blocks, write_at
from bootwright.image.layout import GUID_NAMESPACE, SECTOR_SIZE

_TEXT = b"<<< Oracle VM VirtualBox Disk Image >>>\n"
_SIGNATURE, _VERSION = 0xBEDA107F, 0x00010001
_HEADER_SIZE = 400  # from its own field on
_DYNAMIC = 1
_HEADER = "<64sIIIII256s7IQ4I16s16s16s16s"
_NOT_THERE = 0xFFFFFFFF
_MAP = SECTOR_SIZE


def write_vdi(image: Path, out: Path) -> None:
    """Writes the raw image as the VDI file out, whose name gives its identifiers."""
    size = image.stat().st_size
    count = block_count(size, MIB)
    numbers = [_NOT_THERE] * count
    data = block_count(_MAP + 4 * count, MIB) * MIB
    placed = 0
    with out.open("wb") as stream:
        for number, block in used_blocks(image, MIB):
            numbers[number] = placed
            write_at(stream, data + placed * MIB, block)
            placed += 1
        made, changed = (
            uuid.uuid5(GUID_NAMESPACE.uuid, f"{image.stem}/vdi/{role}").bytes_le for role in ("disk", "state")
        )
        header = struct.pack(
            _HEADER, _TEXT, _SIGNATURE, _VERSION, _HEADER_SIZE, _DYNAMIC, 0, b"", _MAP, data, 0, 0, 0, SECTOR_SIZE, 0,
            size, MIB, 0, count, placed, made, changed, bytes(16), bytes(16),
        )  # fmt: skip
        write_at(stream, 0, header)
        write_at(stream, _MAP, struct.pack(f"<{count}I", *numbers))
