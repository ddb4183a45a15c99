"""kernel8.img of a Raspberry Pi: the program without its ELF, which the firmware puts to 0x80000 and starts at EL2.

An ELF QEMU would start at EL3, on all four processors: https://www.qemu.org/docs/master/system/arm/raspi.html and
hw/arm/boot.c, where it is a raw image that is started as Linux is.
"""

from __future__ import annotations

from pathlib import Path

ADDRESS = 0x80000
MACHINE = ("-machine", "raspi3b")
LARGEST = 64 << 20  # bytes; no such kernel is longer, and what is linked far apart is no kernel8.img
NAME = "kernel8.img"
PARKED = range(0x300, 0x380)  # where QEMU has three of the four processors wait for the kernel to call them
UNSET = range(PARKED.start)  # where vectors lead that nobody has set, without those


def write_kernel8(program: Path, directory: Path) -> Path:
    """Writes what the ELF has in memory from ADDRESS on, up to the last byte that its file holds; returns the file."""
    from elftools.elf.elffile import ELFFile

    with program.open("rb") as stream:
        loaded = [s for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_filesz"]]
        memory = bytearray(max(s["p_paddr"] + s["p_filesz"] for s in loaded) - ADDRESS)
        for segment in loaded:
            begin = segment["p_paddr"] - ADDRESS
            memory[begin : begin + segment["p_filesz"]] = segment.data()
    (directory / NAME).write_bytes(memory)
    return directory / NAME
