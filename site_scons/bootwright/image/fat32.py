"""A FAT32 file system with a few files in it: what an EFI system partition holds.

Source: Microsoft's FAT specification 1.03 (fatgen103). What is not written is zero, so pieces of it are enough.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from bootwright.base.errors import BootwrightError
from bootwright.base.records import field, record
from bootwright.image.layout import SECTOR_SIZE

# One sector a cluster: the smallest volume that is genuine, and no file system with fewer clusters is FAT32.
CLUSTERS_MIN = 65525
RESERVED_SECTORS = 32
FATS = 2
INFO_SECTOR, BACKUP_SECTOR = 1, 6

_FIRST_CLUSTER = 2
_END = 0x0FFFFFFF
_MEDIA = 0xF8
_DIRECTORY, _VOLUME_ID, _ARCHIVE = 0x10, 0x08, 0x20
_ENTRY_SIZE = 32
_DATE = 1 << 5 | 1  # the first of January 1980, the first day that there is: no clock is asked
_SIGNATURE = b"\x55\xaa"


@record
class _Volume:
    """What is decided so far: the table, and the bytes of clusters in a row by the first one's number."""

    table: list[int] = field(default_factory=lambda: [0x0FFFFF00 | _MEDIA, _END])
    runs: dict[int, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> int:
        """Puts data into clusters of its own; returns the first one's number, or 0 for no data."""
        first, count = len(self.table), -(-len(data) // SECTOR_SIZE)
        if not count:
            return 0
        self.table += [*range(first + 1, first + count), _END]
        self.runs[first] = data.ljust(count * SECTOR_SIZE, b"\0")
        return first


@record(frozen=True)
class Piece:
    """Bytes of a volume: the first one's sector, counted from the volume's beginning, and whole sectors of them."""

    sector: int
    data: bytes


def table_sectors(sectors: int) -> int:
    """Returns the size of a table that is large enough for a volume of so many sectors."""
    rest = sectors - RESERVED_SECTORS
    # Each sector of a table holds 128 clusters, each of which takes a sector.
    return -(-(rest + _FIRST_CLUSTER) // (SECTOR_SIZE // 4 + FATS))


def write_volume(
    sectors: int, files: Mapping[str, bytes], label: str, serial: int, hidden_sectors: int
) -> Iterator[Piece]:
    """Yields what a volume of so many sectors with these files is made of; hidden_sectors lie before it on the disk.

    Names of files are paths like EFI/BOOT/BOOTX64.EFI, in capitals, eight letters and three at most. Raises
    BootwrightError for a volume that is too small.
    """
    size = table_sectors(sectors)
    start = RESERVED_SECTORS + FATS * size
    clusters = sectors - start
    if clusters < CLUSTERS_MIN:
        raise BootwrightError(f"a FAT32 volume has {clusters} clusters; the least is {CLUSTERS_MIN}")
    volume = _Volume()
    root = _put_directory(volume, files, [_entry(label.encode("ascii").ljust(11), _VOLUME_ID, 0, 0)])
    if len(volume.table) > clusters + _FIRST_CLUSTER:
        needed = (len(volume.table) - clusters - _FIRST_CLUSTER) * SECTOR_SIZE
        raise BootwrightError(f"the files of the EFI system partition take {needed} bytes more than it has")
    boot_sector = _boot_sector(sectors, size, root, label, serial, hidden_sectors)
    info = _info_sector(clusters - (len(volume.table) - _FIRST_CLUSTER), len(volume.table))
    for sector in (0, BACKUP_SECTOR):
        yield Piece(sector, boot_sector + info + bytes(SECTOR_SIZE - 2) + _SIGNATURE)
    table = struct.pack(f"<{len(volume.table)}I", *volume.table)
    table = table.ljust(-(-len(table) // SECTOR_SIZE) * SECTOR_SIZE, b"\0")
    for number in range(FATS):
        yield Piece(RESERVED_SECTORS + number * size, table)
    for first, data in volume.runs.items():
        yield Piece(start + first - _FIRST_CLUSTER, data)


def _put_directory(volume: _Volume, files: Mapping[str, bytes], first: list[bytes], parent: int | None = None) -> int:
    """Puts a directory with all below it into the volume; returns its first cluster.

    first are its first entries; those that name itself and the parent follow, but in the root, which has no parent.
    """
    # Its own number is known before what it holds, so that what is below can name it.
    own = len(volume.table)
    volume.table.append(_END)
    entries = list(first)
    if parent is not None:
        entries += [_entry(b".".ljust(11), _DIRECTORY, own, 0), _entry(b"..".ljust(11), _DIRECTORY, parent, 0)]
    for name in dict.fromkeys(path.partition("/")[0] for path in sorted(files)):
        inside = {path[len(name) + 1 :]: data for path, data in files.items() if path.startswith(name + "/")}
        if inside:
            # The number of the root is 0 in what is below it.
            cluster = _put_directory(volume, inside, [], 0 if parent is None else own)
            entries.append(_entry(_short_name(name), _DIRECTORY, cluster, 0))
        else:
            entries.append(_entry(_short_name(name), _ARCHIVE, volume.put(files[name]), len(files[name])))
    if len(entries) > SECTOR_SIZE // _ENTRY_SIZE:
        raise BootwrightError(
            f"a directory of the EFI system partition has {len(entries)} entries; there is room for 16"
        )
    volume.runs[own] = b"".join(entries).ljust(SECTOR_SIZE, b"\0")
    return own


def _short_name(name: str) -> bytes:
    base, _, extension = name.partition(".")
    if name != name.upper() or not 0 < len(base) <= 8 or len(extension) > 3:
        raise BootwrightError(f"{name} is no name of eight capitals and three")
    return base.encode("ascii").ljust(8) + extension.encode("ascii").ljust(3)


def _entry(name: bytes, attributes: int, cluster: int, size: int) -> bytes:
    high, low = cluster >> 16, cluster & 0xFFFF
    return struct.pack("<11s3B7HI", name, attributes, 0, 0, 0, _DATE, _DATE, high, 0, _DATE, low, size)


def _boot_sector(sectors: int, table: int, root: int, label: str, serial: int, hidden_sectors: int) -> bytes:
    # The OEM name is the one that every driver knows; geometry as disks have it, which nobody uses.
    sector = struct.pack("<3s8sHBHB2HB3H2I", b"\xeb\x58\x90", b"MSWIN4.1", SECTOR_SIZE, 1, RESERVED_SECTORS, FATS,
                         0, 0, _MEDIA, 0, 63, 255, hidden_sectors, sectors)  # fmt: skip
    sector += struct.pack("<I2HI2H12s3BI11s8s", table, 0, 0, root, INFO_SECTOR, BACKUP_SECTOR, b"", 0x80, 0, 0x29,
                          serial, label.encode("ascii").ljust(11), b"FAT32   ")  # fmt: skip
    # Nobody starts it: int 18h, "no boot device", where a BIOS would.
    sector += b"\xcd\x18\xeb\xfe"
    return sector.ljust(SECTOR_SIZE - 2, b"\0") + _SIGNATURE


def _info_sector(free: int, next_free: int) -> bytes:
    head = b"RRaA".ljust(484, b"\0")
    return (head + struct.pack("<4s2I", b"rrAa", free, next_free)).ljust(SECTOR_SIZE - 2, b"\0") + _SIGNATURE
