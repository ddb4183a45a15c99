"""Who has a disk open for writing, and what is behind a loop device, from what the kernel tells by descriptors."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from tests.unit.flash.linux_trees import Tree

from bootwright.base.errors import Status
from bootwright.flash.device import Use
from bootwright.flash.linux_uses import LOOP_GET_STATUS64
from bootwright.flash.refusals import Wish

if sys.platform != "linux":
    pytest.skip("Linux's loop devices and descriptors", allow_module_level=True)

LOOPS = Wish(1 << 20, loop=True)
READS, WRITES, BOTH, APPENDS = "0100000", "0100001", "0100002", "02101"


def opened(tree: Tree, process: int, target: Path | str, flags: str, number: int = 3) -> Path:
    """Has a process hold a descriptor of target, with these flags; returns the link that /proc has of it."""
    place = tree.root / "proc" / str(process)
    Tree.write(place / "comm", "dd")
    Tree.write(place / "fdinfo" / str(number), f"pos:\t0\nflags:\t{flags}\nmnt_id:\t25")
    link = place / "fd" / str(number)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.mark.parametrize(("number", "flags"), [((8, 16), WRITES), ((8, 17), BOTH), ((8, 18), APPENDS)])
def test_a_disk_whose_partition_somebody_may_write_is_busy_and_who_is_named(
    number: tuple[int, int], flags: str, tree: Tree, devices: dict[Path, tuple[int, int]]
) -> None:
    devices[opened(tree, 90, "/dev/some", flags)] = number
    devices[opened(tree, 234, "/dev/some", flags)] = number
    assert tree.statuses() == [Status.BUSY]
    assert tree.describe("sdb").writers == ("dd (90)", "dd (234)")
    assert tree.describe("nvme0n1").writers == ()


def test_who_only_reads_and_who_writes_elsewhere_and_we_ourselves_are_in_nobodys_way(
    tree: Tree, devices: dict[Path, tuple[int, int]]
) -> None:
    devices[opened(tree, 90, "/dev/sdb1", READS)] = (8, 17)
    devices[opened(tree, 91, "/dev/sdc", BOTH)] = (8, 32)
    devices[opened(tree, os.getpid(), "/dev/sdb", BOTH)] = (8, 16)
    assert tree.statuses() == []
    Tree.write(tree.root / "proc/90/fdinfo/3", "pos:\t0")
    assert tree.statuses() == [], "what the kernel does not tell is no reason"


def test_a_file_that_cannot_be_the_disk_is_not_looked_at(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [opened(tree, 90, "/net/dead-server/file", BOTH), opened(tree, 91, "/dev/null", READS)]
    look = Path.stat

    def waits(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        assert path not in links, "it would wait for ever"
        return look(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", waits)
    assert tree.describe("sdb").writers == ()


def loop_over(tree: Tree, backing: Path | str, name: str = "loop4", number: str = "7:4") -> None:
    node = tree.disk(f"virtual/block/{name}", number, 1 << 30)
    Tree.write(node / "loop/backing_file", str(backing))


def test_a_loop_device_whose_file_somebody_may_write_is_busy(tree: Tree, tmp_path: Path) -> None:
    image, other = tmp_path / "image", tmp_path / "other"
    image.touch()
    other.touch()
    loop_over(tree, image)
    opened(tree, 90, other, BOTH)
    opened(tree, 91, image, READS)
    assert tree.statuses("loop4", LOOPS) == []
    opened(tree, 92, image, BOTH)
    assert tree.describe("loop4").writers == ("dd (92)",)


def test_a_loop_device_over_a_file_that_is_swapped_to_is_refused(tree: Tree, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.touch()
    loop_over(tree, image)
    assert tree.statuses("loop4", LOOPS) == []
    tree.swap(str(image))
    assert tree.statuses("loop4", LOOPS) == [Status.SWAP]


def test_two_loop_devices_over_one_file_are_each_in_the_others_way(tree: Tree, tmp_path: Path) -> None:
    image, link = tmp_path / "image", tmp_path / "link"
    image.touch()
    link.hardlink_to(image)
    loop_over(tree, image)
    loop_over(tree, link, "loop5", "7:5")
    tree.mount("7:5", "/dev/loop5", "/mnt")
    assert tree.statuses("loop4", LOOPS) == [Status.MOUNTED]


def told_by_the_kernel(tree: Tree, monkeypatch: pytest.MonkeyPatch, **behind: tuple[int, int, int]) -> None:
    """Has loop devices, by name, say device and inode of what is behind them, and its own device number."""
    import fcntl

    for name in behind:
        Tree.write(tree.root / "dev" / name, "")

    def answer(descriptor: int, request: int, room: bytes) -> bytes:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        assert (request, len(room)) == (LOOP_GET_STATUS64, 232)
        return struct.pack("=QQQ", *behind[name]).ljust(len(room), b"\0")

    monkeypatch.setattr(fcntl, "ioctl", answer)


def test_a_disk_behind_a_loop_device_is_known_by_its_number_whatever_it_is_called(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_over(tree, "/dev/called-so-once")
    told_by_the_kernel(tree, monkeypatch, loop4=(6, 77, os.makedev(8, 16)))
    before = len(list(Path("/proc/self/fd").iterdir()))
    tree.mount("8:17", "/dev/sdb1", "/media/me/stick")
    assert tree.statuses("loop4", LOOPS) == [Status.MOUNTED]
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "a loop device that is held open cannot be detached"


def test_a_file_behind_loop_devices_is_known_by_its_inode_though_it_has_no_name_any_more(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("loop4", "7:4"), ("loop5", "7:5"), ("loop6", "7:6")):
        loop_over(tree, "/gone (deleted)", name, number)
    told_by_the_kernel(tree, monkeypatch, loop4=(65, 1234, 0), loop5=(65, 1234, 0), loop6=(66, 1234, 0))
    tree.mount("7:6", "/dev/loop6", "/mnt/another")
    assert tree.statuses("loop4", LOOPS) == []
    tree.mount("7:5", "/dev/loop5", "/mnt/same")
    assert tree.describe("loop4").mounts == (Use("/dev/loop5", "/mnt/same"),)
