"""Building the loader: the same bytes on any path, sizes that are checked, sums that come out, tables that agree."""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.base.errors import BootwrightError
from bootwright.image import layout
from bootwright.loader import build as loader
from bootwright.loader import crates
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.search import find_toolchain
from bootwright.rust.sysroot import build_sysroot
from bootwright.rust.toolchain import Toolchain, find_rust_src, has_core
from bootwright.storage.store import Store

HOME = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    return find_toolchain(HOME / "kernel", crates.TARGET, os.environ.get("RUSTC"), os.environ)


def build(home: Path, out: Path, toolchain: Toolchain) -> loader.LoaderFiles:
    sysroot = None
    if not has_core(toolchain, crates.TARGET):
        library = find_rust_src(toolchain)
        assert library is not None
        key = sysroot_key(toolchain, crates.TARGET, library)
        sysroot = Store().take_or_build(
            "sysroot", key, lambda made: build_sysroot(toolchain, crates.TARGET, None, library, made)
        )
    out.mkdir(parents=True)
    linker = find_llvm_tool(toolchain, "ld.lld", os.environ)
    return loader.build_loader(toolchain.rustc, sysroot, linker, home, out, lambda text: None)


def test_the_same_bytes_come_of_any_path(tmp_path: Path, toolchain: Toolchain) -> None:
    first = build(HOME, tmp_path / "one", toolchain)
    clone = tmp_path / "a clone elsewhere"
    for source in crates.loader_sources(HOME):
        copy = clone / source.relative_to(HOME)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    second = build(clone, tmp_path / "two" / "deeper", toolchain)
    assert first.boot_sector.read_bytes() == second.boot_sector.read_bytes()
    assert first.stages.read_bytes() == second.stages.read_bytes()
    assert first.pvh.read_bytes() == second.pvh.read_bytes()
    assert first.efi.read_bytes() == second.efi.read_bytes()
    assert str(tmp_path).encode() not in first.efi.read_bytes()
    assert str(tmp_path).encode() not in first.pvh.read_bytes()
    assert str(tmp_path).encode() not in first.stages.read_bytes()
    check_files(first)


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


def test_the_sources_are_all_files_below_the_crates() -> None:
    sources = crates.loader_sources(HOME)
    assert sources == sorted(sources)
    names = {path.relative_to(HOME).as_posix() for path in sources}
    assert names >= {
        "site_scons/bootwright/image/layout.py",
        "bootloader/bios/link.ld",
        "bootloader/bios/src/boot_sector.s",
        "bootloader/common/src/handover/bootloader_09.rs",
        "bootloader/arch/x86_64/src/jump.s",
        "bootloader/arch/x86_64/src/long_mode.s",
    }


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ((441, 512), "boot sector is 441 bytes; the limit is 440"),
        ((440, 193 * 512 - 519), "the loader's stage takes 193 sectors; the limit is 192"),
    ],
    ids=["boot sector", "stage"],
)
def test_a_part_that_is_too_big_is_named_with_both_numbers(
    sizes: tuple[int, int], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = bytearray(sizes[0]), bytearray(), bytearray(sizes[1])
    monkeypatch.setattr(loader, "read_program", lambda program: (*parts, {}))
    with pytest.raises(BootwrightError, match=re.escape(sentence)):
        loader.finish(Path("program"))


@given(st.integers(0, 1 << 32), st.integers(0, 2), st.data())
def test_a_balanced_stage_sums_to_zero_and_a_changed_byte_does_not(
    seed: int, sectors: int, draw: st.DataObject
) -> None:
    stage = bytearray(random.Random(seed).randbytes(loader.LOW_SIZE + (1 + sectors) * layout.SECTOR_SIZE))
    loader.balance(stage)
    assert (loader.low_sum(stage[: loader.LOW_SIZE]), loader.rest_sum(stage[loader.LOW_SIZE :])) == (0, 0)
    stage[draw.draw(st.integers(0, len(stage) - 1))] ^= draw.draw(st.integers(1, 255))
    assert loader.low_sum(stage[: loader.LOW_SIZE]) or loader.rest_sum(stage[loader.LOW_SIZE :])


def test_the_readme_lists_the_failures_as_the_table_has_them() -> None:
    source = (HOME / "bootloader/common/src/failure.rs").read_text()
    rows = re.findall(r'^ {4}\w+ +b"(..)" "(.*)"$', source, re.MULTILINE)
    listed = re.findall(r"^\| `(..)` \| (.*) \|$", (HOME / "bootloader/README.md").read_text(), re.MULTILINE)
    assert len(rows) > 40
    assert listed == rows
