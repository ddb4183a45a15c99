"""What rustc is told to make core, compiler_builtins and alloc, and the key of what comes of it in the store.

The key depends on what rustc is told and on nothing else: recipe() says it in words, with names in place of all paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.rust import library as rust_library
from bootwright.rust.command import crate_words
from bootwright.rust.toolchain import Toolchain, release_number

# The library is written in unstable Rust, and so are specifications. It is set for these processes alone.
BOOTSTRAP = {"RUSTC_BOOTSTRAP": "1"}
FLAGS = (
    "--cap-lints=allow",
    "-Copt-level=3",
    "-Cpanic=abort",
    "-Cmetadata=bootwright",
    "-Cextra-filename=-bootwright",
    "-Zforce-unstable-if-unmarked",
)
CRATE_FLAGS = {"core": ("-Ccodegen-units=4",), "compiler_builtins": (), "alloc": ()}
NOT_ELF = ('target_os="uefi"', 'target_os="windows"', 'target_os="cygwin"', 'target_vendor="apple"')
# core's front end is the critical path. Two threads take 3.8 s of 21.5 off it, and the bytes are those of one thread;
# that was tried with this release, and older ones keep to one.
PARALLEL_FRONT_END = (1, 96)
FEATURES = ("compiler-builtins", "mem")
# What `rustc --print cfg` may say of target_arch.
ARCHES = (
    "aarch64", "amdgpu", "arm", "arm64ec", "avr", "bpf", "csky", "hexagon", "loongarch32", "loongarch64", "m68k",
    "mips", "mips32r6", "mips64", "mips64r6", "msp430", "nvptx64", "powerpc", "powerpc64", "riscv32", "riscv64",
    "s390x", "sparc", "sparc64", "spirv", "wasm32", "wasm64", "x86", "x86_64", "xtensa",
)  # fmt: skip


def sysroot_key(toolchain: Toolchain, spec_text_or_triple: str, library: Path | None, name: str = "") -> str:
    """Returns the key of a sysroot in the store: 32 hex digits, the same for the same bytes to come.

    spec_text_or_triple is a built-in triple, or the text of the migrated specification with name, the stem of its
    file, which rustc's crates carry. RUSTFLAGS and the profile are not in it: one core serves all.
    """
    if not name:
        if "{" in spec_text_or_triple:
            raise ValueError("a specification needs the name that its crates carry")
        name = spec_text_or_triple
    library = existing_library(toolchain, library)
    builtins = rust_library.find_compiler_builtins(library)
    facts = [
        toolchain.verbose, name, spec_text_or_triple, *recipe(name, "{" in spec_text_or_triple, toolchain.release),
        rust_library.source_version(library), builtins.name if builtins else "",
        *(lock.read_text(encoding="utf-8") for lock in rust_library.lock_files(library)),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]


def recipe(name: str, custom: bool, release: str) -> list[str]:
    """Returns what rustc is told, in words and environment, with names in place of all paths.

    compiler_builtins' flags depend on what rustc says of the target, which costs a process: all that may be answered
    stands for it.
    """
    target = f"{name}.json" if custom else name
    words = [f"{variable}={value}" for variable, value in BOOTSTRAP.items()]
    for crate in CRATE_FLAGS:
        words += rustc_words(crate, target, release, "EDITION", Path("SOURCE"), Path("OUT"), {Path("FROM"): "TO"})
    for arch in ARCHES:
        for lines in ("", 'target_feature="sse"\n', "target_has_reliable_f16\ntarget_has_reliable_f128\n"):
            words += [arch, *builtins_cfgs(f'{lines}target_arch="{arch}"', name)]
    return [*words, builtins_units(""), builtins_units(NOT_ELF[0])]


def rustc_words(
    crate: str, target: str, release: str, edition: str, source: Path, out: Path, names: Mapping[Path, str]
) -> list[str]:
    """Returns what rustc is told to compile crate, in directory source, with the sysroot out.

    names are what its bytes call the directories of the sources.
    """
    threads = ["-Zthreads=2"] if crate == "core" and release_number(release) >= PARALLEL_FRONT_END else []
    return crate_words(
        crate, source / "src" / "lib.rs", "rlib", edition=edition, target=target, sysroot=out, emit="metadata,link",
        flags=(*FLAGS, *CRATE_FLAGS[crate], *threads), names={**names, out: "/sysroot"},
    )  # fmt: skip


def builtins_cfgs(cfg: str, name: str) -> list[str]:
    """Returns what compiler_builtins' own build script would set, for `rustc --print cfg` (cfg) of the target name.

    From build.rs and configure.rs of compiler_builtins 0.1.140 to 0.1.160; a name that one version does not know is
    harmless there. The build script itself would need a linker for the builder.
    """
    lines = set(cfg.split())
    arch = next((line.split('"')[1] for line in lines if line.startswith("target_arch=")), "")
    words = name.split("-")
    cfgs = ["intrinsics_enabled", "arch_enabled", "optimizations_enabled"]
    features = ["unstable-intrinsics", *FEATURES]
    if arch in ("x86", "x86_64", "aarch64", "bpf"):
        features.append("mem-unaligned")
    if words[0].startswith("thumb"):
        cfgs.append("thumb")
    if words[0] in ("thumbv6m", "thumbv8m.base"):
        cfgs.append("thumb_1")
    if arch == "x86" and 'target_feature="sse"' not in lines:
        cfgs.append("x86_no_sse")
    if words[0] in ("armv4t", "armv5te"):
        cfgs.append("kernel_user_helpers")
    cfgs += [f"{kind}_enabled" for kind in ("f16", "f128") if f"target_has_reliable_{kind}" in lines]
    return [*cfgs, *(f'feature="{feature}"' for feature in features)]


def builtins_units(cfg: str) -> str:
    """Returns in how many objects compiler_builtins is made, for `rustc --print cfg` (cfg) of the target.

    A kernel may have a memcpy of its own. In an ELF those of compiler_builtins are weak, and the linker takes the
    kernel's; elsewhere it must find each function in an object of its own, or it takes both. That takes 4 s more.
    """
    return "-Ccodegen-units=10000" if any(line in NOT_ELF for line in cfg.splitlines()) else "-Ccodegen-units=16"


def existing_library(toolchain: Toolchain, library: Path | None) -> Path:
    """Returns library; raises where there are no sources that make core."""
    if library is None:
        lacks = rust_library.what_source_lacks(toolchain.sysroot, toolchain.release)
        raise BootwrightError(f"{toolchain.rustc} (rustc {toolchain.release}) has {lacks}")
    return library
