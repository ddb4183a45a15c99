"""What the loader is told of a kernel: by its ELF, by [package.metadata.bootloader], by the features of the crate.

Two crates tell a loader what a kernel wants. bootloader 0.9 by features and by keys in Cargo.toml; bootloader_api 0.11
by a section of the ELF. A kernel of neither is started as one of 0.9.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import PAGE_SIZE
from bootwright.image import layout
from bootwright.image.elf_file import ET_DYN, ElfFile
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
# Bytes that a boot loader looks for in a kernel: Multiboot's and Multiboot2's headers, how Limine's requests begin, and
# the mark of its revision, which may stand alone.
_MULTIBOOT, _MULTIBOOT2 = 0x1BADB002, 0xE85250D6
_MULTIBOOT_AREA, _MULTIBOOT2_AREA = 8192, 32768
_LIMINE = re.compile(
    b"|".join(
        re.escape(struct.pack("<2Q", *pair))
        for pair in ((0xC7B1DD30DF4C8B88, 0x0A82E883A194F07B), (0xF9562B2D5C95A6C8, 0x6A7B384944536BDC))
    )
)


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


def settings_of(path: Path, wanted: KernelSettings, ramdisk: int = 0) -> KernelSettings:
    """Returns what the loader is told of the ELF at path; wanted is what Cargo.toml says for bootloader 0.9.

    ramdisk is the size of what such a kernel gets, in bytes.
    Raises BootwrightError for a kernel of a protocol that the loader does not speak, for one whose ELF and Cargo.toml
    ask for different loaders, and for addresses that collide.
    """
    from bootwright.loader.addresses import check_addresses
    from bootwright.loader.config_011 import SECTION, read_config

    data = path.read_bytes()
    name = str(path)
    elf = ElfFile(data, path)
    config = elf.section(SECTION)
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
        if settings.kernel_base is not None and elf.e_type != ET_DYN:
            raise BootwrightError(
                f"{name} asks for kernel_base {settings.kernel_base:#x} and is linked for one place (ET_EXEC)",
                "compile with -C relocation-model=pic, or leave kernel_base dynamic",
            )
    check_addresses(name, elf, settings, ramdisk)
    return settings


def finish_settings(
    path: Path, wanted: KernelSettings | None, boot_config: Path | None, ramdisk: Path | None
) -> tuple[KernelSettings, list[str]]:
    """Returns what settings_of does, with the frame buffer's size of boot.json; and lines for what has no effect.

    Raises BootwrightError for a ramdisk that the kernel's protocol does not know.
    """
    size = ramdisk.stat().st_size if ramdisk and ramdisk.is_file() else 0
    settings = settings_of(path, wanted or KernelSettings(), size)
    is_011 = settings.handover == layout.HANDOVER_BOOTLOADER_011
    if ramdisk and not is_011:
        raise BootwrightError(
            f"RAMDISK={ramdisk}: {path} is no kernel of bootloader_api 0.11, and others are not told of a ramdisk",
            "leave RAMDISK= out, or have the kernel use bootloader_api's entry_point!",
        )
    if not is_011:  # of a kernel of 0.9 a boot.json is nobody's but its own
        return settings, []
    remarks: list[str] = []
    if boot_config is not None:
        from bootwright.loader.boot_config import read_boot_config

        settings, remarks = read_boot_config(boot_config, settings)
    if settings.minimum_width or settings.minimum_height:
        remarks.append(f"{path}: how large the frame buffer is at least, a BIOS is asked; UEFI's is taken as it is")
    return settings, remarks


def _refuse_other_protocols(name: str, data: bytes) -> None:
    """Raises for a kernel that asks for a boot loader of another protocol."""
    found = []
    if _has_header(data, _MULTIBOOT, _MULTIBOOT_AREA, 4, 3):
        found.append("Multiboot")
    if _has_header(data, _MULTIBOOT2, _MULTIBOOT2_AREA, 8, 4):
        found.append("Multiboot2")
    if any(match.start() % 8 == 0 for match in _LIMINE.finditer(data)):
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
