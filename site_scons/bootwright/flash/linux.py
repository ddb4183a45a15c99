"""Disks on Linux: sysfs and /proc say what is safe, lsblk adds the labels that a person reads.

What uses a disk is found from the other end, in linux_uses.py.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import programs
from bootwright.flash.device import Device, Medium, Part, quoted
from bootwright.flash.linux_uses import LinuxUses, Places, Usage, read_text
from bootwright.image.layout import KERNEL_TYPE, SECTOR_SIZE

# A disk with one of these mounted, or anything below one, is the system's own. Homes count, not what lies in them.
SYSTEM_PLACES = ("/boot", "/efi", "/usr", "/var", "/etc", "/opt", "/srv", "/nix", "/root", "/bin", "/sbin", "/lib",
                 "/gnu", "/ostree", "/sysroot")  # fmt: skip
NOT_DISKS = ("ram", "zram", "dm-", "md", "sr", "fd")


Facts = dict[str, dict[str, object]]  # what lsblk says, by path


def is_system_place(where: str) -> bool:
    """Tells whether something mounted at where belongs to the running system."""
    parts = Path(where).parts
    if where == "/" or any(where == place or where.startswith(f"{place}/") for place in SYSTEM_PLACES):
        return True
    return parts[:2] == ("/", "home") and len(parts) <= 3


class LinuxSystem:
    """bootwright.flash.device.System for Linux."""

    def __init__(self, places: Places | None = None) -> None:
        self._at = places or Places()
        self._uses = LinuxUses(self._at)

    def list_disks(self) -> Sequence[Device]:
        """Returns every disk that could have a medium, sorted by name."""
        names = sorted(path.name for path in (self._at.sys / "block").iterdir())
        disks = [name for name in names if not name.startswith(NOT_DISKS)]
        # Loop devices without a file are no disks; there are eight of them everywhere.
        disks = [n for n in disks if not n.startswith("loop") or (self._at.sys / "block" / n / "loop").is_dir()]
        facts = self._lsblk()
        uses = list(self._uses.uses())
        return [self._describe(self._at.sys / "block" / name, facts, uses) for name in disks]

    def look(self, path: str) -> Device:
        """Returns what is known of the device at path; links such as /dev/disk/by-id/... are followed."""
        real = Path(os.path.realpath(path))
        try:
            facts = real.stat()
        except FileNotFoundError:
            raise BootwrightError(
                f"DEV={quoted(path)}: there is nothing at that path",
                "`scons usb` lists the disks",
                Status.NO_SUCH_DEVICE,
            ) from None
        except OSError as error:
            raise BootwrightError(f"DEV={quoted(path)}: {error.strerror}", status=Status.NO_PERMISSION) from error
        node = self._uses.node(facts.st_rdev) if stat.S_ISBLK(facts.st_mode) else None
        if node is None:
            raise BootwrightError(
                f"DEV={quoted(path)} is not a block device", "`scons usb` lists the disks", Status.NOT_A_BLOCK_DEVICE
            )
        return self._describe(node, self._lsblk(str(real)), list(self._uses.uses()))

    def unmount(self, device: Device) -> None:
        """Unmounts what is mounted, the last mounted first."""
        for use in device.mounts:
            if use.process:
                raise BootwrightError(
                    f"{use.where} ({use.source}) is mounted for process {use.process}, and not here",
                    "end that program, or unmount it there",
                    Status.NOT_UNMOUNTED,
                )
        for use in reversed(device.mounts):
            done = programs.run(["umount", "--", use.where])
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                reason = said[0].rpartition(": ")[2].rstrip(".") if said else f"umount gave {done.returncode}"
                raise BootwrightError(
                    f"{use.where} ({use.source}) was not unmounted: {reason}",
                    "close what uses it; it is never forced",
                    Status.NOT_UNMOUNTED,
                )

    def open(self, device: Device) -> Medium:
        """Opens the device exclusively and past the page cache."""
        from bootwright.flash.linux_medium import LinuxMedium

        return LinuxMedium(device, lambda: self._identity(self._at.sys / "block" / Path(device.path).name))

    def may_write(self, device: Device) -> bool:
        """Tells whether the file's permissions let this person write."""
        return os.access(device.path, os.R_OK | os.W_OK)

    def _describe(self, node: Path, facts: Facts, uses: Sequence[Usage]) -> Device:
        node = node.resolve()
        whole = node.parent if (node / "partition").exists() else node
        path = str(self._at.dev / node.name.replace("!", "/"))
        lower = list(self._uses.nodes_under(whole))
        under = set(self._uses.under(whole))
        mine = [(usage.use, usage.kind) for usage in uses if under & usage.disks]
        known = facts.get(path, {})
        nodes = [whole, *self._partitions(whole)]
        # What is claimed or open below counts too, a whole disk's partitions with it; not what leads there.
        touched = [*nodes, *(n for low in lower[1:] for n in (low, *self._partitions(low)))]
        holders = {name for n in touched for name in self._holders(n) if name not in under}
        return Device(
            path=path,
            bus=self._bus(whole),
            size=int(read_text(node / "size") or 0) * SECTOR_SIZE,
            model=str(known.get("model") or "").strip() or self._model(whole),
            serial=self._serial(whole) or str(known.get("serial") or "").strip(),
            sector_size=int(read_text(whole / "queue" / "logical_block_size") or SECTOR_SIZE),
            read_only=read_text(node / "ro") == "1",
            whole=str(self._at.dev / whole.name) if whole != node else "",
            parts=tuple(self._parts(nodes, facts)),
            mounts=tuple(use for use, kind in mine if kind == "mount" and not is_system_place(use.where)),
            swaps=tuple(use for use, kind in mine if kind == "swap"),
            holders=tuple(sorted(self._called(name) for name in holders)),
            writers=tuple(self._uses.writers(touched)),
            system=tuple(use for use, kind in mine if kind == "mount" and is_system_place(use.where)),
            identity=self._identity(whole),
        )

    def _identity(self, whole: Path) -> tuple[str, ...]:
        """Returns what another medium under the same name would not share."""
        facts = [read_text(whole / name) for name in ("dev", "diskseq", "size")]
        return (*facts, self._serial(whole.resolve()))

    def _partitions(self, whole: Path) -> list[Path]:
        return sorted(path.parent for path in whole.glob("*/partition"))

    def _parts(self, nodes: Iterable[Path], facts: Facts) -> Iterator[Part]:
        for index, node in enumerate(nodes):
            path = str(self._at.dev / node.name)
            known = facts.get(path, {})
            if not known.get("fstype"):
                known = {**known, **self._blkid(path)}
            label = str(known.get("label") or known.get("partlabel") or "")
            filesystem = str(known.get("fstype") or "")
            if str(known.get("parttype") or "").lower() == KERNEL_TYPE:
                filesystem = "a kernel that bootwright wrote"
            if index or filesystem or label:
                yield Part(path, int(read_text(node / "size") or 0) * SECTOR_SIZE, label, filesystem)

    def _holders(self, node: Path) -> list[str]:
        directory = node / "holders"
        return [path.name for path in directory.iterdir()] if directory.is_dir() else []

    def _called(self, name: str) -> str:
        """Returns what a person calls a device that has claimed another."""
        return read_text(self._at.sys / "block" / name / "dm" / "name") or name

    def _bus(self, whole: Path) -> str:
        """Returns the bus nearest to the disk that says how it is attached: usb before the scsi that it poses as."""
        if whole.name.startswith("loop"):
            return "loop"
        names = set()
        for place in whole.parents:
            if (place / "subsystem").exists():
                names.add((place / "subsystem").resolve().name)
            if place.name.startswith("ata") and place.name[3:].isdigit():
                names.add("ata")
        for bus in ("usb", "mmc", "nvme", "ata", "virtio", "scsi"):
            if bus in names:
                return bus
        return "unknown"

    def _serial(self, whole: Path) -> str:
        """Returns the serial of the USB device above the disk, or the one of the disk itself."""
        for place in whole.parents:
            if (place / "idVendor").exists():
                return read_text(place / "serial")
        return read_text(whole / "device" / "serial") or read_text(whole / "serial")

    def _model(self, whole: Path) -> str:
        if whole.name.startswith("loop"):
            return read_text(whole / "loop" / "backing_file")
        words = [read_text(whole / "device" / name) for name in ("vendor", "model")]
        return " ".join(word for word in words if word) or read_text(whole / "device" / "name")

    def _lsblk(self, *paths: str) -> Facts:
        """Returns lsblk's facts by path: models and labels, which sysfs lacks. Without lsblk they stay empty."""
        columns = "PATH,MODEL,SERIAL,LABEL,PARTLABEL,PARTTYPE,FSTYPE"
        argv = ["lsblk", "--json", "--bytes", "--output", columns, *paths]
        try:
            done = programs.run(argv)
            listed = json.loads(done.stdout)["blockdevices"] if done.returncode == 0 else []
        except (OSError, ValueError, KeyError):
            return {}
        return {str(facts["path"]): facts for facts in _flat(listed)}

    def _blkid(self, path: str) -> dict[str, object]:
        """Returns what blkid finds by looking at the device itself, for a system whose udev keeps no such facts."""
        if not os.access(path, os.R_OK):
            return {}
        argv = ["blkid", "--probe", "--output", "export", path]
        try:
            said = programs.run(argv).stdout.decode(errors="replace")
        except OSError:
            return {}
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        names = {"fstype": "TYPE", "label": "LABEL", "partlabel": "PART_ENTRY_NAME", "parttype": "PART_ENTRY_TYPE"}
        return {ours: found[theirs] for ours, theirs in names.items() if theirs in found}


def _flat(listed: Iterable[dict[str, object]]) -> Iterator[dict[str, object]]:
    for facts in listed:
        yield facts
        children = facts.get("children")
        if isinstance(children, list):
            yield from _flat(children)
