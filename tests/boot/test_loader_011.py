"""Kernels of bootloader_api 0.11: what they are handed, each mapping, movable ones, ramdisk and frame buffer."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Workshop
from tests.boot.loader_rig import PAGE, Ended, Rig

from bootwright.base.sizes import MIB
from bootwright.elf.checks import check_kernel
from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings
from bootwright.loader.config_011 import UUID
from bootwright.loader.settings import settings_of

SOURCE = SMALL_KERNELS / "loader" / "handover_011.rs"
PIE = ("-Crelocation-model=pie", "-Clink-arg=-pie")
STATIC = ("-Crelocation-model=static",)
ENTRY = 1 << 39


@dataclass
class Config:
    """BootloaderConfig, as the crate's newest releases write it; None is dynamic, and for memory and tables none."""

    stack_size: int = 80 * 1024
    stack: int | None = None
    kernel_base: int | None = None
    boot_info: int | None = None
    framebuffer: int | None = None
    memory: tuple[int | None] | None = None
    tables: tuple[int | None] | None = None
    aslr: bool = False
    start: int | None = None
    end: int | None = None
    ramdisk: int | None = None
    height: int | None = None
    width: int | None = None
    version: tuple[int, int, int] = field(default=(0, 11, 17))

    def write(self) -> bytes:
        """Returns the 133 bytes."""

        def option(value: int | None) -> bytes:
            return struct.pack("<BQ", value is not None, value or 0)

        def mapping(value: tuple[int | None] | None) -> bytes:
            return bytes([value is not None]) + option(value[0] if value else None)

        head = UUID + struct.pack("<3HBQ", *self.version, 0, self.stack_size)
        parts = [option(value) for value in (self.stack, self.kernel_base, self.boot_info, self.framebuffer)]
        parts += [mapping(self.memory), mapping(self.tables), bytes([self.aslr])]
        parts += [option(value) for value in (self.start, self.end, self.ramdisk, self.height, self.width)]
        return head + b"".join(parts)


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("handover_011"))


def kernel(rig: Rig, config: Config, letter: str = "h", flags: tuple[str, ...] = STATIC) -> Path:
    elf = bytearray(rig.kernel(letter, flags, SOURCE))
    assert elf.count(UUID) == 1
    at = elf.index(UUID)
    elf[at : at + 133] = config.write()
    path = rig.directory / "011.elf"
    path.write_bytes(elf)
    check_kernel(path)
    return path


def boot(
    rig: Rig,
    config: Config,
    letter: str = "h",
    flags: tuple[str, ...] = STATIC,
    ramdisk: bytes = b"",
    picture: bool = False,
) -> Ended:
    path = kernel(rig, config, letter, flags)
    settings = settings_of(path, KernelSettings())
    ended = rig.boot(rig.image(path.read_bytes(), settings, ramdisk), picture=picture)
    assert ended.told["done"] == 1, ended.serial + ended.console
    return ended


def field_of(ended: Ended, offset: int) -> int:
    return ended.boot_info[offset // 8]


def option_of(ended: Ended, offset: int) -> int | None:
    return field_of(ended, offset + 8) if field_of(ended, offset) & 0xFFFFFFFF == 0 else None


def test_a_kernel_that_asks_for_nothing_finds_what_upstream_gives(rig: Rig) -> None:
    ended = boot(rig, Config(), picture=True)
    told = ended.told
    # Stack, frame buffer and boot information: an entry each, after those that 1 TiB of addresses takes.
    stack = option_of(ended, 24)
    assert (told["cs"], told["ss"], told["rbp"], told["stack_word"]) == (8, 0x10, 0, 0)
    assert field_of(ended, 0) == 0 | 11 << 16 | 17 << 32
    assert (told["bss_dirty"], told["pointers"]) == (0, 49)
    assert told["template"] == int.from_bytes(b"template", "little")
    assert (field_of(ended, 144), field_of(ended, 152)) == (8, 32)
    bottom, length = field_of(ended, 208), field_of(ended, 216)
    assert (bottom % ENTRY, length) == (PAGE, 80 * 1024)
    assert told["stack"] == bottom + length - 8
    assert stack is not None and stack % ENTRY == 0 and stack // ENTRY == bottom // ENTRY + 1
    assert told["boot_info"] == stack + ENTRY
    assert [field_of(ended, offset) for offset in range(40, 88, 8)] == [1280 * 720 * 3, 1280, 720, 1, 3, 1280]
    assert ended.size == (1280, 720)
    assert [option_of(ended, offset) for offset in (88, 160)] == [None, None]
    assert field_of(ended, 104) & 0xFFFFFFFF == 1
    rsdp = option_of(ended, 112)
    assert rsdp is not None and 0x80000 <= rsdp < MIB
    check_regions(ended)


def check_regions(ended: Ended) -> None:
    values = ended.listed("region")
    regions = [tuple(values[at : at + 3]) for at in range(0, len(values), 3)]
    assert regions == sorted(regions)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(regions))
    usable = [(start, end) for start, end, kind in regions if kind & 0xFFFFFFFF == 0]
    low = [(start, end) for start, end in usable if end <= MIB]
    assert low == [(layout.STAGE_END, low[0][1])], "low memory is there for other processors, where the loader is not"
    assert low[0][1] > 0x90000
    assert 120 * MIB < sum(end - start for start, end in usable) < 128 * MIB
    assert {kind for _, _, kind in regions} == {0, 1, 3 | 2 << 32}


