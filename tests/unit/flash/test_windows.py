r"""Disks of Windows from PowerShell's JSON, and a drive that is opened through calls that note what is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import windows_medium as medium_windows
from bootwright.flash.device import Use
from bootwright.flash.refusals import Wish, find_refusals
from bootwright.flash.windows import WindowsSystem

SYSTEM_VOLUME = "\\\\?\\Volume{11111111-0000-0000-0000-100000000000}\\"
STICK_VOLUME = "\\\\?\\Volume{22222222-0000-0000-0000-100000000000}\\"
RAW_VOLUME = "\\\\?\\Volume{33333333-0000-0000-0000-100000000000}\\"
FACTS: dict[str, Any] = {
    "disks": [
        {"Number": 1, "FriendlyName": "SanDisk Ultra", "SerialNumber": " 4C530001231120115142 ", "BusType": "USB",
         "Size": 15631122432, "LogicalSectorSize": 512, "IsBoot": False, "IsSystem": False, "IsReadOnly": False,
         "UniqueId": "USBSTOR\\DISK&VEN_SANDISK", "Status": "Online"},
        {"Number": 0, "FriendlyName": "Samsung SSD 980", "SerialNumber": "0025_3851", "BusType": "NVMe",
         "Size": 500107862016, "LogicalSectorSize": 512, "IsBoot": True, "IsSystem": True, "IsReadOnly": False,
         "UniqueId": "eui.0025385", "Status": "Online"},
        {"Number": 2, "FriendlyName": "Generic- SD/MMC", "SerialNumber": None, "BusType": "SD", "Size": 0,
         "LogicalSectorSize": 512, "IsBoot": False, "IsSystem": False, "IsReadOnly": False, "UniqueId": "sd",
         "Status": "No Media"},
    ],
    "partitions": [
        {"DiskNumber": 0, "PartitionNumber": 1, "Size": 104857600, "IsBoot": False, "IsSystem": True,
         "AccessPaths": None},
        {"DiskNumber": 0, "PartitionNumber": 3, "Size": 499000000000, "IsBoot": True, "IsSystem": False,
         "AccessPaths": ["C:\\", SYSTEM_VOLUME]},
        {"DiskNumber": 1, "PartitionNumber": 1, "Size": 8000000000, "IsBoot": False, "IsSystem": False,
         "AccessPaths": ["E:\\", STICK_VOLUME]},
        {"DiskNumber": 1, "PartitionNumber": 2, "Size": 1048576, "IsBoot": False, "IsSystem": False,
         "AccessPaths": [RAW_VOLUME]},
    ],
    "volumes": [
        {"Path": SYSTEM_VOLUME, "FileSystem": "NTFS", "FileSystemLabel": "Windows"},
        {"Path": STICK_VOLUME, "FileSystem": "FAT32", "FileSystemLabel": "HOLIDAYS"},
        {"Path": RAW_VOLUME, "FileSystem": "", "FileSystemLabel": ""},
    ],
    "pagefiles": ["C:\\pagefile.sys"],
}  # fmt: skip


class FakeWin32:
    """Notes the calls; drives are byte arrays."""

    def __init__(self, size: int = 15631122432) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.handles: dict[int, str] = {}
        self.size = size
        self.fail: dict[str, int] = {}
        self.data: dict[int, bytes] = {}

    def system_directory(self) -> str:
        return r"C:\Windows\System32"

    def is_administrator(self) -> bool:
        return True

    def open(self, path: str, exclusive: bool) -> int:
        self.calls.append(("open", path, exclusive))
        if path in self.fail:
            raise OSError(self.fail[path], "Access is denied")
        handle = len(self.calls)
        self.handles[handle] = path
        return handle

    def control(self, handle: int, code: int, length: int) -> bytes:
        self.calls.append(("control", self.handles[handle], code))
        if f"{self.handles[handle]} {code}" in self.fail:
            raise OSError(self.fail[f"{self.handles[handle]} {code}"], "Access is denied")
        return self.size.to_bytes(8, "little")[:length]

    def read(self, handle: int, offset: int, view: memoryview) -> int:
        view[:] = self.data.get(offset, bytes(len(view)))
        return len(view)

    def write(self, handle: int, offset: int, view: memoryview) -> int:
        half = max(512, len(view) // 2)
        self.data[offset] = bytes(view[:half])
        return min(half, len(view))

    def flush(self, handle: int) -> None:
        self.calls.append(("flush", self.handles[handle]))

    def close(self, handle: int) -> None:
        self.calls.append(("close", self.handles.pop(handle)))


def windows(win32: FakeWin32 | None = None, facts: dict[str, Any] | None = None) -> WindowsSystem:
    return WindowsSystem(lambda: json.dumps(facts or FACTS), win32 or FakeWin32())


def statuses(path: str) -> list[Status]:
    return [Status(refusal.status) for refusal in find_refusals(windows().look(path), Wish(1 << 20))]


def test_a_stick_is_described_with_its_volumes() -> None:
    stick = windows().look("1")
    assert (stick.path, stick.bus, stick.serial) == ("\\\\.\\PhysicalDrive1", "usb", "4C530001231120115142")
    assert [(part.label, part.filesystem) for part in stick.parts] == [("HOLIDAYS", "FAT32"), ("", "")]
    assert stick.mounts == (Use(STICK_VOLUME, "E:\\"),)
    assert statuses("1") == [Status.MOUNTED]


def test_disks_come_by_number() -> None:
    assert [disk.path[-1] for disk in windows().list_disks()] == ["0", "1", "2"]


def test_the_disk_that_windows_runs_from_is_refused_with_its_page_file() -> None:
    assert statuses("0")[:2] == [Status.HOLDS_THE_SYSTEM, Status.SWAP]


def test_a_reader_without_a_card_has_no_medium() -> None:
    assert windows().look("2").bus == "mmc"
    assert statuses("2")[0] == Status.NO_MEDIUM


@pytest.mark.parametrize("name", ["1", "PhysicalDrive1", "\\\\.\\PHYSICALDRIVE1", "\\\\?\\PhysicalDrive1"])
def test_every_name_of_a_disk_is_understood(name: str) -> None:
    assert windows().look(name).model == "SanDisk Ultra"


@pytest.mark.parametrize(
    ("name", "status"),
    [("7", Status.NO_SUCH_DEVICE), ("E:", Status.A_PARTITION), ("\\\\.\\E:", Status.A_PARTITION),
     ("C:\\file.img", Status.NOT_A_BLOCK_DEVICE)],
)  # fmt: skip
def test_what_names_no_disk_is_refused(name: str, status: Status) -> None:
    with pytest.raises(BootwrightError) as caught:
        windows().look(name)
    assert caught.value.status == status


def test_every_volume_is_locked_and_dismounted_before_the_drive_is_opened_and_freed_after_it() -> None:
    win32 = FakeWin32()
    system = windows(win32)
    stick = system.look("1")
    system.unmount(stick)
    assert system.look("1").mounts == ()
    medium = system.open(system.look("1"))
    medium.close()
    stick_volume, raw_volume = (v.replace("\\\\?\\", "\\\\.\\").rstrip("\\") for v in (STICK_VOLUME, RAW_VOLUME))
    drive = "\\\\.\\PhysicalDrive1"
    assert win32.calls == [
        ("open", stick_volume, False),
        ("control", stick_volume, medium_windows.FSCTL_LOCK_VOLUME),
        ("control", stick_volume, medium_windows.FSCTL_DISMOUNT_VOLUME),
        ("open", raw_volume, False),
        ("control", raw_volume, medium_windows.FSCTL_LOCK_VOLUME),
        ("control", raw_volume, medium_windows.FSCTL_DISMOUNT_VOLUME),
        ("open", drive, True),
        ("control", drive, medium_windows.IOCTL_DISK_GET_LENGTH_INFO),
        ("control", drive, medium_windows.IOCTL_DISK_UPDATE_PROPERTIES),
        ("close", drive),
        ("close", raw_volume),
        ("close", stick_volume),
    ]


def test_a_volume_with_an_open_file_is_not_dismounted() -> None:
    win32 = FakeWin32()
    volume = STICK_VOLUME.replace("\\\\?\\", "\\\\.\\").rstrip("\\")
    win32.fail[f"{volume} {medium_windows.FSCTL_LOCK_VOLUME}"] = medium_windows.ERROR_ACCESS_DENIED
    system = windows(win32)
    with pytest.raises(BootwrightError, match="a file on it is open") as caught:
        system.unmount(system.look("1"))
    assert caught.value.status == Status.NOT_UNMOUNTED
    assert win32.handles == {}


@pytest.mark.parametrize(
    ("number", "status"),
    [(medium_windows.ERROR_SHARING_VIOLATION, Status.BUSY), (medium_windows.ERROR_NOT_READY, Status.NO_MEDIUM),
     (medium_windows.ERROR_ACCESS_DENIED, Status.NO_PERMISSION), (2, Status.CHANGED)],
)  # fmt: skip
def test_a_drive_that_cannot_be_opened_is_a_sentence_and_volumes_are_freed(number: int, status: Status) -> None:
    win32 = FakeWin32()
    win32.fail["\\\\.\\PhysicalDrive1"] = number
    system = windows(win32)
    with pytest.raises(BootwrightError) as caught:
        system.open(system.look("1"))
    assert caught.value.status == status
    assert win32.handles == {}


def test_a_drive_of_another_size_than_was_looked_at_is_refused() -> None:
    win32 = FakeWin32(size=1 << 30)
    system = windows(win32)
    with pytest.raises(BootwrightError, match="it has 1073741824 bytes, not 15631122432") as caught:
        system.open(system.look("1"))
    assert caught.value.status == Status.CHANGED
    assert win32.handles == {}


def test_short_writes_go_on_where_they_ended() -> None:
    win32 = FakeWin32()
    system = windows(win32)
    medium = system.open(system.look("1"))
    data = bytes(range(256)) * 16
    medium.write(8192, data)
    assert b"".join(win32.data[offset] for offset in sorted(win32.data)) == data
    medium.close()
