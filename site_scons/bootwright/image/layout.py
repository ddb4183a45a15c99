"""The one home of every layout fact: the disk, the kernel file, the loader's memory.

Python imports these names; Rust and its assembler get the same ones as the generated crate `layout`
(rust_source), so that no number is written twice. The maps are drawn in bootloader/README.md.
"""

from __future__ import annotations

from bootwright.base.sizes import MIB
from bootwright.base.sizes import PAGE_SIZE as PAGE_SIZE
from bootwright.image.guid import Guid

SECTOR_SIZE = 512

# The disk, in sectors (LBA). UEFI 2.10, chapter 5, for GPT.
GPT_HEADER_LBA = 1
GPT_ENTRIES_LBA = 2
GPT_ENTRY_COUNT = 128
GPT_ENTRY_SIZE = 128
GPT_ENTRIES_SECTORS = GPT_ENTRY_COUNT * GPT_ENTRY_SIZE // SECTOR_SIZE
FIRST_USABLE_LBA = 34
CD_FIRST_LBA = 64  # the volume descriptors of ISO 9660; on a disk nobody looks there
CD_BOOT_LBA = 92  # what a BIOS loads from a CD: one block, the last before the stage
CD_BLOCK_SECTORS = 4
BIOS_BOOT_FIRST_LBA = 96
BIOS_BOOT_LAST_LBA = 2047
KERNEL_FIRST_LBA = 2048
ALIGNMENT_SECTORS = MIB // SECTOR_SIZE
# The EFI system partition, behind the kernel's: FAT32 is genuine from 33 MiB on.
ESP_SECTORS = 34 * ALIGNMENT_SECTORS
EFI_PATH = "EFI/BOOT/BOOTX64.EFI"  # where firmware looks on a medium that it does not know

# Partition type GUIDs. BIOS boot is GRUB's; the kernel's is our own.
ESP_TYPE = Guid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
BIOS_BOOT_TYPE = Guid("21686148-6449-6e6f-744e-656564454649")
KERNEL_TYPE = Guid("b007d15c-6b65-4e72-9e6c-b007d15c0001")
GUID_NAMESPACE = Guid("b007d15c-6775-4964-8e73-b007d15c0000")

# The boot sector: code ends where the disk signature begins; the gap for a BIOS parameter block ends at 0x5A.
BPB_END = 0x5A
BOOT_CODE_END = 0x1B8
PARTITION_TABLE_OFFSET = 0x1BE

# The stage: what the BIOS boot partition holds. The boot sector reads it in pieces that no 64 KiB bank ends in.
STAGE_LOAD_ADDRESS = 0x8000
STAGE_MAX_SECTORS = 192
STAGE_PIECE_SECTORS = 64
STAGE_MAGIC = 0x4547415453574F42  # "BOWSTAGE", read as a little-endian quadword
STAGE_MAGIC_OFFSET = 8
STAGE_SECTORS_OFFSET = 16
STAGE_CHECKSUM_OFFSET = 20
STAGE_BUILD_ID_OFFSET = 24
STAGE_HEADER_SIZE = 32

# The kernel file: one header, then a valid ELF. Offsets in bytes.
KERNEL_MAGIC = 0x4C4E52454B574F42  # "BOWKERNL", read as a little-endian quadword
KERNEL_VERSION = 1
KERNEL_HEADER_SIZE = 4096  # a page, so that the ELF stays page-aligned wherever the file is
KERNEL_MAGIC_OFFSET = 0
KERNEL_VERSION_OFFSET = 8
KERNEL_HEADER_SIZE_OFFSET = 12
KERNEL_ELF_LENGTH_OFFSET = 16
KERNEL_CHECKSUM_OFFSET = 24  # over the ELF, filled up with zeroes to whole sectors
KERNEL_HEADER_CHECKSUM_OFFSET = 32  # over the header, with this field zero
KERNEL_BUILD_ID_OFFSET = 40
KERNEL_BUILD_ID_SIZE = 16
KERNEL_HANDOVER_OFFSET = 56
KERNEL_RECORDS_LENGTH_OFFSET = 60
KERNEL_RECORDS_OFFSET = 64

# Handovers, each a file of bootloader/common/src/handover/.
HANDOVER_BOOTLOADER_09 = 1
HANDOVER_BOOTLOADER_011 = 2

