"""What a disk is and what uses it, from trees of /sys and /proc as the kernel lays them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.flash.linux_trees import PCI, Tree

from bootwright.base.errors import Status
from bootwright.flash.device import Use
from bootwright.flash.linux import is_system_place
from bootwright.flash.refusals import Wish

HOMES = "/home"


def test_a_stick_that_nothing_uses_is_accepted(tree: Tree) -> None:
    device = tree.describe("sdb")
    assert (device.bus, device.size, device.model) == ("usb", 16 << 30, "SanDisk Ultra")
    assert (device.serial, device.token) == ("4C530001231120115142", "4C530001231120115142")
    assert [Path(part.path).name for part in device.parts] == ["sdb1", "sdb2"]
    assert tree.statuses() == []


def test_the_disk_of_the_root_is_the_systems(tree: Tree) -> None:
    device = tree.describe("nvme0n1")
    assert [use.where for use in device.system] == ["/boot/efi", "/"]
    assert tree.statuses("nvme0n1") == [Status.HOLDS_THE_SYSTEM, Status.WRONG_BUS, Status.TOO_BIG]


def lvm(tree: Tree) -> str:
    tree.mapping("dm-0", "253:0", ["sdb2"], "vg-root")
    return "253:0"


def luks_with_lvm_on_it(tree: Tree) -> str:
    tree.mapping("dm-0", "253:0", ["sdb2"], "luks-1")
    tree.mapping("dm-1", "253:1", ["dm-0"], "vg-root")
    return "253:1"


def md_with_luks_on_it(tree: Tree) -> str:
    tree.mapping("md127", "9:127", ["sdb1", "nvme0n1p2"])
    tree.mapping("dm-0", "253:0", ["md127"], "luks-2")
    return "253:0"


def md_of_whole_disks(tree: Tree) -> str:
    tree.mapping("md0", "9:0", ["sdb"])
    return "9:0"


STACKS = [lvm, luks_with_lvm_on_it, md_with_luks_on_it, md_of_whole_disks]


@pytest.mark.parametrize("stack", STACKS)
def test_a_system_is_found_below_mappings(tree: Tree, stack: object) -> None:
    assert callable(stack)
    number = stack(tree)
    tree.mount(number, "/dev/mapper/whatever", "/home")
    assert tree.statuses()[0] == Status.HOLDS_THE_SYSTEM
    # Without override:
    assert tree.statuses(wish=Wish(1 << 20, big=True, loop=True, unmount=True))[0] == Status.HOLDS_THE_SYSTEM


@pytest.mark.parametrize("stack", STACKS)
def test_swap_is_found_below_mappings(tree: Tree, stack: object) -> None:
    assert callable(stack)
    number = stack(tree)
    node = (tree.root / "sys/dev/block" / number).resolve()
    tree.swap(f"/dev/{node.name}")
    assert tree.statuses()[0] == Status.SWAP


@pytest.mark.parametrize(
    ("stack", "names"),
    [(lvm, ("vg-root",)), (luks_with_lvm_on_it, ("luks-1",)), (md_with_luks_on_it, ("md127",)),
     (md_of_whole_disks, ("md0",))],
)  # fmt: skip
def test_what_has_claimed_a_disk_is_named(tree: Tree, stack: object, names: tuple[str, ...]) -> None:
    assert callable(stack)
    stack(tree)
    assert tree.describe("sdb").holders == names
    assert tree.statuses() == [Status.HELD]


def test_every_member_of_a_btrfs_is_used_though_one_is_named(tree: Tree) -> None:
    devices = tree.root / "sys/fs/btrfs/0000-aaaa/devices"
    devices.mkdir(parents=True)
    tree.partition(f"{PCI}/nvme/nvme0/nvme0n1/nvme0n1p3", "259:3", 3)  # which nothing else uses
    for name in ("sdb1", "nvme0n1p3"):
        (devices / name).symlink_to((tree.root / "sys/class/block" / name).resolve())
    assert tree.statuses() == []
    # btrfs has a number of its own, which no device has, and names one member alone.
    tree.mount("0:31", "/dev/nvme0n1p3", "/var", "btrfs")
    assert tree.statuses() == [Status.HOLDS_THE_SYSTEM]
    (devices / "sdb1").unlink()
    assert tree.statuses() == [], "another btrfs's members are not this one's"


@pytest.mark.parametrize("source", ["/srv/images/sdb1", "sdb1", "overlay"])
def test_what_is_only_called_like_a_disk_is_none(tree: Tree, source: str) -> None:
    tree.mount("0:40", source, "/var/merged", "fuse")
    assert tree.statuses() == []


def test_a_loop_device_over_a_disk_leads_to_it(tree: Tree) -> None:
    loop = tree.disk("virtual/block/loop3", "7:3", 1 << 30)
    Tree.write(loop / "loop/backing_file", "/dev/sdb2")
    tree.mount("7:3", "/dev/loop3", "/mnt")
    assert tree.statuses() == [Status.MOUNTED]
    assert tree.describe("loop3").bus == "loop"


def over_a_disk(tree: Tree) -> None:
    loop = tree.disk("virtual/block/loop4", "7:4", 1 << 30)
    Tree.write(loop / "loop/backing_file", "/dev/sdb")


def over_a_partition(tree: Tree) -> None:
    loop = tree.disk("virtual/block/loop4", "7:4", 1 << 30)
    Tree.write(loop / "loop/backing_file", "/dev/sdb2")


def over_a_mapping(tree: Tree) -> None:
    luks_with_lvm_on_it(tree)
    loop = tree.disk("virtual/block/loop4", "7:4", 1 << 30)
    Tree.write(loop / "loop/backing_file", "/dev/dm-1")


def over_a_loop_device(tree: Tree) -> None:
    over_a_disk(tree)
    (tree.root / "sys/block/loop4").resolve().rename(tree.root / "sys/devices/virtual/block/loop5")
    for link in ("sys/block", "sys/class/block"):
        (tree.root / link / "loop4").unlink()
        (tree.root / link / "loop5").symlink_to(tree.root / "sys/devices/virtual/block/loop5")
    loop = tree.disk("virtual/block/loop4", "7:14", 1 << 30)
    Tree.write(loop / "loop/backing_file", "/dev/loop5")


@pytest.mark.parametrize("below", [over_a_disk, over_a_partition, over_a_mapping, over_a_loop_device])
def test_what_lies_below_the_disk_that_is_named_counts(tree: Tree, below: Callable[[Tree], None]) -> None:
    below(tree)
    wish = Wish(1 << 20, loop=True, unmount=True)
    assert tree.statuses("loop4", wish) == []
    tree.mount("8:17", "/dev/sdb1", "/media/me/stick")
    assert tree.statuses("loop4", Wish(1 << 20, loop=True)) == [Status.MOUNTED]
    tree.swap("/dev/sdb1")
    assert tree.statuses("loop4", wish) == [Status.SWAP]
    tree.mount("8:17", "/dev/sdb1", "/boot")
    assert tree.statuses("loop4", wish)[0] == Status.HOLDS_THE_SYSTEM


def test_what_has_claimed_the_disk_below_a_loop_device_is_named(tree: Tree) -> None:
    lvm(tree)
    over_a_disk(tree)
    assert tree.statuses("loop4", Wish(1 << 20, loop=True)) == [Status.HELD]
    assert tree.describe("loop4").holders == ("vg-root",)


def test_a_mount_in_another_namespace_counts_and_copies_of_ours_do_not(tree: Tree) -> None:
    tree.mount("8:17", "/dev/sdb1", "/media/me/stick")
    for process, where in (("71", "/media/me/stick"), ("72", "/srv")):
        table = f"36 35 8:17 / {where} rw - ext4 /dev/sdb1 rw"
        Tree.write(tree.root / "proc" / process / "mountinfo", table)
        (tree.root / "proc" / process / "ns").mkdir()
        (tree.root / "proc" / process / "ns" / "mnt").symlink_to(f"mnt:[{process}]")
    assert tree.describe("sdb").mounts == (Use("/dev/sdb1", "/media/me/stick"),)
    assert tree.statuses() == [Status.MOUNTED]
    (tree.root / "proc/self/mountinfo").write_text("")
    device = tree.describe("sdb")
    assert {(use.where, use.process) for use in (*device.mounts, *device.system)} in (
        {("/media/me/stick", "71")}, {("/srv", "72")},
    )  # fmt: skip


def test_a_swap_file_counts_for_the_disk_of_its_file_system(tree: Tree) -> None:
    tree.mount("8:17", "/dev/sdb1", "/media/me/stick")
    tree.mount("259:1", "/dev/nvme0n1p1", "/media/me/stick with a longer name")
    tree.swap("/media/me/stick/swapfile")
    assert tree.statuses() == [Status.SWAP, Status.MOUNTED]
    assert tree.describe("nvme0n1").swaps == ()


def test_a_mount_point_with_blanks_is_read(tree: Tree) -> None:
    tree.mount("8:17", "/dev/sdb1", "/media/me/MY\\040STICK\\134")
    assert [use.where for use in tree.describe("sdb").mounts] == ["/media/me/MY STICK\\"]
    assert tree.statuses() == [Status.MOUNTED]
    assert tree.statuses(wish=Wish(1 << 20, unmount=True)) == []


@pytest.mark.parametrize(
    ("place", "bus"),
    [("pci0000:00/ata2/host1/target1:0:0/1:0:0:0/block/sdc", "ata"),
     ("pci0000:00/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", "mmc"),
     ("pci0000:00/virtio1/block/vdc", "virtio"),
     ("pci0000:00/host9/target9:0:0/9:0:0:0/block/sdd", "scsi")],
    ids=["ata", "mmc", "virtio", "scsi"],
)  # fmt: skip
def test_only_usb_and_mmc_will_do(tree: Tree, place: str, bus: str) -> None:
    name = {"ata": "scsi"}.get(bus, bus)
    tree.subsystem(tree.root / "sys/devices" / Path(place).parents[1], name)
    tree.disk(place, "250:0", 1 << 30)
    assert tree.describe(Path(place).name).bus == bus
    assert tree.statuses(Path(place).name) == ([] if bus == "mmc" else [Status.WRONG_BUS])


def test_another_stick_in_the_same_place_has_another_identity(tree: Tree) -> None:
    before = tree.describe("sdb").identity
    assert tree.describe("sdb").identity == before
    Tree.write(tree.root / "sys/block/sdb/diskseq", "10")
    assert tree.describe("sdb").identity != before


@pytest.mark.parametrize(
    ("fact", "text", "status"),
    [("ro", "1", Status.READ_ONLY), ("queue/logical_block_size", "4096", Status.SECTOR_SIZE),
     ("size", "0", Status.NO_MEDIUM), ("size", "2047", Status.TOO_SMALL)],
)  # fmt: skip
def test_what_the_kernel_says_of_an_unfit_disk_is_obeyed(tree: Tree, fact: str, text: str, status: Status) -> None:
    Tree.write(tree.root / "sys/block/sdb" / fact, text)
    assert status in tree.statuses()


@pytest.mark.parametrize(
    ("where", "systems"),
    [("/", True), ("/boot", True), ("/boot/efi", True), ("/home", True), (f"{HOMES}/me", True),
     ("/var/lib/docker", True),
     (f"{HOMES}/me/stick", False), ("/media/me/stick", False), ("/mnt", False), ("/run/media/me/x", False),
     ("/bootcamp", False)],
)  # fmt: skip
def test_a_place_is_the_systems_or_a_persons(where: str, systems: bool) -> None:
    assert is_system_place(where) is systems
