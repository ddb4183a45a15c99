"""The check of a PE program for Windows, by LIEF and, since a PE has no symbols, by its linker's map."""

from __future__ import annotations

import re

from bootwright.base.errors import BootwrightError
from bootwright.hosts.product import Product, check_start_files

MACHINES = {"x86_64": "AMD64", "aarch64": "ARM64"}
CONSOLE = "WINDOWS_CUI"


def check(product: Product) -> None:
    """Raises BootwrightError, which names the field, unless the product is a freestanding PE program of its row."""
    import lief

    lief.logging.disable()
    pe = lief.PE.parse(str(product.path)) if lief.is_pe(str(product.path)) else None
    if pe is None:
        raise BootwrightError(f"{product.path} is no PE file")
    machine, wanted = pe.header.machine.name, MACHINES[product.row.arch]
    if machine != wanted:
        raise product.breach("Machine", machine, wanted)
    if pe.header.has_characteristic(lief.PE.Header.CHARACTERISTICS.DLL):
        raise product.breach("Characteristics", "IMAGE_FILE_DLL, a library", "a program")
    if pe.optional_header.subsystem.name != CONSOLE:
        raise product.breach("Subsystem", pe.optional_header.subsystem.name, CONSOLE)
    imports = [str(library.name) for library in (*pe.imports, *pe.delay_imports)]
    if imports:
        raise product.breach("import", ", ".join(imports), "none")
    check_start_files(product)
    entry = pe.optional_header.imagebase + pe.optional_header.addressof_entrypoint
    symbol = _address(product)
    if entry != symbol:
        where = f"at {symbol:#x}" if symbol is not None else "not in the map"
        raise product.breach(
            "AddressOfEntryPoint", f"{entry:#x}, and `{product.row.entry}` is {where}", f"`{product.row.entry}`"
        )


def _address(product: Product) -> int | None:
    """Returns the address of the entry's symbol in the map, which lists section:offset, name and address."""
    line = re.search(
        rf"^\s*[0-9a-f]{{4}}:[0-9a-f]{{8}}\s+{re.escape(product.row.entry)}\s+([0-9a-f]{{16}})\b",
        product.map,
        re.MULTILINE | re.IGNORECASE,
    )
    return int(line[1], 16) if line else None
