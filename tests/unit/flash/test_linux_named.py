"""The disk that a person names: what is no disk is a sentence, and only what is mounted here is unmounted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.unit.flash.linux_trees import Tree

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import programs
from bootwright.flash.device import Device, Use
from bootwright.flash.linux import LinuxSystem


def named(tree: Tree, name: str, devices: dict[Path, tuple[int, int]], number: tuple[int, int]) -> Path:
    """Makes the device file of that name, with a number."""
    path = tree.root / "dev" / name
    Tree.write(path, "")
    devices[path] = number
    return path


def refusal(act: Callable[[], object]) -> tuple[Status, str]:
    with pytest.raises(BootwrightError) as raised:
        act()
    return Status(raised.value.status), raised.value.message


def test_a_disk_is_found_by_its_name_and_by_a_link(tree: Tree, devices: dict[Path, tuple[int, int]]) -> None:
    path = named(tree, "sdb", devices, (8, 16))
    link = tree.root / "dev/disk/by-id/usb-SanDisk"
    link.parent.mkdir(parents=True)
    link.symlink_to(path)
    system = LinuxSystem(tree.places)
    assert system.look(str(link)) == system.look(str(path)) == tree.describe("sdb")
    assert system.look(str(path)).whole == ""


def test_a_partition_is_known_as_one_of_its_disk(tree: Tree, devices: dict[Path, tuple[int, int]]) -> None:
    path = named(tree, "sdb1", devices, (8, 17))
    device = LinuxSystem(tree.places).look(str(path))
    assert (device.path, device.whole, device.size) == (str(path), str(tree.root / "dev/sdb"), 1 << 30)
    assert device.serial == tree.describe("sdb").serial


def test_what_is_no_disk_is_a_sentence(tree: Tree, devices: dict[Path, tuple[int, int]]) -> None:
    system = LinuxSystem(tree.places)
    there_is = {
        "missing": (Status.NO_SUCH_DEVICE, "there is nothing at that path"),
        "file": (Status.NOT_A_BLOCK_DEVICE, "is not a block device"),
        "gone": (Status.NOT_A_BLOCK_DEVICE, "is not a block device"),  # a device file of what is attached no more
        "x" * 300: (Status.NO_PERMISSION, "File name too long"),
    }
    Tree.write(tree.root / "dev/file", "")
    named(tree, "gone", devices, (8, 64))
    for name, (status, words) in there_is.items():
        path = str(tree.root / "dev" / name)
        found, sentence = refusal(partial(system.look, path))
        assert (found, sentence.startswith(f"DEV={path}"), words in sentence) == (status, True, True)


class Umount:
    """Takes what is to be run in umount's place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int = 0, said: str = "") -> None:
        self.ran: list[list[str]] = []
        self._status, self._said = status, said
        monkeypatch.setattr(programs, "run", self._run)

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[bytes]:
        self.ran.append(argv)
        return subprocess.CompletedProcess(argv, self._status, b"", self._said.encode())


HERE = (Use("/dev/sdb1", "/mnt"), Use("/dev/sdb2", "/mnt/-inner"))


def test_what_was_mounted_last_is_unmounted_first_and_nothing_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    umount = Umount(monkeypatch)
    LinuxSystem().unmount(Device("/dev/sdb", "usb", 1 << 30, mounts=HERE))
    assert umount.ran == [["umount", "--", "/mnt/-inner"], ["umount", "--", "/mnt"]]


def test_what_another_process_sees_alone_is_left_with_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    umount = Umount(monkeypatch)
    device = Device("/dev/sdb", "usb", 1 << 30, mounts=(*HERE, Use("/dev/sdb3", "/srv", "71")))
    assert refusal(lambda: LinuxSystem().unmount(device)) == (
        Status.NOT_UNMOUNTED, "/srv (/dev/sdb3) is mounted for process 71, and not here",
    )  # fmt: skip
    assert umount.ran == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [("umount: /mnt/-inner: target is busy.\n more", "target is busy"), ("", "umount gave 32")],
)
def test_what_cannot_be_unmounted_ends_it_with_the_reason(
    said: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    umount = Umount(monkeypatch, 32, said)
    device = Device("/dev/sdb", "usb", 1 << 30, mounts=HERE)
    status, sentence = refusal(lambda: LinuxSystem().unmount(device))
    assert (status, sentence) == (Status.NOT_UNMOUNTED, f"/mnt/-inner (/dev/sdb2) was not unmounted: {reason}")
    assert len(umount.ran) == 1
