"""The EFI program that is made of the UEFI loader's ELF: what LIEF reads in it, and what no PE can be made of."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lief
import pytest
from tests.unit.loader.test_build import HOME, build

from bootwright.base.errors import BootwrightError
from bootwright.image import layout, pe
from bootwright.image.kernel_file import write_kernel_file
from bootwright.image.seal import SBAT, kernel_digest, seal
from bootwright.loader import crates
from bootwright.loader.signing import sign
from bootwright.rust.search import find_toolchain
from bootwright.storage import keys

LARGEST = 48 << 10  # what the loader may grow to, with the compiler that builds it here
PAGE = 4096


@pytest.fixture(scope="module")
def efi(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    toolchain = find_toolchain(HOME / "kernel", crates.TARGET, os.environ.get("RUSTC"), os.environ)
    return build(HOME, tmp_path_factory.mktemp("loader") / "out", toolchain).efi.read_bytes()


@pytest.fixture(scope="module")
def binary(efi: bytes) -> lief.PE.Binary:
    parsed = lief.PE.parse(list(efi))
    assert parsed is not None
    return parsed


def test_lief_reads_the_loader_as_an_efi_application(binary: lief.PE.Binary, efi: bytes) -> None:
    header, optional = binary.header, binary.optional_header
    assert header.machine == lief.PE.Header.MACHINE_TYPES.AMD64
    assert header.time_date_stamps == 0
    assert optional.subsystem == lief.PE.OptionalHeader.SUBSYSTEM.EFI_APPLICATION
    kinds = lief.PE.OptionalHeader.DLL_CHARACTERISTICS
    assert optional.has(kinds.NX_COMPAT)
    assert optional.has(kinds.DYNAMIC_BASE)
    assert (optional.section_alignment, optional.file_alignment) == (PAGE, 512)
    ends = [section.virtual_address + section.virtual_size for section in binary.sections]
    assert optional.sizeof_image == -(-max(ends) // PAGE) * PAGE
    assert len(efi) <= LARGEST


def test_no_section_is_both_writable_and_executable_and_each_begins_a_page(binary: lief.PE.Binary) -> None:
    kinds = lief.PE.Section.CHARACTERISTICS
    assert [section.name for section in binary.sections] == [".text", ".rodata", ".data", ".reloc"]
    rights = {}
    for section in binary.sections:
        assert section.virtual_address % PAGE == 0
        rights[section.name] = [section.has_characteristic(k) for k in (kinds.MEM_WRITE, kinds.MEM_EXECUTE)]
    assert rights == {
        ".text": [False, True], ".rodata": [False, False], ".data": [True, False], ".reloc": [False, False],
    }  # fmt: skip
    text = binary.get_section(".text")
    assert text is not None
    entry = binary.optional_header.addressof_entrypoint
    assert text.virtual_address <= entry < text.virtual_address + text.virtual_size


def test_each_relocation_is_of_eight_bytes_that_hold_an_address_of_the_image(binary: lief.PE.Binary) -> None:
    entries = [entry for block in binary.relocations for entry in block.entries]
    kinds = lief.PE.RelocationEntry.BASE_TYPES
    wanted = [entry for entry in entries if entry.type == kinds.DIR64]
    assert len(wanted) > 20
    for entry in wanted:
        value = int.from_bytes(bytes(binary.get_content_from_virtual_address(entry.address, 8)), "little")
        assert PAGE <= value < binary.optional_header.sizeof_image
    assert {entry.type for entry in entries} <= {kinds.DIR64, kinds.ABS}


def test_a_seal_is_the_kernels_digest_and_leaves_the_program_an_efi_application(efi: bytes) -> None:
    ramdisk, elf = b"files" * 200, bytes(range(256)) * 9 + b"end"
    kernel = write_kernel_file(elf, None, ramdisk)
    assert kernel_digest(kernel) == hashlib.sha256(kernel[: layout.KERNEL_HEADER_SIZE] + elf + ramdisk).digest()
    assert kernel_digest(kernel) != kernel_digest(write_kernel_file(elf, None, ramdisk[:-1]))
    sealed = seal(efi, kernel)
    at = sealed.index(layout.SEAL_MARK) + len(layout.SEAL_MARK)
    assert struct.unpack_from("<I", sealed, at) == (1,)
    assert struct.pack(">8I", *struct.unpack_from("<8I", sealed, at + 4)) == kernel_digest(kernel)
    before, after = lief.PE.parse(list(efi)), lief.PE.parse(list(sealed))
    assert before is not None and after is not None
    assert [s.name for s in after.sections] == [".text", ".rodata", ".data", ".reloc", ".sbat"]
    sbat = after.get_section(".sbat")
    assert sbat is not None and bytes(sbat.content).rstrip(b"\0") == SBAT
    assert sbat.virtual_address % PAGE == 0
    assert after.optional_header.sizeof_image == sbat.virtual_address + PAGE
    assert after.optional_header.addressof_entrypoint == before.optional_header.addressof_entrypoint
    assert [block.virtual_address for block in after.relocations] == [b.virtual_address for b in before.relocations]
    assert bytes(after.sections[0].content) == bytes(before.sections[0].content)


@pytest.mark.needs("openssl", "sbsign")
def test_a_signature_covers_each_byte_of_the_program(efi: bytes, tmp_path: Path) -> None:
    keys.make_keys(tmp_path / "keys", "openssl", os.environ)
    program, kernel, out = tmp_path / "bootx64.efi", tmp_path / "k.kernel", tmp_path / "k.efi"
    program.write_bytes(efi)
    kernel.write_bytes(write_kernel_file(b"elf"))
    key, certificate = keys.made_keys(tmp_path / "keys")
    sign(program, kernel, key, certificate, out, "sbsign", os.environ)
    signed = bytearray(out.read_bytes())

    def is_ours() -> bool:
        out.write_bytes(signed)
        words = ["sbverify", "--cert", str(certificate), str(out)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    assert is_ours()
    parsed = lief.PE.parse(list(signed))
    assert parsed is not None
    assert str(parsed.signatures[0].signers[0].issuer).endswith("CN=bootwright signature database")
    for place in (0x300, signed.index(layout.SEAL_MARK) + 20, signed.index(b"sbat,1")):
        signed[place] ^= 1
        assert not is_ours(), hex(place)
        signed[place] ^= 1


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
