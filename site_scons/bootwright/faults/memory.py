"""The memory of a guest that stands still: physical bytes from QEMU, virtual ones through the guest's page tables."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bootwright.base.sizes import PAGE_SIZE

CHUNK = 64 * 1024  # what is asked of QEMU at once
PRESENT, WRITABLE, USER, LARGE, NO_EXECUTE = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 63
FRAME = 0x000F_FFFF_FFFF_F000
NAMES = {4: "PML4", 3: "page directory pointer", 2: "page directory", 1: "page table"}
PAGING, LONG_MODE_ACTIVE, PHYSICAL_ADDRESS_EXTENSION, FIVE_LEVELS = 1 << 31, 1 << 10, 1 << 5, 1 << 12


@dataclass(frozen=True)
class Mapping:
    """What the page tables say about an address; missing_level (4 to 1, 0: mapped) is where the walk ended."""

    start: int
    size: int
    physical: int
    writable: bool
    executable: bool
    user: bool
    missing_level: int = 0

    @property
    def present(self) -> bool:
        """Whether the page is mapped."""
        return self.missing_level == 0

    def __str__(self) -> str:
        if not self.present:
            return f"not mapped (no entry in its {NAMES[self.missing_level]})"
        rights = ["read", *(["write"] if self.writable else []), *(["execute"] if self.executable else [])]
        who = ", user" if self.user else ""
        return f"mapped to physical {self.physical:#x}, {' '.join(rights)}{who}, page of {self.size // 1024} KiB"


def is_canonical(address: int) -> bool:
    """Tells whether the upper 17 bits of address are alike, as four levels of page tables want it."""
    return address >> 47 in (0, 0x1FFFF)


class GuestMemory:
    """Reads a stopped guest; read_physical returns size bytes at an address, fewer where there is no memory."""

    def __init__(self, read_physical: Callable[[int, int], bytes], cr3: int, cr0: int, cr4: int, efer: int) -> None:
        self._read_physical = read_physical
        self._pages: dict[int, bytes] = {}
        self._mappings: dict[int, Mapping] = {}
        self._cr3 = cr3
        self._paging = bool(cr0 & PAGING)
        self._no_execute = bool(efer & 1 << 11)
        # Only the page tables of 64-bit mode are known here; no kernel of ours gets further without them.
        self.known = not self._paging or bool(efer & LONG_MODE_ACTIVE and not cr4 & FIVE_LEVELS)

    def _page(self, frame: int) -> bytes:
        if frame not in self._pages:
            # A page at a time would take seconds for a stack that is full.
            start = frame & -CHUNK
            data = self._read_physical(start, CHUNK)
            for offset in range(0, CHUNK, PAGE_SIZE):
                self._pages[start + offset] = data[offset : offset + PAGE_SIZE]
        return self._pages[frame]

    def mapping(self, address: int) -> Mapping:
        """Returns what the page tables say about address, which must be canonical."""
        page = address // PAGE_SIZE
        if page not in self._mappings:
            self._mappings[page] = self._walk(address)
        return self._mappings[page]

    def _walk(self, address: int) -> Mapping:
        if not self._paging:
            return Mapping(address & -PAGE_SIZE, PAGE_SIZE, address & -PAGE_SIZE, True, True, False)
        table, writable, user, executable = self._cr3 & FRAME, True, True, True
        for level in (4, 3, 2, 1):
            shift = 12 + 9 * (level - 1)
            size = 1 << shift
            start = address & -size
            page = self._page(table)
            offset = 8 * (address >> shift & 511)
            entry = struct.unpack_from("<Q", page, offset)[0] if len(page) == PAGE_SIZE else 0
            if not entry & PRESENT:
                return Mapping(start, size, 0, False, False, False, level)
            writable = writable and bool(entry & WRITABLE)
            user = user and bool(entry & USER)
            executable = executable and not (self._no_execute and entry & NO_EXECUTE)
            if level == 1 or (entry & LARGE and level < 4):
                return Mapping(start, size, entry & FRAME & -size, writable, executable, user)
            table = entry & FRAME
        raise AssertionError("level 1 returns")

    def read(self, address: int, size: int) -> bytes:
        """Returns up to size bytes at a virtual address: fewer where a page is not mapped."""
        data = b""
        while len(data) < size and self.known and 0 <= address < 1 << 64 and is_canonical(address):
            mapping = self.mapping(address)
            if not mapping.present:
                break
            physical = mapping.physical + address - mapping.start
            offset = physical % PAGE_SIZE
            piece = self._page(physical - offset)[offset : offset + size - len(data)]
            if not piece:
                break
            data += piece
            address += len(piece)
        return data

    def word(self, address: int) -> int | None:
        """Returns the 64 bits at address, None where they cannot be read."""
        data = self.read(address, 8)
        return int(struct.unpack("<Q", data)[0]) if len(data) == 8 else None

    def mapped_above(self, address: int, limit: int) -> int | None:
        """Returns the first mapped address at or above address, within limit bytes; None where there is none."""
        end = address + limit
        while address < end and is_canonical(address):
            mapping = self.mapping(address)
            if mapping.present:
                return max(address, mapping.start)
            address = mapping.start + mapping.size
        return None
