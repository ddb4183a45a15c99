"""What the loader's tests share: kernels without a library, images with a fault in them, and boots until an end."""

from __future__ import annotations

import re
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.boot.kernels import HOME, SMALL_KERNELS, Workshop, compile_crate, loaders
from tests.boot.page_tables import FRAME, Run, read_runs

from bootwright.base.sizes import MIB
from bootwright.image import disk as image
from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader import build as loader
from bootwright.loader import crates
from bootwright.machine.config import MachineConfig
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QemuGone
from bootwright.rust.command import Link

SOURCE = SMALL_KERNELS / "loader" / "handover.rs"
PAGE = 4096
LETTER = b"letter of test="
SHIM = HOME / "tests" / "kernels" / "loader" / "shim.s"
# The guest waits for a key or halts at its end, which takes milliseconds; a busy builder takes longer to get there.
SECONDS = 20.0
UEFI_SECONDS = 300.0  # OVMF alone takes 4 on a quiet builder, and where instructions are counted a minute


def write_sparse(path: Path, data: bytes | bytearray) -> None:
    """Writes data, most of which is zero, with holes."""
    nothing = bytes(MIB)
    with path.open("wb") as file:
        file.truncate(len(data))
        for start in range(0, len(data), MIB):
            piece = data[start : start + MIB]
            if piece != nothing[: len(piece)]:
                file.seek(start)
                file.write(piece)


@dataclass(frozen=True)
class Ended:
    """How a boot ended: what was said on port E9 and on the serial port, the 25 rows, the monitor's answers.

    data_area is the first 256 bytes of the BIOS's data area, runs whether the machine still does, size the picture's.
    """

    console: str
    serial: str
    rows: tuple[str, ...]
    registers: str
    pages: Sequence[Run] = ()
    wrote: int = 0
    data_area: bytes = b""
    runs: bool = False
    size: tuple[int, int] = (0, 0)

    @property
    def code(self) -> str:
        """The loader's code, or "none"."""
        found = re.search(r"^bootwright: (\S+)", self.console, re.MULTILINE)
        return found[1] if found else "none"

    @property
    def told(self) -> dict[str, int]:
        """What handover.rs said, but for BootInfo."""
        return {name: int(value, 16) for name, value in re.findall(r"^(\w+)=(\w+)$", self.serial, re.MULTILINE)}

    @property
    def boot_info(self) -> list[int]:
        """BootInfo as quadwords."""
        return self.listed("info")

    def listed(self, name: str) -> list[int]:
        """Returns what a kernel said under that name, again and again."""
        return [int(value, 16) for value in re.findall(rf"^{name}=(\w+)$", self.serial, re.MULTILINE)]

    def register(self, name: str) -> int:
        """A register's value at the end."""
        found = re.search(rf"\b{name} *=([0-9a-f]+)", self.registers)
        assert found, self.registers
        return int(found[1], 16)


