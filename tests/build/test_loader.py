"""The loader as the compiler of this machine makes it: the same bytes on any path, and what LIEF reads in its PE."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

import lief
import pytest
from tests.boot.kernels import HOME, Workshop, silent

from bootwright.image import layout
from bootwright.image.kernel_file import write_kernel_file
from bootwright.image.seal import SBAT, kernel_digest, seal
from bootwright.loader import build as loader
from bootwright.loader import crates
from bootwright.loader.signing import sign
from bootwright.storage import keys

LARGEST = 48 << 10  # what the EFI program may grow to, with the compiler that builds it here
PAGE = 4096


def test_the_same_bytes_come_of_any_path(tmp_path: Path, workshop: Workshop) -> None:
    clone, out = tmp_path / "a clone elsewhere", tmp_path / "two" / "deeper"
    for source in crates.loader_sources(HOME):
        copy = clone / source.relative_to(HOME)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    out.mkdir(parents=True)
    first = workshop.loader
    second = loader.build_loader(workshop.toolchain.rustc, workshop.sysroot, workshop.linker, clone, out, silent)
    for name in ("boot_sector", "cd_boot", "stages", "pvh", "efi", "network"):
        data = getattr(second, name).read_bytes()
        assert data == getattr(first, name).read_bytes()
        assert str(tmp_path).encode() not in data
    check_files(second)


def check_files(files: loader.LoaderFiles) -> None:
    boot_sector, stage = files.boot_sector.read_bytes(), files.stages.read_bytes()
    assert len(boot_sector) == 512
    assert boot_sector[layout.BOOT_CODE_END : 510] == bytes(510 - layout.BOOT_CODE_END)
    assert (boot_sector[0], boot_sector[2], boot_sector[510:]) == (0xEB, 0x90, b"\x55\xaa")
    # A geometry where a BIOS parameter block has it, and nothing that makes a FAT of it.
    assert struct.unpack_from("<HBHBHHBHHHII", boot_sector, 11) == (512, 0, 0, 0, 0, 0, 0, 0, 63, 255, 0, 0)
    assert boot_sector[1] + 2 >= layout.BPB_END
    cd_boot = files.cd_boot.read_bytes()
    assert len(cd_boot) == 2048
    assert cd_boot[3 : layout.BOOT_CODE_END] == boot_sector[3 : layout.BOOT_CODE_END], "the stage calls into it"
    assert (cd_boot[0], cd_boot[1] + cd_boot[2] * 256) == (0xE9, 512 - 3), "the first jump leads behind it"
    sectors = len(stage) // layout.SECTOR_SIZE
    assert 0 < sectors <= layout.STAGE_MAX_SECTORS
    assert struct.unpack_from("<QI", stage, layout.STAGE_MAGIC_OFFSET) == (layout.STAGE_MAGIC, sectors)
    build_id = stage[layout.STAGE_BUILD_ID_OFFSET : layout.STAGE_BUILD_ID_OFFSET + 8]
    assert build_id in boot_sector
    assert (loader.low_sum(stage[: loader.LOW_SIZE]), loader.rest_sum(stage[loader.LOW_SIZE :])) == (0, 0)
    assert sorted(path.name for path in files.stages.parent.iterdir()) == [
        crates.PROGRAM,
        "boot_sector.bin",
        "bootx64.efi",
        "cd_boot.bin",
        "network.bin",
        "pvh.elf",
        "stages.bin",
    ]


@pytest.fixture(scope="module")
def efi(workshop: Workshop) -> bytes:
    return workshop.loader.efi.read_bytes()


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
