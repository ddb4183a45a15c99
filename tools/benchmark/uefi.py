"""Boots under UEFI: one kernel for bootloader_api 0.11, started by our loader and by bootloader 0.11's own.

What is counted begins at the EFI program's first instruction, on both sides: a copy of the program gets a mark there,
which the plugin of tools/icount knows.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.benchmark.figures import Of, Row
from tools.benchmark.ours import Bootwright
from tools.benchmark.peer import CargoBootimage
from tools.icount.count import Counts

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import MIB
from bootwright.machine.config import MachineConfig

LOADER = "bootloader-x86_64-uefi"
# 0.11.17 locks a crate x86_64 that wants a newer compiler than 1.96.
VERSION = "0.11.12"
AGAINST = f"bootloader {VERSION}"
# By bus and MiB of data in the kernel the most instructions of ours, in millions. Without data a million of them blanks
# the frame buffer, one a pixel, which grows with the screen; the budget of a kernel that gets none is a test's.
LIMITS = {("virtio", 0): None, ("ahci", 0): None, ("virtio", 16): 5.5, ("ahci", 16): 24.0}
# An instruction takes 32 ns of the machine's time: the firmware, which waits by the clock before, waits fewer of them.
FLAGS = ("-cpu", "qemu64", "-icount", "shift=5,sleep=off")
MARK = bytes.fromhex("6687db")  # xchg bx, bx: icount.rs
JUMP = struct.Struct("<Bi")
MANIFEST = f"""[package]
name = "counted"
version = "0.1.0"
edition = "2021"

[dependencies]
bootloader_api = "={VERSION}"

[workspace]
"""
# A program that is not moved, so that its entry is where the ELF says.
CONFIG = """[build]
target = "x86_64-unknown-none"

[target.x86_64-unknown-none]
rustflags = ["-Crelocation-model=static"]
"""
MAIN = """#![no_std]
#![no_main]

bootloader_api::entry_point!(main);

static DATA: &[u8] = include_bytes!("data.bin");

fn main(_: &'static mut bootloader_api::BootInfo) -> ! {
    core::hint::black_box(DATA);
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
"""
Tell = Callable[[str], None]
Count = Callable[[MachineConfig, Path], Counts]  # of a machine, and of the kernel's ELF that says its entry


class UefiSides:
    """Makes the images of both sides, in place; ours builds the kernel, peer's cargo the other loader."""

    def __init__(self, place: Path, ours: Bootwright, peer: CargoBootimage) -> None:
        self.package = place / "counted"
        self._place = place
        self._ours = ours
        self._peer = peer
        build = ours.checkout / "build"
        self.elf = build / "debug" / "counted.elf"
        self._image = build / "debug" / "counted.img"
        self._loader = build / "loader" / "bootx64.efi"

    def set_up(self) -> None:
        """Installs the other loader, which takes some minutes the first time, and makes the package."""
        if shutil.which("mcopy") is None:
            raise BootwrightError("the peer's image is made by mtools, which are not there", "apt install mtools")
        self._place.mkdir(parents=True, exist_ok=True)
        if not self._peers_loader.is_file():
            std = ["-Zbuild-std=core,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"]
            words = ["install", LOADER, "--version", VERSION, "--locked", "--target", "x86_64-unknown-uefi", *std]
            root = ["--root", str(self._peers_loader.parents[1])]
            self._peer.cargo(*words, *root, directory=self._place, CARGO_TARGET_DIR=str(self._place / "install"))
        files = {"Cargo.toml": MANIFEST, ".cargo/config.toml": CONFIG, "src/main.rs": MAIN}
        for name, text in files.items():
            path = self.package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def make(self, mebibytes: int) -> tuple[Path, Path]:
        """Builds the kernel with so much data; returns our image of it and the peer's."""
        (self.package / "src" / "data.bin").write_bytes(random.Random(mebibytes).randbytes(mebibytes * MIB))
        self._ours.scons(f"KERNEL={self.package}")
        ours, peers = self._place / "ours.img", self._place / "peers.img"
        program, image = self._loader.read_bytes(), self._image.read_bytes()
        assert image.count(program) == 1, "the image holds the program in one piece"
        ours.write_bytes(image.replace(program, marked(program)))
        self._write_peers(peers, mebibytes)
        return ours, peers

    @property
    def _peers_loader(self) -> Path:
        return self._place / f"loader-{VERSION}" / "bin" / f"{LOADER}.efi"

    def _write_peers(self, image: Path, mebibytes: int) -> None:
        """Writes what bootloader 0.11 looks for on its disk: a FAT file system with the program and the kernel."""
        program = self._place / "bootx64.efi"
        program.write_bytes(marked(self._peers_loader.read_bytes()))
        image.unlink(missing_ok=True)
        mtools = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
        commands: tuple[list[str | Path], ...] = (
            ["mformat", "-C", "-F", "-T", str((64 + mebibytes) * MIB // 512), "-i", image, "::"],
            ["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"],
            ["mcopy", "-i", image, program, "::/EFI/BOOT/BOOTX64.EFI"],
            ["mcopy", "-i", image, self.elf, "::/kernel-x86_64"],
        )
        for words in commands:
            made = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=mtools)
            if made.returncode:
                raise BootwrightError(f"{words[0]} failed: {made.stderr.strip()}")


def marked(program: bytes) -> bytes:
    """Returns an EFI program that begins with the mark, which stands behind the code, and a jump to its own beginning.

    Source: Microsoft's PE format. Raises BootwrightError where the last page of the code has no room.
    """
    data = bytearray(program)
    (header,) = struct.unpack_from("<I", data, 0x3C)
    (sections,), (optional,) = struct.unpack_from("<H", data, header + 6), struct.unpack_from("<H", data, header + 20)
    (entry,) = struct.unpack_from("<I", data, header + 40)
    for number in range(sections):
        at = header + 24 + optional + 40 * number
        size, address, stored, place = struct.unpack_from("<IIII", data, at + 8)
        if not address <= entry < address + size:
            continue
        length = len(MARK) + JUMP.size
        if size + length > stored:
            raise BootwrightError(f"the EFI program has {stored - size} bytes of room behind its code, not {length}")
        jump = JUMP.pack(0xE9, entry - (address + size + length))
        data[place + size : place + size + length] = MARK + jump
        struct.pack_into("<I", data, at + 8, size + length)
        struct.pack_into("<I", data, header + 40, address + size)
        return bytes(data)
    raise BootwrightError("the EFI program's entry lies in no section")


def measure_uefi(sides: UefiSides, count: Count, tell: Tell) -> Iterator[Row]:
    """Measures boots of both sides from each bus, with each size of the kernel."""
    sides.set_up()
    for mebibytes in sorted({size for _, size in LIMITS}):
        images = sides.make(mebibytes)
        for bus in sorted({bus for bus, _ in LIMITS}):
            data = f", {mebibytes} MiB of data" if mebibytes else ""
            tell(f"boots under UEFI from {bus}{data}")
            ours, peers = (
                count(MachineConfig(image, disk=bus, qemu_flags=FLAGS, firmware="uefi"), sides.elf).instructions / 1e6
                for image in images
            )
            name = f"UEFI, {bus}: the loader's entry to the kernel's{data}"
            yield Row(name, "M", (ours,), (peers,), LIMITS[bus, mebibytes], Of.OURS, against=AGAINST)
