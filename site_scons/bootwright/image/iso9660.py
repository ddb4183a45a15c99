"""The face that a disk shows as a CD: an ISO 9660 volume with El Torito's two ways to boot, and what they name.

Source: ECMA-119 (ISO 9660) and El Torito 1.0; for the EFI entry UEFI 2.10, chapter 13.3.2. Blocks have 2048 bytes.
"""

from __future__ import annotations

import re
import struct

from bootwright.base.records import record
from bootwright.image.layout import CD_BLOCK_SECTORS, CD_BOOT_LBA, CD_FIRST_LBA, SECTOR_SIZE

BLOCK = CD_BLOCK_SECTORS * SECTOR_SIZE
# One block each, in this order from the first that ISO 9660 gives: nothing lies between them and what a BIOS loads.
PRIMARY, BOOT_RECORD, TERMINATOR, CATALOGUE, PATHS, PATHS_BIG_ENDIAN, ROOT = range(
    CD_FIRST_LBA // CD_BLOCK_SECTORS, CD_BOOT_LBA // CD_BLOCK_SECTORS
)

_NO_DATE = b"0" * 16 + b"\0"  # "not specified" (8.4.26.1): no clock is asked
_DATE = bytes([80, 1, 1, 0, 0, 0, 0])  # of a file: as in the EFI system partition, the first that FAT has
_DIRECTORY = 2
_BOOTABLE, _NO_EMULATION, _LAST_HEADER = 0x88, 0, 0x91
_BIOS, _EFI = 0, 0xEF
_BIOS_SECTORS = CD_BLOCK_SECTORS  # of 512 bytes that a BIOS loads; some load these four, whatever is said
# More than 16 bits can say is said as zero: the program's file system ends where the CD does.
_SECTORS_MAX = 0xFFFF


@record(frozen=True)
class EfiImage:
    """The EFI system partition: its first block, and its size in sectors of 512 bytes."""

    block: int
    sectors: int


def write_face(blocks: int, name: str, efi: EfiImage) -> bytes:
    """Returns the blocks from PRIMARY to ROOT of a CD with so many blocks; name gives the volume's label."""
    paths = struct.pack("<BBIH2x", 1, 0, ROOT, 1)
    made = {
        PRIMARY: _primary(blocks, label_of(name), len(paths)),
        BOOT_RECORD: b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", CATALOGUE),
        TERMINATOR: b"\xffCD001\1",
        CATALOGUE: _catalogue(efi),
        PATHS: paths,
        PATHS_BIG_ENDIAN: struct.pack(">BBIH2x", 1, 0, ROOT, 1),
        ROOT: _root(efi),
    }
    return b"".join(made[block].ljust(BLOCK, b"\0") for block in sorted(made))


def label_of(name: str) -> str:
    """Returns the volume's label: name in the letters that ISO 9660 has for it, 32 at most."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())[:32]


def _both(code: str, value: int) -> bytes:
    """Returns a number in both orders of bytes, as 7.2.3 and 7.3.3 want it."""
    return struct.pack(f"<{code}", value) + struct.pack(f">{code}", value)


def _root(efi: EfiImage) -> bytes:
    """Returns the root: as files, in the order of their names, what the catalogue names, which else would be hidden."""
    files = (
        _record(b"BOOT.BIN;1", CD_BOOT_LBA // CD_BLOCK_SECTORS, BLOCK, 0),
        _record(b"BOOT.CAT;1", CATALOGUE, BLOCK, 0),
        _record(b"EFI.IMG;1", efi.block, efi.sectors * SECTOR_SIZE, 0),
    )
    return _record(b"\0") + _record(b"\1") + b"".join(files)


def _record(identifier: bytes, block: int = ROOT, size: int = BLOCK, flags: int = _DIRECTORY) -> bytes:
    """Returns a directory record (9.1) of an even length; without more than a name it is the root's."""
    body = bytes(1) + _both("I", block) + _both("I", size) + _DATE
    body += struct.pack("<BBB", flags, 0, 0) + _both("H", 1) + struct.pack("<B", len(identifier)) + identifier
    return bytes([len(body) + 1 + (len(body) + 1) % 2]) + body + bytes((len(body) + 1) % 2)


def _primary(blocks: int, label: str, path_bytes: int) -> bytes:
    """Returns the primary volume descriptor (8.4)."""
    data = b"\1CD001\1\0" + b" " * 32 + label.encode("ascii").ljust(32) + bytes(8) + _both("I", blocks) + bytes(32)
    data += _both("H", 1) + _both("H", 1) + _both("H", BLOCK) + _both("I", path_bytes)
    data += struct.pack("<II", PATHS, 0) + struct.pack(">II", PATHS_BIG_ENDIAN, 0) + _record(b"\0")
    data += b" " * 3 * 128 + b"BOOTWRIGHT".ljust(128) + b" " * 3 * 37
    return data + _NO_DATE * 4 + b"\1"


def _catalogue(efi: EfiImage) -> bytes:
    """Returns the boot catalogue: first what a BIOS starts, then a section of one entry for UEFI."""
    head = bytearray(struct.pack("<BBH24sHBB", 1, _BIOS, 0, b"bootwright", 0, 0x55, 0xAA))
    words: tuple[int, ...] = struct.unpack("<16H", head)
    struct.pack_into("<H", head, 28, -sum(words) & 0xFFFF)
    sectors = efi.sectors if efi.sectors <= _SECTORS_MAX else 0
    section = struct.pack("<BBH28x", _LAST_HEADER, _EFI, 1)
    return bytes(head) + _entry(_BIOS_SECTORS, CD_BOOT_LBA // CD_BLOCK_SECTORS) + section + _entry(sectors, efi.block)


def _entry(sectors: int, block: int) -> bytes:
    return struct.pack("<BBHBBHI20x", _BOOTABLE, _NO_EMULATION, 0, 0, 0, sectors, block)
