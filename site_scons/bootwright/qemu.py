"""Which QEMU is started, and the arguments that make its machine."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.accelerator import TCG, is_chosen_by_hand
from bootwright.boards import PC, Board, board_named
from bootwright.errors import BootwrightError, Status
from bootwright.layout import DEBUG_EXIT_PORT

PROGRAM = PC.qemu
MEMORY = "128M"

# Gets to a PVH kernel in a fifth of SeaBIOS's time; a QEMU without it starts one with SeaBIOS.
FAST_FIRMWARE = "qboot.rom"

# How the disk is attached; -drive's id is "disk". On q35 bus ide.0 belongs to AHCI, on pc to the PIIX's IDE.
DISK_DEVICES: dict[str, tuple[str, ...]] = {
    "ahci": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "ide": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "virtio": ("-device", "virtio-blk-pci,drive=disk"),
    "nvme": ("-device", "nvme,serial=bootwright,drive=disk"),
    "usb-uhci": ("-device", "piix3-usb-uhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-ehci": ("-device", "usb-ehci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-xhci": ("-device", "qemu-xhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
}


@dataclass(frozen=True)
class MachineConfig:
    """What the machine is made of; qemu is QEMU= (a name or path) or None, memory as -m takes it.

    accelerator is one of QEMU's names, or "" for the one that boots quicker here; flags that name one win over both.
    image is the disk. In the fast lane, which is where loader is given (build/loader/pvh.elf), image is the NAME.kernel
    that this loader starts, and the machine has no disk.
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


def find_qemu(qemu: str | None, environ: Mapping[str, str] = os.environ, program: str = PROGRAM) -> Path:
    """Returns the program to start: what QEMU= names, else program of PATH."""
    found = shutil.which(qemu or program, path=environ.get("PATH"))
    if found:
        return Path(found)
    if qemu:
        raise BootwrightError(f"QEMU={qemu} is no program", f"give the path of a {program}", Status.QEMU_NOT_STARTED)
    from bootwright import doctor, hostprograms

    hint = f"{doctor.cure([program], hostprograms.Search(), environ)}; or QEMU=path"
    raise BootwrightError(f"{program} is not on PATH", hint, Status.QEMU_NOT_STARTED)


def split_flags(text: str) -> tuple[str, ...]:
    """Returns QEMUFLAGS as arguments: words as in a shell, quotes kept together, nothing expanded."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise BootwrightError(f"QEMUFLAGS={text}: {str(error).lower()}") from error


def machine_arguments(config: MachineConfig, display: str | None) -> list[str]:
    """Returns QEMU's arguments but for our channels; display is one of QEMU's -display names, None for no window.

    A config whose accelerator nobody has chosen yet gets TCG.
    """
    flags = config.qemu_flags
    board = board_named(config.board)
    if not board.is_pc:
        return _board_arguments(config, board)
    arguments = ["-nodefaults", "-machine", config.machine, "-m", config.memory]
    if not is_chosen_by_hand(flags):
        arguments += ["-accel", config.accelerator or TCG]
    arguments += ["-vga", "std", "-display", display or "none"]
    arguments += _boot_arguments(config)
    if config.stop_at_exit:
        # Bit 0 of what is written means that the guest panicked, which stops it where it is.
        arguments += ["-device", f"pvpanic,ioport={DEBUG_EXIT_PORT:#x}"]
    elif not any("isa-debug-exit" in flag for flag in flags):
        arguments += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x04"]
    # A reset must not start the guest anew, and its registers are read before QEMU ends.
    arguments += ["-action", "reboot=shutdown,shutdown=pause"]
    return arguments + list(flags)


def _board_arguments(config: MachineConfig, board: Board) -> list[str]:
    """Returns QEMU's arguments for a machine that starts from its kernel's ELF and has no screen."""
    flags = config.qemu_flags
    arguments = ["-nodefaults", *board.arguments]
    if not board.memory:
        arguments += ["-m", config.memory]
    elif config.memory not in (MEMORY, board.memory):
        raise BootwrightError(f"MEMORY={config.memory}: {board.name} has {board.memory}, always")
    if not is_chosen_by_hand(flags):
        arguments += ["-accel", TCG]  # semihosting exists in emulation alone
    arguments += ["-display", "none", "-kernel", str(config.image.absolute())]
    # A reset must not start the guest anew. QEMU ends with the guest, as its status is the guest's.
    return [*arguments, "-action", "reboot=shutdown,shutdown=poweroff", *flags]


def uses_tcg(config: MachineConfig) -> bool:
    """Tells whether this machine runs under TCG, QEMU's own emulation, once its accelerator is chosen."""
    if is_chosen_by_hand(config.qemu_flags):
        return any("tcg" in flag for flag in config.qemu_flags)
    return config.accelerator in ("", TCG)


def under_tcg(flags: Sequence[str]) -> tuple[str, ...]:
    """Returns flags without an accelerator, a log, and a processor that only another accelerator has."""
    kept: list[str] = []
    skip = False
    for flag, value in zip(flags, (*flags[1:], ""), strict=False):
        if skip:
            skip = False
        elif flag in ("-accel", "-d", "-D") or (flag == "-cpu" and value.startswith("host")):
            skip = True
        elif flag != "-enable-kvm":
            in_machine = kept and kept[-1] in ("-machine", "-M")
            kept.append(re.sub(r",accel=[^,]*|^accel=[^,]*,?", "", flag) if in_machine else flag)
    return tuple(kept)


def _boot_arguments(config: MachineConfig) -> list[str]:
    if config.loader is None:
        path = str(config.image.absolute()).replace(",", ",,")
        # What the guest writes goes to a file that is deleted: the image stays as built, and two runs can share it.
        return ["-drive", f"if=none,id=disk,format=raw,snapshot=on,file={path}", *DISK_DEVICES[config.disk]]
    arguments = ["-kernel", str(config.loader.absolute()), "-initrd", str(config.image.absolute())]
    if "-bios" not in config.qemu_flags and has_firmware(find_qemu(config.qemu), FAST_FIRMWARE):
        arguments += ["-bios", FAST_FIRMWARE]
    return arguments


@functools.cache
def has_firmware(qemu: Path, name: str) -> bool:
    """Tells whether the program qemu finds the firmware file name in one of its data directories."""
    said = subprocess.run([qemu, "-L", "help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return any((Path(line.strip()) / name).is_file() for line in said.stdout.splitlines() if line.strip())


def pasteable(qemu: Path, arguments: list[str]) -> str:
    """Returns the command that starts the same machine by hand, its serial port on the terminal."""
    return shlex.join([str(qemu), *arguments, "-serial", "stdio"])
