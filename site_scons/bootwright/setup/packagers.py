"""How this machine gets its programs: which packager it has, and the command line that brings a program.

apt.py knows more about Debian and Ubuntu, where sconsw may install by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootwright.base.procs import find_on_path
from bootwright.loader import crates as loader
from bootwright.setup.programs import PROGRAMS, System, program

RUSTUP_SITE = "https://rustup.rs"
INSTALL = {
    System.APT: "sudo apt-get install --no-install-recommends",
    System.DNF: "sudo dnf install",
    System.PACMAN: "sudo pacman -S --needed",
    System.ZYPPER: "sudo zypper install",
    System.APK: "sudo apk add",
    System.NIX: "nix profile install",
    System.BREW: "brew install",
    System.WINGET: "winget install",
}
WITH_RUSTUP = ("rustc", "cargo")  # which it brings without a word
WITH_CORE = {System.APT, System.DNF, System.PACMAN, System.APK}  # whose compiler comes with core's sources


def detect_system(environ: Mapping[str, str], os_release: str, platform: str = sys.platform) -> System:
    """Returns how this machine gets its programs: from os_release (the text of /etc/os-release) and what PATH has."""
    if platform == "darwin":
        return System.BREW
    if platform == "win32":
        return System.WINGET
    facts = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    family = {word for key in ("ID", "ID_LIKE") for word in facts.get(key, "").strip("\"'").split()}
    for ids, system, packager in (
        ({"debian", "ubuntu"}, System.APT, "apt-get"),
        ({"fedora", "rhel"}, System.DNF, "dnf"),
        ({"arch"}, System.PACMAN, "pacman"),
        ({"opensuse", "suse", "sles"}, System.ZYPPER, "zypper"),
        ({"alpine"}, System.APK, "apk"),
        ({"nixos"}, System.NIX, "nix"),
    ):
        if family & ids and find_on_path(packager, environ):
            return system
    return System.OTHER


def this_system(environ: Mapping[str, str]) -> System:
    """Returns how this very machine gets its programs."""
    try:
        os_release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        os_release = ""
    return detect_system(environ, os_release)


def command(
    names: Iterable[str],
    system: System,
    apt_packages: Iterable[str] = (),
    by_rustup: bool = False,
    is_root: bool = False,
) -> str:
    """Returns the command line that brings the programs on such a system; by_rustup: rustup has the compiler."""
    names = list(names)
    rustups = set[str]()  # what rustup brings, where the compiler is its own or no system package is good enough
    if by_rustup or system not in WITH_CORE:
        rustups = {n for n in names if n in WITH_RUSTUP or program(n).component}
        if system in INSTALL.keys() - WITH_CORE:
            rustups.discard("llvm-objcopy")  # a package has it there, mostly that of ld.lld
    packaged = [n for n in names if n not in rustups or (n in WITH_RUSTUP and not by_rustup)]
    by_name = [n for n in packaged if n not in PROGRAMS]  # no package of them is known
    if system is System.APT:
        words = list(apt_packages)
    else:
        words = _words(packaged, system)
        by_name = [n for n in packaged if not program(n).packages.get(system)]
    parts = []
    if words:
        start = INSTALL[system].removeprefix("sudo ") if is_root else INSTALL[system]
        parts.append(f"{start} {' '.join(words)}")
    if by_name:
        parts.append(
            f"install {', '.join(dict.fromkeys(f'rustup ({RUSTUP_SITE})' if n in WITH_RUSTUP else n for n in by_name))}"
        )
    components = dict.fromkeys(program(n).component for n in names if n in rustups and program(n).component)
    parts += [f"rustup component add {' '.join(components)}"] if components else []
    parts += [f"rustup target add {loader.TARGET}"] if "rustc" in rustups else []
    return " && ".join(parts)


def _words(names: Iterable[str], system: System) -> list[str]:
    return list(dict.fromkeys(word for n in names for word in program(n).packages.get(system, "").split()))
