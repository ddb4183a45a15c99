"""The programs of QEMU that boards run in, and the packages that bring them: data alone, since sconsw reads it."""

from __future__ import annotations


class Emulator:
    """One program: its name, and its package in apt's archives, in those of dnf and pacman, and in zypper's.

    A plain class, since sconsw reads it at each start and dataclasses take 10 ms to import.
    """

    def __init__(self, name: str, apt: str, dnf: str, zypper: str) -> None:
        self.name = name
        self.apt = apt
        self.dnf = dnf
        self.zypper = zypper


X86_64 = Emulator("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86", "qemu-x86")
ARM = Emulator("qemu-system-arm", "qemu-system-arm", "qemu-system-arm", "qemu-arm")
AARCH64 = Emulator("qemu-system-aarch64", "qemu-system-arm", "qemu-system-aarch64", "qemu-arm")
RISCV32 = Emulator("qemu-system-riscv32", "qemu-system-riscv", "qemu-system-riscv", "qemu-extra")
RISCV64 = Emulator("qemu-system-riscv64", "qemu-system-riscv", "qemu-system-riscv", "qemu-extra")
