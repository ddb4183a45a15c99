"""Disks on macOS: diskutil says what there is as property lists, system_profiler adds the serials of USB devices."""

from __future__ import annotations

import fcntl
import json
import os
import plistlib
import re
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import programs
from bootwright.flash.device import Device, Medium, Part, Use, changed, quoted
from bootwright.flash.posix_medium import PosixMedium

Runner = Callable[[Sequence[str]], bytes]
BUSES = {"USB": "usb", "Secure Digital": "mmc", "PCI-Express": "nvme", "Apple Fabric": "nvme", "SATA": "ata",
         "Disk Image": "image", "Virtual Interface": "image"}  # fmt: skip
PEOPLES_PLACE = "/Volumes/"  # what is mounted elsewhere is the system's: /, /System/Volumes/..., simulators
# <sys/disk.h> and <fcntl.h>
DKIOCGETBLOCKSIZE = 0x40046418
DKIOCGETBLOCKCOUNT = 0x40086419
DKIOCSYNCHRONIZECACHE = 0x20006416
F_NOCACHE = 48
O_EXLOCK = 0x20


def run_program(argv: Sequence[str]) -> bytes:
    """Returns what one of the system's programs wrote; raises CalledProcessError where it failed."""
    return programs.run(argv, check=True).stdout


class MacSystem:
    """bootwright.flash.device.System for macOS."""

    def __init__(self, run: Runner = run_program) -> None:
        self._run = run

    def list_disks(self) -> Sequence[Device]:
        """Returns every whole disk but for the containers that APFS makes of others."""
        listed = self._plist("diskutil", "list", "-plist")
        serials = self._serials()
        entries = listed["AllDisksAndPartitions"]
        return [self._describe(e, entries, serials) for e in entries if "APFSPhysicalStores" not in e]

    def look(self, path: str) -> Device:
        """Returns what is known of the disk: /dev/diskN, /dev/rdiskN and diskN are one."""
        name = os.path.realpath(path).removeprefix("/dev/") if path.startswith("/") else path
        match = re.fullmatch(r"r?(disk\d+)((?:s\d+)*)", name)
        if match is None:
            there = os.path.lexists(path)
            said = "is not a block device" if there else "names no disk here"
            status = Status.NOT_A_BLOCK_DEVICE if there else Status.NO_SUCH_DEVICE
            raise BootwrightError(f"DEV={quoted(path)} {said}", "`scons usb` lists the disks", status)
        entries = self._plist("diskutil", "list", "-plist")["AllDisksAndPartitions"]
        for entry in entries:
            inner = [p["DeviceIdentifier"] for p in (*entry.get("Partitions", []), *entry.get("APFSVolumes", []))]
            if entry["DeviceIdentifier"] == match[1] and (not match[2] or match[1] + match[2] in inner):
                return self._describe(entry, entries, self._serials(), match[1] + match[2])
        raise BootwrightError(
            f"DEV={quoted(path)} names no disk here", "`scons usb` lists the disks", Status.NO_SUCH_DEVICE
        )

    def unmount(self, device: Device) -> None:
        """Unmounts all volumes of the disk; diskutil refuses where one is busy."""
        try:
            self._run(["diskutil", "unmountDisk", device.path])
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()
            raise BootwrightError(
                f"{device.path} was not unmounted: {said[-1] if said else 'diskutil failed'}",
                "close what uses it; it is never forced",
                Status.NOT_UNMOUNTED,
            ) from error

    def open(self, device: Device) -> Medium:
        """Opens the raw device, which macOS refuses while a volume of it is mounted."""
        return MacMedium(device, lambda: self.look(device.path).identity)

    def may_write(self, device: Device) -> bool:
        """Tells whether the file's permissions let this person write."""
        return os.access(raw_path(device.path), os.R_OK | os.W_OK)

    def _plist(self, *argv: str) -> Any:
        return plistlib.loads(self._run(argv))

    def _serials(self) -> dict[str, str]:
        """Returns the serials of USB devices by the disks that they hold; empty where system_profiler knows none."""
        try:
            tree = json.loads(self._run(["system_profiler", "-json", "SPUSBDataType"]))
        except (OSError, ValueError, subprocess.CalledProcessError):
            return {}
        return dict(_serials_below(tree, ""))

    def _describe(
        self, entry: dict[str, Any], entries: Sequence[dict[str, Any]], serials: dict[str, str], name: str = ""
    ) -> Device:
        disk = entry["DeviceIdentifier"]
        name = name or disk
        facts = self._plist("diskutil", "info", "-plist", disk)
        parts = [Part(f"/dev/{p['DeviceIdentifier']}", p["Size"], p.get("VolumeName", ""), p.get("Content", ""))
                 for p in entry.get("Partitions", [])]  # fmt: skip
        if entry.get("VolumeName"):
            parts.insert(0, Part(f"/dev/{disk}", entry["Size"], entry["VolumeName"], entry.get("Content", "")))
        mounts = [Use(source, where) for source, where in _mounts(entry, entries)]
        identity = (disk, facts.get("Size", 0), facts.get("MediaName", ""), facts.get("DeviceTreePath", ""))
        serial = serials.get(disk, "")
        return Device(
            path=f"/dev/{name}",
            bus=BUSES.get(facts.get("BusProtocol", ""), facts.get("BusProtocol", "unknown").lower()),
            size=facts.get("Size", entry.get("Size", 0)),
            model=facts.get("MediaName", ""),
            serial=serial,
            sector_size=facts.get("DeviceBlockSize", 512),
            read_only=not facts.get("WritableMedia", True),
            whole=f"/dev/{disk}" if name != disk else "",
            parts=tuple(parts),
            mounts=tuple(use for use in mounts if use.where.startswith(PEOPLES_PLACE)),
            system=tuple(use for use in mounts if not use.where.startswith(PEOPLES_PLACE)),
            holders=() if "APFSPhysicalStores" not in entry else ("APFS, which made it of another disk",),
            identity=(*map(str, identity), serial),
        )


