"""Which QEMU is started, and the arguments that make its machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.image.layout import DEBUG_EXIT_PORT
from bootwright.machine import raspberry
from bootwright.machine.boards import Board, board_named
from bootwright.machine.config import BIOS, DISK_DEVICES, MEMORY, NETWORK, SECURE, MachineConfig
from bootwright.machine.emulators import AARCH64
from bootwright.machine.options import (
    TCG,
    accelerators,
    is_chosen_by_hand,
    names,
    read_options,
    take_exit_device,
    under_tcg,
    with_image,
    without,
)
from bootwright.machine.qemu import FAST_FIRMWARE, find_qemu, has_firmware
from bootwright.machine.serial_ports import take_serial_ports

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.machine.config import Config


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
    machine, firmware = config.machine, list[str]()
    if config.firmware != BIOS:
        from bootwright.machine import ovmf  # most machines start by a BIOS

        if not ovmf.is_chosen(flags):
            secure = config.firmware == SECURE
            machine = f"{machine},{ovmf.SMM_MACHINE}" if secure else machine
            found = ovmf.find_ovmf(find_qemu(config.qemu), secure=secure)
            firmware += (ovmf.with_keys(found, config.certificate) if secure else found).arguments()
    arguments = ["-nodefaults", "-machine", machine, "-m", config.memory] if ours else []
    if not names(flags, "-name"):
        arguments += ["-name", config.image.stem.replace(",", ",,")]  # the window's title
    if not is_chosen_by_hand(flags):
        arguments += ["-accel", config.accelerator or TCG]
    arguments += ["-vga", "std"] if ours else []
    arguments += ["-display", display or "none"]
    arguments += _boot_arguments(config) if ours else []
    arguments += firmware
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


def _board_arguments(config: MachineConfig, board: Board) -> list[str]:
    """Returns QEMU's arguments for a machine that starts from its kernel's ELF and has no screen."""
    flags = take_serial_ports(config.flags)[1]
    # Another machine than the board's has a processor of its own, and memory that it may not let anybody choose.
    is_raspberrys = starts_a_raspberry(config, board)
    is_own = is_own_machine(flags, board) and not is_raspberrys
    arguments = ["-nodefaults", *(board.arguments if is_own else without(board.arguments, "-machine", "-cpu"))]
    arguments += raspberry.MACHINE if is_raspberrys else ()
    if board.firmware_at and not names(flags, "-bios"):
        arguments += ["-bios", "none" if starts_without_firmware(config, board) else "default"]
    if not is_own or not board.memory:
        arguments += ["-m", config.memory] if is_own or config.memory != MEMORY else []
    elif config.memory not in (MEMORY, board.memory):
        raise BootwrightError(f"MEMORY={config.memory}: {board.name} has {board.memory}, always")
    if not is_chosen_by_hand(flags):
        arguments += ["-accel", TCG]  # semihosting exists in emulation alone
    arguments += ["-display", "none", "-kernel", str(config.image.absolute())]
    # A reset must not start the guest anew. QEMU ends with the guest, as its status is the guest's.
    return [*arguments, "-action", "reboot=shutdown,shutdown=poweroff", *flags]


def is_own_machine(flags: Iterable[str], board: Board) -> bool:
    """Says whether flags name no other machine than the board's."""
    return _machines(flags) <= _machines(board.arguments)


def starts_a_raspberry(config: MachineConfig, board: Board) -> bool:
    """Says whether the machine is a Raspberry Pi: the kernel begins where one starts it, and flags name no machine."""
    is_other = board.qemu != AARCH64.name or names(config.flags, "-machine", "-M")
    begin, end = (0, 0) if is_other else _ends_of(config.image)
    return begin == raspberry.ADDRESS < end <= begin + raspberry.LARGEST


def starts_without_firmware(config: MachineConfig, board: Board) -> bool:
    """Says whether the board's first instruction is the kernel's own; firmware_at of the board is where others lie."""
    if not names(config.flags, "-bios"):
        return _ends_of(config.image)[0] < board.firmware_at
    return [option.value for option in read_options(config.flags) if option.name == "-bios"][-1] == "none"


def _machines(flags: Iterable[str]) -> set[str]:
    """Returns the kinds of machines that flags name, without their properties."""
    values = [option.value for option in read_options(flags) if option.name in ("-machine", "-M")]
    kinds = [value.partition(",")[0].removeprefix("type=") for value in values]
    return {kind for kind in kinds if "=" not in kind}


def _ends_of(program: Path) -> tuple[int, int]:
    """Returns the lowest physical address that an ELF is loaded to, and that behind the last byte of its file.

    0 and 0 where it cannot be read, which QEMU says.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as stream:
            segments = [s for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_memsz"]]
            ends = [s["p_paddr"] + s["p_filesz"] for s in segments]
            return min((s["p_paddr"] for s in segments), default=0), max(ends, default=0)
    except (OSError, ELFError):
        return 0, 0


def uses_tcg(config: MachineConfig) -> bool:
    """Tells whether this machine runs under TCG, QEMU's own emulation, once its accelerator is chosen."""
    if is_chosen_by_hand(config.flags):
        return any("tcg" in name for name in accelerators(config.flags))
    return config.accelerator in ("", TCG)


def with_tcg(config: Config, *more: str) -> Config:
    """Returns config for a run of ours under TCG, with more arguments."""
    command = None if config.command is None else under_tcg(config.command)
    flags = (*under_tcg(config.qemu_flags), *more)
    return replace(config, qemu_flags=flags, command=command, accelerator=TCG)


def _boot_arguments(config: MachineConfig) -> list[str]:
    if config.loader is None and config.disk == NETWORK:
        folder = str(config.image.parent.absolute()).replace(",", ",,")
        served = f"user,id=network,tftp={folder},bootfile={config.image.name}"
        return ["-netdev", served, "-device", "virtio-net-pci,netdev=network", "-device", "virtio-rng-pci"]
    if config.loader is None:
        path = str(config.image.absolute()).replace(",", ",,")
        # What the guest writes goes to a file that is deleted: the image stays as built, and two runs can share it.
        snapshot = "off" if config.keeps else "on"
        drive = f"if=none,id=disk,format=raw,snapshot={snapshot},file={path}"
        return ["-drive", drive, *DISK_DEVICES[config.disk]]
    arguments = ["-kernel", str(config.loader.absolute()), "-initrd", str(config.image.absolute())]
    if not names(config.flags, "-bios") and has_firmware(find_qemu(config.qemu), FAST_FIRMWARE):
        arguments += ["-bios", FAST_FIRMWARE]
    return arguments


def pasteable(qemu: Path, arguments: list[str], flags: Sequence[str] = ()) -> str:
    """Returns the command that starts the same machine by hand; its serial port is on the terminal, if not by flags."""
    return shlex.join([str(qemu), *arguments, *take_serial_ports(flags)[0].arguments("stdio")])
