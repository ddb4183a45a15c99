"""The check of a Mach-O program for macOS, by LIEF."""

from __future__ import annotations

from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.hosts.product import Product, check_start_files

CPUS = {"x86_64": "X86_64", "aarch64": "ARM64"}


def check(product: Product) -> None:
    """Raises BootwrightError, which names the field, unless the product is a freestanding Mach-O program of its row."""
    import lief

    lief.logging.disable()
    fat = lief.MachO.parse(str(product.path)) if lief.is_macho(str(product.path)) else None
    binary = fat.at(0) if fat is not None and fat.size == 1 else None
    if binary is None:
        raise BootwrightError(f"{product.path} is no Mach-O file of one architecture")
    cpu, wanted = binary.header.cpu_type.name, CPUS[product.row.arch]
    if cpu != wanted:
        raise product.breach("cputype", cpu, wanted)
    if binary.header.file_type.name != "EXECUTE":
        raise product.breach("filetype", binary.header.file_type.name, "EXECUTE")
    libraries = [str(library.name) for library in binary.libraries]
    if libraries:
        raise product.breach("LC_LOAD_DYLIB", ", ".join(libraries), "no library")
    _check_symbols(product, binary)
    check_start_files(product)
    _check_entry(product, binary)
    dylinker = binary.dylinker
    if dylinker is not None and "LC_LOAD_DYLINKER" not in product.row.allows:
        raise product.breach("LC_LOAD_DYLINKER", str(dylinker.name), "none")
    if product.row.arch == "aarch64" and not binary.has_code_signature:
        raise product.breach("LC_CODE_SIGNATURE", "missing", "one: an arm64 Mac starts nothing without")


def _check_symbols(product: Product, binary: Any) -> None:
    for symbol in binary.symbols:
        if symbol.type.name == "UNDEFINED" and symbol.name:
            raise product.breach("undefined symbol", f"`{symbol.name}`", "none: there is no library that could have it")


def _check_entry(product: Product, binary: Any) -> None:
    """LC_MAIN holds the entry's offset in the file; LC_UNIXTHREAD, of a static program, the first program counter."""
    if binary.has_main_command:
        field, entry = "LC_MAIN", binary.imagebase + binary.main_command.entrypoint
    elif binary.has_thread_command:
        field, entry = "LC_UNIXTHREAD", binary.thread_command.pc
    else:
        raise product.breach("entry", "missing", "LC_MAIN or LC_UNIXTHREAD")
    name = product.row.entry
    symbol = next((symbol.value for symbol in binary.symbols if symbol.name == name), None)
    if entry != symbol:
        where = f"at {symbol:#x}" if symbol is not None else "not there"
        raise product.breach(field, f"{entry:#x}, and `{name}` is {where}", f"`{name}`")
