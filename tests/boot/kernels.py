"""Small kernels for the boot tests: compiled, linked and put on a disk image by plain calls, without SCons."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.filelock import lock_file
from bootwright.base.procs import attempt
from bootwright.elf.test_names import read_test_names
from bootwright.image import disk as image
from bootwright.image import kernel_file
from bootwright.loader.build import LoaderFiles, build_loader
from bootwright.loader.crates import FILES
from bootwright.rust.command import Link, crate_words
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.search import find_toolchain
from bootwright.rust.sysroot import build_sysroot
from bootwright.rust.toolchain import Toolchain, find_rust_src, has_core
from bootwright.storage.store import Store
from bootwright.testing.judge import TestProgram

HOME = Path(__file__).parents[2]
KERNEL = HOME / "kernel"
SMALL_KERNELS = HOME / "tests" / "kernels"
TARGET = "x86_64-unknown-none"
FLAGS = (
    "-Cpanic=abort", "-g", "-Crelocation-model=static", "--check-cfg=cfg(bootwright_test)", "-Dwarnings",
)  # fmt: skip


def loaders_of(files: LoaderFiles) -> tuple[Path, ...]:
    """Returns the files that go on a disk, in the order of image.Loaders."""
    return files.boot_sector, files.cd_boot, files.stages, files.efi


def loaders(files: LoaderFiles) -> image.Loaders:
    """Returns the bytes of what goes on a disk."""
    return image.Loaders(*(part.read_bytes() for part in loaders_of(files)))


def silent(_: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Built:
    """One program: its ELF with debug sections, the image that boots it, and the kernel file of the fast lane."""

    elf: Path
    image: Path
    kernel: Path


@dataclass(frozen=True)
class Workshop:
    """What makes kernels: a compiler with its core, a linker, an objcopy, a loader, and the example's two libraries.

    library is what a program of tests/ links; tested holds the modules' own tests as well.
    """

    directory: Path
    toolchain: Toolchain
    sysroot: Path | None
    linker: Path
    objcopy: Path
    loader: LoaderFiles
    library: Path
    tested: Path

    def build(
        self,
        source: Path,
        name: str = "",
        *,
        tests: bool = True,
        library: Path | None = None,
        data: Path | None = None,
        flags: Sequence[str] = (),
    ) -> Built:
        """Builds the program source with the plain library unless another is given; data is for big.rs.

        name is that of the files; tests says whether the program's own tests are compiled; flags are more for rustc.
        """
        name = name or source.stem
        elf = self.directory / f"{name}.elf"
        crate = "hello" if source.stem == "main" else source.stem
        compile_crate(
            self.toolchain, self.sysroot, crate, source, "bin", elf, flags=flags,
            cfgs=["bootwright_test"] if tests else [], externs={"hello": library or self.library},
            link=Link(self.linker, ("-z", "nostart-stop-gc")), environment={"BIG_DATA": str(data)} if data else {},
        )  # fmt: skip
        return Built(elf, self.write_image(elf, name), self.directory / f"{name}.kernel")

    def write_image(self, elf: Path, name: str, active: str = "dummy") -> Path:
        """Returns a new image with the kernel elf on it; the kernel file lies beside it."""
        stripped = elf.with_suffix(".stripped")
        result = attempt([str(self.objcopy), "--strip-debug", str(elf), str(stripped)])
        assert result.status == 0, result.stderr
        path = self.directory / f"{name}-{active}.img"
        kernel = kernel_file.write_kernel_file(stripped.read_bytes())
        (self.directory / f"{name}.kernel").write_bytes(kernel)
        image.write_image(path, name, loaders(self.loader), kernel, active)
        return path

    def program(self, source: Path, name: str = "", library: Path | None = None) -> TestProgram:
        """Builds source as a program of the example's tests."""
        built = self.build(source, f"test_{source.stem}" if name else "", library=library)
        return TestProgram(
            "hello", name or source.stem, built.elf, built.image, tests=tuple(read_test_names(built.elf))
        )


def compile_crate(
    toolchain: Toolchain, sysroot: Path | None, name: str, source: Path, kind: str, output: Path, *, emit: str = "",
    flags: Sequence[str] = (), cfgs: Sequence[str] = (), externs: Mapping[str, Path] | None = None,
    link: Link | None = None, environment: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Runs rustc for the bare target with the flags that every kernel crate has."""
    words = crate_words(
        name, source, kind, target=TARGET, sysroot=sysroot, emit=emit, flags=(*FLAGS, *flags), cfgs=cfgs,
        externs=externs, link=link, output=output,
    )  # fmt: skip
    result = attempt([str(toolchain.rustc), *words], extra=environment)
    assert result.status == 0, result.stderr


def open_workshop(directory: Path, shared: Path) -> Workshop:
    """Returns a workshop that works in directory; core comes from the store where it has it.

    The loader, which takes a compiler 10 s, lies in shared: of several workshops the first makes it.
    """
    toolchain = find_toolchain(KERNEL, TARGET, os.environ.get("RUSTC"), os.environ)
    sysroot = None
    if not has_core(toolchain, TARGET):
        library = find_rust_src(toolchain)
        assert library is not None, "the toolchain was found, so it has core or its source"
        key = sysroot_key(toolchain, TARGET, library)
        sysroot = Store().take_or_build(
            "sysroot", key, lambda out: build_sysroot(toolchain, TARGET, None, library, out, silent), silent
        )
    linker = find_llvm_tool(toolchain, "ld.lld", os.environ)
    loader = LoaderFiles(*(shared / "loader" / name for name in FILES))
    with lock_file(shared / "lock", lambda: None):
        if not (shared / "loader").exists():
            (shared / "half").mkdir()
            build_loader(toolchain.rustc, sysroot, linker, HOME, shared / "half", silent)
            (shared / "half").rename(shared / "loader")
    libraries = []
    for name, cfgs in (("plain", []), ("tested", ["bootwright_test"])):
        (directory / name).mkdir()
        libraries.append(directory / name / "libhello.rlib")
        compile_crate(
            toolchain, sysroot, "hello", KERNEL / "src" / "lib.rs", "rlib", libraries[-1], cfgs=cfgs,
            flags=[f"-Cmetadata={name}"],
        )  # fmt: skip
    objcopy = find_llvm_tool(toolchain, "llvm-objcopy", os.environ)
    return Workshop(directory, toolchain, sysroot, linker, objcopy, loader, *libraries)
