"""The loader's portable crates, tested on the builder: rustc --test for the host, one pytest test for each file.

Tests of chance try a quarter of a million cases; `--soak` has them try WHOLE times as many.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootwright.image import checksum, layout
from bootwright.image import disk as image
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader import generated
from bootwright.rust.build_tools import Question, find_tools
from bootwright.rust.command import crate_words

pytestmark = pytest.mark.needs("cc", "rust-std")

HOME = Path(__file__).parents[2]
COMMON = HOME / "bootloader/common"
ARCH = HOME / "bootloader/arch/x86_64"
PVH = HOME / "bootloader/pvh"
UEFI = HOME / "bootloader/uefi"
WHOLE = 40
ROUNDS = re.compile(r"support::rounds\(([\d_]+)\)")


@functools.cache
def builders_rustc() -> str:
    """Returns the compiler that the build takes here, which need not be the first on PATH."""
    return str(find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).toolchain.rustc)


def compile_crate(
    out: Path, whole: bool, name: str, source: Path, kind: str, *flags: str, externs: Mapping[str, Path],
    **environment: str,
) -> None:  # fmt: skip
    """Compiles a crate for the builder; what is to try all cases is compiled for speed."""
    checks = ("-Dwarnings", "-Cdebug-assertions=on", "-Coverflow-checks=on")
    flags = (f"-Copt-level={3 if whole else 1}", *checks, "-L", str(out), *flags)
    argv = [builders_rustc(), *crate_words(name, source, kind, flags=flags, externs=externs, directory=out)]
    done = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def crates(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A directory with the crates layout, common and arch_x86_64, compiled for the builder."""
    out = tmp_path_factory.mktemp("crates")
    compile_crates(out, request.config.getoption("--soak"), generated.rust_source(), COMMON / "src/lib.rs")
    return out


def compile_crates(out: Path, whole: bool, numbers: str, common: Path) -> None:
    """Compiles layout, which holds the numbers, the crate whose root common is, and arch_x86_64 into out."""
    (out / "layout.rs").write_text(numbers)
    made: list[str] = []
    for name, root in {"layout": out / "layout.rs", "common": common, "arch_x86_64": ARCH / "src/lib.rs"}.items():
        compile_crate(out, whole, name, root, "rlib", externs=files_of(out, *made))
        made.append(name)


def files_of(out: Path, *names: str) -> dict[str, Path]:
    return {name: out / f"lib{name}.rlib" for name in names}


def byte_literal(data: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def words_of(piece: bytes) -> tuple[int, ...]:
    """Returns the SHA-256 of piece as the loader has it."""
    return struct.unpack(">8I", hashlib.sha256(piece).digest())


def write_vectors(path: Path) -> None:
    """Writes what Python computes as Rust constants, for files.rs."""
    generator = random.Random(5)
    pieces = [generator.randbytes(length) for length in (0, 1, 8, 511, 512, 513, 5000)]
    sparse = [*pieces, *(piece + bytes(zeroes) for piece in pieces for zeroes in (1, 63, 64, 129, 16384))]
    settings = KernelSettings(kernel_stack_size=0x5000, kernel_stack_address=0xFFFFFF0000000000,
                              boot_info_address=0x400000000)  # fmt: skip
    elf = generator.randbytes(3000)
    disk = path.with_suffix(".img")
    image.write_image(disk, "t", image.Loaders(bytes(512), bytes(2048), bytes(512), b""), write_kernel_file(elf))
    lines = ["const CHECKSUMS: &[(&[u8], u64)] = &["]
    lines += [f"({byte_literal(piece)}, {checksum.checksum(piece):#x})," for piece in sparse]
    lines += ["];", "const CRCS: &[(&[u8], u32)] = &["]
    lines += [f"({byte_literal(piece)}, {zlib.crc32(piece):#x})," for piece in sparse]
    lines += ["];", "const SHA256: &[(&[u8], [u32; 8])] = &["]
    lines += [f"({byte_literal(piece)}, {list(words_of(piece))})," for piece in pieces]
    table = disk.read_bytes()[: layout.FIRST_USABLE_LBA * layout.SECTOR_SIZE]
    lines += ["];", f"const TABLE: &[u8] = {byte_literal(table)};"]
    lines += [f"const KERNEL_FILE: &[u8] = {byte_literal(write_kernel_file(elf, settings))};"]
    lines += [f"const ELF_LENGTH: u64 = {len(elf)};"]
    path.write_text("\n".join(lines) + "\n")


def run_tests(source: Path, crates: Path, tmp_path: Path, whole: bool) -> None:
    vectors = tmp_path / "vectors.rs"
    write_vectors(vectors)
    uses = files_of(crates, "layout", "common", "arch_x86_64")
    words = ("--test", "-L", str(crates))
    compile_crate(tmp_path, whole, source.stem, source, "bin", *words, externs=uses, VECTORS=str(vectors))
    chance = {"BOOTWRIGHT_FUZZ": str(WHOLE if whole else 1)}
    done = subprocess.run([tmp_path / source.stem], env={**os.environ, **chance}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 ignored" in done.stdout


SOURCES = sorted(path for crate in (COMMON, ARCH, PVH, UEFI) for path in crate.glob("tests/*.rs"))


def test_there_are_tests() -> None:
    assert {source.stem for source in SOURCES} >= {
        "elf",
        "files",
        "memory_map",
        "handover",
        "handover_011",
        "relocation",
        "prepare",
        "start_info",
        "font",
        "descriptors",
        "fuzz",
    }


def test_the_whole_is_ten_million_cases() -> None:
    rounds = [int(count.replace("_", "")) for path in SOURCES for count in ROUNDS.findall(path.read_text())]
    assert len(rounds) >= 8
    assert sum(rounds) * WHOLE >= 10_000_000


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_crate_of_the_loader_passes_its_tests(
    source: Path, crates: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run_tests(source, crates, tmp_path, request.config.getoption("--soak"))


def test_a_next_protocol_is_one_file_and_one_row(tmp_path: Path) -> None:
    new, common = ARCH / "tests/next_protocol", tmp_path / "common"
    shutil.copytree(COMMON / "src", common)
    shutil.copy(new / "next_protocol.rs", common / "handover")
    table = common / "handover/mod.rs"
    text = table.read_text()
    assert text.count("\nprotocols! {\n") == 1
    row = "protocols! {\n    Next = layout::HANDOVER_NEXT, next_protocol;\n"
    table.write_text(text.replace("protocols! {\n", row) + "pub mod next_protocol;\n")
    compile_crates(tmp_path, False, generated.rust_source() + "pub const HANDOVER_NEXT: u64 = 77;\n", common / "lib.rs")
    run_tests(new / "tests.rs", tmp_path, tmp_path, False)
