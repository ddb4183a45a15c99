"""The standard library of a toolchain: which core is installed, and where the sources of core are.

Facts: rustup's component rust-src is lib/rustlib/src/rust of its toolchain. Distributions have one package of sources,
whose rust is a link to rustc-VERSION, so that its version can differ from the compiler's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

CRATES = ("core", "compiler_builtins", "alloc")
# Debian 13 and Ubuntu have the sources of core without the vendored crates; this is where their package
# librust-compiler-builtins-dev puts them.
DISTRIBUTION_REGISTRY = Path("/usr/share/cargo/registry")


def is_custom(target: str) -> bool:
    """Tells whether target names a specification (a JSON file), no triple."""
    return target.endswith(".json")


def is_bare(target: str) -> bool:
    """Tells whether target is a triple without an operating system, for which rustc ships core but no std."""
    return not is_custom(target) and (target.endswith("-none") or "-none-" in target)


def library_root(sysroot: Path) -> Path:
    """Returns the directory of a sysroot that holds the libraries of every target, and nothing else."""
    return sysroot / "lib" / "rustlib"


def library_directory(sysroot: Path, target: str) -> Path:
    """Returns where rustc looks for the rlibs of target in sysroot."""
    return library_root(sysroot) / target / "lib"


def core_is_installed(sysroot: Path, target: str) -> bool:
    """Tells whether sysroot has core, alloc and compiler_builtins for target, and target is bare.

    For a triple that has std the installed core does not serve: it unwinds, and its compiler_builtins has no memcpy.
    """
    directory = library_directory(sysroot, target)
    return is_bare(target) and all(any(directory.glob(f"lib{crate}-*.rlib")) for crate in CRATES)


def source_directory(sysroot: Path) -> Path:
    """Returns where the library's sources would be: the directory that holds core, alloc and others."""
    return library_root(sysroot) / "src" / "rust" / "library"


def source_version(library: Path) -> str:
    """Returns the release that the sources in library say they are of, such as 1.96.0; empty where they do not say.

    rustup's have no version of their own: they belong to the toolchain that they lie in.
    """
    home = library.resolve().parent
    try:
        return (home / "src" / "version").read_text(encoding="utf-8").strip()
    except OSError:
        named = re.fullmatch(r"rustc?-(\d+\.\d+\.\d+)(?:-src)?", home.name)
        return named[1] if named else ""


def find_compiler_builtins(library: Path) -> Path | None:
    """Returns the directory of compiler_builtins' sources: in the library's tree, vendored, or the distribution's."""
    inside = library / "compiler-builtins" / "compiler-builtins"
    if (inside / "src" / "lib.rs").is_file():
        return inside
    places = [library / "vendor", library.parent / "vendor", library.resolve().parent / "vendor", DISTRIBUTION_REGISTRY]
    for place in places:
        found = [path for path in place.glob("compiler_builtins*") if (path / "src" / "lib.rs").is_file()]
        if found:
            return min(found, key=lambda path: _distance(path, library))
    return None


def _distance(path: Path, library: Path) -> tuple[int, str]:
    """Returns how far the version of the crate in path is from the one that the library's lock file names."""
    wanted = _locked_version(library)
    version = re.search(r"-(\d+)\.(\d+)\.(\d+)", path.name)
    if version is None or not wanted:
        return (0, path.name)
    weights = (1_000_000, 10_000, 1)
    there = sum(int(number) * weight for number, weight in zip(version.groups(), weights, strict=True))
    here = sum(int(number) * weight for number, weight in zip(wanted.split("."), weights, strict=False))
    return (abs(there - here), path.name)


def _locked_version(library: Path) -> str:
    import tomllib

    for lock in lock_files(library):
        for package in tomllib.loads(lock.read_text(encoding="utf-8")).get("package", []):
            if package["name"] == "compiler_builtins":
                return str(package["version"])
    return ""


def lock_files(library: Path) -> Iterator[Path]:
    """Yields the lock files of the library's sources: beside its crates, or, in older releases, one level up."""
    for place in (library, library.parent):
        if (place / "Cargo.lock").is_file():
            yield place / "Cargo.lock"


def what_source_lacks(sysroot: Path, release: str) -> str:
    """Returns why sysroot's sources cannot make core for release, in words after "rustc has"; empty if they can."""
    library = source_directory(sysroot)
    if not (library / "core" / "src" / "lib.rs").is_file():
        return "no rust-src"
    version = source_version(library)
    if version and version.partition("-")[0] != release.partition("-")[0]:
        return f"rust-src of {version}, not {release}"
    if find_compiler_builtins(library) is None:
        return "rust-src without compiler_builtins"
    return ""