def _mounts(entry: dict[str, Any], entries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yields device and mount point of everything on a disk, the volumes of its APFS containers included."""
    pieces = [entry, *entry.get("Partitions", []), *entry.get("APFSVolumes", [])]
    names = {piece["DeviceIdentifier"] for piece in pieces}
    for other in entries:
        if names & {store["DeviceIdentifier"] for store in other.get("APFSPhysicalStores", [])}:
            yield from _mounts(other, entries)
    for piece in pieces:
        snapshots = [s["SnapshotMountPoint"] for s in piece.get("MountedSnapshots", []) if "SnapshotMountPoint" in s]
        for where in [piece.get("MountPoint"), *snapshots]:
            if where:
                yield f"/dev/{piece['DeviceIdentifier']}", where


def _serials_below(node: object, serial: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        serial = str(node.get("serial_num", serial)).strip()
        name = node.get("bsd_name")
        if isinstance(name, str) and serial and re.fullmatch(r"disk\d+", name):
            yield name, serial
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _serials_below(child, serial)


def raw_path(path: str) -> str:
    """Returns the device past the cache."""
    return path.replace("/dev/disk", "/dev/rdisk")


class MacMedium(PosixMedium):
    """bootwright.flash.device.Medium for macOS. identity asks diskutil anew, to be compared after opening."""

    def __init__(self, device: Device, identity: Callable[[], tuple[str, ...]]) -> None:
        self._identity = identity
        super().__init__(device)

    def _open_device(self, path: str) -> int:
        descriptor = os.open(raw_path(path), os.O_RDWR | O_EXLOCK | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(descriptor, F_NOCACHE, 1)
        return descriptor

    def _check(self) -> None:
        length = struct.unpack("=I", fcntl.ioctl(self._descriptor, DKIOCGETBLOCKSIZE, bytes(4)))[0]
        size = length * struct.unpack("=Q", fcntl.ioctl(self._descriptor, DKIOCGETBLOCKCOUNT, bytes(8)))[0]
        if size != self._device.size:
            raise changed(self._device.path, f"it has {size} bytes, not {self._device.size}")
        if self._identity() != self._device.identity:
            raise changed(self._device.path, "diskutil describes it otherwise now")

    def sync(self) -> None:
        """Flushes the device's own cache."""
        fcntl.ioctl(self._descriptor, DKIOCSYNCHRONIZECACHE)

    def _drop_caches(self) -> None:
        """Has nothing to drop: /dev/rdisk and F_NOCACHE keep nothing."""
