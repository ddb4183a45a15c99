"""Which lld and llvm-objcopy: the toolchain's own, else the ones on this machine nearest to rustc's LLVM."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootwright.base.errors import BootwrightError, Lacks
from bootwright.base.procs import EXE, attempt
from bootwright.rust.lacks import LackOfLlvmTool

if TYPE_CHECKING:
    from bootwright.rust.toolchain import Toolchain

# What rustup calls them: the component llvm-tools brings llvm-objcopy, every toolchain has rust-objcopy (which in some
# releases lacks its libLLVM and does not start), and rust-lld is told by -flavor which linker it is.
OWN_NAMES = {
    "ld.lld": ("rust-lld",),
    "llvm-objcopy": ("llvm-objcopy", "rust-objcopy"),
    "lld-link": ("gcc-ld/lld-link",),
    "ld64.lld": ("gcc-ld/ld64.lld",),
}
VERSIONED_DIRECTORY = Path("/usr/lib")  # Debian's llvm-NN/bin, Alpine's llvmNN/bin
OTHER_DIRECTORIES = (
    Path("/opt/homebrew/opt/llvm/bin"),
    Path("/opt/homebrew/opt/lld/bin"),
    Path("/usr/local/opt/llvm/bin"),
    Path("/usr/local/opt/lld/bin"),
    Path("C:/Program Files/LLVM/bin"),
)


@dataclass(frozen=True)
class _Candidate:
    path: Path
    major: int | None  # where its name or its directory tells


def find_llvm_tool(toolchain: Toolchain, name: str, environ: Mapping[str, str]) -> Path:
    """Returns the program for name ("ld.lld", "llvm-objcopy", "lld-link", "ld64.lld"): for ld.lld it may be rust-lld.

    The toolchain's own wins; else PATH, Debian's NAME-NN and llvm-NN/bin and Homebrew's directories are searched for
    the version nearest to rustc's LLVM. Each is started once, since some are there and do not run. Raises Lacks when
    there is none.
    """
    for word in OWN_NAMES.get(name, (name,)):
        path = toolchain.sysroot / "lib" / "rustlib" / toolchain.host / "bin" / (word + EXE)
        if path.is_file() and _version(path, environ) is not None:
            return path
    wanted = int(toolchain.llvm_version.partition(".")[0])
    best: tuple[int, int] | None = None
    chosen = None
    for candidate in _candidates(name, environ):
        major = candidate.major
        if major is not None and best is not None and _rank(major, wanted) >= best:
            continue  # not nearer, whatever it would say
        major = _version(candidate.path, environ)
        if major is not None and (best is None or _rank(major, wanted) < best):
            best, chosen = _rank(major, wanted), candidate.path
    if chosen is None:
        sentence = f"no {name} was found, neither rustc's own ({toolchain.sysroot}) nor on PATH"
        raise Lacks(sentence, LackOfLlvmTool(toolchain, name))
    return chosen


def _rank(major: int, wanted: int) -> tuple[int, int]:
    """Returns what is smaller the nearer major is to wanted; of two equally near ones the newer is better."""
    return (abs(major - wanted), -major)


def _candidates(name: str, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Yields every program that may serve: on PATH by name, with a version, then in the directories known by name."""
    pattern = re.compile(rf"{re.escape(name)}-(\d+){re.escape(EXE)}")
    for word in environ.get("PATH", "").split(os.pathsep):
        directory = Path(word)
        if not word or not directory.is_dir():
            continue
        if os.access(directory / (name + EXE), os.X_OK):
            yield _Candidate(directory / (name + EXE), None)
        for path in sorted(directory.glob(f"{name}-*")):
            if match := pattern.fullmatch(path.name):
                yield _Candidate(path, int(match[1]))
    for directory in sorted(VERSIONED_DIRECTORY.glob("llvm*/bin")):
        major = directory.parent.name.removeprefix("llvm").removeprefix("-")
        if (directory / name).is_file() and major.isdigit():
            yield _Candidate(directory / name, int(major))
    for directory in OTHER_DIRECTORIES:
        if (directory / (name + EXE)).is_file():
            yield _Candidate(directory / (name + EXE), None)


def _version(path: Path, environ: Mapping[str, str]) -> int | None:
    """Returns the major version that the program says it is of; None when it does not run or is none of LLVM's."""
    flavour = ["-flavor", "gnu"] if path.stem == "rust-lld" else []
    try:
        ended = attempt([str(path), *flavour, "--version"], env=environ)
    except BootwrightError:
        return None
    version = re.search(r"(?:LLD|LLVM version) (\d+)\.", ended.stdout)
    return int(version[1]) if ended.status == 0 and version else None
