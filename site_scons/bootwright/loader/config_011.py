"""What a kernel of bootloader_api 0.11 asks of its loader: the ELF section .bootloader-config.

Three lengths were ever written: 115 bytes by 0.11.0, 124 by 0.11.1 to 0.11.10, 133 since 0.11.11. Source:
rust-osdev/bootloader, api/src/config.rs.
"""

from __future__ import annotations

import struct

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings

SECTION = ".bootloader-config"
UUID = bytes.fromhex("743ca961093646a0bb555c158915253d")
_HEAD = 31  # the UUID, the version, and the stack's size
# The mappings of nine bytes that each length has: a tag, 0 for dynamic and 1 for fixed, and the address.
_MAPPINGS = {
    115: ("kernel_stack_address", "boot_info_address", "framebuffer_address"),
    124: ("kernel_stack_address", "boot_info_address", "framebuffer_address"),
    133: ("kernel_stack_address", "kernel_base", "boot_info_address", "framebuffer_address"),
}


@record
class _Reader:
    data: bytes
    where: str
    at: int = _HEAD

    def option(self, name: str) -> int | None:
        """Returns the value behind a tag that says whether there is one."""
        tag, value = struct.unpack_from("<BQ", self.data, self.at)
        self.at += 9
        if tag > 1 or (tag == 0 and value):
            raise BootwrightError(
                f"{self.where} holds {tag} where it says whether there is a {name}; 0 and 1 are known"
            )
        return int(value) if tag else None

    def flag(self, name: str) -> bool:
        """Returns a byte that is 0 or 1."""
        value = self.data[self.at]
        self.at += 1
        if value > 1:
            raise BootwrightError(f"{self.where} holds {value} for {name}; 0 and 1 are known")
        return value == 1

    def optional_mapping(self, name: str) -> tuple[bool, int | None]:
        """Returns whether something is mapped at all, and where if that is fixed."""
        is_there = self.flag(name)
        return is_there, self.option(name)


def read_config(data: bytes, path: str) -> KernelSettings:
    """Reads the section's bytes, of the file at path; raises BootwrightError for what no release writes."""
    where = f"{path}: section {SECTION}"
    if len(data) not in _MAPPINGS:
        raise BootwrightError(f"{where} is {len(data)} bytes; bootloader_api 0.11 writes 115, 124 or 133")
    if data[:16] != UUID:
        raise BootwrightError(f"{where} does not begin with bootloader_api's UUID")
    (stack_size,) = struct.unpack_from("<Q", data, 23)
    if not 0 < stack_size < 1 << 46:
        raise BootwrightError(f"{where} asks for a stack of {stack_size} bytes")
    reader = _Reader(data, where)
    addresses = {name: reader.option(name) for name in _MAPPINGS[len(data)]}
    maps_memory, memory = reader.optional_mapping("physical_memory")
    maps_tables, tables = reader.optional_mapping("page_table_recursive")
    aslr = reader.flag("aslr")
    start, end = (reader.option(name) for name in ("dynamic_range_start", "dynamic_range_end"))
    ramdisk = reader.option("ramdisk_memory") if len(data) > 115 else None
    height, width = (reader.option(name) for name in ("minimum_framebuffer_height", "minimum_framebuffer_width"))
    features = (
        maps_memory * layout.FEATURE_MAP_PHYSICAL_MEMORY
        | maps_tables * layout.FEATURE_RECURSIVE_PAGE_TABLE
        | aslr * layout.FEATURE_ASLR
    )
    return KernelSettings(
        handover=layout.HANDOVER_BOOTLOADER_011,
        kernel_stack_size=stack_size,
        features=features,
        physical_memory_offset=memory,
        recursive_address=tables,
        dynamic_range_start=start,
        dynamic_range_end=end,
        ramdisk_address=ramdisk,
        minimum_width=width,
        minimum_height=height,
        api_version=int.from_bytes(data[16:23], "little"),
        **addresses,
    )
