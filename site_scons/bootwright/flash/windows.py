"""Disks on Windows: PowerShell's storage cmdlets say what there is, as JSON."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash.device import Device, Medium, Part, Use, quoted
from bootwright.flash.windows_medium import Volumes, Win32, WindowsMedium, find_win32

SCRIPT = """
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
@{
 disks = @(Get-Disk | Select-Object Number, FriendlyName, SerialNumber, @{n='BusType';e={[string]$_.BusType}}, Size,
   LogicalSectorSize, IsBoot, IsSystem, IsReadOnly, UniqueId, @{n='Status';e={[string]$_.OperationalStatus}})
 partitions = @(Get-Partition | Select-Object DiskNumber, PartitionNumber, Size, IsBoot, IsSystem,
   @{n='AccessPaths';e={@($_.AccessPaths)}})
 volumes = @(Get-Volume | Select-Object Path, FileSystem, FileSystemLabel)
 pagefiles = @(Get-CimInstance Win32_PageFileUsage | ForEach-Object { $_.Name })
} | ConvertTo-Json -Depth 4 -Compress
"""
BUSES = {"USB": "usb", "SD": "mmc", "MMC": "mmc"}
Asker = Callable[[], str]


def ask_powershell(system_directory: str) -> str:
    """Returns what the script prints to the PowerShell of Windows itself."""
    program = rf"{system_directory}\WindowsPowerShell\v1.0\powershell.exe"
    argv = [program, "-NoProfile", "-NonInteractive", "-Command", SCRIPT]
    try:
        done = subprocess.run(argv, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootwrightError(f"PowerShell does not list the disks: {error}", status=Status.NO_FLASHER) from error
    return done.stdout.decode("utf-8", "replace")


class WindowsSystem:
    """bootwright.flash.device.System for Windows. Volumes that it has locked count as unmounted."""

    def __init__(self, ask: Asker | None = None, win32: Win32 | None = None) -> None:
        self._win32 = win32 or find_win32()
        self._ask = ask or (lambda: ask_powershell(self._win32.system_directory()))
        self._volumes = Volumes(self._win32)

    def list_disks(self) -> Sequence[Device]:
        """Returns every whole disk, by number."""
        facts = json.loads(self._ask())
        return [self._describe(disk, facts) for disk in sorted(facts["disks"], key=lambda d: int(d["Number"]))]

    def look(self, path: str) -> Device:
        r"""Returns what is known of \\.\PhysicalDriveN, PhysicalDriveN or N."""
        match = re.fullmatch(r"(?:\\\\[.?]\\)?(?:PhysicalDrive)?(\d+)", path, re.IGNORECASE)
        if match is None:
            letter = re.fullmatch(r"(?:\\\\[.?]\\)?[A-Z]:\\?", path, re.IGNORECASE)
            raise BootwrightError(
                f"DEV={quoted(path)} {'is a volume' if letter else 'names no disk'}",
                "name the whole disk, such as DEV=2; `scons usb` lists them",
                Status.A_PARTITION if letter else Status.NOT_A_BLOCK_DEVICE,
            )
        facts = json.loads(self._ask())
        for disk in facts["disks"]:
            if int(disk["Number"]) == int(match[1]):
                return self._describe(disk, facts)
        raise BootwrightError(f"DEV={quoted(path)}: there is no disk of that number", "`scons usb` lists the disks",
                              Status.NO_SUCH_DEVICE)  # fmt: skip

    def unmount(self, device: Device) -> None:
        """Locks and dismounts the volumes with file systems; a lock fails while a file of one is open."""
        for use in device.mounts:
            self._volumes.lock(use.source, use.where)

    def open(self, device: Device) -> Medium:
        """Locks what is left of the disk's volumes, those without a file system too, and opens the drive."""
        facts = json.loads(self._ask())
        for number, volume in _volumes_of(device.path, facts):
            self._volumes.lock(volume, f"partition {number}")
        return WindowsMedium(device, self._win32, self._volumes, lambda: self.look(device.path).identity)

    def may_write(self, device: Device) -> bool:
        """Tells whether this is an administrator."""
        return self._win32.is_administrator()

    def _describe(self, disk: dict[str, Any], facts: dict[str, Any]) -> Device:
        number = int(disk["Number"])
        path = rf"\\.\PhysicalDrive{number}"
        volumes = {v["Path"]: v for v in facts["volumes"] if v.get("Path")}
        parts: list[Part] = []
        mounts: list[Use] = []
        system: list[Use] = []
        swaps: list[Use] = []
        for partition in facts["partitions"]:
            if partition["DiskNumber"] != number:
                continue
            places = [place for place in partition.get("AccessPaths") or [] if place]
            source = next((place for place in places if place.startswith("\\\\?\\Volume")), "")
            volume = volumes.get(source, {})
            name = f"partition {partition['PartitionNumber']}"
            parts.append(Part(source or name, int(partition["Size"] or 0), volume.get("FileSystemLabel") or "",
                              volume.get("FileSystem") or ""))  # fmt: skip
            letters = [place for place in places if place != source]
            if partition.get("IsBoot") or partition.get("IsSystem"):
                system.append(Use(name, ", ".join(letters) or "no letter"))
            elif volume.get("FileSystem") and source not in self._volumes.locked:
                mounts.append(Use(source, ", ".join(letters) or source))
            page = [f for f in facts.get("pagefiles") or [] if any(f.lower().startswith(p.lower()) for p in letters)]
            swaps += [Use(file, "swap") for file in page]
        if (disk.get("IsBoot") or disk.get("IsSystem")) and not system:
            system.append(Use(path, "Windows"))
        serial = (disk.get("SerialNumber") or "").strip()
        size = 0 if disk.get("Status") == "No Media" else int(disk["Size"] or 0)
        return Device(
            path=path,
            bus=BUSES.get(str(disk["BusType"]), str(disk["BusType"]).lower()),
            size=size,
            model=(disk.get("FriendlyName") or "").strip(),
            serial=serial,
            sector_size=int(disk.get("LogicalSectorSize") or 512),
            read_only=bool(disk.get("IsReadOnly")),
            parts=tuple(parts),
            mounts=tuple(mounts),
            swaps=tuple(swaps),
            system=tuple(system),
            identity=(str(number), disk.get("UniqueId") or "", str(size), serial),
        )


def _volumes_of(path: str, facts: dict[str, Any]) -> list[tuple[int, str]]:
    """Returns number and volume of each partition of the disk at path that has a volume."""
    found = []
    for partition in facts["partitions"]:
        for place in partition.get("AccessPaths") or []:
            if path == rf"\\.\PhysicalDrive{partition['DiskNumber']}" and place.startswith("\\\\?\\Volume"):
                found.append((int(partition["PartitionNumber"]), place))
    return found
