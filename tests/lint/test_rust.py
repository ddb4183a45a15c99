"""rustfmt and clippy over all the Rust there is; what clippy only warns of is an error here."""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.lint.sources import HOME, tracked

from bootwright.base.errors import BootwrightError
from bootwright.hosts.table import Row, read_rows
from bootwright.loader.build import build_loader
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.sysroot import build_sysroot
from bootwright.rust.toolchain import Toolchain, find_rust_src, has_core
from bootwright.setup import lookup
from bootwright.storage.store import Store

TARGET = "x86_64-unknown-none"
KERNEL = HOME / "kernel"
HOSTED = [row for row in read_rows(HOME / "linker" / "hosts.toml") if row.linker == "lld"]
BARE = ["--target", TARGET, "-C", "panic=abort", "-C", "relocation-model=static", "--check-cfg", "cfg(bootwright_test)"]


@dataclass(frozen=True)
class Clippy:
    """clippy-driver as a compiler that refuses warnings, its toolchain, and the core that it compiles against."""

    driver: Path
    toolchain: Toolchain
    linker: Path
    sysroot: Path | None
    directory: Path

    def check(self, source: Path, *arguments: str, bare: bool = True) -> Path:
        """Lints a crate whose root is source; returns its metadata, for crates that use it."""
        out = self.directory / f"lib{source.parent.parent.name}-{source.stem}.rmeta"
        argv = [str(self.driver), str(source), *edition(source), "--emit", f"metadata={out}", *arguments]
        argv += BARE if bare else []
        argv += ["--sysroot", str(self.sysroot)] if bare and self.sysroot else []
        run(argv)
        return out


def run(argv: Sequence[str]) -> None:
    """Runs a linter in the checkout; what it prints is the failure."""
    ended = subprocess.run(argv, cwd=HOME, capture_output=True, text=True)
    if ended.returncode:
        pytest.fail(f"{shlex.join(argv)}\n{ended.stdout}{ended.stderr}", pytrace=False)


def edition(source: Path) -> list[str]:
    """Returns the argument with the edition of the nearest Cargo.toml; 2024 where there is none."""
    for directory in source.parents:
        if (directory / "Cargo.toml").is_file():
            package = tomllib.loads((directory / "Cargo.toml").read_text(encoding="utf-8"))["package"]
            return ["--edition", str(package["edition"])]
        if directory == HOME:
            break
    return ["--edition", "2024"]


def find_core(toolchain: Toolchain, target: str) -> Path | None:
    """Returns the sysroot with target's core, from the store; None where the toolchain has it."""
    if has_core(toolchain, target):
        return None
    library = find_rust_src(toolchain)
    key = sysroot_key(toolchain, target, library)
    return Store().take_or_build("sysroot", key, lambda out: build_sysroot(toolchain, target, None, library, out))


@pytest.fixture(scope="session")
def clippy(tmp_path_factory: pytest.TempPathFactory) -> Clippy:
    """clippy of the toolchain that builds; core comes from the store where it has to be built."""
    search = lookup.find_programs(["clippy-driver", "ld.lld"], KERNEL, os.environ)
    toolchain = search.toolchain
    assert toolchain is not None, search.missing
    sysroot = find_core(toolchain, TARGET)
    directory = tmp_path_factory.mktemp("clippy")
    driver = directory / "clippy-driver"
    driver.write_text(f'#!/bin/sh\nexec {shlex.quote(str(search.found["clippy-driver"]))} "$@" -Dwarnings\n')
    driver.chmod(0o755)
    return Clippy(driver, toolchain, search.found["ld.lld"], sysroot, directory)


@pytest.mark.needs("rustfmt")
def test_rustfmt_would_format_nothing() -> None:
    rustfmt = lookup.find_programs(["rustfmt"], KERNEL, os.environ).found["rustfmt"]
    sources = tracked("*.rs")
    assert sources
    for words in sorted({tuple(edition(source)) for source in sources}):
        run([str(rustfmt), "--check", *words, *(str(s) for s in sources if tuple(edition(s)) == words)])


