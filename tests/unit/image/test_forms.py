"""The image in the forms of virtual machines: read back by their specifications, the same bytes each time."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base.sizes import MIB
from bootwright.image import blocks, qcow2, vdi, vmdk

CLUSTER = 64 << 10


def read_qcow2(data: bytes) -> bytes:
    """Returns the disk in a qcow2 file, and looks at each reference count."""
    magic, version, bits = struct.unpack_from(">4sI12xI", data)
    size, _, entries, first, counts = struct.unpack_from(">QIIQQ", data, 24)
    assert (magic, version, 1 << bits) == (b"QFI\xfb", 3, CLUSTER)
    assert len(data) % CLUSTER == 0
    found: list[int] = []
    for (block,) in struct.iter_unpack(">Q", data[counts : counts + CLUSTER]):
        found += struct.unpack_from(">32768H", data, block) if block else ()
    assert found[: len(data) // CLUSTER] == [1] * (len(data) // CLUSTER) and not any(found[len(data) // CLUSTER :])
    disk = bytearray(-(-size // CLUSTER) * CLUSTER)
    for group, (table,) in enumerate(struct.iter_unpack(">Q", data[first : first + 8 * entries])):
        if not table:
            continue
        assert table >> 63 == 1
        at = table & ~(1 << 63)
        for number, (entry,) in enumerate(struct.iter_unpack(">Q", data[at : at + CLUSTER])):
            if entry:
                place, cluster = (group * 8192 + number) * CLUSTER, entry & ~(1 << 63)
                assert place < size
                disk[place : place + CLUSTER] = data[cluster : cluster + CLUSTER]
    assert not any(disk[size:])
    return bytes(disk[:size])


def read_vdi(data: bytes) -> bytes:
    """Returns the disk in a VDI file."""
    assert struct.unpack_from("<II", data, 64) == (0xBEDA107F, 0x00010001)
    places, first = struct.unpack_from("<II", data, 340)
    size, block, _, count, used = struct.unpack_from("<QIIII", data, 368)
    numbers = struct.unpack_from(f"<{count}I", data, places)
    assert sorted(n for n in numbers if n != 0xFFFFFFFF) == list(range(used))
    assert any(data[392:408]) and any(data[408:424]), "VirtualBox wants both identifiers"
    pieces = [bytes(block) if n == 0xFFFFFFFF else data[first + n * block :][:block] for n in numbers]
    return b"".join(pieces)[:size]


def read_vmdk(data: bytes) -> bytes:
    """Returns the disk in a VMDK file, of which both directories say the same."""
    magic, _, flags, sectors, grain = struct.unpack_from("<4sIIQQ", data)
    copies = struct.unpack_from("<QQ", data, 48)
    assert (magic, flags, grain, data[73:77]) == (b"KDMV", 3, 128, b"\n \r\n")
    assert f'RW {sectors} SPARSE "k.vmdk"'.encode() in data[512 : 21 * 512]
    tables = -(-sectors // (512 * grain))
    disks = []
    for copy in copies:
        disk = bytearray(tables * 512 * grain * 512)
        for table, at in enumerate(struct.unpack_from(f"<{tables}I", data, copy * 512)):
            for number, sector in enumerate(struct.unpack_from("<512I", data, at * 512)):
                place = (table * 512 + number) * grain * 512
                if sector:
                    disk[place : place + grain * 512] = data[sector * 512 :][: grain * 512]
        disks.append(bytes(disk[: sectors * 512]))
    assert disks[0] == disks[1]
    return disks[0]


Write = Callable[[Path, Path], None]
FORMS: dict[str, tuple[Write, Callable[[bytes], bytes]]] = {
    "qcow2": (qcow2.write_qcow2, read_qcow2),
    "vdi": (vdi.write_vdi, read_vdi),
    "vmdk": (lambda image, out: vmdk.write_vmdk(image, out, "k.vmdk"), read_vmdk),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_comes_back_as_it_was_and_twice_the_same(form: str, tmp_path: Path) -> None:
    write, read = FORMS[form]
    image, chance = tmp_path / "k.img", random.Random(1)
    for size, places in ((MIB, [0]), (37 * MIB, [5, MIB + 3, 36 * MIB + 511]), (33 * MIB + 512, []), (2 * MIB, [])):
        data = bytearray(size)
        for place in places:
            piece = chance.randbytes(70_000)[: size - place]
            data[place : place + len(piece)] = piece
        image.write_bytes(data)
        made = []
        for name in ("a", "b"):
            out = tmp_path / name
            write(image, out)
            made.append(out.read_bytes())
        assert read(made[0]) == data
        assert made[0] == made[1]
        assert len(made[0]) < 6 * MIB, "zeroes are left out"


def test_a_disk_of_more_than_a_table_holds_comes_back(tmp_path: Path) -> None:
    image, out = tmp_path / "k.img", tmp_path / "k.qcow2"
    with image.open("wb") as stream:
        for place in (3, 700 * MIB, 1300 * MIB):
            blocks.write_at(stream, place, b"here")
    qcow2.write_qcow2(image, out)
    data = out.read_bytes()
    assert struct.unpack_from(">Q", data, 24)[0] == 1300 * MIB + 4
    assert struct.unpack_from(">I", data, 36)[0] == 3
    assert len(data) == (4 + 3 + 3) * CLUSTER, "three second tables, three clusters of data"


def test_holes_are_not_read(tmp_path: Path) -> None:
    image = tmp_path / "k.img"
    with image.open("wb") as stream:
        for number in (3, 1000, 15 << 20):
            blocks.write_at(stream, number * CLUSTER + 5, b"here")
        stream.truncate((16 << 20) * CLUSTER)  # 1 TiB
    before = read_bytes()
    assert [number for number, _ in blocks.used_blocks(image, CLUSTER)] == [3, 1000, 15 << 20]
    assert read_bytes() - before < MIB


def test_a_block_that_begins_with_a_hole_is_read_from_its_beginning(tmp_path: Path) -> None:
    image = tmp_path / "k.img"
    with image.open("wb") as stream:
        blocks.write_at(stream, 0, b"a" * CLUSTER)
        blocks.write_at(stream, CLUSTER + CLUSTER // 2, b"b" * (CLUSTER // 2))
    assert list(blocks.used_blocks(image, CLUSTER)) == [
        (0, b"a" * CLUSTER),
        (1, bytes(CLUSTER // 2) + b"b" * (CLUSTER // 2)),
    ]


def read_bytes() -> int:
    """Returns how much this process has read of files and pipes (proc(5))."""
    return int(re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())[1])  # type: ignore[index]


def test_a_copy_keeps_bytes_size_and_holes(tmp_path: Path) -> None:
    image, out = tmp_path / "k.img", tmp_path / "k.iso"
    with image.open("wb") as stream:
        blocks.write_at(stream, 20 * MIB, b"here")
        stream.truncate(40 * MIB + 512)
    blocks.copy_sparse(image, out)
    assert out.read_bytes() == image.read_bytes()
    assert out.stat().st_blocks * 512 < MIB
