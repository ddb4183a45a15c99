"""Disks of macOS from outputs of diskutil and system_profiler, trimmed to what is read of them."""

from __future__ import annotations

import json
import os
import plistlib
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import macos
from bootwright.flash.device import Device, Use
from bootwright.flash.macos import MacSystem
from bootwright.flash.refusals import Wish, find_refusals

# An Apple Silicon laptop: its own disk with the APFS container that macOS runs from, a stick with a FAT, a stick with
# an APFS of a person's, and a mounted disk image.
LIST: dict[str, Any] = {
    "AllDisks": ["disk0", "disk0s1", "disk0s2", "disk3", "disk3s1s1", "disk3s5", "disk3s6", "disk4", "disk4s1"],
    "AllDisksAndPartitions": [
        {
            "Content": "GUID_partition_scheme",
            "DeviceIdentifier": "disk0",
            "OSInternal": False,
            "Partitions": [
                {"Content": "Apple_APFS_ISC", "DeviceIdentifier": "disk0s1", "Size": 524288000},
                {"Content": "Apple_APFS", "DeviceIdentifier": "disk0s2", "Size": 494384795648},
            ],
            "Size": 500277792768,
        },
        {
            "APFSPhysicalStores": [{"DeviceIdentifier": "disk0s2"}],
            "APFSVolumes": [
                {
                    "DeviceIdentifier": "disk3s1",
                    "MountedSnapshots": [{"SnapshotBSD": "disk3s1s1", "SnapshotMountPoint": "/"}],
                    "Size": 494384795648,
                    "VolumeName": "Macintosh HD",
                },
                {"DeviceIdentifier": "disk3s5", "MountPoint": "/System/Volumes/Data", "Size": 494384795648},
                {"DeviceIdentifier": "disk3s6", "MountPoint": "/System/Volumes/VM", "Size": 494384795648},
            ],
            "Content": "EF57347C-0000-11AA-AA11-00306543ECAC",
            "DeviceIdentifier": "disk3",
            "Size": 494384795648,
        },
        {
            "Content": "FDisk_partition_scheme",
            "DeviceIdentifier": "disk4",
            "Partitions": [
                {
                    "Content": "DOS_FAT_32",
                    "DeviceIdentifier": "disk4s1",
                    "MountPoint": "/Volumes/HOLIDAYS",
                    "Size": 15623782400,
                    "VolumeName": "HOLIDAYS",
                }
            ],
            "Size": 15631122432,
        },
        {
            "Content": "GUID_partition_scheme",
            "DeviceIdentifier": "disk5",
            "Partitions": [{"Content": "Apple_APFS", "DeviceIdentifier": "disk5s2", "Size": 31000000000}],
            "Size": 31457280000,
        },
        {
            "APFSPhysicalStores": [{"DeviceIdentifier": "disk5s2"}],
            "APFSVolumes": [{"DeviceIdentifier": "disk6s1", "MountPoint": "/Volumes/Backup", "Size": 31000000000}],
            "DeviceIdentifier": "disk6",
            "Size": 31000000000,
        },
        {
            "Content": "GUID_partition_scheme",
            "DeviceIdentifier": "disk7",
            "Partitions": [{"Content": "Apple_HFS", "DeviceIdentifier": "disk7s1", "Size": 41943040}],
            "Size": 42000000,
        },
    ],
    "WholeDisks": ["disk0", "disk3", "disk4", "disk5", "disk6", "disk7"],
}
USB = {"BusProtocol": "USB", "DeviceBlockSize": 512, "Internal": False, "WritableMedia": True, "WholeDisk": True}
INFO: dict[str, dict[str, Any]] = {
    "disk0": {"BusProtocol": "Apple Fabric", "DeviceBlockSize": 4096, "Internal": True, "WritableMedia": True,
              "MediaName": "APPLE SSD AP0512Z", "Size": 500277792768},
    "disk3": {"BusProtocol": "Apple Fabric", "DeviceBlockSize": 4096, "Internal": True, "Size": 494384795648},
    "disk4": {**USB, "MediaName": "Ultra USB 3.0", "Size": 15631122432},
    "disk5": {**USB, "MediaName": "DataTraveler", "Size": 31457280000, "WritableMedia": False},
    "disk7": {**USB, "BusProtocol": "Disk Image", "MediaName": "Disk Image", "Size": 42000000},
}  # fmt: skip
PROFILE = {
    "SPUSBDataType": [
        {
            "_name": "USB31Bus",
            "host_controller": "AppleT8103USBXHCI",
            "_items": [
                {
                    "_name": "Ultra USB 3.0",
                    "serial_num": "4C530001231120115142",
                    "vendor_id": "0x0781",
                    "Media": [{"bsd_name": "disk4", "volumes": [{"_name": "HOLIDAYS", "bsd_name": "disk4s1"}]}],
                }
            ],
        }
    ]
}


