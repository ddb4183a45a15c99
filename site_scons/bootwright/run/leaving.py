"""Where our loader leaves for the kernel: the last instruction that knows where a position-independent one lies.

Each loader jumps to the entry that r10 holds (arch/x86_64/src/jump.s), in a page that begins with its GDT (gdt.s). The
bytes of both are looked for in what the machine starts from: BIOS and fast lane run the page at its own address, the
EFI program copies it to a page below the screen's memory, and its firmware says which.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from bootwright.base.sizes import PAGE_SIZE
from bootwright.image import layout

# The null descriptor and that of 64-bit code, which every loader's GDT begins with.
_GDT = bytes(8) + 0x00AF9B000000FFFF.to_bytes(8, "little")
# push rax; xor eax, eax; jmp r10 of call_kernel, and xor ebp, ebp; push 0; jmp r10 of jump_to_kernel.
_JUMP = re.compile(rb"\x50\x31\xc0(?=\x41\xff\xe2)|\x31\xed\x6a\x00(?=\x41\xff\xe2)")
# A firmware gives the highest page that is free below the screen's memory, and itself takes a few of them. Each page
# that is waited for makes TCG slower.
_HIGHEST = 0x80000
_GDT_ADDRESS = layout.STAGE_LOAD_ADDRESS + layout.STAGE_HEADER_SIZE


def find_jumps(start: Path, uefi: bool) -> list[int]:
    """Returns the addresses that the jump into the kernel may lie at; start is an image, or a loader's own file.

    Of an image the BIOS's loader comes first, and the EFI program last. None are found in a file that has no loader.
    """
    with start.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        gdt = data.rfind(_GDT) if uefi else data.find(_GDT)
        if gdt < 0:
            return []
        offsets = [found.end() for found in _JUMP.finditer(data[gdt : gdt + PAGE_SIZE])]
    pages = range(_HIGHEST, layout.VGA_START, PAGE_SIZE) if uefi else (_GDT_ADDRESS,)
    return [page + offset for page in pages for offset in offsets]