@dataclass
class Rig:
    """Builds images and boots them."""

    workshop: Workshop
    directory: Path

    def kernel(self, letters: str = "h", flags: tuple[str, ...] = (), source: Path = SOURCE) -> bytes:
        """Returns handover.rs, or another kernel of its kind, as an ELF without debug sections."""
        elf = self.directory / f"{source.stem}-{zlib.crc32(repr(flags).encode()):08x}.elf"
        if not elf.exists():
            compile_crate(
                self.workshop.toolchain, self.workshop.sysroot, source.stem, source, "bin", elf,
                flags=("-Cstrip=symbols", "-Copt-level=1", *flags), link=Link(self.workshop.linker),
            )  # fmt: skip
        data = elf.read_bytes()
        assert data.count(LETTER) == 1
        return data.replace(LETTER + b"h".ljust(len(letters)), LETTER + letters.encode())

    def image(self, elf: bytes, settings: KernelSettings | None = None, ramdisk: bytes = b"") -> bytearray:
        """Returns a disk with elf on it."""
        return self.image_of(write_kernel_file(elf, settings, ramdisk))

    def image_of(self, kernel_file: bytes) -> bytearray:
        """Returns a disk with those bytes in its kernel partition."""
        path = self.directory / "image"
        image.write_image(path, "rig", loaders(self.workshop.loader), kernel_file)
        return bytearray(path.read_bytes())

    def stage(self, disk: bytearray) -> bytearray:
        """Returns the stage on disk."""
        start = layout.BIOS_BOOT_FIRST_LBA * layout.SECTOR_SIZE
        (sectors,) = struct.unpack_from("<I", disk, start + layout.STAGE_SECTORS_OFFSET)
        return disk[start : start + sectors * layout.SECTOR_SIZE]

    def put_stage(self, disk: bytearray, stage: bytearray) -> None:
        """Puts a changed stage on disk, its checksums made good."""
        loader.balance(stage)
        start = layout.BIOS_BOOT_FIRST_LBA * layout.SECTOR_SIZE
        disk[start : start + len(stage)] = stage

    def symbol(self, name: str) -> int:
        """Returns the address of a label of the loader."""
        return loader.read_program(self.workshop.loader.stages.parent / crates.PROGRAM)[-1][name]

    def shim(self, disk: bytearray, **switches: int) -> None:
        """Puts shim.s in front of the boot sector, with its switches: a BIOS that behaves otherwise."""
        wrapper, flat = self.directory / "shim.rs", self.directory / "shim.bin"
        lines = [f".set {name}, {value}" for name, value in switches.items()]
        text = "\n".join([*lines, SHIM.read_text()])
        wrapper.write_text(
            "#![no_std]\n#![no_main]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n"
            f'core::arch::global_asm!(r##"{text}"##, options(raw));\n'
        )
        script = self.directory / "shim.ld"
        script.write_text("SECTIONS { . = 0x600; .shim : { KEEP(*(.shim)) } /DISCARD/ : { *(.eh_frame*) } }\n")
        compile_crate(
            self.workshop.toolchain, self.workshop.sysroot, "shim", wrapper, "bin", flat, flags=["-Cdebuginfo=0"],
            link=Link(self.workshop.linker, ("--oformat=binary", "--entry=0"), script),
        )  # fmt: skip
        code = flat.read_bytes()
        assert len(code) <= 4 * layout.SECTOR_SIZE
        disk[35 * 512 : 36 * 512] = disk[:512]
        first = code[: layout.BOOT_CODE_END].ljust(layout.BOOT_CODE_END, b"\0")
        disk[: layout.BOOT_CODE_END] = first
        disk[36 * 512 : 40 * 512] = code.ljust(2048, b"\0")

    def boot(
        self,
        disk: bytes | bytearray,
        *flags: str,
        machine: tuple[str, str] = ("q35", "ahci"),
        memory: str = "128M",
        firmware: str = "bios",
        pages: bool = False,
        picture: bool = False,
        key: str = "",
    ) -> Ended:
        """Boots disk until the loader fails, the kernel says done, or the machine stops."""
        path = self.directory / "disk.img"
        write_sparse(path, disk)
        config = MachineConfig(path, None, flags, memory, *machine, firmware=firmware)
        with Machine(config) as guest:
            guest.resume()
            deadline = time.monotonic() + (UEFI_SECONDS if firmware == "uefi" else SECONDS)
            settled = 0.0
            while not guest.gone and time.monotonic() < deadline:
                guest.step(0.02)
                state = guest.qmp.execute("query-status")["status"]
                said = re.search(r"^bootwright: [^\n]*\n", guest.console, re.MULTILINE)
                if state != "running" or said or "done=" in guest.serial:
                    # What comes last, a fault or the last letters on the screen, comes within a moment.
                    settled = settled or time.monotonic() + 0.3
                    if time.monotonic() > settled:
                        break
            assert settled, f"nothing happened: {guest.console!r} {guest.serial!r}"
            rows, registers = guest.rows(), guest.ask("info registers")
            found = re.search(r"\bCR3=([0-9a-f]+)", registers)
            # All of the tables lie in the first 64 MiB: the loaders allocate from below.
            mapped = read_runs(guest.read_physical(0, 64 * MIB), int(found[1], 16) & FRAME) if pages and found else []
            drives = guest.qmp.execute("query-blockstats")
            wrote = sum(drive["stats"]["wr_operations"] for drive in drives)
            data_area = guest.read_physical(0x400, 256)
            runs = guest.qmp.execute("query-status")["status"] == "running"
            size = (0, 0)
            if picture:
                guest.screendump(self.directory / "picture.png")
                size = struct.unpack_from(">2I", (self.directory / "picture.png").read_bytes(), 16)
            if key:
                guest.ask(f"sendkey {key}")
                self.await_reset(guest)
            return Ended(guest.console, guest.serial, rows, registers, mapped, wrote, data_area, runs, size)

    def await_reset(self, guest: Machine) -> None:
        """Waits until the guest asked for a reset, which the machine answers by stopping."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            guest.step(0.02)
            try:
                if guest.gone or guest.qmp.execute("query-status")["status"] != "running":
                    return
            except QemuGone:
                return
        raise AssertionError("the key did not reset the machine")