def test_dynamic_mappings_are_all_there(rig: Rig) -> None:
    data = bytes(range(251)) * 40
    ended = boot(rig, Config(memory=(None,), tables=(None,)), ramdisk=data)
    total = 0
    for byte in data:
        total = (total * 31 + byte) % (1 << 64)
    told = ended.told
    assert (told["ramdisk"], told["itself"], told["elf_magic"]) == (total, 1, 0x464C457F)
    assert field_of(ended, 176) == len(data)
    places = [option_of(ended, offset) for offset in (24, 160, 88)]
    assert all(place is not None and place % ENTRY == 0 for place in places)


def test_fixed_mappings_are_kept(rig: Rig) -> None:
    config = Config(
        stack=0xFFFF_F000_0000_0000, boot_info=0xFFFF_F100_0000_0010, framebuffer=0xFFFF_F200_0000_0000,
        memory=(0xFFFF_8000_0000_0000,), tables=(0xFFFF_F400_0000_0000,), ramdisk=0xFFFF_F300_0000_0000,
        stack_size=100_000,
    )  # fmt: skip
    ended = boot(rig, config, ramdisk=b"x" * 5000)
    told = ended.told
    assert told["boot_info"] == config.boot_info
    assert field_of(ended, 8) == 0xFFFF_F100_0000_0010 + 232
    assert (field_of(ended, 208), field_of(ended, 216)) == (0xFFFF_F000_0000_1000, 100_000)
    assert told["stack"] == (0xFFFF_F000_0000_1000 + 100_000) // 16 * 16 - 8
    assert [option_of(ended, offset) for offset in (24, 88, 160)] == [
        0xFFFF_F200_0000_0000, 0xFFFF_8000_0000_0000, 0xFFFF_F300_0000_0000,
    ]  # fmt: skip
    assert (told["itself"], told["elf_magic"]) == (1, 0x464C457F)


@pytest.mark.parametrize("base", [None, 0xFFFF_FFFF_8000_0000, 0x4000_0000], ids=str)
def test_a_movable_kernel_is_relocated(rig: Rig, base: int | None) -> None:
    ended = boot(rig, Config(kernel_base=base, memory=(None,), tables=(None,)), flags=PIE)
    assert (ended.told["pointers"], ended.told["bss_dirty"]) == (49, 0)
    slide = field_of(ended, 200)
    assert slide == base if base is not None else slide % ENTRY == 0
    assert slide <= ended.told["main"] < slide + MIB


def test_without_a_protocol_a_movable_kernel_is_relocated_too(rig: Rig) -> None:
    ended = rig.boot(rig.image(rig.kernel("h", PIE)))
    assert (ended.told["done"], ended.told["bss_dirty"]) == (1, 0)


def test_what_is_read_only_after_relocation_cannot_be_written(rig: Rig) -> None:
    ended = boot(rig, Config(), "w", PIE)
    assert ended.register("CR2") // MIB == ended.told["main"] // MIB, "the kernel's own pointers"
    ended = boot(rig, Config(), "g")
    assert ended.register("CR2") == field_of(ended, 208) - 8, "the page below the stack"


def test_by_chance_addresses_differ_from_boot_to_boot(rig: Rig) -> None:
    first, second = (boot(rig, Config(aslr=True, memory=(None,), tables=(None,)), flags=PIE) for _ in range(2))
    assert first.told["boot_info"] != second.told["boot_info"]
    assert field_of(first, 200) != field_of(second, 200)
    assert [ended.told["pointers"] for ended in (first, second)] == [49, 49]


def test_dynamic_addresses_keep_to_their_range(rig: Rig) -> None:
    start, end = 0xFFFF_9000_0000_0000, 0xFFFF_9FFF_FFFF_FFFF
    ended = boot(rig, Config(start=start, end=end, memory=(None,)))
    places = [ended.told["boot_info"], field_of(ended, 208), option_of(ended, 24), option_of(ended, 88)]
    assert all(place is not None and start <= place <= end for place in places)


def test_a_larger_picture_is_chosen_where_it_is_asked_for(rig: Rig) -> None:
    ended = boot(rig, Config(width=1600, height=1000), picture=True)
    assert (field_of(ended, 48), field_of(ended, 56)) >= (1600, 1000)
    assert ended.size == (field_of(ended, 48), field_of(ended, 56))


def test_a_machine_without_a_screen_starts_the_kernel_without_a_picture(rig: Rig) -> None:
    path = kernel(rig, Config())
    ended = rig.boot(rig.image(path.read_bytes(), settings_of(path, KernelSettings())), "-vga", "none")
    assert ended.told["done"] == 1
    assert option_of(ended, 24) is None
