"""Building the loaders: crates compiled and linked; for the disk, sizes, build id and checksum filled in.

The BIOS's program holds the boot sector at 0x7C00 and the stage at 0x8000; both are cut out of it. The PVH loader is a
program that QEMU starts as it is, the UEFI loader an ELF of which image/pe.py makes an EFI program. Everything that the
bytes depend on is in the sources and the compiler: paths are relative to the home of bootwright, and tell nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import procs
from bootwright.base.errors import BootwrightError
from bootwright.image import layout, pe, seal
from bootwright.loader import generated
from bootwright.loader.crates import (
    CRATES,
    FILES,
    MOVABLE,
    PROGRAM,
    PVH_PROGRAM,
    STATIC,
    TARGET,
    UEFI_PROGRAM,
    Crate,
)
from bootwright.rust.command import Link, crate_words

# The addresses that the linker scripts take from layout.py.
LINKER_SYMBOLS = (
    "BOOT_SECTOR_ADDRESS", "SECTOR_SIZE", "STAGE_LOAD_ADDRESS", "STAGE_HEADER_SIZE", "STAGE_LOW_END", "STAGE_END",
    "PVH_LOAD_ADDRESS", "PAGE_SIZE",
)  # fmt: skip

# Code as small as it gets; no panic unwinds. An EFI program is put anywhere, the others have their addresses.
FLAGS = ("-Cpanic=abort", "-Copt-level=s", "-Ccodegen-units=1", "-Cdebuginfo=0", "--check-cfg=cfg(movable)")
# Found by trying: with more, or less, the EFI program is larger.
INLINING = "-Cllvm-args=-inline-threshold=70"
# What is movable is made for size before all else: it has 48 KiB. Core is compiled for another code model than ours
# would be, and the two are optimised together.
FLAGS_OF = {STATIC: ("-Ccode-model=small",), MOVABLE: (INLINING, "-Copt-level=z", "--cfg=movable")}


@dataclass(frozen=True)
class LoaderFiles:
    """What goes on the disk: a boot sector of 512 bytes, of which the first 440 count, that of a CD, of
    a block of 2048, and a stage of whole sectors.

    pvh is the program that QEMU takes as -kernel, efi the one that UEFI finds in the ESP, network what a network card's
    ROM loads: a boot sector, its part and the stage.
    """

    boot_sector: Path
    cd_boot: Path
    stages: Path
    pvh: Path
    efi: Path
    network: Path


def build_loader(
    rustc: Path, sysroot: Path | None, linker: Path, home: Path, out: Path, emit: Callable[[str], None]
) -> LoaderFiles:
    """Builds the loader in the directory out, which is empty; the bytes depend on no path.

    sysroot holds core for TARGET where rustc's own does not; emit gets what the compiler says.
    """
    layout_crate = out / "layout.rs"
    layout_crate.write_text(generated.rust_source(), encoding="utf-8", newline="\n")

    def compile_model(model: str) -> list[str]:
        return [_compile(rustc, home, words) for words in _commands(model, sysroot, linker, home, out)]

    # Neither model needs anything of the other; together they take the time of one.
    with ThreadPoolExecutor() as pool:
        for told in pool.map(compile_model, (STATIC, MOVABLE)):
            for text in filter(str.strip, told):
                emit(text)
    boot_sector, cd_boot, stage, network = finish(out / PROGRAM)
    files = LoaderFiles(*(out / name for name in FILES))
    files.boot_sector.write_bytes(boot_sector)
    files.cd_boot.write_bytes(cd_boot)
    files.stages.write_bytes(stage)
    files.network.write_bytes(network)
    (out / PVH_PROGRAM).rename(files.pvh)
    files.efi.write_bytes(seal.sum_up(pe.write_pe(out / UEFI_PROGRAM)))
    (out / UEFI_PROGRAM).unlink()
    layout_crate.unlink()
    for model in (STATIC, MOVABLE):
        shutil.rmtree(out / model)
    return files


def _commands(model: str, sysroot: Path | None, linker: Path, home: Path, out: Path) -> Iterator[list[str]]:
    """Yields rustc's arguments for each crate of a model; libraries come into a directory of the model's own."""
    libraries = out / model
    libraries.mkdir()
    flags = [*FLAGS, f"-L{libraries}", *FLAGS_OF[model], f"-Crelocation-model={model}"]
    for crate in (Crate("layout", out / "layout.rs", ()), *(crate for crate in CRATES if model in crate.models)):
        script = crate.linker_script
        yield crate_words(
            crate.name, crate.root.as_posix(), "bin" if script else "rlib", target=TARGET, sysroot=sysroot,
            flags=[*flags, *(("-Clto=fat",) if script and model == MOVABLE else ())],
            externs={name: libraries / f"lib{name}.rlib" for name in crate.uses},
            link=_link(linker, script, model) if script else None, directory=out if script else libraries,
            # Nothing below out or the home is named in the bytes: a panic's place is relative.
            names={out: "generated", home: ".", Path("bootloader"): ""},
        )  # fmt: skip


def _link(linker: Path, script: Path, model: str) -> Link:
    movable = ("-pie", "--no-dynamic-linker", "-znorelro", "--icf=all") if model == MOVABLE else ()
    symbols = [f"--defsym={name}={getattr(layout, name):#x}" for name in LINKER_SYMBOLS]
    return Link(linker, ("--build-id=none", *movable, *symbols), script)


def _compile(rustc: Path, home: Path, arguments: Sequence[str]) -> str:
    """Returns what rustc said of a crate that it compiled."""
    ended = procs.attempt([str(rustc), *arguments], cwd=home)
    if ended.status:
        raise ended.error("on the boot loader")
    return ended.stderr


def read_program(program: Path) -> tuple[bytearray, bytearray, bytearray, dict[str, int]]:
    """Returns boot sector, the CD's part and stage as they were linked, and the addresses of the program's symbols."""
    from elftools.elf.elffile import ELFFile  # slow to import, and no null build comes here
    from elftools.elf.sections import SymbolTableSection

    with program.open("rb") as stream:
        elf = ELFFile(stream)
        found = [elf.get_section_by_name(name) for name in (".boot_sector", ".cd_boot", ".stage")]
        parts = [part for part in found if part]
        table = elf.get_section_by_name(".symtab")
        assert len(parts) == 3 and isinstance(table, SymbolTableSection), "the linker script makes all four"
        symbols = {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols()}
        boot_sector, cd_boot, stage = (bytearray(part.data()) for part in parts)
        return boot_sector, cd_boot, stage, symbols


def finish(program: Path) -> tuple[bytes, bytes, bytes, bytes]:
    """Returns the boot sectors of disk and CD, the stage, and what comes by network, cut out of the linked program.

    The build id is made of all three before it is written into them. Raises BootwrightError for a part that is too big.
    """
    boot_sector, cd_boot, stage, symbols = read_program(program)
    if len(boot_sector) > layout.BOOT_CODE_END:
        raise BootwrightError(f"boot sector is {len(boot_sector)} bytes; the limit is {layout.BOOT_CODE_END}")
    boot_sector += bytes(layout.SECTOR_SIZE - 2 - len(boot_sector)) + b"\x55\xaa"
    stage += bytes(-(len(stage) + 8) % layout.SECTOR_SIZE + 8)  # 8 for the quadword that balances
    sectors = len(stage) // layout.SECTOR_SIZE
    if sectors > layout.STAGE_MAX_SECTORS:
        raise BootwrightError(f"the loader's stage takes {sectors} sectors; the limit is {layout.STAGE_MAX_SECTORS}")
    build_id = hashlib.sha256(bytes(boot_sector + cd_boot + stage)).digest()[:8]

    def place(symbol: str) -> int:
        return symbols[symbol] - layout.BOOT_SECTOR_ADDRESS

    struct.pack_into("<8s", boot_sector, place("loader_build_id"), build_id)
    struct.pack_into("<H", boot_sector, place("loader_stage_end"), layout.BIOS_BOOT_FIRST_LBA + sectors)
    struct.pack_into("<I", stage, layout.STAGE_SECTORS_OFFSET, sectors)
    struct.pack_into("<8s", stage, layout.STAGE_BUILD_ID_OFFSET, build_id)
    balance(stage)

    def beginning_at(symbol: str) -> bytes:
        # The same code at the same place: the stage uses it. Its first jump, of three bytes as well, leads behind it.
        return struct.pack("<Bh", 0xE9, place(symbol) - 3) + bytes(boot_sector[3:] + cd_boot)

    cd_block = beginning_at("cd_boot").ljust(layout.CD_BLOCK_SECTORS * layout.SECTOR_SIZE, b"\0")
    network = beginning_at("pxe_boot").ljust(layout.STAGE_LOAD_ADDRESS - layout.BOOT_SECTOR_ADDRESS, b"\0")
    return bytes(boot_sector), cd_block, bytes(stage), network + bytes(stage)


# The first part of a stage, which the boot sector checks; that part checks what lies behind.
LOW_SIZE = layout.STAGE_LOW_END - layout.STAGE_LOAD_ADDRESS


def low_sum(low: bytes | bytearray) -> int:
    """Returns what the boot sector computes: doublewords added up, the sum rotated left by one before each."""
    total = 0
    for (word,) in struct.iter_unpack("<I", low):
        total = ((total << 1 | total >> 31) + word) & 0xFFFFFFFF
    return total


def rest_sum(rest: bytes | bytearray) -> int:
    """Returns what the stage computes of itself from STAGE_LOW_END on: the sum of its quadwords."""
    words: tuple[int, ...] = struct.unpack(f"<{len(rest) // 8}Q", rest)
    return sum(words) % (1 << 64)


def balance(stage: bytearray) -> None:
    """Makes both sums of a stage zero, by its last quadword and by the doubleword at STAGE_CHECKSUM_OFFSET."""
    if len(stage) < LOW_SIZE + layout.SECTOR_SIZE:
        raise BootwrightError(f"the loader's stage is {len(stage)} bytes; the least is {LOW_SIZE + layout.SECTOR_SIZE}")
    struct.pack_into("<Q", stage, len(stage) - 8, -rest_sum(stage[LOW_SIZE:-8]) % (1 << 64))
    struct.pack_into("<I", stage, layout.STAGE_CHECKSUM_OFFSET, 0)
    struct.pack_into("<I", stage, layout.STAGE_CHECKSUM_OFFSET, _balance_low(stage[:LOW_SIZE]))


def _balance_low(low: bytes | bytearray) -> int:
    """Returns the doubleword for STAGE_CHECKSUM_OFFSET, zero so far, that makes the sum of low zero.

    Each step is a bijection of the sum so far, so that the way back from zero leads to exactly one value.
    """
    offset = layout.STAGE_CHECKSUM_OFFSET
    wanted = 0
    words = [word for (word,) in struct.iter_unpack("<I", low[offset + 4 :])]
    for word in reversed(words):
        before = (wanted - word) & 0xFFFFFFFF
        wanted = (before >> 1 | before << 31) & 0xFFFFFFFF
    so_far = low_sum(low[:offset])
    return (wanted - (so_far << 1 | so_far >> 31)) & 0xFFFFFFFF