# Records of the kernel file: tag u32, length u32, value, filled up to 8 bytes. Every value here is a u64.
RECORD_KERNEL_STACK_SIZE = 1  # bytes
RECORD_KERNEL_STACK_ADDRESS = 2  # virtual address of the page below the stack; as all others, absent: loader's choice
RECORD_BOOT_INFO_ADDRESS = 3  # virtual address
RECORD_PHYSICAL_MEMORY_OFFSET = 4  # virtual address
RECORD_FEATURES = 5  # bits: FEATURE_...
RECORD_KERNEL_BASE = 6  # virtual address of a position-independent kernel
RECORD_FRAMEBUFFER_ADDRESS = 7  # virtual address
RECORD_RECURSIVE_ADDRESS = 8  # virtual address in the top-level entry that points to its own table
RECORD_RAMDISK_ADDRESS = 9  # virtual address
RECORD_DYNAMIC_RANGE_START = 10  # virtual address from which on the loader chooses
RECORD_DYNAMIC_RANGE_END = 11
RECORD_MINIMUM_WIDTH = 12  # pixels
RECORD_MINIMUM_HEIGHT = 13
RECORD_API_VERSION = 14  # three u16 and a byte, as bootloader_api writes them
RECORD_RAMDISK_LENGTH = 15  # bytes, behind the ELF, which is filled up to whole sectors
RECORD_RAMDISK_CHECKSUM = 16

FEATURE_MAP_PHYSICAL_MEMORY = 1 << 0
FEATURE_RECURSIVE_PAGE_TABLE = 1 << 1
FEATURE_VGA_320X200 = 1 << 2
FEATURE_SSE = 1 << 3
FEATURE_ASLR = 1 << 4
FEATURES_ALL = (1 << 5) - 1

# The checksum: each sector's sum of quadwords, folded by acc = acc * MULTIPLIER + sum (mod 2**64).
# MULTIPLIER is odd, so folding is a bijection and any single changed byte changes the result.
CHECKSUM_MULTIPLIER = 0x9E3779B97F4A7C15

# The loader's low memory, in bytes; the memory map in bootloader/README.md shows all of it.
BOOT_SECTOR_ADDRESS = 0x7C00
LOW_MEMORY_LIMIT = 0x80000  # stay below: the EBDA may begin anywhere above

KERNEL_TABLES_ADDRESS = 0x1000  # a kernel's first four page tables, the top level first
KERNEL_TABLES_END = 0x5000
KEPT_START = 0x1000  # what a kernel of bootloader 0.9 finds mapped to itself
KEPT_END = 0x15000
STAGE_LOW_END = 0x9000  # what 16-bit code and descriptors name, and what stays mapped for a kernel, ends below
STAGE_END = 0x20000
READ_BUFFER_ADDRESS = 0x20000  # the BIOS reads to here: below 1 MiB, and within one 64 KiB bank
READ_MAX_SECTORS = 127  # what every BIOS takes in one call
LOADER_TABLES_ADDRESS = 0x30000  # the loader's own page tables: seven pages that map up to 4 GiB
LOADER_GUARD_ADDRESS = 0x37000  # a page that is not mapped, below the loader's stack
LOADER_STACK_END = 0x58000
LOADER_EXCEPTION_STACK_END = 0x59000
MEMORY_FLOOR = MIB  # nothing is allocated below, nothing at or above the ceiling, which the loader's tables end at
MEMORY_CEILING = 4096 * MIB

# The PVH loader (bootloader/pvh/README.md).
PVH_LOAD_ADDRESS = MIB  # where QEMU puts it; it then moves to where the stage of the image lies
ROM_WINDOW_ADDRESS = 0xFE000000  # where the VGA's ROM is shown for a moment: PCI's, below the interrupt controllers
FRAMEBUFFER_WINDOW_ADDRESS = (
    0xFD000000  # where a frame buffer is shown that no firmware gave an address: as SeaBIOS does
)

MOVABLE_KERNEL_START = 0x200000  # where a position-independent kernel of bootloader 0.9 goes that is linked lower
VGA_START = 0xA0000
VGA_END = 0xC0000
VGA_TEXT = 0xB8000
LARGE_PAGE_SIZE = 2 * MIB

SEAL_MARK = b"bootwright seal:"  # in the EFI program; its kernel's SHA-256 follows

# Verdicts of the guest. Port E9 is QEMU's debug console; isa-debug-exit returns value * 2 + 1.
DEBUG_CONSOLE_PORT = 0xE9
DEBUG_EXIT_PORT = 0xF4
DEBUG_EXIT_PASSED = 0x10
DEBUG_EXIT_FAILED = 0x11
SERIAL_PORT = 0x3F8
# What the UEFI loader sends a terminal that showed the firmware's console: attributes off, cursor home, all cleared.
TERMINAL_CLEARED = b"\x1b[0m\x1b[H\x1b[2J"
