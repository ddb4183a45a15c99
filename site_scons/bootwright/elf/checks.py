"""The kernel's ELF before it becomes a kernel file: every fact that the loader will insist on, told at build time."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_bytes
from bootwright.base.sizes import PAGE_SIZE
from bootwright.cargo import entry_point
from bootwright.image.elf_file import (
    EM_X86_64,
    ET_DYN,
    ET_EXEC,
    PF_X,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    PT_TLS,
    ElfFile,
    Segment,
)  # fmt: skip

T = TypeVar("T")

MAX_SEGMENTS = 32  # program headers that a kernel of bootloader 0.9 may have
LOWEST_ADDRESS = 0x100000  # below it lie the BIOS, the loader's own pages and the VGA window
USER_HALF_END = 0x0000_8000_0000_0000
KERNEL_HALF_START = 0xFFFF_8000_0000_0000

R_X86_64_RELATIVE = 8
STATIC_HINT = "compile with -C relocation-model=static, and link without -pie and --shared"


def check_kernel(path: Path, crate_root: Path | None = None, edition: str = "2024") -> None:
    """Raises BootwrightError unless path is a kernel that the loader can start: static, x86-64, sane segments.

    crate_root, where it is known, is read for the sentence about an entry that is missing.
    """
    elf = ElfFile(read_bytes(path), path)
    _check_identity(path, elf)
    _check_has_entry(path, elf, crate_root, edition)
    segments = _read_segments(path, elf)
    _check_places(path, segments, movable=elf.e_type == ET_DYN)
    _check_entry(path, elf, segments)
    _check_dynamic(path, elf)


def _check_identity(path: Path, elf: ElfFile) -> None:
    if not elf.is_64_little or elf.e_machine != EM_X86_64:
        header, bits, endian = ask_pyelftools(path, elf.data, lambda e: (e.header, e.elfclass, e.little_endian))
        raise BootwrightError(
            f"{path} is for {header['e_machine']}, {bits} bit, {'little' if endian else 'big'}-endian; "
            "the loader starts EM_X86_64, 64 bit"
        )
    if elf.e_type not in (ET_EXEC, ET_DYN):
        kind = ask_pyelftools(path, elf.data, lambda e: e.header["e_type"])
        raise BootwrightError(f"{path} is of type {kind}; the loader starts ET_EXEC and ET_DYN")
    if len(elf.segments) > MAX_SEGMENTS:
        raise BootwrightError(f"{path} has {len(elf.segments)} program headers; the limit is {MAX_SEGMENTS}")


def _read_segments(path: Path, elf: ElfFile) -> list[Segment]:
    segments = [segment for segment in elf.segments if segment.p_type == PT_LOAD]
    for segment in segments:
        where = f"{path}: the segment at {segment.p_vaddr:#x}"
        if segment.p_filesz > segment.p_memsz:
            raise BootwrightError(f"{where} has {segment.p_filesz} bytes in the file but {segment.p_memsz} in memory")
        if (segment.p_offset - segment.p_vaddr) % PAGE_SIZE:
            raise BootwrightError(
                f"{where} has file offset {segment.p_offset:#x}; both must be equal modulo {PAGE_SIZE}",
                "a linker script with its own AT() or ALIGN() often does this",
            )
    loaded = [segment for segment in segments if segment.p_memsz]
    if not loaded:
        raise BootwrightError(f"{path} has no segment to load")
    return sorted(loaded, key=lambda s: s.p_vaddr)


def _check_places(path: Path, segments: list[Segment], movable: bool) -> None:
    for segment in segments:
        half_end = USER_HALF_END if segment.p_vaddr < USER_HALF_END else 1 << 64
        in_hole = USER_HALF_END <= segment.p_vaddr < KERNEL_HALF_START
        if in_hole or segment.end > half_end:
            raise BootwrightError(
                f"{path}: the segment {segment.p_vaddr:#x} to {segment.end:#x} is no canonical range of addresses"
            )
        if segment.p_vaddr < LOWEST_ADDRESS and not movable:
            raise BootwrightError(
                f"{path}: the segment {segment.p_vaddr:#x} to {segment.end:#x} begins below {LOWEST_ADDRESS:#x}, "
                "where BIOS, loader and screen are",
                "link it at 0x200000, as it is without a linker script",
            )
    for first, second in itertools.pairwise(segments):
        if second.p_vaddr < first.end:
            raise BootwrightError(
                f"{path}: the segments {first.p_vaddr:#x} to {first.end:#x} and {second.p_vaddr:#x} to "
                f"{second.end:#x} overlap"
            )


def _check_has_entry(path: Path, elf: ElfFile, crate_root: Path | None, edition: str) -> None:
    if elf.e_entry == 0:
        # The linker drops what nothing leads to, so that the sources say more than the file.
        kept = f"the file exports {ask_pyelftools(path, elf.data, _exported)} instead"
        instead = entry_point.say_instead(crate_root) if crate_root else kept
        raise BootwrightError(
            f"{path} has no entry: no symbol `_start` was linked; {instead}",
            (crate_root and entry_point.unused_script(crate_root))
            or f"{entry_point.declaration(edition)} is what the linker looks for",
        )


def _check_entry(path: Path, elf: ElfFile, segments: list[Segment]) -> None:
    entry = elf.e_entry
    if not any(s.p_flags & PF_X and s.p_vaddr <= entry < s.end for s in segments):
        raise BootwrightError(f"{path}: the entry {entry:#x} is in no executable segment")


def _exported(elf: Any) -> str:
    """Returns the names of the first global functions, for the reader who forgot #[no_mangle]."""
    table = elf.get_section_by_name(".symtab")
    names = sorted(
        symbol.name
        for symbol in (table.iter_symbols() if table else ())
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_info"]["bind"] == "STB_GLOBAL"
    )
    return ", ".join(f"`{name}`" for name in names[:5]) or "no function"


