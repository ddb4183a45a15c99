"""The names of a kernel's tests, from the section of its ELF that holds them."""

from __future__ import annotations

import struct
from pathlib import Path

from bootwright.base.errors import BootwrightError

SECTION = "bootwright_tests"


def read_test_names(elf: Path) -> list[str]:
    """Returns the names in the tests' section of elf, in its order; none when there is no such section.

    An entry is {name: pointer and length, function: pointer}, three words of the ELF's class.
    """
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as file:
        image = ELFFile(file)
        section = image.get_section_by_name(SECTION)
        if section is None:
            return []
        data = section.data()
        entry = struct.Struct(("<" if image.little_endian else ">") + ("QQQ" if image.elfclass == 64 else "III"))
        if len(data) % entry.size:
            raise BootwrightError(f"{elf}: section {SECTION} is {len(data)} bytes; an entry has {entry.size}")
        names = []
        for address, length, _ in entry.iter_unpack(data):
            for segment in image.iter_segments("PT_LOAD"):
                offset = address - segment["p_vaddr"]
                if offset >= 0 and offset + length <= segment["p_filesz"]:
                    file.seek(segment["p_offset"] + offset)
                    names.append(file.read(length).decode())
                    break
            else:
                raise BootwrightError(f"{elf}: a test's name at {address:#x} is in no segment")
    for name in names:
        if names.count(name) > 1:
            raise BootwrightError(f"{elf}: {names.count(name)} tests are called {name}", "rename one of them")
    return names
