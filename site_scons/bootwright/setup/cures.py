"""The command that brings what a toolchain lacks, for rustup and for each kind of system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bootwright.rust.lacks import LackOfCore, LackOfLlvmTool, LackOfRustc, OldRustc
from bootwright.rust.library import is_bare
from bootwright.rust.rustup import has_prebuilt_core, toolchain_name
from bootwright.rust.toolchain import Toolchain

OS_RELEASE = Path("/etc/os-release")
# Debian 12 keeps a compiler of today beside its own 1.63, made for browsers, under names of its own.
DEBIAN_12 = ("rustc-web", "rust-web-src")
BUILTINS_PACKAGE = "librust-compiler-builtins-dev"
LLVM_OF_TODAY = 22  # of rustc 1.95 to 1.97, for a machine that has no rustc to ask


def for_lack(lack: object, environ: Mapping[str, str]) -> str:
    """Returns the command that brings what a search of rust/ missed."""
    match lack:
        case LackOfRustc():
            return for_no_rustc(environ)
        case OldRustc(rustc):
            return for_old_rustc(rustc, environ)
        case LackOfCore(toolchain, target, source):
            return for_core(toolchain, target, is_bare(target), source, environ)
        case LackOfLlvmTool(toolchain, name):
            return for_llvm_tool(toolchain, name, environ)
    raise TypeError(f"no cure is known for {lack}")


def for_no_rustc(environ: Mapping[str, str]) -> str:
    """Returns the command that brings a compiler, the sources of core, a linker and llvm-objcopy to this system."""
    from bootwright.setup import packagers as host_system

    names = ["rustc", "ld.lld", "llvm-objcopy"]
    rust = DEBIAN_12 if is_debian_12() else ("rustc", "rust-src")
    llvm = (f"llvm-{LLVM_OF_TODAY}", f"lld-{LLVM_OF_TODAY}") if is_debian_12() else ("llvm", "lld")
    return host_system.command(names, host_system.this_system(environ), [*rust, *llvm])


def for_core(toolchain: Toolchain, target: str, bare: bool, lacks: str, environ: Mapping[str, str]) -> str:
    """Returns the command that brings core for target: prebuilt where rustup has it, else the sources.

    lacks is what rust_library.what_source_lacks said.
    """
    name = toolchain_name(toolchain.rustc)
    if name:
        if bare and has_prebuilt_core(toolchain.sysroot, target) is not False:
            return f"rustup target add {target} --toolchain {name}"
        return f"rustup component add rust-src --toolchain {name}"
    from bootwright.setup import packagers as host_system
    from bootwright.setup import programs as hostprograms

    system = host_system.this_system(environ)
    series = re.search(r"rust(?:c)?-(\d+\.\d+)\b", str(toolchain.rustc.resolve()))
    if "compiler_builtins" in lacks:
        source = BUILTINS_PACKAGE
    elif series:
        source = f"rust-{series[1]}-src"
    else:
        source = DEBIAN_12[1] if is_debian_12() else "rust-src"
    packages = {
        hostprograms.System.APT: source,
        hostprograms.System.DNF: "rust-src",
        hostprograms.System.PACMAN: "rust-src",
        hostprograms.System.APK: "rust-src",
    }
    if system in packages:
        return f"{host_system.INSTALL[system]} {packages[system]}"
    return f"install rustup ({host_system.RUSTUP_SITE}), then: rustup target add {target}"


def for_llvm_tool(toolchain: Toolchain, name: str, environ: Mapping[str, str]) -> str:
    """Returns the command that brings name (find_llvm_tool's) of rustc's LLVM."""
    rustup = toolchain_name(toolchain.rustc)
    if rustup and name == "llvm-objcopy":
        return f"rustup component add llvm-tools --toolchain {rustup}"
    from bootwright.setup import packagers as host_system

    major = toolchain.llvm_version.partition(".")[0]
    program, package = ("llvm-objcopy", "llvm") if name.startswith("llvm-") else ("ld.lld", "lld")
    return host_system.command([program], host_system.this_system(environ), [f"{package}-{major}"])


def for_old_rustc(rustc: Path, environ: Mapping[str, str]) -> str:
    """Returns the command that brings a newer compiler than rustc."""
    name = toolchain_name(rustc)
    return f"rustup update {name}" if name else for_no_rustc(environ)


def is_debian_12() -> bool:
    """Tells whether this machine runs Debian 12."""
    try:
        facts = OS_RELEASE.read_text(encoding="utf-8")
    except OSError:
        return False
    return "\nID=debian\n" in f"\n{facts}\n" and bool(re.search(r'^VERSION_ID="?12"?$', facts, re.MULTILINE))
