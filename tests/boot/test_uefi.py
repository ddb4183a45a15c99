"""The same image under UEFI: OVMF starts it from every bus, and a kernel finds what it finds on a BIOS.

Each boot of OVMF takes seconds of a processor: a few are made here, all with --soak.
"""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Built, Workshop
from tests.boot.loader_rig import PAGE, Rig, write_sparse
from tests.boot.test_loader_011 import Config, field_of, option_of
from tests.boot.test_loader_011 import kernel as kernel_011
from tests.boot.test_pvh import State, dump

from bootwright.base.sizes import MIB
from bootwright.image import disk, layout
from bootwright.image.kernel_file import KernelSettings
from bootwright.loader.settings import settings_of
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run

pytestmark = pytest.mark.needs("ovmf")

SECONDS = 60.0
SECTOR = layout.SECTOR_SIZE
KERNEL = layout.KERNEL_FIRST_LBA * SECTOR
ELF = KERNEL + layout.KERNEL_HEADER_SIZE


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("uefi"))


def declared(state: State) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Returns what must be equal: all but the GDT's place, and the pages that README says differ."""
    lines = [re.sub(r"^(gdt limit=\w+) base=\w+$", r"\1", line) for line in state.lines]
    low = [page for page in state.pages if page[1] <= layout.VGA_START]
    assert low, "the jump, at least"
    return lines, [page for page in state.pages if page not in low]


def test_only_the_memory_map_and_the_place_of_the_jump_tell_a_kernel_its_firmware(workshop: Workshop) -> None:
    built = workshop.build(SMALL_KERNELS / "machine_state.rs", tests=False)
    bios, uefi = (dump(RunConfig(built.image, firmware=firmware)) for firmware in ("bios", "uefi"))
    assert declared(uefi) == declared(bios)
    assert uefi.pics == bios.pics
    # One page, below 1 MiB, that can be read and executed; the GDT is in it.
    (jump,) = [page for page in uefi.pages if page[1] <= layout.VGA_START]
    assert (jump[1] - jump[0], jump[2]) == (PAGE, "U" if "U" in jump[2] else "")
    (base,) = [int(found[1], 16) for line in uefi.lines if (found := re.match(r"gdt limit=1a base=(\w+)", line))]
    assert jump[0] <= base < jump[1]
    rows = uefi.memory_map
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(rows))
    assert any(start <= jump[0] // PAGE < end and kind == 9 for start, end, kind in rows), "the loader's"
    assert {0, 6, 7, 8, 9, 10, 12} <= {kind for _, _, kind in rows}
    assert max(end - start for start, end, kind in rows if kind == 0) * PAGE > 64 << 20


# Of the entries of both tables, which OVMF mends by the other one where one alone is damaged.
FIRST, SECOND = 2 * SECTOR + 130, 130 - (layout.GPT_ENTRIES_SECTORS + 1) * SECTOR


def test_a_flipped_bit_is_named_once_in_each_place(rig: Rig, soak: bool) -> None:
    seal = rig.image(rig.kernel()).index(layout.SEAL_MARK)  # which the program's constants begin with
    places: list[tuple[list[int], str]] = [
        ([seal + 0x400], "SC"), ([ELF + 0x800], "KC"), ([KERNEL + 4095], "KH"), ([KERNEL], "KM"),
        ([FIRST, SECOND], "GA"), ([FIRST], ""), ([SECOND], ""),
    ]  # fmt: skip
    for offsets, code in places[: None if soak else 1]:
        image = rig.image(rig.kernel())
        for offset in offsets:
            image[offset] ^= 4
        path = rig.directory / "flipped.img"
        write_sparse(path, image)
        config = RunConfig(path, firmware="uefi", headless=True, timeout=SECONDS)
        end = run(config, io.StringIO(), io.StringIO())
        if not code:
            assert (end.kind, end.status) == (Kind.HALTED, 0), (offsets, end)
            continue
        assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4), (offsets, end)
        assert code in end.sentence
        assert end.serial.count(f"bootwright: {code} ") == 1, end.serial


def test_a_kernel_of_011_gets_the_firmwares_frame_buffer_and_its_tables(rig: Rig) -> None:
    elf = kernel_011(rig, Config(memory=(None,)))
    image = rig.image(elf.read_bytes(), settings_of(elf, KernelSettings()))
    ended = rig.boot(image, firmware="uefi")
    assert ended.told["done"] == 1, ended.serial + ended.console
    # OVMF's mode, as it is: length, width, height, format BGR, bytes per pixel, stride.
    assert [field_of(ended, offset) for offset in range(40, 88, 8)] == [1280 * 800 * 4, 1280, 800, 1, 4, 1280]
    rsdp = option_of(ended, 112)
    assert rsdp is not None and rsdp > MIB, "the firmware's table, which lies at the end of memory"
    values = ended.listed("region")
    regions = [tuple(values[at : at + 3]) for at in range(0, len(values), 3)]
    assert all(end % PAGE == start % PAGE == 0 and start < end for start, end, _ in regions)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(regions))
    usable = [(start, end) for start, end, kind in regions if kind & 0xFFFFFFFF == 0]
    assert any(end <= MIB for _, end in usable), "low memory is there for other processors"
    assert 100 * MIB < sum(end - start for start, end in usable) < 128 * MIB
    # What the firmware keeps is UnknownUefi with UEFI's own number, ACPI's tables and their storage among it.
    kept = {kind for _, _, kind in regions if kind & 0xFFFFFFFF > 1}
    assert kept >= {2 | 9 << 32, 2 | 10 << 32} and kept <= {2 | number << 32 for number in (0, 8, 9, 10)}


def test_a_machine_without_a_screen_starts(hello: Built) -> None:
    config = RunConfig(hello.image, qemu_flags=("-vga", "none"), firmware="uefi", headless=True, timeout=SECONDS)
    end = run(config, io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end


def test_the_disk_that_is_read_is_the_one_that_the_loader_came_from(rig: Rig, tmp_path: Path) -> None:
    # Another disk, whose kernel is damaged and which has no loader.
    other = tmp_path / "other.img"
    image = rig.image(rig.kernel())
    image[ELF + 0x800] ^= 1
    esp = disk.esp_first_lba(1) * SECTOR
    image[esp : esp + layout.ESP_SECTORS * SECTOR] = bytes(layout.ESP_SECTORS * SECTOR)
    write_sparse(other, image)
    flags = ("-drive", f"if=none,id=other,format=raw,file={other}", "-device", "ide-hd,drive=other,bus=ide.1")
    assert rig.boot(rig.image(rig.kernel()), *flags, firmware="uefi").told["done"] == 1
