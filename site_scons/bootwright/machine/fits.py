"""Whether a kernel is linked for the board that is to run it: QEMU says nothing of a program that it cannot place."""

from __future__ import annotations

from bootwright.machine.arguments import is_own_machine, starts_a_raspberry, starts_without_firmware
from bootwright.machine.boards import Board
from bootwright.machine.config import MachineConfig
from bootwright.machine.raspberry import NAME


def told_place(config: MachineConfig, board: Board) -> str:
    """Returns the sentence on a kernel that is linked for another machine than the board's; "" where it fits.

    Another machine that the arguments name is its author's affair, and what is no ELF QEMU tells of.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    if not is_own_machine(config.flags, board):
        return ""
    try:
        with config.image.open("rb") as stream:
            elf = ELFFile(stream)
            entry = elf["e_entry"]
            loaded = sorted(s["p_paddr"] for s in elf.iter_segments("PT_LOAD") if s["p_filesz"])
    except (OSError, ELFError):
        return ""
    name = config.image.name
    if starts_a_raspberry(config, board):
        return f"{name} is linked at 0x80000, where a Raspberry Pi starts {NAME}: the machine is raspi3b"
    outside = [address for address in loaded if not any(address in place for place in board.places)]
    if outside:
        return (
            f"{name} is linked at {outside[0]:#x}, where {board.name} has no memory for a kernel: the QEMU of a runner "
            "in .cargo/config.toml, or -machine in QEMUFLAGS=, names the board that it is for"
        )
    if board.firmware_at and starts_without_firmware(config, board) and entry != board.places[0].start:
        return (
            f"{name} begins at {entry:#x}, and {board.name} at {board.places[0].start:#x}, whatever is there: the "
            "linker script has to put the section of the entry point first"
        )
    return ""
