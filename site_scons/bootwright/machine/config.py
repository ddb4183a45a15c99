"""What a machine is: the image, the memory, the disk's bus, the person's arguments."""

from __future__ import annotations

from pathlib import Path

from bootwright.base.records import record
from bootwright.machine.boards import PC

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TypeVar

    Config = TypeVar("Config", bound="MachineConfig")

PROGRAM = PC.qemu
MEMORY = "128M"
BIOS, UEFI, SECURE = "bios", "uefi", "secure"  # FIRMWARE=
NETWORK = "network"  # in a disk's place: image is a file that the machine's network card fetches, with others beside it
# How the disk is attached; -drive's id is "disk". On q35 bus ide.0 belongs to AHCI, on pc to the PIIX's IDE.
DISK_DEVICES: dict[str, tuple[str, ...]] = {
    "cd": ("-device", "ide-cd,drive=disk,bus=ide.0"),
    "cd-scsi": ("-device", "virtio-scsi-pci,id=scsi", "-device", "scsi-cd,drive=disk,bus=scsi.0"),
    "cd-usb": ("-device", "qemu-xhci,id=usb", "-device", "usb-bot,id=bot,bus=usb.0", "-device",
               "scsi-cd,drive=disk,bus=bot.0"),
    "ahci": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "ide": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "virtio": ("-device", "virtio-blk-pci,drive=disk"),
    "scsi": ("-device", "virtio-scsi-pci,id=scsi", "-device", "scsi-hd,drive=disk,bus=scsi.0"),
    "sd": ("-device", "sdhci-pci", "-device", "sd-card,drive=disk"),
    "nvme": ("-device", "nvme,serial=bootwright,drive=disk"),
    "usb-uhci": ("-device", "piix3-usb-uhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-ehci": ("-device", "usb-ehci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-xhci": ("-device", "qemu-xhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
}  # fmt: skip


@record(frozen=True)
class MachineConfig:
    """What the machine is made of; qemu is QEMU= (a name or path) or None, memory as -m takes it.

    accelerator is one of QEMU's names, or "" where nobody chose: TCG. Flags that name one win.
    image is the disk. In the fast lane, which is where loader is given (build/loader/pvh.elf), image is the NAME.kernel
    that this loader starts, and the machine has no disk.
    firmware is bios, uefi or secure, which is UEFI that starts what is signed alone. certificate is whose signature it
    takes; None: that of the keys that `scons keys` made.
    command makes the machine instead of our own arguments, but for what we watch it by: {} in it is the image's path.
    keeps lets what the guest writes reach the image, which else stays as it is.
    directory is where QEMU starts, which relative paths in the arguments are seen from; restarts lets a reset start the
    guest anew.
    """

    image: Path
    qemu: str | None = None
    qemu_flags: tuple[str, ...] = ()
    memory: str = MEMORY
    machine: str = "q35"
    disk: str = "ahci"
    accelerator: str = ""
    stop_at_exit: bool = False  # at a write to isa-debug-exit's port the guest stands still, if the value is odd
    loader: Path | None = None
    board: str = PC.name  # of another than the PC, image is the ELF
    command: tuple[str, ...] | None = None
    directory: Path | None = None
    restarts: bool = False
    keeps: bool = False
    firmware: str = "bios"
    certificate: Path | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """All arguments that are the user's."""
        return (*(self.command or ()), *self.qemu_flags)
