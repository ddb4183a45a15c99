"""What the loader is told of a kernel, and what is refused on the builder already: addresses, features, protocols."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elf.test_checks import ET_DYN, Kernel, Load

from bootwright.base.errors import BootwrightError
from bootwright.image import layout
from bootwright.image.elf_file import ElfFile
from bootwright.image.kernel_file import KernelSettings
from bootwright.loader import config_011
from bootwright.loader.boot_config import read_boot_config
from bootwright.loader.config_011 import UUID, read_config
from bootwright.loader.settings import check_09, features_09, finish_settings, settings_of

MANIFEST = Path("Cargo.toml")
DYNAMIC, NOTHING = bytes(9), bytes(10)


def fixed(address: int) -> bytes:
    return struct.pack("<BQ", 1, address)


def config(length: int, *, stack: bytes = DYNAMIC, base: bytes = DYNAMIC, memory: bytes = NOTHING) -> bytes:
    """Returns a section of that length, with all else dynamic or absent."""
    head = UUID + struct.pack("<3HBQ", 0, 11, {115: 0, 124: 10, 133: 17}[length], 0, 90_000)
    parts = [stack, base, DYNAMIC, fixed(0xFFFF_8000_0000_0000)] if length == 133 else []
    parts = parts or [stack, DYNAMIC, fixed(0xFFFF_8000_0000_0000)]
    parts += [memory, b"\1" + DYNAMIC, b"\1", fixed(0x1000), DYNAMIC]
    parts += [fixed(0x5000)] if length > 115 else []
    return head + b"".join([*parts, fixed(768), fixed(1024)])


@pytest.mark.parametrize("length", [115, 124, 133])
def test_each_length_that_was_ever_written_is_read(length: int) -> None:
    data = config(length, stack=fixed(0x7000), memory=b"\1" + fixed(0x20_0000))
    assert len(data) == length
    settings = read_config(data, "kernel")
    assert settings == KernelSettings(
        handover=2, kernel_stack_size=90_000, kernel_stack_address=0x7000, boot_info_address=None,
        physical_memory_offset=0x20_0000, features=1 | 2 | 16, framebuffer_address=0xFFFF_8000_0000_0000,
        ramdisk_address=None if length == 115 else 0x5000, dynamic_range_start=0x1000, minimum_width=1024,
        minimum_height=768, api_version=int.from_bytes(data[16:23], "little"),
    )  # fmt: skip


def test_what_no_release_writes_is_refused() -> None:
    good = config(133)
    for data, words in (
        (good + b"\0", "is 134 bytes; bootloader_api 0.11 writes 115, 124 or 133"),
        (b"\0" + good[1:], "does not begin with bootloader_api's UUID"),
        (good[:23] + bytes(8) + good[31:], "asks for a stack of 0 bytes"),
        (good[:31] + b"\2" + good[32:], "holds 2 where it says whether there is a kernel_stack_address"),
        (good[:87] + b"\7" + good[88:], "holds 7 for aslr"),
    ):
        with pytest.raises(BootwrightError, match=words):
            read_config(data, "kernel")


@given(st.integers(31, 132), st.integers(0, 255))
def test_no_changed_byte_of_a_configuration_ends_in_a_traceback(at: int, value: int) -> None:
    data = bytearray(config(133))
    data[at] = value
    try:
        read_config(bytes(data), "kernel")
    except BootwrightError as error:
        assert error.message.startswith("kernel: section .bootloader-config holds")


def test_features_are_those_of_the_crate_and_a_key_needs_its_own() -> None:
    # As Cargo resolves them: sse and vga_320x200 have an optional dependency each, which is a feature as well.
    assert features_09(["map_physical_memory", "sse", "bit_field"], MANIFEST) == 1 | 8
    assert features_09(["vga_320x200", "font8x8", "default"], MANIFEST) == 4
    assert features_09(["recursive_page_table", "vga_320x200", "binary", "default"], MANIFEST) == 2 | 4
    with pytest.raises(BootwrightError, match="has no feature colour"):
        features_09(["colour"], MANIFEST)
    settings = KernelSettings(physical_memory_offset=1 << 39)
    with pytest.raises(BootwrightError, match="physical-memory-offset is only supported with the feature map_physical"):
        check_09(settings, MANIFEST)
    check_09(dataclasses.replace(settings, features=1), MANIFEST)


def settings_for(
    tmp_path: Path, settings: KernelSettings, kernel: Kernel | None = None, tail: bytes = b"", ramdisk: int = 0
) -> str:
    path = tmp_path / "k.elf"
    path.write_bytes((kernel or Kernel()).to_bytes() + tail)
    try:
        settings_of(path, settings, ramdisk)
    except BootwrightError as error:
        assert str(path) in error.message
        return error.message
    return ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"boot_info_address": 0x200000}, "a segment at 0x200000 to 0x201000 and the boot information at 0x200000"),
        ({"kernel_stack_address": 0x1FF000}, "a segment at 0x200000 to 0x201000 and the stack"),
        ({"boot_info_address": 0x7000, "kernel_stack_size": 7 * 4096}, "what the loader keeps in low memory at 0x1000"),
        ({"boot_info_address": 0x400000, "kernel_stack_address": 0x400000}, "the boot information at 0x400000"),
        ({"boot_info_address": 0x403000, "kernel_stack_address": 0x400000}, "the boot information at 0x403000"),
        ({"boot_info_address": 0x400000, "kernel_stack_address": 0x401000}, ""),
        ({"boot_info_address": 0xFFFF_FFFF_FFFF_F000}, "do not fit there"),
        ({"boot_info_address": 0xFFFF_FFFF_FFFF_E000}, "do not fit there"),
        ({"kernel_stack_address": 0x7FFF_FFFF_C000}, "do not fit there"),
        ({"physical_memory_offset": 0xFFFF_8000_0000_1000, "features": 1}, "begins at no multiple of 0x200000"),
        ({"physical_memory_offset": 0x4000_0000, "boot_info_address": 0x4001_0000, "features": 1}, "in one place"),
    ],
)
def test_addresses_that_collide_are_named_with_both_ranges(
    tmp_path: Path, settings: dict[str, int], words: str
) -> None:
    told = settings_for(tmp_path, KernelSettings(**settings))
    assert words in told if words else not told


def test_a_movable_kernel_is_not_where_it_was_linked(tmp_path: Path) -> None:
    kernel = Kernel(e_type=ET_DYN, e_entry=0x1010, loads=(Load(p_vaddr=0x1000),))
    assert not settings_for(tmp_path, KernelSettings(boot_info_address=0x201000), kernel)
    told = settings_for(tmp_path, KernelSettings(boot_info_address=0x200000), kernel)
    assert "a segment at 0x200000 to 0x201000 and the boot information at 0x200000" in told, "where it goes"
    high = Kernel(e_type=ET_DYN, e_entry=0x40000010, loads=(Load(p_vaddr=0x40000000),))
    assert "a segment at 0x40000000" in settings_for(tmp_path, KernelSettings(boot_info_address=0x40000000), high)


ENTRY = 1 << 39


@pytest.mark.parametrize(
    ("settings", "ramdisk", "words"),
    [
        ({"kernel_stack_address": ENTRY, "framebuffer_address": ENTRY + 0x2000}, 0, "the frame buffer at 0x8000002000"),
        ({"framebuffer_address": ENTRY, "ramdisk_address": ENTRY - 0x1000}, 0x1001, "the ramdisk at 0x7ffffff000"),
        ({"framebuffer_address": ENTRY, "ramdisk_address": ENTRY - 0x1000}, 0x1000, ""),
        ({"framebuffer_address": ENTRY, "ramdisk_address": ENTRY}, 0, ""),
        ({"recursive_address": ENTRY, "boot_info_address": 2 * ENTRY - 0x2000}, 0, "the recursive entry of the page"),
        ({"recursive_address": -ENTRY % (1 << 64), "boot_info_address": ENTRY}, 0, ""),
        ({"boot_info_address": 0x3FFF20, "kernel_stack_address": 0x400000}, 0, "at 0x3ff000 to 0x401000 lie in"),
        ({"boot_info_address": 0x3FFF18, "kernel_stack_address": 0x400000}, 0, ""),
        ({"boot_info_address": 0x1000}, 0, ""),
        ({"framebuffer_address": 0x8000}, 0, "what the loader keeps in low memory at 0x8000"),
        ({"kernel_base": 0x1FF000, "ramdisk_address": 0x200000}, 1, "a segment at 0x200000 to 0x201000"),
        ({"kernel_base": 0x7FFF_FFFF_E000}, 0, ""),
        ({"kernel_base": 0x7FFF_FFFF_F000}, 0, "a segment at 0x800000000000 takes 0x1000 bytes, which do not fit"),
        ({"framebuffer_address": 0x8000_0000_0000}, 0, "the frame buffer at 0x800000000000"),
        ({"dynamic_range_start": 0x8000_0000_0000}, 0, "begins or ends at 0x800000000000, no address"),
        ({"dynamic_range_end": (1 << 64) - 1}, 0, ""),
        ({"kernel_stack_address": 0x400010}, 0, "asks for kernel_stack at 0x400010, which is no multiple of 0x1000"),
        ({"framebuffer_address": 0x400010}, 0, "asks for framebuffer at 0x400010, which is no multiple of 0x1000"),
        ({"ramdisk_address": 0x400010}, 0, "asks for ramdisk_memory at 0x400010, which is no multiple of 0x1000"),
        ({"kernel_base": 0x400010}, 0, "asks for kernel_base at 0x400010, which is no multiple of 0x1000"),
        ({"boot_info_address": 0x400014}, 0, "asks for boot_info at 0x400014, which is no multiple of 0x8"),
        ({"recursive_address": 0x4000_0000}, 0, "page_table_recursive at 0x40000000, which is no multiple of 0x80000"),
    ],
)
def test_of_011_too_every_address_that_is_known_is_looked_at(
    tmp_path: Path, settings: dict[str, int], ramdisk: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = KernelSettings(handover=layout.HANDOVER_BOOTLOADER_011, **settings)
    monkeypatch.setattr(ElfFile, "section", lambda elf, name: b"")
    monkeypatch.setattr(config_011, "read_config", lambda data, path: wanted)
    movable = Kernel(e_type=ET_DYN, e_entry=0x1010, loads=(Load(p_vaddr=0x1000),))
    told = settings_for(tmp_path, KernelSettings(), movable, ramdisk=ramdisk)
    assert words in told if words else not told


def multiboot(magic: int, *words: int) -> bytes:
    return struct.pack(f"<{len(words) + 2}I", magic, *words, -(magic + sum(words)) % (1 << 32))


@pytest.mark.parametrize(
    ("protocol", "marker"),
    [
        ("Multiboot", multiboot(0x1BADB002, 3)),
        ("Multiboot2", multiboot(0xE85250D6, 0, 24)),
        ("Limine", struct.pack("<4Q", 0xC7B1DD30DF4C8B88, 0x0A82E883A194F07B, 1, 2)),
        ("Limine", struct.pack("<3Q", 0xF9562B2D5C95A6C8, 0x6A7B384944536BDC, 3)),
    ],
)
def test_a_kernel_of_another_protocol_is_told_which_it_wants(tmp_path: Path, protocol: str, marker: bytes) -> None:
    kernel = Kernel(length=0x1800)
    told = settings_for(tmp_path, KernelSettings(), kernel, marker)
    assert f"wants to be started by the protocol {protocol}, which this loader does not speak yet" in told
    # The magic number alone, as a kernel may have it that reads such tables, is no header; nor is one out of place.
    assert not settings_for(tmp_path, KernelSettings(), kernel, marker[:4] + bytes(60))
    out_of_place = b"\0\0\0\0\0\1" + marker
    assert not settings_for(tmp_path, KernelSettings(), kernel, out_of_place)
    # As a debug build has it, where the number stands in the code as well.
    both = out_of_place + bytes(-len(out_of_place) % 8) + marker
    assert f"the protocol {protocol}," in settings_for(tmp_path, KernelSettings(), kernel, both)


def test_boot_json_says_how_large_the_picture_is_and_what_has_no_effect_is_told(tmp_path: Path) -> None:
    path = tmp_path / "boot.json"
    path.write_text(
        '{"frame_buffer": {"minimum_framebuffer_width": 1600}, "log_level": "Info", "serial_logging": true}'
    )
    settings, remarks = read_boot_config(path, KernelSettings(minimum_width=3, minimum_height=4))
    assert (settings.minimum_width, settings.minimum_height) == (1600, 4)
    assert [line.split(": ")[1].split()[0] for line in remarks] == ["log_level", "serial_logging"]
    for text, words in (
        ("{", "is no JSON"),
        ("[]", "all of it is no object"),
        ('{"colour": 1}', "there is no key colour"),
        ('{"frame_buffer": {"width": 1}}', "there is no key frame_buffer.width"),
        ('{"frame_buffer": {"minimum_framebuffer_width": -1}}', "minimum_framebuffer_width is -1, no number of pixels"),
        ('{"frame_buffer": {"minimum_framebuffer_width": true}}', "is true, no number of pixels"),
    ):
        path.write_text(text)
        with pytest.raises(BootwrightError, match=words):
            read_boot_config(path, KernelSettings())
    path.write_text('{"frame_buffer": {"minimum_framebuffer_width": 5}}', encoding="utf-8-sig")
    assert read_boot_config(path, KernelSettings())[0].minimum_width == 5
    for encoding, words in (("utf-16", "boot.json is UTF-16"), ("latin-1", "boot.json is not UTF-8: byte 2")):
        path.write_text('{"\xe9": 1}', encoding=encoding)
        with pytest.raises(BootwrightError, match=words):
            read_boot_config(path, KernelSettings())


def test_a_picture_that_uefi_gives_as_it_is_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, boot_config = tmp_path / "k.elf", tmp_path / "boot.json"
    path.write_bytes(Kernel().to_bytes())
    boot_config.write_text('{"frame_buffer": {"minimum_framebuffer_height": 1000}}')
    for minimum, file, lines in ((None, None, 0), (900, None, 1), (None, boot_config, 1), (0, None, 0)):
        wanted = KernelSettings(handover=layout.HANDOVER_BOOTLOADER_011, minimum_width=minimum)
        monkeypatch.setattr(ElfFile, "section", lambda elf, name: b"")
        monkeypatch.setattr(config_011, "read_config", lambda data, path, wanted=wanted: wanted)
        _, remarks = finish_settings(path, None, file, None)
        assert len([line for line in remarks if "a BIOS is asked; UEFI's is taken as it is" in line]) == lines


def test_a_ramdisk_for_a_kernel_that_is_not_told_of_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.elf"
    path.write_bytes(Kernel().to_bytes())
    with pytest.raises(BootwrightError, match="is no kernel of bootloader_api"):
        finish_settings(path, None, None, tmp_path / "disk")
    settings, remarks = finish_settings(path, None, tmp_path / "boot.json", None)
    assert (settings.handover, remarks) == (layout.HANDOVER_BOOTLOADER_09, [])
