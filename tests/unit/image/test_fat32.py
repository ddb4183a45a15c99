"""The EFI system partition's file system: what fsck.fat and mtools, and this reader of FAT, find in it."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.image import fat32, layout
from bootwright.image.layout import SECTOR_SIZE

SECTORS = layout.ESP_SECTORS
FILES = {"EFI/BOOT/BOOTX64.EFI": random.Random(1).randbytes(48_000), "README.TXT": b"hello\n", "EFI/EMPTY": b""}


def volume(files: Mapping[str, bytes] = FILES, sectors: int = SECTORS) -> bytes:
    """Returns the volume's bytes."""
    data = bytearray(sectors * SECTOR_SIZE)
    for piece in fat32.write_volume(sectors, files, "BOOTWRIGHT", 0x12345678, 4096):
        start = piece.sector * SECTOR_SIZE
        data[start : start + len(piece.data)] = piece.data
    return bytes(data)


def read(data: bytes) -> dict[str, bytes]:
    """Returns the files of a volume, read by the specification's formulas alone."""
    size, cluster, reserved, fats = struct.unpack_from("<HBHB", data, 11)
    table_size, _, _, root = struct.unpack_from("<IHHI", data, 36)
    table = struct.unpack_from(f"<{table_size * size // 4}I", data, reserved * size)
    second = (reserved + table_size) * size
    assert data[second : second + table_size * size] == data[reserved * size : second]
    start = (reserved + fats * table_size) * size
    clusters = (len(data) // size - reserved - fats * table_size) // cluster
    assert clusters >= 65525, "FAT32 by the one rule that counts"
    assert table_size * size // 4 >= clusters + 2
    taken: set[int] = set()

    def chain(number: int) -> bytes:
        found = b""
        while 2 <= number < 0x0FFFFFF8:
            assert number not in taken and number < clusters + 2
            taken.add(number)
            at = start + (number - 2) * cluster * size
            found += data[at : at + cluster * size]
            number = table[number] & 0x0FFFFFFF
        return found

    files: dict[str, bytes] = {}

    def walk(number: int, path: str, parent: int) -> None:
        entries = chain(number)
        for at in range(0, len(entries), 32):
            entry = entries[at : at + 32]
            first = struct.unpack_from("<H", entry, 20)[0] << 16 | struct.unpack_from("<H", entry, 26)[0]
            name = entry[:8].decode().rstrip() + ("." + entry[8:11].decode().rstrip()).rstrip(".")
            if not entry[0]:
                break
            if entry[11] == 0x08:
                assert path == "" and entry[:11] == b"BOOTWRIGHT "
            elif entry[11] == 0x10 and name.startswith("."):
                assert first == {".": number, "..": parent}[entry[:2].decode().rstrip()]
            elif entry[11] == 0x10:
                walk(first, f"{path}{name}/", 0 if path == "" else number)
            else:
                (length,) = struct.unpack_from("<I", entry, 28)
                files[path + name] = chain(first)[:length]

    walk(root, "", 0)
    free, next_free = struct.unpack_from("<II", data, SECTOR_SIZE + 488)
    assert free == clusters - len(taken) == table[2 : clusters + 2].count(0)
    assert table[next_free] == 0
    return files


def test_a_reader_by_the_specification_finds_every_file() -> None:
    data = volume()
    assert read(data) == FILES
    assert data[:SECTOR_SIZE] == data[6 * SECTOR_SIZE : 7 * SECTOR_SIZE]
    assert struct.unpack_from("<II", data, 28) == (4096, SECTORS)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_put_in_is_found_again(seed: int) -> None:
    generator = random.Random(seed)
    directories = ["", "A/", "A/B/", "LONGNAME.DIR/"]
    files = {}
    for directory in directories:
        for number in range(generator.randrange(1, 8)):
            name = f"{directory}F{number}.{'EFI' if number % 2 else 'X'}"
            files[name] = generator.randbytes(generator.choice([0, 1, 511, 512, 513, 5000]))
    assert read(volume(files)) == files


def test_the_same_files_make_the_same_bytes_in_any_order() -> None:
    assert volume(dict(reversed(FILES.items()))) == volume()


@pytest.mark.parametrize(
    ("sectors", "files", "sentence"),
    [
        (65525, {}, "has 64485 clusters; the least is 65525"),
        (SECTORS, {"A": bytes(SECTORS * SECTOR_SIZE)}, "bytes more than it has"),
        (SECTORS, {"a.txt": b""}, "a.txt is no name of eight capitals and three"),
        (SECTORS, {"ABCDEFGHI": b""}, "no name of eight"),
        (SECTORS, {f"D/F{n}": b"" for n in range(15)}, "17 entries; there is room for 16"),
    ],
    ids=["small", "full", "small letters", "long", "many"],
)
def test_what_does_not_fit_is_refused(sectors: int, files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(BootwrightError, match=re.escape(sentence)):
        volume(files, sectors)


@pytest.mark.needs("fsck.fat", "mcopy")
def test_fsck_and_mtools_find_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "esp"
    path.write_bytes(volume())
    checked = subprocess.run(["fsck.fat", "-n", "-V", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    copied = subprocess.run(
        ["mcopy", "-n", "-i", path, "::EFI/BOOT/BOOTX64.EFI", tmp_path / "x"], capture_output=True, check=False
    )
    assert copied.returncode == 0, copied.stderr
    assert (tmp_path / "x").read_bytes() == FILES["EFI/BOOT/BOOTX64.EFI"]
