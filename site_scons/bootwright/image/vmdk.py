"""NAME.vmdk, the disk for VMware and what reads its files: the image without its zeroes, in grains of 64 KiB.

Source: VMware's Virtual Disk Format 5.0, "hosted sparse extents". One file: header, descriptor, the directory of grains
twice, each with its tables, the grains.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from bootwright.image.blocks import block_count, used_blocks, write_at
from bootwright.image.layout import SECTOR_SIZE

_GRAIN_SECTORS = 128
_GRAIN = _GRAIN_SECTORS * SECTOR_SIZE
_TABLE_ENTRIES = 512
_TABLE_SECTORS = _TABLE_ENTRIES * 4 // SECTOR_SIZE
_DESCRIPTOR_SECTOR, _DESCRIPTOR_SECTORS = 1, 20
_LINE_ENDS_TEST, _REDUNDANT_TABLES = 1, 2
# So that a copy that took the file for text is found out.
_LINE_ENDS = b"\n \r\n"
_HEADER = "<4sIIQQQQIQQQB4sH"
_HEADS, _SECTORS_PER_TRACK = 16, 63

_DESCRIPTOR = """# Disk DescriptorFile
version=1
CID={identifier:08x}
parentCID=ffffffff
createType="monolithicSparse"

# Extent description
RW {sectors} SPARSE "{name}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "{cylinders}"
ddb.geometry.heads = "{heads}"
ddb.geometry.sectors = "{track}"
ddb.adapterType = "ide"
"""


def write_vmdk(image: Path, out: Path, name: str) -> None:
    """Writes the raw image as the VMDK file out, which will have that name."""
    size = image.stat().st_size
    sectors = size // SECTOR_SIZE
    tables = block_count(block_count(size, _GRAIN), _TABLE_ENTRIES)
    directory_sectors = block_count(4 * tables, SECTOR_SIZE)
    copies = [_DESCRIPTOR_SECTOR + _DESCRIPTOR_SECTORS]
    copies.append(copies[0] + directory_sectors + tables * _TABLE_SECTORS)
    overhead = block_count(copies[1] + directory_sectors + tables * _TABLE_SECTORS, _GRAIN_SECTORS) * _GRAIN_SECTORS
    grains = [0] * tables * _TABLE_ENTRIES
    placed, content = overhead, 0
    with out.open("wb") as stream:
        for number, block in used_blocks(image, _GRAIN):
            grains[number] = placed
            write_at(stream, placed * SECTOR_SIZE, block)
            placed += _GRAIN_SECTORS
            content = zlib.crc32(block, zlib.crc32(struct.pack("<Q", number), content))
        for copy in copies:
            first = copy + directory_sectors
            directory = [first + table * _TABLE_SECTORS for table in range(tables)]
            write_at(stream, copy * SECTOR_SIZE, struct.pack(f"<{tables}I", *directory))
            write_at(stream, first * SECTOR_SIZE, struct.pack(f"<{len(grains)}I", *grains))
        header = struct.pack(
            _HEADER, b"KDMV", 1, _LINE_ENDS_TEST | _REDUNDANT_TABLES, sectors, _GRAIN_SECTORS, _DESCRIPTOR_SECTOR,
            _DESCRIPTOR_SECTORS, _TABLE_ENTRIES, copies[0], copies[1], overhead, 0, _LINE_ENDS, 0,
        )  # fmt: skip
        write_at(stream, 0, header)
        descriptor = _DESCRIPTOR.format(
            # Which content it is; the topmost bit is left out, since all ones means that there is none.
            identifier=content & 0x7FFFFFFF, sectors=sectors, name=name,
            cylinders=block_count(sectors, _HEADS * _SECTORS_PER_TRACK), heads=_HEADS, track=_SECTORS_PER_TRACK,
        )  # fmt: skip
        write_at(stream, _DESCRIPTOR_SECTOR * SECTOR_SIZE, descriptor.encode())
