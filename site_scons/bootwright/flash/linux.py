"""Disks on Linux: sysfs and /proc say what is safe, lsblk adds the labels that a person reads.

What uses a disk is found from the other end: every mount, swap area and file system is followed down through
/sys/dev/block/*/slaves (LVM, LUKS, md), the files behind loop devices and btrfs's member lists to the whole disks.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash.device import Device, Medium, Part, Use
from bootwright.image.layout import SECTOR_SIZE

# A disk with one of these mounted, or anything below one, is the system's own. Homes count, not what lies in them.
SYSTEM_PLACES = ("/boot", "/efi", "/usr", "/var", "/etc", "/opt", "/srv", "/nix", "/root", "/bin", "/sbin", "/lib",
                 "/gnu", "/ostree", "/sysroot")  # fmt: skip
NOT_DISKS = ("ram", "zram", "dm-", "md", "sr", "fd")


Facts = dict[str, dict[str, object]]  # what lsblk says, by path
Usage = tuple[Use, str, set[str]]  # a use, its kind (mount or swap), and the names of the whole disks under it


@dataclass(frozen=True)
class Places:
    """Where the kernel tells things; a test has a tree of its own."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")


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

    def list_disks(self) -> Sequence[Device]:
        """Returns every disk that could have a medium, sorted by name."""
        names = sorted(path.name for path in (self._at.sys / "block").iterdir())
        disks = [name for name in names if not name.startswith(NOT_DISKS)]
        # Loop devices without a file are no disks; there are eight of them everywhere.
        disks = [n for n in disks if not n.startswith("loop") or (self._at.sys / "block" / n / "loop").is_dir()]
        facts = self._lsblk()
        uses = list(self._uses())
        return [self._describe(self._at.sys / "block" / name, facts, uses) for name in disks]

    def look(self, path: str) -> Device:
        """Returns what is known of the device at path; links such as /dev/disk/by-id/... are followed."""
        real = Path(os.path.realpath(path))
        try:
            facts = real.stat()
        except FileNotFoundError:
            raise BootwrightError(
                f"DEV={path}: there is nothing at that path", "`scons usb` lists the disks", Status.NO_SUCH_DEVICE
            ) from None
        except OSError as error:
            raise BootwrightError(f"DEV={path}: {error.strerror}", status=Status.NO_PERMISSION) from error
        node = self._node(facts.st_rdev) if stat.S_ISBLK(facts.st_mode) else None
        if node is None:
            raise BootwrightError(
                f"DEV={path} is not a block device", "`scons usb` lists the disks", Status.NOT_A_BLOCK_DEVICE
            )
        return self._describe(node, self._lsblk(str(real)), list(self._uses()))

    def unmount(self, device: Device) -> None:
        """Unmounts what is mounted, the last mounted first."""
        for use in reversed(device.mounts):
            done = subprocess.run(["umount", "--", use.where], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode:
                said = done.stderr.strip().splitlines()
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

    def _node(self, rdev: int) -> Path | None:
        link = self._at.sys / "dev" / "block" / f"{os.major(rdev)}:{os.minor(rdev)}"
        return link.resolve() if link.exists() else None

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _describe(self, node: Path, facts: Facts, uses: Sequence[Usage]) -> Device:
        node = node.resolve()
        whole = node.parent if (node / "partition").exists() else node
        path = str(self._at.dev / node.name.replace("!", "/"))
        mine = [(use, kind) for use, kind, disks in uses if whole.name in disks]
        known = facts.get(path, {})
        nodes = [whole, *self._partitions(whole)]
        return Device(
            path=path,
            bus=self._bus(whole),
            size=int(self._text(node / "size") or 0) * SECTOR_SIZE,
            model=str(known.get("model") or "").strip() or self._model(whole),
            serial=self._serial(whole) or str(known.get("serial") or "").strip(),
            sector_size=int(self._text(whole / "queue" / "logical_block_size") or SECTOR_SIZE),
            read_only=self._text(node / "ro") == "1",
            whole=str(self._at.dev / whole.name) if whole != node else "",
            parts=tuple(self._parts(nodes, facts)),
            mounts=tuple(use for use, kind in mine if kind == "mount" and not is_system_place(use.where)),
            swaps=tuple(use for use, kind in mine if kind == "swap"),
            holders=tuple(sorted(name for n in nodes for name in self._holders(n))),
            system=tuple(use for use, kind in mine if kind == "mount" and is_system_place(use.where)),
            identity=self._identity(whole),
        )

    def _identity(self, whole: Path) -> tuple[str, ...]:
        """Returns what another medium under the same name would not share."""
        facts = [self._text(whole / name) for name in ("dev", "diskseq", "size")]
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
            if index or filesystem or label:
                yield Part(path, int(self._text(node / "size") or 0) * SECTOR_SIZE, label, filesystem)

    def _holders(self, node: Path) -> list[str]:
        directory = node / "holders"
        names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
        return [self._text(self._at.sys / "block" / name / "dm" / "name") or name for name in names]

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
                return self._text(place / "serial")
        return self._text(whole / "device" / "serial") or self._text(whole / "serial")

    def _model(self, whole: Path) -> str:
        if whole.name.startswith("loop"):
            return self._text(whole / "loop" / "backing_file")
        words = [self._text(whole / "device" / name) for name in ("vendor", "model")]
        return " ".join(word for word in words if word) or self._text(whole / "device" / "name")

    def _lsblk(self, *paths: str) -> Facts:
        """Returns lsblk's facts by path: models and labels, which sysfs lacks. Without lsblk they stay empty."""
        columns = "PATH,MODEL,SERIAL,LABEL,PARTLABEL,FSTYPE"
        argv = ["lsblk", "--json", "--bytes", "--output", columns, *paths]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
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
            said = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
        except OSError:
            return {}
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        names = {"fstype": "TYPE", "label": "LABEL", "partlabel": "PART_ENTRY_NAME"}
        return {ours: found[theirs] for ours, theirs in names.items() if theirs in found}

    def _uses(self) -> Iterator[Usage]:
        """Yields every mount and swap area: the use, its kind and the names of the whole disks under it."""
        for major_minor, source, where in self._mounts():
            nodes = self._nodes_of(major_minor, source)
            disks = {disk for node in nodes for disk in self._disks_under(node)}
            if disks:
                yield Use(source, where), "mount", disks
        for line in self._text(self._at.proc / "swaps").splitlines()[1:]:
            path = _unescape(line.split()[0])
            node = self._block_node(path)
            disks = set(self._disks_under(node)) if node else self._disks_of_file(path)
            yield Use(path, "swap"), "swap", disks

    def _mounts(self) -> Iterator[tuple[str, str, str]]:
        for line in self._text(self._at.proc / "self" / "mountinfo").splitlines():
            left, _, right = line.partition(" - ")
            fields, last = left.split(), right.split()
            if len(fields) > 4 and len(last) > 1:
                yield fields[2], _unescape(last[1]), _unescape(fields[4])

    def _nodes_of(self, major_minor: str, source: str) -> list[Path]:
        """Returns the devices under a mount; btrfs has a number of its own and several members."""
        link = self._at.sys / "dev" / "block" / major_minor
        nodes = [link.resolve()] if link.exists() else []
        nodes += [node for path in source.split(":") if (node := self._block_node(path))]
        for members in (self._at.sys / "fs" / "btrfs").glob("*/devices"):
            found = [member.resolve() for member in members.iterdir()]
            if set(found) & set(nodes):
                nodes += found
        return nodes

    def _block_node(self, path: str) -> Path | None:
        """Returns the sysfs directory of the block device at path, None where there is none."""
        if not path.startswith("/"):
            return None
        try:
            facts = Path(path).stat()
        except OSError:
            node = self._at.sys / "class" / "block" / Path(path).name
            return node.resolve() if path.startswith("/dev/") and node.exists() else None
        return self._node(facts.st_rdev) if stat.S_ISBLK(facts.st_mode) else None

    def _disks_of_file(self, path: str) -> set[str]:
        """Returns the disks under the file system that holds a file."""
        best = max(
            (m for m in self._mounts() if path == m[2] or path.startswith(m[2].rstrip("/") + "/")),
            key=lambda m: len(m[2]),
            default=None,
        )
        if best is None:
            return set()
        return {disk for node in self._nodes_of(best[0], best[1]) for disk in self._disks_under(node)}

    def _disks_under(self, node: Path, seen: frozenset[Path] = frozenset()) -> Iterator[str]:
        """Yields the names of the whole disks that a device lies on, itself included where it is one."""
        if node in seen:
            return
        whole = node.parent if (node / "partition").exists() else node
        yield whole.name
        below = [path.resolve() for n in {node, whole} if (n / "slaves").is_dir() for path in (n / "slaves").iterdir()]
        backing = self._text(whole / "loop" / "backing_file")
        if backing and (under := self._block_node(backing)):
            below.append(under)
        for next_node in below:
            yield from self._disks_under(next_node, seen | {node})


def _flat(listed: Iterable[dict[str, object]]) -> Iterator[dict[str, object]]:
    for facts in listed:
        yield facts
        children = facts.get("children")
        if isinstance(children, list):
            yield from _flat(children)


def _unescape(text: str) -> str:
    """Returns a path of /proc/self/mountinfo or /proc/swaps, where a blank is \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
