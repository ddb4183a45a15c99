"""Fake compilers, rustups and sysroots: a few files and shell scripts that answer what the real ones are asked."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootwright.rust import library as rust_library
from bootwright.rust import search as toolchain
from bootwright.rust.search import find_toolchain
from bootwright.rust.toolchain import Toolchain
from bootwright.setup import cures
from bootwright.setup import packagers as host_system
from bootwright.setup.programs import System

DEBIAN_12 = 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'
BARE = "x86_64-unknown-none"
HOST = "x86_64-unknown-linux-gnu"
TRIPLES = (BARE, HOST, "thumbv7em-none-eabihf")


def write_program(path: Path, answers: dict[str, str], default: str = "exit 1") -> Path:
    """Writes a program that prints answers[its arguments, joined by blanks]; default is what the shell does else."""
    cases = [f"{shlex.quote(words)}) printf '%s\\n' {shlex.quote(text)} ;;" for words, text in answers.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", 'case "$*" in', *cases, f"*) {default} ;;", "esac", ""]))
    path.chmod(0o755)
    return path


def write_rustc(sysroot: Path, release: str = "1.96.0", llvm: str = "22.1.8") -> Path:
    """Writes sysroot/bin/rustc."""
    commit = "ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96"
    verbose = [f"rustc {release} (ac68faa20)", "binary: rustc", f"commit-hash: {commit}", f"host: {HOST}"]
    answers = {
        "-vV": "\n".join([*verbose, f"release: {release}", f"LLVM version: {llvm}"]),
        "--print sysroot": str(sysroot),
        "--print target-list": "\n".join(TRIPLES),
    }
    (sysroot / "lib" / "rustlib" / HOST / "lib").mkdir(parents=True, exist_ok=True)
    return write_program(sysroot / "bin" / "rustc", answers)


def add_core(sysroot: Path, target: str = BARE) -> None:
    """Makes it look as if core were installed for target."""
    directory = sysroot / "lib" / "rustlib" / target / "lib"
    directory.mkdir(parents=True, exist_ok=True)
    for crate in ("core", "compiler_builtins", "alloc"):
        (directory / f"lib{crate}-0123456789abcdef.rlib").write_bytes(b"")


def add_source(sysroot: Path, builtins: bool = True, version: str = "") -> Path:
    """Makes it look as if rust-src were installed; version is what a distribution's says of itself."""
    library = sysroot / "lib" / "rustlib" / "src" / "rust" / "library"
    crates = ["core", "alloc", *(["compiler-builtins/compiler-builtins"] if builtins else [])]
    for crate in crates:
        (library / crate / "src").mkdir(parents=True)
        (library / crate / "src" / "lib.rs").write_text("")
        (library / crate / "Cargo.toml").write_text(f'[package]\nname = "{crate}"\nedition = "2024"\n')
    (library / "Cargo.lock").write_text('[[package]]\nname = "compiler_builtins"\nversion = "0.1.160"\n')
    if version:
        (library.parent / "src").mkdir()
        (library.parent / "src" / "version").write_text(f"{version}\n")
    return library


@dataclass
class Machine:
    """One machine: directories of PATH, rustup with its toolchains, a kernel's directory, an environment."""

    root: Path
    path: list[str] = field(default_factory=list)

    @property
    def kernel(self) -> Path:
        """The kernel's directory."""
        directory = self.root / "project" / "kernel"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    @property
    def environ(self) -> dict[str, str]:
        """What the programs see."""
        return {"PATH": ":".join(self.path), "HOME": str(self.root / "home"), "RUSTC_BOOTSTRAP": "1"}

    def toolchain(self, name: str) -> Path:
        """Returns the sysroot of one of rustup's toolchains."""
        return self.root / "home" / ".rustup" / "toolchains" / name

    def distribution(self, name: str = "usr") -> Path:
        """Returns the sysroot of a compiler that the system has, and puts its bin on PATH."""
        sysroot = self.root / name
        self.path.append(str(sysroot / "bin"))
        return sysroot

    def rustup(self, name: str, reason: str = "default", installed: Mapping[str, str] | None = None) -> Path:
        """Writes a rustup that takes the toolchain of that name for that reason, and its shim; logs what it sees.

        installed holds what it lists as there, by kind: component or target, one a line.
        """
        cargo = self.root / "home" / ".cargo" / "bin"
        answers = {
            "which rustc": str(self.toolchain(name) / "bin" / "rustc"),
            "show active-toolchain": f"{name} ({reason})",
        }
        for kind, names in (installed or {}).items():
            answers[f"{kind} list --installed --toolchain {name}"] = names
        program = write_program(cargo / "rustup", answers)
        log = shlex.quote(str(self.root / "rustup.log"))
        text = program.read_text().replace(
            "#!/bin/sh\n", f'#!/bin/sh\necho "$PWD $RUSTUP_AUTO_INSTALL $RUSTC_BOOTSTRAP" >> {log}\n'
        )
        program.write_text(text)
        self._shim(cargo)
        return program

    def rustup_that_fails(self, said: str) -> Path:
        """Writes a rustup that says this on stderr and fails."""
        cargo = self.root / "home" / ".cargo" / "bin"
        program = write_program(cargo / "rustup", {}, f"printf '%s\\n' {shlex.quote(said)} >&2; exit 1")
        self._shim(cargo)
        return program

    def _shim(self, cargo: Path) -> None:
        (cargo / "rustc").unlink(missing_ok=True)
        (cargo / "rustc").symlink_to("rustup")
        if str(cargo) not in self.path:
            self.path.insert(0, str(cargo))


def empty_debian_12(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Returns a Debian 12 with nothing on it, in which this process looks for compilers."""
    (tmp_path / "os-release").write_text(DEBIAN_12)
    monkeypatch.setattr(cures, "OS_RELEASE", tmp_path / "os-release")
    monkeypatch.setattr(toolchain, "SYSTEM_COMPILERS", (str(tmp_path / "system" / "bin" / "rustc"),))
    monkeypatch.setattr(toolchain, "VERSIONED_COMPILERS", (tmp_path / "versioned", "rust-*/bin/rustc"))
    monkeypatch.setattr(rust_library, "DISTRIBUTION_REGISTRY", tmp_path / "registry")
    monkeypatch.setattr(host_system, "this_system", lambda _: System.APT)
    return Machine(tmp_path)


def find(machine: Machine, target: str = BARE, rustc: str | None = None) -> Toolchain:
    """Searches the machine for a compiler for target."""
    return find_toolchain(machine.kernel, target, rustc, machine.environ)
