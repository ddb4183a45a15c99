"""Where the programs of the machine are, and the toolchain that a build would take; why those that are missing are."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import find_on_path
from bootwright.loader import crates as loader
from bootwright.machine.display import find_display
from bootwright.machine.gdb import find_gdb
from bootwright.machine.ovmf import find_ovmf
from bootwright.rust import rustup, toolchain
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.search import find_toolchain
from bootwright.setup import verbs
from bootwright.setup.programs import QEMU

# Which of these are right depends on rustc.
OF_THE_TOOLCHAIN = {"rustc", "cargo", "ld.lld", "llvm-objcopy", "rustfmt", "clippy-driver", "rust-std"}


@dataclass
class Search:
    """What was found of the programs asked for; why the others were not; the toolchain, if one serves."""

    found: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, BootwrightError] = field(default_factory=dict)
    toolchain: toolchain.Toolchain | None = None
    final: BootwrightError | None = None  # what a person chose, a compiler or a target, does not serve: nothing helps


def find_programs(
    names: Iterable[str],
    kernel_dir: Path,
    environ: Mapping[str, str],
    rustc: str | None = None,
    target: str = loader.TARGET,
) -> Search:
    """Looks for the programs; kernel_dir, target and rustc (RUSTC=) choose the toolchain as the build would."""
    names = list(names)
    search = Search()
    no_toolchain = BootwrightError("no rustc was looked for")
    if not OF_THE_TOOLCHAIN.isdisjoint(names):
        try:
            search.toolchain = find_toolchain(kernel_dir, target, rustc, environ)
        except BootwrightError as error:
            no_toolchain = error
            hopeless = rustc or isinstance(error, toolchain.UnknownTarget) or _is_pinned(kernel_dir, environ)
            search.final = error if hopeless else None
    for name in names:
        try:
            if name in OF_THE_TOOLCHAIN and search.toolchain is None:
                raise no_toolchain
            search.found[name] = _find(name, search.toolchain, environ)
        except BootwrightError as error:
            search.missing[name] = error
    return search


def _is_pinned(kernel_dir: Path, environ: Mapping[str, str]) -> bool:
    """Tells whether a file or an override chooses rustup's toolchain for kernel_dir, even one that is not installed."""
    program = rustup.find_rustup(environ)
    try:
        return program is not None and rustup.active_toolchain(program, kernel_dir, environ).pinned
    except BootwrightError:
        return True


def _find(name: str, chosen: toolchain.Toolchain | None, environ: Mapping[str, str]) -> Path:
    if chosen and name == "rustc":
        return chosen.rustc
    if chosen and name in ("ld.lld", "llvm-objcopy"):
        return find_llvm_tool(chosen, name, environ)
    if chosen and name in ("rustfmt", "clippy-driver"):
        return find_rust_tool(chosen, name, environ)
    if chosen and name == "cargo":
        beside = chosen.rustc.with_name(name + chosen.rustc.suffix)
        if beside.is_file():
            return beside
    if chosen and name == "rust-std":
        place = chosen.sysroot / "lib" / "rustlib" / chosen.host / "lib"
        if not any(place.glob("libstd-*.rlib")):
            raise BootwrightError(f"rustc {chosen.release} ({chosen.rustc}) has no library for {chosen.host}")
        return place
    if name == verbs.OVMF:
        return find_ovmf(find_on_path(QEMU, environ)).code
    if name == verbs.FOR_BOARDS:
        return find_gdb(is_pc=False, environ=environ)
    program_name = QEMU if name == verbs.WINDOW else name
    path = find_on_path(program_name, environ)
    if path is None:
        raise BootwrightError(f"{program_name} was not found on PATH")
    if name == verbs.WINDOW:
        # Who asks has a display, or is a test that makes one.
        shown = find_display(path, (), {"DISPLAY": ":0", **environ})
        if not shown.window:
            raise BootwrightError(f"{path} has no window", shown.hint)
    return path


def find_rust_tool(chosen: toolchain.Toolchain, name: str, environ: Mapping[str, str]) -> Path:
    """Returns rustfmt or clippy-driver of the chosen toolchain, not rustup's shim for another one.

    Distributions with several versions at once (Ubuntu) add -1.NN to the name. clippy-driver must be of the very
    release of rustc: it reads the rlibs that rustc wrote.
    """
    series = ".".join(chosen.release.split(".")[:2])
    places = [chosen.rustc.parent / (name + chosen.rustc.suffix), find_on_path(f"{name}-{series}", environ)]
    places.append(find_on_path(name, environ))
    for place in places:
        if place and place.is_file() and _serves(place, name, chosen, environ):
            return place
    raise BootwrightError(f"{name} of rustc {chosen.release} ({chosen.rustc}) was not found")


def _serves(path: Path, name: str, chosen: toolchain.Toolchain, environ: Mapping[str, str]) -> bool:
    argv = [str(path), "--rustc", "-vV"] if name == "clippy-driver" else [str(path), "--version"]
    try:
        run = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and (name == "rustfmt" or f"release: {chosen.release}\n" in run.stdout)


def of_rustup(chosen: toolchain.Toolchain | None) -> bool:
    """Tells whether rustup manages the toolchain."""
    return chosen is not None and rustup.toolchain_name(chosen.rustc) != ""


def has_rustup(search: Search, environ: Mapping[str, str]) -> bool:
    """Tells whether rustup is to bring what the compiler lacks: it manages the one found, or there is none but it."""
    return of_rustup(search.toolchain) or (search.toolchain is None and rustup.find_rustup(environ) is not None)
