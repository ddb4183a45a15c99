"""The crates that the loaders are made of, and every file of theirs."""

from __future__ import annotations

from pathlib import Path

from bootwright.base.home import PACKAGE
from bootwright.base.records import record

TARGET = "x86_64-unknown-none"  # whatever the kernel is for; a kernel that does not say is for it as well
PROGRAM = "bios_loader"
PVH_PROGRAM = "pvh_loader"
UEFI_PROGRAM = "uefi_loader"
# What a build of them makes, in the order of loader.build.LoaderFiles.
FILES = ("boot_sector.bin", "cd_boot.bin", "stages.bin", "pvh.elf", "bootx64.efi", "network.bin")
SERVED = (".pxe", ".kernel", ".efi")  # what a TFTP server gives: for a BIOS the first, which asks for the second
STATIC, MOVABLE = "static", "pie"  # relocation models, as rustc names them


def served_path(image: Path) -> Path:
    """Returns the path, without its ending, of what a TFTP server gives of an image."""
    return image.parent / "pxe" / image.stem


@record(frozen=True)
class Crate:
    """A crate of the loaders: its name, its root relative to the home, and the crates that it uses.

    A program has a linker script, relative to the home as well. Libraries are compiled once for each model.
    """

    name: str
    root: Path
    uses: tuple[str, ...]
    linker_script: Path | None = None
    models: tuple[str, ...] = (STATIC,)


CRATES = (
    Crate("common", Path("bootloader/common/src/lib.rs"), ("layout",), models=(STATIC, MOVABLE)),
    Crate(
        "arch_x86_64",
        Path("bootloader/arch/x86_64/src/lib.rs"),
        ("layout", "common"),
        models=(STATIC, MOVABLE),
    ),
    Crate(
        PROGRAM,
        Path("bootloader/bios/src/main.rs"),
        ("layout", "common", "arch_x86_64"),
        Path("bootloader/bios/link.ld"),
    ),
    Crate(
        PVH_PROGRAM,
        Path("bootloader/pvh/src/main.rs"),
        ("layout", "common", "arch_x86_64"),
        Path("bootloader/pvh/link.ld"),
    ),
    Crate(
        UEFI_PROGRAM,
        Path("bootloader/uefi/src/main.rs"),
        ("layout", "common", "arch_x86_64"),
        Path("bootloader/uefi/link.ld"),
        models=(MOVABLE,),
    ),
)


def loader_sources(home: Path) -> list[Path]:
    """Returns every file that the loader is made of: all below its crates, sorted, and layout.py."""
    folders = [crate.root.parent for crate in CRATES]
    found = [path for folder in folders for path in (home / folder).rglob("*") if path.suffix in (".rs", ".s")]
    scripts = [home / crate.linker_script for crate in CRATES if crate.linker_script]
    return [*sorted([*found, *scripts]), PACKAGE / "image" / "layout.py"]


def source_name(path: Path, home: Path) -> str:
    """Returns the name of one of these files that is the same in every checkout and installation."""
    place = home if path.is_relative_to(home) and not path.is_relative_to(PACKAGE / "image") else PACKAGE
    return path.relative_to(place).as_posix()