def _check_dynamic(path: Path, elf: ElfFile) -> None:
    kinds = [segment.p_type for segment in elf.segments]
    movable = elf.e_type == ET_DYN
    for kind, name, meaning in (
        (PT_INTERP, "PT_INTERP", "an interpreter"), (PT_DYNAMIC, "PT_DYNAMIC", "dynamic linking"),
    ):  # fmt: skip
        if kind in kinds and not (movable and kind == PT_DYNAMIC):
            raise BootwrightError(f"{path} asks for {meaning} ({name}); a kernel has nobody to serve it", STATIC_HINT)
    if kinds.count(PT_TLS) > 1:
        raise BootwrightError(f"{path} has {kinds.count(PT_TLS)} PT_TLS segments; the limit is 1")
    if PT_DYNAMIC in kinds:
        ask_pyelftools(path, elf.data, lambda e: _check_all_relocations(path, e))


def _check_all_relocations(path: Path, elf: Any) -> None:
    for segment in elf.iter_segments("PT_DYNAMIC"):
        _check_relocations(path, segment.get_relocation_tables())


def _check_relocations(path: Path, tables: Any) -> None:
    """Raises for a relocation that needs more than the address where the kernel lies."""
    for name, table in tables.items():
        for relocation in table.iter_relocations():
            kind = relocation["r_info_type"] if name != "RELR" else None
            if name != "RELA" or kind != R_X86_64_RELATIVE:
                told = (
                    f"a table {name}" if kind is None else f"a relocation of type {kind} at {relocation['r_offset']:#x}"
                )
                raise BootwrightError(
                    f"{path} has {told}; the loader makes those of type {R_X86_64_RELATIVE} (R_X86_64_RELATIVE)",
                    STATIC_HINT,
                )


def ask_pyelftools(path: Path, data: bytes, ask: Callable[[Any], T]) -> T:
    """Returns what ask says of the ELF data, named path; raises BootwrightError for what is none, or not whole.

    It takes 60 ms to import, which a kernel that is static and right does not pay for.
    """
    from elftools.elf.elffile import ELFFile

    from bootwright.elf.unreadable import UNREADABLE

    try:
        return ask(ELFFile(io.BytesIO(data)))
    except UNREADABLE as error:
        raise BootwrightError(
            f"{path} is no whole ELF file of {len(data)} bytes: {error or 'it ends early'}"
        ) from error
