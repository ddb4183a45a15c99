"""The master boot record: a protective entry, and what old firmware wants to see beside it (UEFI 2.10, 5.2.3)."""

from __future__ import annotations

import struct
from enum import StrEnum

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.image.layout import BOOT_CODE_END, PARTITION_TABLE_OFFSET, SECTOR_SIZE

SIGNATURE = b"\x55\xaa"
GPT_PROTECTIVE = 0xEE
EMPTY = 0x00
RECORD_SIZE = 16


class Active(StrEnum):
    """Which entry carries the active flag: some BIOSes want one, some UEFI firmware rejects it on the protective one.

    DUMMY: a second, one-sector entry of type 00, as the hybrid ISOs of Linux distributions have it.
    EE: the protective entry itself. NONE: no entry, as the specification says.
    """

    DUMMY = "dummy"
    EE = "ee"
    NONE = "none"


@record(frozen=True)
class PartitionRecord:
    """One 16-byte record of the partition table; sectors in LBA."""

    os_type: int
    starting_lba: int
    size_in_lba: int
    active: bool = False

    def to_bytes(self) -> bytes:
        """Returns the 16 bytes of the record."""
        boot_indicator = 0x80 if self.active else 0
        last = self.starting_lba + self.size_in_lba - 1
        return struct.pack(
            "<B3sB3sII",
            boot_indicator,
            _chs(self.starting_lba),
            self.os_type,
            _chs(last),
            self.starting_lba,
            self.size_in_lba,
        )


def _chs(lba: int) -> bytes:
    """Returns lba as packed cylinder, head and sector (255 heads, 63 sectors), all ones when it lies beyond."""
    cylinder, rest = divmod(lba, 255 * 63)
    head, sector = divmod(rest, 63)
    if cylinder > 1023:
        return b"\xff\xff\xff"
    return bytes([head, (sector + 1) | (cylinder >> 2 & 0xC0), cylinder & 0xFF])


def protective_records(sectors: int, active: Active) -> list[PartitionRecord]:
    """Returns the records of a disk with this many sectors."""
    records = [PartitionRecord(GPT_PROTECTIVE, 1, min(sectors - 1, 0xFFFFFFFF), active is Active.EE)]
    if active is Active.DUMMY:
        records.append(PartitionRecord(EMPTY, 0, 1, active=True))
    return records


def write_mbr(boot_code: bytes, disk_signature: int, records: list[PartitionRecord]) -> bytes:
    """Returns LBA 0: boot_code (at most 440 bytes), the 32-bit signature and at most four records."""
    if len(boot_code) > BOOT_CODE_END:
        raise BootwrightError(f"boot sector's code is {len(boot_code)} bytes; the limit is {BOOT_CODE_END}")
    sector = bytearray(SECTOR_SIZE)
    sector[: len(boot_code)] = boot_code
    struct.pack_into("<IH", sector, BOOT_CODE_END, disk_signature, 0)
    table = b"".join(record.to_bytes() for record in records)
    sector[PARTITION_TABLE_OFFSET : PARTITION_TABLE_OFFSET + len(table)] = table
    sector[-2:] = SIGNATURE
    return bytes(sector)


def retarget(sector: bytes, sectors: int) -> bytes:
    """Returns LBA 0 with every protective record made as long as a disk of this many sectors."""
    changed = bytearray(sector)
    for place in range(PARTITION_TABLE_OFFSET, SECTOR_SIZE - len(SIGNATURE), RECORD_SIZE):
        if changed[place + 4] == GPT_PROTECTIVE:
            active = changed[place] == 0x80
            record = PartitionRecord(GPT_PROTECTIVE, 1, min(sectors - 1, 0xFFFFFFFF), active)
            changed[place : place + RECORD_SIZE] = record.to_bytes()
    return bytes(changed)