@pytest.mark.needs("clippy-driver")
@pytest.mark.parametrize("tested", [False, True], ids=["as built", "with its tests"])
def test_clippy_finds_nothing_in_the_example_kernel(clippy: Clippy, tested: bool) -> None:
    cfg = ["--cfg", "bootwright_test"] if tested else []
    name = tomllib.loads((KERNEL / "Cargo.toml").read_text(encoding="utf-8"))["package"]["name"]
    library = clippy.check(KERNEL / "src" / "lib.rs", "--crate-type", "rlib", "--crate-name", name, *cfg)
    uses = ["--crate-type", "bin", "--extern", f"{name}={library}"]
    clippy.check(KERNEL / "src" / "main.rs", *uses, *cfg)
    for source in [] if tested else tracked("kernel/tests/*.rs"):
        clippy.check(source, *uses, "--cfg", "bootwright_test")


@pytest.mark.needs("clippy-driver")
def test_clippy_finds_nothing_in_the_small_kernels(clippy: Clippy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_DATA", str(HOME / "LICENSE-MIT"))
    library = clippy.check(KERNEL / "src" / "lib.rs", "--crate-type", "rlib", "--crate-name", "hello")
    others = [f":!tests/kernels/{folder}" for folder in ("hello-*", "boards", "packages")]
    for source in tracked("tests/kernels/*.rs", *others):
        clippy.check(source, "--crate-type", "bin", "--extern", f"hello={library}", "--cfg", "bootwright_test")


@pytest.mark.needs("clippy-driver")
@pytest.mark.parametrize("tested", [False, True], ids=["as built", "with its tests"])
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("hello-arm", "thumbv7em-none-eabihf"),
        ("hello-cortex-m0", "thumbv6m-none-eabi"),
        ("hello-riscv64", "riscv64gc-unknown-none-elf"),
        ("hello-aarch64", "aarch64-unknown-none"),
    ],
)
def test_clippy_finds_nothing_in_the_kernels_of_boards(clippy: Clippy, name: str, target: str, tested: bool) -> None:
    sysroot = find_core(clippy.toolchain, target)
    arguments = ["--target", target, "-C", "panic=abort", "--check-cfg", "cfg(bootwright_test)", "--crate-type", "bin"]
    arguments += ["--sysroot", str(sysroot)] if sysroot else []
    arguments += ["--cfg", "bootwright_test"] if tested else []
    clippy.check(HOME / "tests" / "kernels" / name / "src" / "main.rs", *arguments, bare=False)


@pytest.mark.needs("clippy-driver")
def test_clippy_finds_nothing_in_the_boot_loader(clippy: Clippy, tmp_path: Path) -> None:
    told: list[str] = []
    try:
        build_loader(clippy.driver, clippy.sysroot, clippy.linker, HOME, tmp_path, told.append)
    except BootwrightError as error:
        pytest.fail(str(error), pytrace=False)
    assert [line for line in told if "warning" in line] == []


@pytest.mark.needs("clippy-driver")
def test_clippy_finds_nothing_in_the_tools(clippy: Clippy) -> None:
    for source in tracked("tools/*.rs", "tools/**/*.rs"):
        clippy.check(source, "--crate-type", "cdylib", "-C", "panic=abort", bare=False)


@pytest.mark.needs("clippy-driver")
@pytest.mark.parametrize("row", HOSTED, ids=[row.triple for row in HOSTED])
def test_clippy_finds_nothing_in_the_programs_of_hosts(clippy: Clippy, row: Row) -> None:
    library = find_rust_src(clippy.toolchain)
    key = sysroot_key(clippy.toolchain, row.triple, library)
    sysroot = Store().take_or_build(
        "sysroot", key, lambda out: build_sysroot(clippy.toolchain, row.triple, None, library, out)
    )
    words = ["--target", row.triple, "--sysroot", str(sysroot), "-C", "panic=abort"]
    program = HOME / "tests" / "kernels" / "hello-host" / "src" / "main.rs"
    clippy.check(program, "--crate-type", "bin", *words, bare=False)
    clippy.check(HOME / "linker" / "support" / "lib.rs", "--crate-type", "rlib", *words, bare=False)
