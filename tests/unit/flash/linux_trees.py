"""Trees of /sys and /proc as the kernel lays them out, for the tests of what a disk is and what uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import Status
from bootwright.flash import refusals as flash_refusals
from bootwright.flash.device import Device
from bootwright.flash.linux import LinuxSystem
from bootwright.flash.linux_uses import Places
from bootwright.flash.refusals import Wish

STICK = "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0"
PCI = "pci0000:00/0000:00:1d.0"


@dataclass
class Tree:
    """A made-up machine with one stick of two partitions, sdb, and an NVMe disk of two, nvme0n1."""

    root: Path

    def __post_init__(self) -> None:
        usb = self.root / "sys/devices/pci0000:00/0000:00:14.0/usb2/2-1"
        self.write(usb / "idVendor", "0781")
        self.write(usb / "serial", "4C530001231120115142")
        self.subsystem(usb, "usb")
        self.subsystem(self.root / f"sys/devices/{STICK}", "scsi")
        self.write(self.root / f"sys/devices/{STICK}/vendor", "SanDisk ")
        self.write(self.root / f"sys/devices/{STICK}/model", "Ultra           ")
        self.disk(f"{STICK}/block/sdb", "8:16", 16 << 30, device=f"{STICK}")
        self.partition(f"{STICK}/block/sdb/sdb1", "8:17", 1)
        self.partition(f"{STICK}/block/sdb/sdb2", "8:18", 2)
        self.subsystem(self.root / f"sys/devices/{PCI}/nvme/nvme0", "nvme")
        self.disk(f"{PCI}/nvme/nvme0/nvme0n1", "259:0", 512 << 30)
        self.partition(f"{PCI}/nvme/nvme0/nvme0n1/nvme0n1p1", "259:1", 1)
        self.partition(f"{PCI}/nvme/nvme0/nvme0n1/nvme0n1p2", "259:2", 2)
        self.mount("259:1", "/dev/nvme0n1p1", "/boot/efi")
        self.mount("259:2", "/dev/nvme0n1p2", "/")
        self.write(self.root / "proc/swaps", "Filename Type Size Used Priority")

    @staticmethod
    def write(path: Path, text: str) -> None:
        """Writes a file of one line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def subsystem(self, directory: Path, name: str) -> None:
        """Says which bus a device is on."""
        (self.root / "sys/bus" / name).mkdir(parents=True, exist_ok=True)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "subsystem").symlink_to(self.root / "sys/bus" / name)

    def disk(self, place: str, number: str, size: int, device: str = "") -> Path:
        """Adds a whole disk."""
        node = self._node(place, number, size)
        for directory in ("slaves", "holders"):
            (node / directory).mkdir()
        self.write(node / "queue/logical_block_size", "512")
        self.write(node / "diskseq", "9")
        if device:
            (node / "device").symlink_to(self.root / "sys/devices" / device)
        (self.root / "sys/block").mkdir(exist_ok=True)
        (self.root / "sys/block" / node.name).symlink_to(node)
        return node

    def partition(self, place: str, number: str, index: int) -> Path:
        """Adds a partition to the disk above it."""
        node = self._node(place, number, 1 << 30)
        self.write(node / "partition", str(index))
        (node / "holders").mkdir()
        return node

    def _node(self, place: str, number: str, size: int) -> Path:
        node = self.root / "sys/devices" / place
        self.write(node / "size", str(size // 512))
        self.write(node / "ro", "0")
        self.write(node / "dev", number)
        for link in (self.root / "sys/dev/block" / number, self.root / "sys/class/block" / node.name):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(node)
        return node

    def mapping(self, name: str, number: str, below: list[str], called: str = "") -> None:
        """Adds a device that lies on others: a dm-N or an mdN."""
        node = self.disk(f"virtual/block/{name}", number, 1 << 30)
        if called:
            self.write(node / "dm/name", called)
        for other in below:
            target = (self.root / "sys/class/block" / other).resolve()
            (node / "slaves" / other).symlink_to(target)
            (target / "holders" / name).symlink_to(node)

    def mount(self, number: str, source: str, where: str, kind: str = "ext4") -> None:
        """Adds a mount."""
        path = self.root / "proc/self/mountinfo"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as table:
            table.write(f"36 35 {number} / {where} rw,noatime shared:1 - {kind} {source} rw\n")

    def swap(self, path: str) -> None:
        """Adds a swap area."""
        with (self.root / "proc/swaps").open("a") as table:
            table.write(f"{path} partition 1048572 0 -2\n")

    @property
    def places(self) -> Places:
        """Where its kernel tells things."""
        return Places(self.root / "sys", self.root / "proc", self.root / "dev")

    def describe(self, name: str) -> Device:
        """Returns what is known of a disk."""
        found = {Path(device.path).name: device for device in LinuxSystem(self.places).list_disks()}
        return found[name]

    def statuses(self, name: str = "sdb", wish: Wish | None = None) -> list[Status]:
        """Returns why a disk is refused."""
        return [Status(r.status) for r in flash_refusals.find_refusals(self.describe(name), wish or Wish(1 << 20))]
