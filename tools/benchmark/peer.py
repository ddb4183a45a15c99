"""The peer's side of the bench: cargo bootimage with bootloader 0.9, in folders of the bench's own.

Cargo's home, the installed program, the toolchain's links and the target directory all lie in one place: nothing in a
person's CARGO_HOME or in the toolchain is read or changed. What the peer wants from its toolchain and a distribution
does not have (rust-lld and llvm-tools below the sysroot) is given by links.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.benchmark.package import Package
from tools.benchmark.stopwatch import Taken, take

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import allowed_environment, attempt
from bootwright.machine.accelerator import choose_accelerator
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.config import MachineConfig
from bootwright.machine.qemu import find_qemu
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.migrate import migrate_spec
from bootwright.rust.toolchain import Toolchain, find_rust_src

BOOTIMAGE = "0.10.5"
BOOTLOADER = "0.9.35"
TARGET = "x86_64-bench"
# The loader's build script uses the first three; by the last it knows that there are such tools.
LLVM_TOOLS = ("llvm-objcopy", "llvm-size", "llvm-ar", "llvm-objdump")
# SeaBIOS refuses an AHCI disk of less than a cylinder, which an image of bootimage's can be.
SMALLEST_DISK = 1 << 20
# How a person may have to reach the registry.
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CARGO_HTTP_CAINFO")
# The specification that the book has readers write; a copy is migrated to the rustc that is here.
SPEC = {
    "llvm-target": "x86_64-unknown-none",
    "data-layout": "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128",
    "arch": "x86_64",
    "target-endian": "little",
    "target-pointer-width": 64,
    "target-c-int-width": 32,
    "os": "none",
    "executables": True,
    "linker-flavor": "ld.lld",
    "linker": "rust-lld",
    "panic-strategy": "abort",
    "disable-redzone": True,
    "rustc-abi": "x86-softfloat",
    "features": "-mmx,-sse,+soft-float",
}
CONFIG = f"""[unstable]
json-target-spec = true
build-std = ["core", "compiler_builtins"]
build-std-features = ["compiler-builtins-mem"]

