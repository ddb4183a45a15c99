"""What the loader is told of a kernel: by its ELF, by [package.metadata.bootloader], by the features of the crate.

Two crates tell a loader what a kernel wants. bootloader 0.9 by features and by keys in Cargo.toml; bootloader_api 0.11
by a section of the ELF. A kernel of neither is started as one of 0.9.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Collection
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import MIB, PAGE_SIZE
from bootwright.image import layout
from bootwright.image.elf_file import ET_DYN, PT_LOAD, ElfFile
from bootwright.image.kernel_file import KernelSettings

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.cargo.metadata import BootloaderSettings

# The features of the crate bootloader 0.9 that its loader knows; `binary` builds upstream's, which nobody needs here.
FEATURES_09 = {
    "map_physical_memory": layout.FEATURE_MAP_PHYSICAL_MEMORY,
    "recursive_page_table": layout.FEATURE_RECURSIVE_PAGE_TABLE,
    "vga_320x200": layout.FEATURE_VGA_320X200,
    "sse": layout.FEATURE_SSE,
}
# `binary`, and what is a feature because it is an optional dependency: those that the four have, and those of `binary`.
WITHOUT_EFFECT_09 = (
    "default", "binary", "bit_field", "font8x8", "fixedvec", "llvm-tools", "rlibc", "toml", "usize_conversions",
    "x86_64", "xmas-elf",
)  # fmt: skip
# Bytes that a boot loader looks for in a kernel: Multiboot's and Multiboot2's headers, and how Limine's requests begin.
_MULTIBOOT, _MULTIBOOT2 = 0x1BADB002, 0xE85250D6
_MULTIBOOT_AREA, _MULTIBOOT2_AREA = 8192, 32768
_LIMINE = struct.pack("<2Q", 0xC7B1DD30DF4C8B88, 0x0A82E883A194F07B)
# What a kernel of 0.9 finds mapped to itself.
LOW_RANGES = ((layout.KEPT_START, layout.KEPT_END), (layout.VGA_START, layout.VGA_END))
_LAST_PAGE = (1 << 64) - PAGE_SIZE
_UPPER_HALF = (1 << 17) - 1  # the upper 17 bits of its addresses, which are all equal

Range = tuple[int, int, str]


def features_09(names: Collection[str], manifest: Path) -> int:
    """Returns the bits of the features that Cargo resolved for the crate bootloader 0.9."""
    for name in names:
        if name not in FEATURES_09 and name not in WITHOUT_EFFECT_09:
            known = ", ".join(FEATURES_09)
            raise BootwrightError(f"{manifest}: bootloader 0.9 has no feature {name}", f"it has {known}")
    return sum(bit for name, bit in FEATURES_09.items() if name in names)


def settings_09(keys: BootloaderSettings, features: Collection[str], manifest: Path) -> KernelSettings:
    """Returns what manifest says to a loader of bootloader 0.9: its keys, and the features of that crate."""
    found = KernelSettings(
        kernel_stack_size=keys.kernel_stack_size * PAGE_SIZE,
        kernel_stack_address=keys.kernel_stack_address,
        boot_info_address=keys.boot_info_address,
        physical_memory_offset=keys.physical_memory_offset,
        features=features_09(features, manifest),
    )
    check_09(found, manifest)
    return found


def check_09(settings: KernelSettings, manifest: Path) -> None:
    """Raises for a key of [package.metadata.bootloader] that means nothing without its feature, as upstream does."""
    wants_map = settings.features & layout.FEATURE_MAP_PHYSICAL_MEMORY
    if settings.physical_memory_offset is not None and not wants_map:
        raise BootwrightError(
            f"{manifest}: [package.metadata.bootloader] physical-memory-offset is only supported with the feature "
            "map_physical_memory of the crate bootloader",
            'bootloader = { version = "0.9", features = ["map_physical_memory"] }',
        )


def settings_of(path: Path, wanted: KernelSettings) -> KernelSettings:
    """Returns what the loader is told of the ELF at path; wanted is what Cargo.toml says for bootloader 0.9.

    Raises BootwrightError for a kernel of a protocol that the loader does not speak, for one whose ELF and Cargo.toml
    ask for different loaders, and for addresses that collide.
    """
    from bootwright.loader.config_011 import SECTION, read_config

    data = path.read_bytes()
    name = str(path)
    elf = ElfFile(data, path)
    config = elf.section(SECTION)
    movable = elf.e_type == ET_DYN
    loaded = [segment for segment in elf.segments if segment.p_type == PT_LOAD and segment.p_memsz]
    segments = [(segment.p_vaddr, segment.p_vaddr + segment.p_memsz) for segment in loaded]
    if config is None:
        _refuse_other_protocols(name, data)
        settings = wanted
    else:
        if wanted != KernelSettings():
            raise BootwrightError(
                f"{name} is a kernel of bootloader_api 0.11, and its Cargo.toml has [package.metadata.bootloader] or "
                "features of bootloader 0.9",
                "0.11 is configured in entry_point!; remove what is 0.9's",
            )
        settings = read_config(config, name)
        if settings.kernel_base is not None and not movable:
            raise BootwrightError(
                f"{name} asks for kernel_base {settings.kernel_base:#x} and is linked for one place (ET_EXEC)",
                "compile with -C relocation-model=pic, or leave kernel_base dynamic",
            )
    _check_addresses(name, settings, [] if movable else segments)
    return settings


def finish_settings(
    path: Path, wanted: KernelSettings | None, boot_config: Path | None, ramdisk: Path | None
) -> tuple[KernelSettings, list[str]]:
    """Returns what settings_of does, with the frame buffer's size of boot.json; and lines for what has no effect.

    Raises BootwrightError for a ramdisk that the kernel's protocol does not know.
    """
    settings = settings_of(path, wanted or KernelSettings())
    is_011 = settings.handover == layout.HANDOVER_BOOTLOADER_011
    if ramdisk and not is_011:
        raise BootwrightError(
            f"RAMDISK={ramdisk}: {path} is no kernel of bootloader_api 0.11, and others are not told of a ramdisk",
            "leave RAMDISK= out, or have the kernel use bootloader_api's entry_point!",
        )
    if boot_config is None or not is_011:  # of a kernel of 0.9 a boot.json is nobody's but its own
        return settings, []
    from bootwright.loader.boot_config import read_boot_config

    return read_boot_config(boot_config, settings)


def _refuse_other_protocols(name: str, data: bytes) -> None:
    """Raises for a kernel that asks for a boot loader of another protocol."""
    found = []
    if _has_header(data, _MULTIBOOT, _MULTIBOOT_AREA, 4, 3):
        found.append("Multiboot")
    if _has_header(data, _MULTIBOOT2, _MULTIBOOT2_AREA, 8, 4):
        found.append("Multiboot2")
    at = data.find(_LIMINE)
    if at >= 0 and at % 8 == 0:
        found.append("Limine")
    if found:
        raise BootwrightError(
            f"{name} wants to be started by the protocol {' or '.join(found)}, which this loader does not speak yet",
            "it speaks those of bootloader 0.9 and bootloader_api 0.11",
        )


def _has_header(data: bytes, magic: int, area: int, step: int, words: int) -> bool:
    """Says whether words doublewords in the first area bytes begin with magic and have the sum 0."""
    wanted = struct.pack("<I", magic)
    at = data.find(wanted, 0, area)
    while at >= 0:
        if at % step == 0 and at + 4 * words <= len(data):
            header = struct.unpack_from(f"<{words}I", data, at)
            if sum(header) % (1 << 32) == 0:
                return True
        at = data.find(wanted, at + 1, area)
    return False


def _check_addresses(name: str, settings: KernelSettings, segments: list[tuple[int, int]]) -> None:
    """Raises where two of the ranges that are known now lie in one place, or where one leaves the address space."""
    ranges: list[Range] = [
        (start // PAGE_SIZE * PAGE_SIZE, -(-end // PAGE_SIZE) * PAGE_SIZE, "a segment") for start, end in segments
    ]
    own: list[Range] = []
    stack = settings.kernel_stack_address
    if settings.handover == layout.HANDOVER_BOOTLOADER_09:
        own += [(start, end, "what the loader keeps in low memory") for start, end in LOW_RANGES]
        if stack is None and settings.boot_info_address is not None:
            stack = settings.boot_info_address + PAGE_SIZE
    if settings.boot_info_address is not None:
        start = settings.boot_info_address // PAGE_SIZE * PAGE_SIZE
        own.append((start, start + PAGE_SIZE, "the boot information"))
    if stack is not None:
        size = -(-settings.kernel_stack_size // PAGE_SIZE) * PAGE_SIZE
        own.append((stack, stack + PAGE_SIZE + size, "the stack with the page below it"))
    if settings.physical_memory_offset is not None:
        if settings.physical_memory_offset % layout.LARGE_PAGE_SIZE:
            raise BootwrightError(
                f"{name}: the physical memory's map at {settings.physical_memory_offset:#x} begins at no multiple of "
                f"{layout.LARGE_PAGE_SIZE:#x}"
            )
        offset = settings.physical_memory_offset
        own.append((offset, offset + 4096 * MIB, "the map of physical memory"))
    for start, end, what in own:
        if end > _LAST_PAGE or start >> 47 not in (0, _UPPER_HALF) or start >> 47 != (end - 1) >> 47:
            raise BootwrightError(f"{name}: {what} at {start:#x} takes {end - start:#x} bytes, which do not fit there")
    for one, other in itertools.chain(itertools.combinations(own, 2), itertools.product(ranges, own)):
        if max(one[0], other[0]) < min(one[1], other[1]):
            raise BootwrightError(
                f"{name}: {one[2]} at {one[0]:#x} to {one[1]:#x} and {other[2]} at {other[0]:#x} to {other[1]:#x} "
                "lie in one place",
                "give one of them another address: in [package.metadata.bootloader], entry_point! or the linker script",
            )
