"""Which QEMU is started, and the arguments that make its machine."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bootwright.base.errors import BootwrightError, Status
from bootwright.image.layout import DEBUG_EXIT_PORT
from bootwright.machine.accelerator import TCG, is_chosen_by_hand
from bootwright.machine.boards import PC, Board, board_named
from bootwright.machine.serial_ports import take_serial_ports

PROGRAM = PC.qemu
MEMORY = "128M"
DEFAULT_EXIT_PORT = 0x501  # isa-debug-exit's own

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
    command makes the machine instead of our own arguments, but for what we watch it by: {} in it is the image's path.
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

    @property
    def flags(self) -> tuple[str, ...]:
        """All arguments that are the user's."""
        return (*(self.command or ()), *self.qemu_flags)


Config = TypeVar("Config", bound=MachineConfig)


def find_qemu(qemu: str | None, environ: Mapping[str, str] = os.environ, program: str = PROGRAM) -> Path:
    """Returns the program to start: what QEMU= names, else program of PATH."""
    found = shutil.which(qemu or program, path=environ.get("PATH"))
    if found:
        return Path(found)
    if qemu:
        raise BootwrightError(f"QEMU={qemu} is no program", f"give the path of a {program}", Status.QEMU_NOT_STARTED)
    from bootwright.setup import doctor
    from bootwright.setup import programs as hostprograms

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

    The serial ports are channels: SerialPorts of the flags has them. A config whose accelerator nobody has chosen yet
    gets TCG.
    """
    board = board_named(config.board)
    if not board.is_pc:
        return _board_arguments(config, board)
    flags = config.flags
    ours = config.command is None
    arguments = ["-nodefaults", "-machine", config.machine, "-m", config.memory] if ours else []
    if not is_chosen_by_hand(flags):
        arguments += ["-accel", config.accelerator or TCG]
    arguments += ["-vga", "std"] if ours else []
    arguments += ["-display", display or "none"]
    arguments += _boot_arguments(config) if ours else []
    words = (*with_image(config.command or (), config.image), *config.qemu_flags)
    port, without_device = take_exit_device(words)
    if config.stop_at_exit:
        # Bit 0 of what is written means that the guest panicked, which stops it where it is.
        arguments += ["-device", f"pvpanic,ioport={DEBUG_EXIT_PORT if port is None else port:#x}"]
        words = without_device
    elif port is None:
        arguments += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x04"]
    # A reset must not start the guest anew, unless it should, and its registers are read before QEMU ends.
    arguments += ["-action", "shutdown=pause" if config.restarts else "reboot=shutdown,shutdown=pause"]
    return arguments + list(take_serial_ports(words)[1])


def take_exit_device(flags: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Returns the port of the isa-debug-exit that flags name, None without one, and flags without the device."""
    port = None
    kept: list[str] = []
    for flag in flags:
        if kept and kept[-1] in ("-device", "--device") and flag.split(",")[0] == "isa-debug-exit":
            found = re.search(r",iobase=(\w+)", flag)
            port = int(found[1], 0) if found else DEFAULT_EXIT_PORT
            kept.pop()
        else:
            kept.append(flag)
    return port, tuple(kept)


def with_image(command: Sequence[str], image: Path) -> list[str]:
    """Returns command with image's path for {}. What the guest writes to that disk is kept from the file, as ever."""
    path = str(image.absolute())
    words: list[str] = []
    for word in command:
        before = words[-1] if words else ""
        if before in ("-drive", "--drive") and "{}" in word:
            word = word.replace("{}", path.replace(",", ",,")) + ("" if "snapshot=" in word else ",snapshot=on")
        elif before in ("-hda", "--hda") and word == "{}":
            words[-1] = "-drive"
            word = f"index=0,media=disk,format=raw,snapshot=on,file={path.replace(',', ',,')}"
        words.append(word.replace("{}", path))
    return words


def _board_arguments(config: MachineConfig, board: Board) -> list[str]:
    """Returns QEMU's arguments for a machine that starts from its kernel's ELF and has no screen."""
    flags = take_serial_ports(config.flags)[1]
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
    if is_chosen_by_hand(config.flags):
        return any("tcg" in flag for flag in config.flags)
    return config.accelerator in ("", TCG)


def with_tcg(config: Config, *more: str) -> Config:
    """Returns config for a run of ours under TCG, with more arguments."""
    command = None if config.command is None else under_tcg(config.command)
    flags = (*under_tcg(config.qemu_flags), *more)
    return dataclasses.replace(config, qemu_flags=flags, command=command, accelerator=TCG)


def under_tcg(flags: Sequence[str]) -> tuple[str, ...]:
    """Returns flags without an accelerator, a log, and a processor that only another accelerator has."""
    kept: list[str] = []
    skip = False
    for flag, value in zip(flags, (*flags[1:], ""), strict=False):
        if skip:
            skip = False
        elif (name := _option(flag)) in ("-accel", "-d", "-D") or (name == "-cpu" and value.startswith("host")):
            skip = True
        elif name != "-enable-kvm":
            in_machine = kept and _option(kept[-1]) in ("-machine", "-M")
            kept.append(re.sub(r",accel=[^,]*|^accel=[^,]*,?", "", flag) if in_machine else flag)
    return tuple(kept)


def _option(word: str) -> str:
    """Returns an option of QEMU's as it is usually written: QEMU takes --cpu for -cpu."""
    return word[1:] if word.startswith("--") else word


def _boot_arguments(config: MachineConfig) -> list[str]:
    if config.loader is None:
        path = str(config.image.absolute()).replace(",", ",,")
        # What the guest writes goes to a file that is deleted: the image stays as built, and two runs can share it.
        return ["-drive", f"if=none,id=disk,format=raw,snapshot=on,file={path}", *DISK_DEVICES[config.disk]]
    arguments = ["-kernel", str(config.loader.absolute()), "-initrd", str(config.image.absolute())]
    if "-bios" not in config.flags and has_firmware(find_qemu(config.qemu), FAST_FIRMWARE):
        arguments += ["-bios", FAST_FIRMWARE]
    return arguments


@functools.cache
def has_firmware(qemu: Path, name: str) -> bool:
    """Tells whether the program qemu finds the firmware file name in one of its data directories."""
    said = subprocess.run([qemu, "-L", "help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return any((Path(line.strip()) / name).is_file() for line in said.stdout.splitlines() if line.strip())


def pasteable(qemu: Path, arguments: list[str], flags: Sequence[str] = ()) -> str:
    """Returns the command that starts the same machine by hand; its serial port is on the terminal, if not by flags."""
    return shlex.join([str(qemu), *arguments, *take_serial_ports(flags)[0].arguments("stdio")])
