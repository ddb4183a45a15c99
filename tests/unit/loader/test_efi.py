"""The EFI program that is made of the UEFI loader's ELF: what no PE can be made of."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.image import pe


class FakeSection(dict[str, Any]):
    """A section of an ELF, as pyelftools gives it."""

    def data(self) -> bytes:
        return bytes(self["sh_size"])


@pytest.mark.parametrize(
    ("address", "sentence"),
    [(0x1010, "section .text begins at 0x1010, which is no whole page"), (0x1000, None)],
    ids=["within a page", "at a page"],
)
def test_a_section_that_begins_within_a_page_is_refused(address: int, sentence: str | None) -> None:
    text = FakeSection(sh_addr=address, sh_size=16, sh_type="SHT_PROGBITS")
    elf = SimpleNamespace(get_section_by_name={".text": text}.get)
    if sentence:
        with pytest.raises(BootwrightError, match=re.escape(sentence)):
            pe._read_sections(Path("p"), elf)
    else:
        assert [section.name for section in pe._read_sections(Path("p"), elf)] == [".text"]


@pytest.mark.parametrize(
    ("kind", "place", "sentence"),
    [
        (1, 0x1000, "a relocation of kind 1 at 0x1000; a PE knows none such"),
        (8, 0x1009, "a relocation at 0x1009 lies in no section of the file"),
    ],
    ids=["kind", "place"],
)
def test_a_relocation_that_a_pe_does_not_know_is_refused(
    kind: int, place: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SimpleNamespace(iter_relocations=lambda: [{"r_info_type": kind, "r_offset": place, "r_addend": 0}])
    monkeypatch.setattr("elftools.elf.relocation.RelocationSection", SimpleNamespace)
    elf = SimpleNamespace(iter_sections=lambda: [table])
    sections = [pe.Section(".text", 0x1000, 16, bytearray(16), 0)]
    with pytest.raises(BootwrightError, match=re.escape(sentence)):
        pe._apply_relocations(Path("p"), elf, sections)


def test_bss_is_the_part_of_data_that_the_file_does_not_hold(tmp_path: Path) -> None:
    sections = {
        ".data": FakeSection(sh_addr=0x3000, sh_size=24, sh_type="SHT_PROGBITS"),
        ".bss": FakeSection(sh_addr=0x3018, sh_size=0x2000, sh_type="SHT_NOBITS"),
    }
    (data,) = pe._read_sections(tmp_path, SimpleNamespace(get_section_by_name=sections.get))
    assert (data.address, data.size, len(data.data)) == (0x3000, 0x2018, 24)