class Recorded:
    """Answers as the programs did."""

    def __init__(self, profile: bool = True) -> None:
        self.asked: list[Sequence[str]] = []
        self.profile = profile
        self.busy = False

    def __call__(self, argv: Sequence[str]) -> bytes:
        self.asked.append(list(argv))
        if argv[:3] == ("diskutil", "list", "-plist"):
            return plistlib.dumps(LIST)
        if argv[:3] == ("diskutil", "info", "-plist"):
            return plistlib.dumps(INFO[argv[3]])
        if argv[0] == "system_profiler" and self.profile:
            return json.dumps(PROFILE).encode()
        if list(argv[:2]) == ["diskutil", "unmountDisk"] and not self.busy:
            return b"Unmount of all volumes on disk4 was successful\n"
        said = b"Unmount of disk4 failed: at least one volume could not be unmounted\n"
        raise subprocess.CalledProcessError(1, list(argv), b"", said)


def disks(run: Recorded | None = None) -> dict[str, Device]:
    return {device.path: device for device in MacSystem(run or Recorded()).list_disks()}


def statuses(path: str, wish: Wish | None = None) -> list[Status]:
    return [Status(refusal.status) for refusal in find_refusals(disks()[path], wish or Wish(1 << 20))]


def test_containers_that_apfs_makes_are_no_disks() -> None:
    assert list(disks()) == ["/dev/disk0", "/dev/disk4", "/dev/disk5", "/dev/disk7"]


def test_a_stick_is_described_with_its_serial_and_volumes() -> None:
    stick = disks()["/dev/disk4"]
    assert (stick.bus, stick.size, stick.model, stick.serial) == (
        "usb", 15631122432, "Ultra USB 3.0", "4C530001231120115142",
    )  # fmt: skip
    assert [(part.path, part.label, part.filesystem) for part in stick.parts] == [
        ("/dev/disk4s1", "HOLIDAYS", "DOS_FAT_32")
    ]
    assert stick.mounts == (Use("/dev/disk4s1", "/Volumes/HOLIDAYS"),)
    assert statuses("/dev/disk4") == [Status.MOUNTED]
    assert statuses("/dev/disk4", Wish(1 << 20, unmount=True)) == []


def test_the_system_is_found_through_its_apfs_container() -> None:
    assert statuses("/dev/disk0")[0] == Status.HOLDS_THE_SYSTEM
    assert {use.where for use in disks()["/dev/disk0"].system} == {"/", "/System/Volumes/Data", "/System/Volumes/VM"}


def test_a_persons_apfs_counts_for_the_stick_below_it() -> None:
    assert disks()["/dev/disk5"].mounts == (Use("/dev/disk6s1", "/Volumes/Backup"),)
    assert statuses("/dev/disk5") == [Status.READ_ONLY, Status.MOUNTED]


def test_a_disk_image_is_refused() -> None:
    assert statuses("/dev/disk7") == [Status.WRONG_BUS]


def test_a_stick_without_a_known_serial_is_confirmed_by_its_size() -> None:
    stick = disks(Recorded(profile=False))["/dev/disk4"]
    assert (stick.serial, stick.token) == ("", "15631122432")


