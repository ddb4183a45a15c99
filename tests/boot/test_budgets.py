"""What a boot may cost: guest instructions from 0x7C00 to the kernel's entry, and reads of the disk.

The counts of a q35 hardly depend on the builder, so that a loader that got slower fails here.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from tests.boot.kernels import HOME, SMALL_KERNELS, Built, Workshop
from tests.boot.loader_rig import Rig
from tests.boot.test_loader_011 import Config
from tests.boot.test_loader_011 import kernel as kernel_011
from tools.icount.count import Counts, build_plugin, count_boot, qemu_version

from bootwright.image.kernel_file import KernelSettings
from bootwright.loader.settings import settings_of
from bootwright.machine.qemu import find_qemu
from bootwright.run.config import RunConfig

MIB = 1 << 20
MACHINES = [pytest.param(("q35", "ahci"), id="q35-ahci"), pytest.param(("pc", "ide"), id="pc-ide")]
# Millions of instructions by MiB of data in the kernel; on pc SeaBIOS copies by PIO, reads sector by sector and asks
# again and again whether the disk is ready, on a busy builder a fifth more often.
LIMITS = {"q35": {0: 0.2, 4: 2.5, 16: 8.0}, "pc": {0: 0.4, 4: 9.0, 16: 30.0}}
READS = {"q35": 300, "pc": 1 << 20}


@pytest.fixture(scope="module")
def plugin(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The counter, compiled for this QEMU."""
    source = HOME / "tools" / "icount" / "icount.rs"
    out = tmp_path_factory.mktemp("icount")
    return build_plugin(workshop.toolchain.rustc, workshop.linker, source, out, qemu_version(find_qemu(None)))


def count(built: Built, plugin: Path, machine: tuple[str, str]) -> Counts:
    with built.elf.open("rb") as file:
        entry = ELFFile(file)["e_entry"]
    config = RunConfig(built.image, qemu_flags=("-cpu", "qemu64"), machine=machine[0], disk=machine[1])
    counts = count_boot(config, plugin, entry)
    print(f"{machine}: {counts}")
    return counts


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mebibytes", [0, 4, 16])
def test_the_kernel_is_reached_within_the_budget(
    workshop: Workshop, hello: Built, plugin: Path, mebibytes: int, machine: tuple[str, str]
) -> None:
    built = hello
    if mebibytes:
        data = workshop.directory / f"{mebibytes}.data"
        if not data.exists():
            data.write_bytes(random.Random(mebibytes).randbytes(mebibytes * MIB))
        built = workshop.build(SMALL_KERNELS / "big.rs", f"big{mebibytes}", tests=False, data=data)
    counts = count(built, plugin, machine)
    assert counts.instructions <= LIMITS[machine[0]][mebibytes] * 1e6
    assert counts.reads <= READS[machine[0]]


# A hundredth of what upstream's BIOS loader takes for a small kernel of bootloader_api 0.11, 4 hundredths with 16 MiB.
@pytest.mark.parametrize(("mebibytes", "millions"), [(0, 0.59), (16, 10.08)])
def test_a_kernel_of_011_is_reached_within_the_budget(
    workshop: Workshop, plugin: Path, tmp_path: Path, mebibytes: int, millions: float
) -> None:
    elf = kernel_011(Rig(workshop, tmp_path), Config())
    with elf.open("ab") as file:
        file.write(random.Random(11).randbytes(mebibytes * MIB))
    with elf.open("rb") as file:
        entry = ELFFile(file)["e_entry"]
    image = tmp_path / "011.img"
    image.write_bytes(Rig(workshop, tmp_path).image(elf.read_bytes(), settings_of(elf, KernelSettings())))
    counts = count_boot(RunConfig(image, qemu_flags=("-cpu", "qemu64"), machine="q35", disk="ahci"), plugin, entry)
    print(f"0.11, {mebibytes} MiB: {counts}")
    assert counts.instructions <= millions * 1e6


def test_the_counter_counts(tmp_path: Path, plugin: Path) -> None:
    # mov cx, 1000; loop to itself; jmp to 0x7c80: 1,002 instructions, and the one read of the boot sector.
    code = b"\xb9\xe8\x03\xe2\xfe\xeb\x79".ljust(0x80, b"\0") + b"\xfa\xf4"
    image = tmp_path / "count.img"
    image.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(MIB, b"\0"))
    assert count_boot(RunConfig(image), plugin, 0x7C80) == Counts(1002, 1)
