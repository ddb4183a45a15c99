"""The GUID partition table, primary and backup (UEFI 2.10, chapter 5.3)."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.image.layout import (
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


@record(frozen=True)
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


@record(frozen=True)
class Gpt:
    """Both copies of a table as bytes: primary goes to LBA 1, backup to backup_lba."""

    primary: bytes
    backup: bytes
    backup_lba: int


@record(frozen=True)
class Header:
    """The fields of a header that say which disk it describes, and where."""

    disk_guid: uuid.UUID
    my_lba: int
    alternate_lba: int
    last_usable_lba: int


def read_header(sector: bytes) -> Header | None:
    """Returns what the header in a sector says; None where it is none, or its checksum is wrong."""
    fields = struct.unpack_from(HEADER_FORMAT, sector)
    blank = sector[:16] + bytes(4) + sector[20:HEADER_SIZE]
    if fields[0] != SIGNATURE or fields[2] != HEADER_SIZE or zlib.crc32(blank) != fields[3]:
        return None
    return Header(uuid.UUID(bytes_le=fields[9]), fields[5], fields[6], fields[8])


def retarget(primary: bytes, sectors: int) -> Gpt:
    """Returns the tables of primary (header and entries, as at LBA 1) for a disk of another size.

    Both headers get their places, the last usable LBA and their checksums; entries and identity stay.
    Raises ValueError where primary is no valid table of the shape that write_gpt gives.
    """
    header, entries = bytes(primary[:SECTOR_SIZE]), bytes(primary[SECTOR_SIZE:])
    fields = struct.unpack_from(HEADER_FORMAT, header)
    shape = (fields[10], fields[11], fields[12], len(entries))
    wanted = (GPT_ENTRIES_LBA, GPT_ENTRY_COUNT, GPT_ENTRY_SIZE, GPT_ENTRIES_SECTORS * SECTOR_SIZE)
    if read_header(header) is None or shape != wanted or zlib.crc32(entries) != fields[13]:
        raise ValueError("no valid GPT with 128 entries of 128 bytes at LBA 2")
    backup_lba = last_usable_lba(sectors) + 1
    places = {
        GPT_HEADER_LBA: (GPT_HEADER_LBA, sectors - 1, GPT_ENTRIES_LBA),
        sectors - 1: (sectors - 1, GPT_HEADER_LBA, backup_lba),
    }

    def pack(lba: int, crc: int) -> bytes:
        my_lba, alternate_lba, entries_lba = places[lba]
        new = [*fields[:3], crc, 0, my_lba, alternate_lba, fields[7], last_usable_lba(sectors), fields[9], entries_lba]
        return struct.pack(HEADER_FORMAT, *new, *fields[11:])

    first, last = (pack(lba, zlib.crc32(pack(lba, 0))).ljust(SECTOR_SIZE, b"\0") for lba in places)
    return Gpt(primary=first + entries, backup=entries + last, backup_lba=backup_lba)


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
