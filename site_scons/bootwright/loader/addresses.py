"""Where a kernel's own addresses lie in each other's way, or where no page table has a place for them.

All that is known before the boot: a kernel whose addresses collide is refused on the builder already.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.sizes import MIB, PAGE_SIZE
from bootwright.image import layout
from bootwright.image.elf_file import ET_DYN, PT_LOAD, ElfFile
from bootwright.image.kernel_file import KernelSettings

# What is mapped to itself: of a kernel of 0.9 upstream's low memory and the screen, of others the way into the kernel.
_LOW = ((layout.KEPT_START, layout.KEPT_END), (layout.VGA_START, layout.VGA_END))
_JUMP = ((layout.STAGE_LOAD_ADDRESS, layout.STAGE_LOW_END),)
_ENTRY = 1 << 39  # what a top-level entry of the page tables covers
_LAST_PAGE = (1 << 64) - PAGE_SIZE
_UPPER_HALF = (1 << 17) - 1  # the upper 17 bits of its addresses, which are all equal
_LEAST_MEMORY = 4096 * MIB  # what the map of physical memory covers at least
_BOOT_INFO_011 = 232  # bytes, and 24 for each region of memory


@record(frozen=True)
class _Range:
    """Addresses from start to end, exclusive, that what takes."""

    start: int
    end: int
    what: str


def check_addresses(name: str, elf: ElfFile, settings: KernelSettings, ramdisk: int) -> None:
    """Raises where two ranges that are known now lie in one place, or where one of them can lie nowhere.

    elf is the kernel, name stands in the sentences, ramdisk is the size of what it gets in bytes.
    """
    is_011 = settings.handover == layout.HANDOVER_BOOTLOADER_011
    low = _JUMP if is_011 else _LOW
    own = [_Range(start, end, "what the loader keeps in low memory") for start, end in low]
    own += _wanted_011(name, elf, settings, ramdisk) if is_011 else _wanted_09(settings)
    own += _physical_memory(name, settings)
    for one in own:
        if one.end > _LAST_PAGE or not _fits(one):
            raise BootwrightError(
                f"{name}: {one.what} at {one.start:#x} takes {one.end - one.start:#x} bytes, which do not fit there"
            )
    segments = [_Range(*pages, "a segment") for pages in _segments(elf)]
    if elf.e_type == ET_DYN:
        segments = [] if is_011 else _moved_09(segments)
    for one, other in itertools.chain(itertools.combinations(own, 2), itertools.product(segments, own)):
        if max(one.start, other.start) < min(one.end, other.end):
            raise BootwrightError(
                f"{name}: {one.what} at {one.start:#x} to {one.end:#x} and {other.what} at {other.start:#x} to "
                f"{other.end:#x} lie in one place",
                "give one of them another address: in [package.metadata.bootloader], entry_point! or the linker script",
            )


def _fits(one: _Range) -> bool:
    half = one.start >> 47
    return half in (0, _UPPER_HALF) and half == (one.end - 1) >> 47


def _pages(start: int, size: int, what: str) -> _Range:
    """Returns the whole pages of size bytes from start on."""
    return _Range(start // PAGE_SIZE * PAGE_SIZE, -(-(start + size) // PAGE_SIZE) * PAGE_SIZE, what)


def _segments(elf: ElfFile) -> Iterator[tuple[int, int]]:
    for segment in elf.segments:
        if segment.p_type == PT_LOAD and segment.p_memsz:
            pages = _pages(segment.p_vaddr, segment.p_memsz, "")
            yield pages.start, pages.end


def _moved_09(segments: list[_Range]) -> list[_Range]:
    """Returns where the segments of a position-independent kernel of 0.9 lie: one that is in the way is moved."""
    start = min((segment.start for segment in segments), default=layout.VGA_END)
    if start >= layout.VGA_END:
        return segments
    slide = layout.MOVABLE_KERNEL_START - start
    return [_Range(segment.start + slide, segment.end + slide, segment.what) for segment in segments]


def _stack(address: int, settings: KernelSettings) -> _Range:
    return _pages(address, PAGE_SIZE + settings.kernel_stack_size, "the stack with the page below it")


def _wanted_09(settings: KernelSettings) -> Iterator[_Range]:
    boot_info, stack = settings.boot_info_address, settings.kernel_stack_address
    if boot_info is not None:
        yield _pages(boot_info, PAGE_SIZE, "the boot information")
        stack = boot_info + PAGE_SIZE if stack is None else stack
    if stack is not None:
        yield _stack(stack, settings)


def _wanted_011(name: str, elf: ElfFile, settings: KernelSettings, ramdisk: int) -> Iterator[_Range]:
    """Yields what entry_point! gives an address; raises for one that bootloader_api does not take."""
    _check_multiples(name, elf, settings)
    for end in (settings.dynamic_range_start, settings.dynamic_range_end):
        if end is not None and end >> 47 not in (0, _UPPER_HALF):
            raise BootwrightError(f"{name} asks for a dynamic range that begins or ends at {end:#x}, no address")
    boot_info, screen = settings.boot_info_address, settings.framebuffer_address
    if settings.kernel_stack_address is not None:
        yield _stack(settings.kernel_stack_address, settings)
    if boot_info is not None:
        yield _pages(boot_info, _BOOT_INFO_011, "the boot information")
    if screen is not None:
        yield _pages(screen, PAGE_SIZE, "the frame buffer")
    if settings.ramdisk_address is not None and ramdisk:
        yield _pages(settings.ramdisk_address, ramdisk, "the ramdisk")
    if settings.recursive_address is not None:
        start = settings.recursive_address
        yield _Range(start, start + _ENTRY - PAGE_SIZE, "the recursive entry of the page tables")
    if settings.kernel_base is not None:
        for start, end in _segments(elf):
            yield _Range(settings.kernel_base + start, settings.kernel_base + end, "a segment")


def _check_multiples(name: str, elf: ElfFile, settings: KernelSettings) -> None:
    alignment = max([PAGE_SIZE, *(segment.p_align for segment in elf.segments if segment.p_type == PT_LOAD)])
    for key, value, step in (
        ("kernel_stack", settings.kernel_stack_address, PAGE_SIZE),
        ("kernel_base", settings.kernel_base, alignment),
        ("boot_info", settings.boot_info_address, 8),
        ("framebuffer", settings.framebuffer_address, PAGE_SIZE),
        ("ramdisk_memory", settings.ramdisk_address, PAGE_SIZE),
        ("page_table_recursive", settings.recursive_address, _ENTRY),
    ):
        if value is not None and value % step:
            raise BootwrightError(f"{name} asks for {key} at {value:#x}, which is no multiple of {step:#x}")


def _physical_memory(name: str, settings: KernelSettings) -> Iterator[_Range]:
    offset = settings.physical_memory_offset
    if offset is None:
        return
    if offset % layout.LARGE_PAGE_SIZE:
        raise BootwrightError(
            f"{name}: the physical memory's map at {offset:#x} begins at no multiple of {layout.LARGE_PAGE_SIZE:#x}"
        )
    yield _Range(offset, offset + _LEAST_MEMORY, "the map of physical memory")
