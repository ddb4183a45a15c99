"""The GUID partition table, primary and backup (UEFI 2.10, chapter 5.3)."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from bootwright.errors import BootwrightError
from bootwright.layout import (
    FIRST_USABLE_LBA,
    GPT_ENTRIES_LBA,
    GPT_ENTRIES_SECTORS,
    GPT_ENTRY_COUNT,
    GPT_ENTRY_SIZE,
    GPT_HEADER_LBA,
    SECTOR_SIZE,
)

SIGNATURE = b"EFI PART"
REVISION = 0x00010000
HEADER_SIZE = 92
HEADER_FORMAT = "<8sIIIIQQQQ16sQIII"
NAME_CHARACTERS = 36


@dataclass(frozen=True)
class Partition:
    """One entry: both GUIDs, first and last LBA (inclusive), and a name of at most 36 UTF-16 units."""

    type_guid: uuid.UUID
    unique_guid: uuid.UUID
    starting_lba: int
    ending_lba: int
    name: str

    def to_bytes(self) -> bytes:
        """Returns the 128 bytes of the entry."""
        name = self.name.encode("utf-16-le")[: NAME_CHARACTERS * 2]
        return struct.pack(
            "<16s16sQQQ72s",
            self.type_guid.bytes_le,
            self.unique_guid.bytes_le,
            self.starting_lba,
            self.ending_lba,
            0,
            name,
        )


@dataclass(frozen=True)
class Gpt:
    """Both copies of a table as bytes: primary goes to LBA 1, backup to backup_lba."""

    primary: bytes
    backup: bytes
    backup_lba: int


def last_usable_lba(sectors: int) -> int:
    """Returns the last LBA that a partition may use on a disk of this many sectors."""
    return sectors - 1 - GPT_ENTRIES_SECTORS - 1


def write_gpt(disk_guid: uuid.UUID, sectors: int, partitions: Sequence[Partition]) -> Gpt:
    """Returns the tables of a disk of this many sectors; refuses partitions that overlap or leave the usable range."""
    usable_end = last_usable_lba(sectors)
    previous_end = FIRST_USABLE_LBA - 1
    for partition in sorted(partitions, key=lambda p: p.starting_lba):
        if not previous_end < partition.starting_lba <= partition.ending_lba <= usable_end:
            raise BootwrightError(
                f"partition {partition.name!r} takes LBA {partition.starting_lba} to {partition.ending_lba}; "
                f"free are {previous_end + 1} to {usable_end}"
            )
        previous_end = partition.ending_lba
    entries = b"".join(p.to_bytes() for p in partitions).ljust(GPT_ENTRY_COUNT * GPT_ENTRY_SIZE, b"\0")
    backup_header_lba = sectors - 1
    backup_entries_lba = backup_header_lba - GPT_ENTRIES_SECTORS

    def header(my_lba: int, alternate_lba: int, entries_lba: int) -> bytes:
        def pack(crc: int) -> bytes:
            return struct.pack(
                HEADER_FORMAT,
                SIGNATURE,
                REVISION,
                HEADER_SIZE,
                crc,
                0,
                my_lba,
                alternate_lba,
                FIRST_USABLE_LBA,
                usable_end,
                disk_guid.bytes_le,
                entries_lba,
                GPT_ENTRY_COUNT,
                GPT_ENTRY_SIZE,
                zlib.crc32(entries),
            )

        return pack(zlib.crc32(pack(0))).ljust(SECTOR_SIZE, b"\0")

    return Gpt(
        primary=header(GPT_HEADER_LBA, backup_header_lba, GPT_ENTRIES_LBA) + entries,
        backup=entries + header(backup_header_lba, GPT_HEADER_LBA, backup_entries_lba),
        backup_lba=backup_entries_lba,
    )