@pytest.mark.parametrize("name", ["/dev/disk4", "/dev/rdisk4", "disk4"])
def test_every_name_of_a_disk_is_understood(name: str) -> None:
    assert MacSystem(Recorded()).look(name).path == "/dev/disk4"


@pytest.mark.parametrize(
    ("name", "status"),
    [("/dev/disk9", Status.NO_SUCH_DEVICE), ("/dev/disk4s7", Status.NO_SUCH_DEVICE), ("sdb", Status.NO_SUCH_DEVICE),
     ("/dev/null", Status.NOT_A_BLOCK_DEVICE)],
)  # fmt: skip
def test_what_names_no_disk_is_refused(name: str, status: Status) -> None:
    with pytest.raises(BootwrightError) as caught:
        MacSystem(Recorded()).look(name)
    assert caught.value.status == status


@pytest.mark.parametrize("name", ["/dev/disk4s1", "/dev/rdisk4s1", "disk3s5"])
def test_a_partition_and_a_volume_are_refused(name: str) -> None:
    recorded = Recorded()
    device = MacSystem(recorded).look(name)
    assert find_refusals(device, Wish(1 << 20))[0].status == Status.A_PARTITION


def test_unmounting_is_never_forced_and_its_failure_is_a_sentence() -> None:
    recorded = Recorded()
    system = MacSystem(recorded)
    stick = system.look("/dev/disk4")
    system.unmount(stick)
    assert recorded.asked[-1] == ["diskutil", "unmountDisk", "/dev/disk4"]
    recorded.busy = True
    with pytest.raises(BootwrightError, match="at least one volume could not be unmounted") as caught:
        system.unmount(stick)
    assert caught.value.status == Status.NOT_UNMOUNTED


def test_another_stick_under_the_same_name_has_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = disks()["/dev/disk4"].identity
    assert disks()["/dev/disk4"].identity == before
    monkeypatch.setitem(INFO, "disk4", {**INFO["disk4"], "Size": 1 << 30})
    assert disks()["/dev/disk4"].identity != before


@pytest.mark.skipif(sys.platform == "win32", reason="the media of Unix")
@pytest.mark.parametrize(
    ("blocks", "identity", "words"),
    [(2048, ("a", "b"), ""), (2047, ("a", "b"), "it has 1048064 bytes, not 1048576"),
     (2048, ("a", "c"), "diskutil describes it otherwise now")],
    ids=["the same", "another size", "another"],
)  # fmt: skip
def test_an_opened_disk_is_the_one_that_was_looked_at_past_the_cache_and_ours_alone(
    blocks: int, identity: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flags: list[int] = []
    asked: list[int] = []
    (tmp_path / "disk").touch()
    answers = {macos.DKIOCGETBLOCKSIZE: struct.pack("=I", 512), macos.DKIOCGETBLOCKCOUNT: struct.pack("=Q", blocks)}

    def opened(path: str, how: int) -> int:
        flags.append(how)
        assert path == "/dev/rdisk4"
        return really_open(tmp_path / "disk", os.O_RDWR)

    def answered(descriptor: int, what: int, room: bytes = b"") -> bytes | None:
        asked.append(what)
        return answers.get(what)

    really_open = os.open
    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, what, value: asked.append(what))
    monkeypatch.setattr(fcntl, "ioctl", answered)
    stick = Device("/dev/disk4", "usb", 1 << 20, identity=("a", "b"))
    if words:
        with pytest.raises(BootwrightError, match=words) as raised:
            macos.MacMedium(stick, lambda: identity)
        assert raised.value.status == Status.CHANGED
        return
    medium = macos.MacMedium(stick, lambda: identity)
    medium.sync()
    medium.close()
    assert flags == [os.O_RDWR | macos.O_EXLOCK | os.O_NONBLOCK | os.O_CLOEXEC]
    assert asked == [macos.F_NOCACHE, *answers, macos.DKIOCSYNCHRONIZECACHE]
