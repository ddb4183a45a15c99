"""Firmware that lost other loaders their machines: each is done to the loader by an EFI program that starts it.

tests/kernels/loader/hostile_uefi.rs says what a letter does. A boot takes seconds of a processor: what goes together is
done in one, and with --soak each by itself too.
"""

from __future__ import annotations

import random
import re
import struct
from dataclasses import replace

import pytest
from tests.boot.kernels import HOME, SMALL_KERNELS, Workshop, compile_crate, loaders
from tests.boot.loader_rig import Ended, Rig
from tools.icount.count import build_plugin, qemu_version

from bootwright.base.sizes import MIB
from bootwright.image import disk, layout, pe
from bootwright.image.kernel_file import write_kernel_file
from bootwright.machine.qemu import find_qemu
from bootwright.rust.command import Link

pytestmark = pytest.mark.needs("ovmf")

SOURCE = SMALL_KERNELS / "loader" / "hostile_uefi.rs"
LETTERS = b"letters of a hostile firmware="
# Five levels want a processor that has them.
FIVE_LEVELS = ("-cpu", "qemu64,+la57")


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def program(rig: Rig) -> bytes:
    """The EFI program with the loader in it, without a letter."""
    elf = rig.directory / "hostile"
    words = (f"--defsym=PAGE_SIZE={layout.PAGE_SIZE}", "-pie", "--no-dynamic-linker", "-znorelro")
    compile_crate(
        rig.workshop.toolchain, rig.workshop.sysroot, "hostile_uefi", SOURCE, "bin", elf,
        flags=("-Cdebuginfo=0", "-Crelocation-model=pie", "-Copt-level=1"),
        link=Link(rig.workshop.linker, words, HOME / "bootloader/uefi/link.ld"),
        environment={"BIG_DATA": str(rig.workshop.loader.efi)},
    )  # fmt: skip
    return pe.write_pe(elf)


def image_with(rig: Rig, program: bytes, letters: str, kernel: bytes = b"") -> bytes:
    """Returns a disk whose EFI system partition holds the program with these letters; kernel is a kernel file."""
    assert program.count(LETTERS) == 1
    efi = program.replace(LETTERS.ljust(len(LETTERS) + len(letters)), LETTERS + letters.encode())
    files = loaders(rig.workshop.loader)
    path = rig.directory / "hostile.img"
    kernel = kernel or write_kernel_file(rig.kernel())
    disk.write_image(path, "rig", replace(files, efi=efi), kernel)
    return path.read_bytes()


def boot(rig: Rig, program: bytes, letters: str, *flags: str) -> tuple[Ended, dict[str, int]]:
    """Boots with these letters; returns how it ended and what the program said."""
    ended = rig.boot(image_with(rig, program, letters), *flags, firmware="uefi")
    said = re.findall(r"^shim: (\w+)=(\w+)$", ended.console, re.MULTILINE)
    return ended, {name: int(value, 16) for name, value in said}


# What was asked for that no firmware gives, or that breaks some.
ODD = {"kind_of_pages", "kind_of_pool", "large_read", "unaligned_read", "stale_medium", "load", "returned"}


def test_each_machine_that_others_lost_starts(rig: Rig, program: bytes, soak: bool) -> None:
    for letters in ["engcbz", "e5", *(["e", "n", "5", "g", "c", "k", "b", "z"] if soak else [])]:
        flags = FIVE_LEVELS if "5" in letters else ()
        ended, said = boot(rig, program, letters, *flags)
        assert ended.told.get("done") == 1, (letters, ended.console, ended.serial)
        assert ended.told["bss_dirty"] == 0
        assert not said.keys() & ODD, (letters, said)
        assert said["watchdog"] == 0, "it was turned off"
        # So that the machine was the one that is meant.
        assert ("useless_block" in said) == ("b" in letters), "so that it was read ahead, and left"
        assert said.get("exit_refused", 0) == (2 if "e" in letters else 0)
        assert said.get("not_to_be_run", 0) == (16 if "n" in letters else 0)
        assert said.get("five_levels", 0) == ("5" in letters)


def test_a_firmware_that_never_lets_go_is_named_and_the_machine_halts(rig: Rig, program: bytes) -> None:
    ended, said = boot(rig, program, "r")
    assert ended.code == "UX", ended.console
    assert "ExitBootServices says 0x8000000000000002 after 8 tries" in ended.console
    assert said["exit_refused"] == 8
    assert "returned" not in said and "HLT=1" in ended.registers


def test_a_block_that_cannot_be_read_is_named(rig: Rig, program: bytes) -> None:
    ended, said = boot(rig, program, "l")
    assert ended.code == "DR", ended.console
    assert "the disk cannot be read at LBA 2057; the firmware says 0x8000000000000007" in ended.console
    assert "large_read" not in said


ATTEMPTS = 3
# An instruction takes 1 << SHIFT nanoseconds of the machine's time: the firmware, which waits by the clock for most of
# a boot, waits fewer of them.
SHIFT = 5
# Millions of instructions from the loader's first to the kernel's, by bus and MiB of the kernel; with --soak all.
BUDGETS = [("virtio", 0, 0.7), ("ahci", 0, 1.6), ("virtio", 16, 5.5), ("ahci", 16, 24.0)]


def test_the_kernel_is_reached_within_the_budget(rig: Rig, program: bytes, soak: bool) -> None:
    # The firmware polls its disk, which answers by this builder's time: the plugin has it sleep between two looks.
    source, qemu = HOME / "tools" / "icount" / "icount.rs", qemu_version(find_qemu(None))
    plugin = build_plugin(rig.workshop.toolchain.rustc, rig.workshop.linker, source, rig.directory, qemu)
    (entry,) = struct.unpack_from("<Q", rig.kernel(), 24)
    # The machine's counter of cycles counts its nanoseconds.
    flags = ("-icount", f"shift={SHIFT},sleep=off", "-cpu", "qemu64", "-plugin", f"{plugin},entry={entry}")
    for bus, mebibytes, millions in BUDGETS if soak else BUDGETS[:1]:
        more = random.Random(mebibytes).randbytes(mebibytes * MIB)
        image = image_with(rig, program, " ", write_kernel_file(rig.kernel() + more))
        counts: list[int] = []
        while len(counts) < ATTEMPTS and not (counts and min(counts) <= millions * 1e6):
            ended = rig.boot(image, *flags, machine=("q35", bus), firmware="uefi")
            begun = re.search(r"^shim: tsc=(\w+)$", ended.console, re.MULTILINE)
            assert begun, ended.console
            counts.append((ended.told["tsc"] - int(begun[1], 16)) >> SHIFT)
        print(f"{bus}, {mebibytes} MiB: {min(counts) / 1e6:.2f} million instructions, the least of {len(counts)}")
        assert 0.1e6 < min(counts) <= millions * 1e6
