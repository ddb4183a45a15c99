"""NAME.kernel: one header and then a valid ELF; what the image's kernel partition and -initrd both hold.

The offsets are layout.py's. The same file serves every loader of ours, so that no loader reads anything else.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.sizes import PAGE_SIZE
from bootwright.image import checksum, layout


@record(frozen=True)
class KernelSettings:
    """What the kernel asks of its loader; None leaves the choice to the loader. Addresses are virtual, sizes bytes.

    features are layout's FEATURE_ bits. The fields from kernel_base on are of bootloader 0.11 alone; api_version is the
    eight bytes that its crate writes, read as a number.
    """

    handover: int = layout.HANDOVER_BOOTLOADER_09
    kernel_stack_size: int = 512 * PAGE_SIZE
    kernel_stack_address: int | None = None
    boot_info_address: int | None = None
    physical_memory_offset: int | None = None
    features: int = 0
    kernel_base: int | None = None
    framebuffer_address: int | None = None
    recursive_address: int | None = None
    ramdisk_address: int | None = None
    dynamic_range_start: int | None = None
    dynamic_range_end: int | None = None
    minimum_width: int | None = None
    minimum_height: int | None = None
    api_version: int | None = None

    def records(self, ramdisk: bytes = b"") -> bytes:
        """Returns the tagged records: tag u32, length u32, value u64, in the order of their tags."""
        values = (
            (layout.RECORD_KERNEL_STACK_SIZE, self.kernel_stack_size),
            (layout.RECORD_KERNEL_STACK_ADDRESS, self.kernel_stack_address),
            (layout.RECORD_BOOT_INFO_ADDRESS, self.boot_info_address),
            (layout.RECORD_PHYSICAL_MEMORY_OFFSET, self.physical_memory_offset),
            (layout.RECORD_FEATURES, self.features or None),
            (layout.RECORD_KERNEL_BASE, self.kernel_base),
            (layout.RECORD_FRAMEBUFFER_ADDRESS, self.framebuffer_address),
            (layout.RECORD_RECURSIVE_ADDRESS, self.recursive_address),
            (layout.RECORD_RAMDISK_ADDRESS, self.ramdisk_address),
            (layout.RECORD_DYNAMIC_RANGE_START, self.dynamic_range_start),
            (layout.RECORD_DYNAMIC_RANGE_END, self.dynamic_range_end),
            (layout.RECORD_MINIMUM_WIDTH, self.minimum_width),
            (layout.RECORD_MINIMUM_HEIGHT, self.minimum_height),
            (layout.RECORD_API_VERSION, self.api_version),
            (layout.RECORD_RAMDISK_LENGTH, len(ramdisk) or None),
            (layout.RECORD_RAMDISK_CHECKSUM, checksum.checksum(ramdisk) if ramdisk else None),
        )
        return b"".join(struct.pack("<IIQ", tag, 8, value) for tag, value in values if value is not None)


def build_id(elf: bytes, settings: KernelSettings, ramdisk: bytes = b"") -> bytes:
    """Returns the 16 bytes that name this kernel, its settings and its ramdisk, and nothing else."""
    digest = hashlib.sha256(struct.pack("<I", settings.handover) + settings.records(ramdisk) + elf + ramdisk)
    return digest.digest()[: layout.KERNEL_BUILD_ID_SIZE]


def write_kernel_file(elf: bytes, settings: KernelSettings | None = None, ramdisk: bytes = b"") -> bytes:
    """Returns the whole file: a header of KERNEL_HEADER_SIZE bytes, elf and ramdisk, each filled to whole sectors."""
    settings = settings or KernelSettings()
    elf_padded = elf + bytes(-len(elf) % layout.SECTOR_SIZE)
    records = settings.records(ramdisk)
    header = bytearray(layout.KERNEL_HEADER_SIZE)
    for offset, form, value in (
        (layout.KERNEL_MAGIC_OFFSET, "<Q", layout.KERNEL_MAGIC),
        (layout.KERNEL_VERSION_OFFSET, "<I", layout.KERNEL_VERSION),
        (layout.KERNEL_HEADER_SIZE_OFFSET, "<I", layout.KERNEL_HEADER_SIZE),
        (layout.KERNEL_ELF_LENGTH_OFFSET, "<Q", len(elf)),
        (layout.KERNEL_CHECKSUM_OFFSET, "<Q", checksum.checksum(elf_padded)),
        (layout.KERNEL_BUILD_ID_OFFSET, f"<{layout.KERNEL_BUILD_ID_SIZE}s", build_id(elf, settings, ramdisk)),
        (layout.KERNEL_HANDOVER_OFFSET, "<I", settings.handover),
        (layout.KERNEL_RECORDS_LENGTH_OFFSET, "<I", len(records)),
        (layout.KERNEL_RECORDS_OFFSET, f"<{len(records)}s", records),
    ):
        struct.pack_into(form, header, offset, value)
    struct.pack_into("<Q", header, layout.KERNEL_HEADER_CHECKSUM_OFFSET, checksum.checksum(bytes(header)))
    return bytes(header) + elf_padded + ramdisk + bytes(-len(ramdisk) % layout.SECTOR_SIZE)


def read_build_id(path: Path) -> bytes:
    """Returns the build id in the header of a kernel file."""
    with path.open("rb") as file:
        header = file.read(layout.KERNEL_HEADER_SIZE)
    return header[layout.KERNEL_BUILD_ID_OFFSET :][: layout.KERNEL_BUILD_ID_SIZE]


def read_elf(kernel_file: bytes, name: str) -> bytes:
    """Returns the ELF in kernel_file (named name in errors), after the checks that the loader makes too."""
    if len(kernel_file) < layout.KERNEL_HEADER_SIZE:
        raise BootwrightError(
            f"{name} is {len(kernel_file)} bytes; the header alone of a kernel file is {layout.KERNEL_HEADER_SIZE}"
        )
    magic, version = struct.unpack_from("<QI", kernel_file, layout.KERNEL_MAGIC_OFFSET)
    if magic != layout.KERNEL_MAGIC or version != layout.KERNEL_VERSION:
        raise BootwrightError(f"{name} is no kernel file of version {layout.KERNEL_VERSION}")
    header = bytearray(kernel_file[: layout.KERNEL_HEADER_SIZE])
    (stated,) = struct.unpack_from("<Q", header, layout.KERNEL_HEADER_CHECKSUM_OFFSET)
    struct.pack_into("<Q", header, layout.KERNEL_HEADER_CHECKSUM_OFFSET, 0)
    if checksum.checksum(bytes(header)) != stated:
        raise BootwrightError(f"{name}: the header's checksum is not {stated:#x}")
    length, stated = struct.unpack_from("<QQ", header, layout.KERNEL_ELF_LENGTH_OFFSET)
    elf = kernel_file[layout.KERNEL_HEADER_SIZE : layout.KERNEL_HEADER_SIZE + length]
    if len(elf) < length:
        raise BootwrightError(f"{name} ends after {len(elf)} bytes of ELF; its header states {length}")
    if checksum.checksum(elf) != stated:
        raise BootwrightError(f"{name}: the ELF's checksum is not {stated:#x}")
    return elf


def enlarge(kernel_file: bytes, more: bytes, name: str) -> bytes:
    """Returns kernel_file (named name in errors) with more bytes behind its ELF, which no segment of it names."""
    elf = read_elf(kernel_file, name)
    rest = kernel_file[layout.KERNEL_HEADER_SIZE + len(elf) + -len(elf) % layout.SECTOR_SIZE :]
    elf += more + bytes(-(len(elf) + len(more)) % layout.SECTOR_SIZE)
    header = bytearray(kernel_file[: layout.KERNEL_HEADER_SIZE])
    struct.pack_into("<QQ", header, layout.KERNEL_ELF_LENGTH_OFFSET, len(elf), checksum.checksum(elf))
    struct.pack_into("<Q", header, layout.KERNEL_HEADER_CHECKSUM_OFFSET, 0)
    struct.pack_into("<Q", header, layout.KERNEL_HEADER_CHECKSUM_OFFSET, checksum.checksum(bytes(header)))
    return bytes(header) + elf + rest