[build]
target = "{TARGET}.json"
"""


class CargoBootimage:
    """Builds the kernel at place with cargo bootimage; toolchain is the one that compiles on both sides."""

    def __init__(self, home: Path, place: Path, toolchain: Toolchain, environ: Mapping[str, str] = os.environ) -> None:
        self.place = place
        self.toolchain = toolchain
        self.package = Package(home / "kernel", place / "kernel")
        self.elf = place / "target" / TARGET / "debug" / "hello"
        self.image = self.elf.with_name("bootimage-hello.bin")
        self._environ = environ

    def set_up(self, tell: Callable[[str], None]) -> None:
        """Installs the program where it is not there yet, writes the package and builds it once, to fetch all of it."""
        stamp = self.place / "ready"
        wanted = f"bootimage {BOOTIMAGE}\nbootloader {BOOTLOADER}\n{self.toolchain.verbose}\n"
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            if self.place.exists():
                shutil.rmtree(self.place)
            self.link_toolchain()
            tell(f"installing cargo bootimage {BOOTIMAGE} in {self.place}")
            install = ["install", "bootimage", "--version", BOOTIMAGE, "--locked", "--root", str(self.place)]
            # Compiled beside the kernels' own target directory, which a clean build removes.
            self.cargo(*install, directory=self.place, CARGO_TARGET_DIR=str(self.place / "install"))
        self.package.make()
        with (self.package.directory / "Cargo.toml").open("a", encoding="utf-8") as manifest:
            manifest.write(f'\n[dependencies]\nbootloader = "={BOOTLOADER}"\n\n[workspace]\n')
        (self.package.directory / ".cargo").mkdir(exist_ok=True)
        (self.package.directory / ".cargo" / "config.toml").write_text(CONFIG, encoding="utf-8")
        spec = migrate_spec(json.dumps(SPEC), self.toolchain, "the bench's specification").text
        (self.package.directory / f"{TARGET}.json").write_text(spec, encoding="utf-8")
        tell("building the peer's kernel once, which fetches its crates")
        self.cargo("bootimage", directory=self.package.directory)
        stamp.write_text(wanted, encoding="utf-8")

    def forget(self, store: bool = False) -> None:
        """Removes what a build made. There is no store: each target directory has a core of its own."""
        shutil.rmtree(self.place / "target", ignore_errors=True)

    def build(self) -> Taken:
        """Builds the image."""
        return self.cargo("bootimage", directory=self.package.directory, CARGO_NET_OFFLINE="true")

    def build_nothing(self) -> Taken:
        """Builds once more."""
        return self.build()

    def boot(self, greeting: str) -> Taken:
        """Builds the image and starts the machine that bootwright starts; counts until the serial port says greeting.

        The machine is started without a detour: no runner of the peer's is counted.
        """
        built = self.build()
        self.pad()
        qemu = find_qemu(None, self._environ)
        config = MachineConfig(self.image, accelerator=choose_accelerator(qemu).name)
        argv = [str(qemu), *machine_arguments(config, None), "-serial", "stdio"]
        booted = take(argv, self.place, self.environment(), greeting, stop=True, limit=120.0)
        return Taken(built.seconds + booted.seconds, built.output + booted.output)

    def pad(self) -> None:
        """Makes the image large enough for an AHCI disk; the next build writes it anew."""
        if self.image.stat().st_size < SMALLEST_DISK:
            os.truncate(self.image, SMALLEST_DISK)

    def link_toolchain(self) -> None:
        """Makes toolchain/, a sysroot of links with the LLVM tools in it, and path/, the programs that cargo finds."""
        if find_rust_src(self.toolchain) is None:
            raise BootwrightError(
                f"the peer compiles core, and {self.toolchain.rustc} has no sources of it",
                "rustup component add rust-src, or the distribution's rust-src",
            )
        path, own = self.place / "path", Path("lib", "rustlib", self.toolchain.host)
        tools = self.place / "toolchain" / own / "bin"
        for directory in (path, tools):
            directory.mkdir(parents=True)
        rustlib = self.toolchain.sysroot / "lib" / "rustlib"
        (self.place / "toolchain" / own / "lib").symlink_to(rustlib / self.toolchain.host / "lib")
        (self.place / "toolchain" / "lib" / "rustlib" / "src").symlink_to(rustlib / "src")
        linker = find_llvm_tool(self.toolchain, "ld.lld", self._environ)
        for link in (path / "rust-lld", tools / "rust-lld"):
            link.symlink_to(linker)
        for name in LLVM_TOOLS:
            (tools / name).symlink_to(find_llvm_tool(self.toolchain, name, self._environ))
        # bootimage and the loader's build script ask `rustc` for its sysroot; cargo itself has RUSTC, the real one.
        script = f'#!/bin/sh\nexec "{self.toolchain.rustc}" --sysroot "{self.place / "toolchain"}" "$@"\n'
        (path / "rustc").write_text(script, encoding="utf-8")
        (path / "rustc").chmod(0o755)
        (path / "cargo").symlink_to(self._find_cargo())

    def _find_cargo(self) -> Path:
        beside = self.toolchain.rustc.with_name("cargo")
        found = str(beside) if os.access(beside, os.X_OK) else shutil.which("cargo", path=self._environ.get("PATH"))
        if found is None:
            raise BootwrightError(
                "there is no cargo, which builds the peer", "apt install cargo-web, or rustup (https://rustup.rs)"
            )
        # A link to rustup's shim would be called by a name that it does not know.
        return Path(found)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        network = [*NETWORK, *(name.lower() for name in NETWORK)]
        allowed = allowed_environment(self._environ, {n: self._environ[n] for n in network if n in self._environ})
        path = [str(self.place / "path"), str(self.place / "bin"), *allowed.get("PATH", "").split(os.pathsep)]
        return {
            **allowed,
            "PATH": os.pathsep.join(path),
            "CARGO_HOME": str(self.place / "cargo"),
            "CARGO_TARGET_DIR": str(self.place / "target"),
            "RUSTC": str(self.toolchain.rustc),
            "RUSTC_BOOTSTRAP": "1",
            **(extra or {}),
        }

    def cargo(self, *arguments: str, directory: Path, **extra: str) -> Taken:
        """Runs cargo there with the peer's toolchain; extra are variables of the environment."""
        return take([str(self.place / "path" / "cargo"), *arguments], directory, self.environment(extra))


def find_peer_version(peer: CargoBootimage) -> str:
    """Returns one line about the peer, for the report."""
    cargo = attempt([str(peer.place / "path" / "cargo"), "--version"]).stdout.strip()
    return f"cargo bootimage {BOOTIMAGE} with bootloader {BOOTLOADER} ({cargo})"
