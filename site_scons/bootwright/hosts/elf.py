"""The check of an ELF program for a host, by pyelftools."""

from __future__ import annotations

import io
import re
from typing import Any

from elftools.elf.elffile import ELFFile

from bootwright.base.errors import BootwrightError
from bootwright.elf.unreadable import UNREADABLE
from bootwright.hosts.product import CRT_FILES, Product, check_start_files

DF_1_PIE = 0x08000000
AND_RSP, NEAR_ENTRY = b"\x48\x83\xe4", 48  # and rsp, imm8
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}


def check(product: Product) -> None:
    """Raises BootwrightError, which names the field, unless the product is a freestanding ELF program of its row."""
    with product.path.open("rb") as stream:
        try:
            _check(product, ELFFile(stream))
        except UNREADABLE as error:
            raise BootwrightError(f"{product.path} is no whole ELF file: {error or 'it ends early'}") from error


def _check(product: Product, elf: Any) -> None:
    header = elf.header
    wanted = MACHINES[product.row.arch]
    if header["e_machine"] != wanted or elf.elfclass != 64:
        raise product.breach("e_machine", f"{header['e_machine']} ({elf.elfclass} bit)", f"{wanted} (64 bit)")
    if header["e_type"] not in ("ET_EXEC", "ET_DYN"):
        raise product.breach("e_type", str(header["e_type"]), "ET_EXEC or ET_DYN")
    _check_symbols(product, elf)
    check_start_files(product)
    entry = _entry_of_symbol(product, elf)
    if entry is None or header["e_entry"] != entry:
        where = f"at {entry:#x}" if entry is not None else "not there"
        raise product.breach(
            "e_entry", f"{header['e_entry']:#x}, and `{product.row.entry}` is {where}", f"`{product.row.entry}`"
        )
    for segment in elf.iter_segments("PT_INTERP"):
        if "PT_INTERP" not in product.row.allows:
            raise product.breach("PT_INTERP", segment.get_interp_name(), "no interpreter")
    dynamic = list(elf.iter_segments("PT_DYNAMIC"))
    flags = [tag["d_val"] for segment in dynamic for tag in segment.iter_tags("DT_FLAGS_1")]
    if header["e_type"] == "ET_DYN" and not any(flag & DF_1_PIE for flag in flags):
        raise product.breach("DT_FLAGS_1", "without DF_1_PIE: a shared library", "a program")
    for segment in dynamic:
        needed = [tag.needed for tag in segment.iter_tags("DT_NEEDED")]
        if needed:
            raise product.breach("DT_NEEDED", ", ".join(needed), "no library")


def aligns_its_stack(data: bytes) -> bool:
    """Tells whether an ELF's entry has `and rsp, -16` (or less) near, or is no code of x86-64 at all."""
    try:
        elf = ELFFile(io.BytesIO(data))
        if elf.header["e_machine"] != "EM_X86_64":
            return True
        (at,) = elf.address_offsets(elf.header["e_entry"])
    except UNREADABLE:
        return True
    return AND_RSP in data[at : at + NEAR_ENTRY]


def _symbols(elf: Any) -> list[Any]:
    tables = [elf.get_section_by_name(name) for name in (".symtab", ".dynsym")]
    return [symbol for table in tables if table for symbol in table.iter_symbols()]


def _check_symbols(product: Product, elf: Any) -> None:
    for symbol in _symbols(elf):
        if symbol.name not in ("", product.row.entry) and symbol["st_shndx"] == "SHN_UNDEF":
            raise product.breach("undefined symbol", f"`{symbol.name}`", "none: there is no library that could have it")
        if symbol["st_info"]["type"] == "STT_FILE" and CRT_FILES.fullmatch(symbol.name):
            raise product.breach("start file", symbol.name, "none, since the program has its own entry")


def _entry_of_symbol(product: Product, elf: Any) -> int | None:
    """Returns the address of the entry's symbol; a program without symbols has it in its map (lld's and GNU ld's)."""
    for symbol in _symbols(elf):
        if symbol.name == product.row.entry and symbol["st_shndx"] != "SHN_UNDEF":
            return int(symbol["st_value"])
    line = re.search(rf"^\s*(?:0x)?([0-9a-f]+)\s.*?(?<!\S){re.escape(product.row.entry)}$", product.map, re.MULTILINE)
    return int(line[1], 16) if line else None
