"""What rustup says: the toolchain of a directory, and whether a person chose it or it is just the default.

Facts: `rustup which rustc` and `rustup show active-toolchain`, tried with rustup 1.29; older ones word the reason in
parentheses alike ("default", "overridden by ...", "directory override for ...", "environment override by ...").
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import Ended, attempt
from bootwright.cargo.watched import TOOLCHAIN_FILES, check_toolchain_files, toolchain_files

# A build downloads nothing. Before 1.28 rustup did not know the first, so it gets a server that cannot be reached too.
OFFLINE = {"RUSTUP_AUTO_INSTALL": "0", "RUSTUP_DIST_SERVER": "http://127.0.0.1:9", "RUSTUP_MAX_RETRIES": "0"}


@dataclass(frozen=True)
class Active:
    """The toolchain that rustup takes in a directory; rustc is None where it has none to take.

    pinned says that a file, an override or the environment chose it; chosen_by says which, in rustup's words.
    """

    rustc: Path | None
    name: str
    pinned: bool
    chosen_by: str


def home_directory(environ: Mapping[str, str]) -> Path | None:
    """Returns the person's home directory as environ has it."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) if home else None


def rustup_home(environ: Mapping[str, str]) -> Path | None:
    """Returns where rustup keeps its settings and toolchains."""
    if environ.get("RUSTUP_HOME"):
        return Path(environ["RUSTUP_HOME"])
    home = home_directory(environ)
    return home / ".rustup" if home else None


def find_rustup(environ: Mapping[str, str]) -> Path | None:
    """Returns rustup: on PATH, else where its installer puts it for a shell that was not started anew since."""
    found = shutil.which("rustup", path=environ.get("PATH", ""))
    if found is None:
        home = home_directory(environ)
        cargo = environ.get("CARGO_HOME") or (home / ".cargo" if home else None)
        found = shutil.which("rustup", path=str(Path(cargo, "bin"))) if cargo else None
    return Path(found) if found else None


def is_shim(rustc: Path) -> bool:
    """Tells whether rustc is rustup under another name: a link to it, or (Windows) a copy beside it."""
    if rustc.resolve().stem.startswith("rustup"):
        return True
    sibling = rustc.with_name("rustup" + rustc.suffix)
    return sibling.is_file() and (rustc.samefile(sibling) or rustc.stat().st_size == sibling.stat().st_size)


def toolchain_name(rustc: Path) -> str:
    """Returns rustup's name of the toolchain that rustc lies in; empty where rustup does not manage it."""
    directory = rustc.parent.parent
    return directory.name if directory.parent.name == "toolchains" else ""


def has_prebuilt_core(sysroot: Path, target: str) -> bool | None:
    """Tells whether `rustup target add` can bring core for target, by the manifest that a toolchain keeps.

    None where the toolchain keeps none.
    """
    try:
        text = (sysroot / "lib" / "rustlib" / "multirust-channel-manifest.toml").read_text(encoding="utf-8")
    except OSError:
        return None
    return f"[pkg.rust-std.target.{target}]" in text


def active_toolchain(rustup: Path, directory: Path, environ: Mapping[str, str]) -> Active:
    """Asks rustup what it takes in directory.

    Raises BootwrightError where a file or an override chose a toolchain that is not installed, or that has no rustc,
    and where rustup cannot read such a file, or would wait for it.
    """
    check_toolchain_files(directory)
    which = _ask(rustup, directory, environ, "which", "rustc")
    shown = _ask(rustup, directory, environ, "show", "active-toolchain")
    if which.status == 0:
        line = shown.stdout.strip().partition("\n")[0]
        name, _, reason = line.removesuffix(")").partition(" (")
        rustc = Path(which.stdout.strip())
        pinned = reason not in ("", "default")
        return Active(rustc, name or toolchain_name(rustc), pinned, reason)
    said = which.stderr + shown.stderr
    missing = re.search(r"toolchain '([^']+)' is not installed", said)
    chosen = re.search(r"\b(the [^'\n]*(?:'[^'\n]*')?) specifies an uninstalled toolchain", said)
    if missing and (chosen or environ.get("RUSTUP_TOOLCHAIN") or nearest_toolchain_file(directory)):
        reason = chosen[1] if chosen else _guess(directory, environ)
        raise BootwrightError(
            f"toolchain {missing[1]} is not installed, which {reason} chooses",
            f"rustup toolchain install {missing[1]}",
        )
    if missing or "no default is configured" in said or "could not choose a version" in said:
        return Active(None, missing[1] if missing else "", False, "default")
    errors = re.search(r"^error: (.*)$", which.stderr, re.MULTILINE)  # warnings may come before it
    words = errors[1] if errors else which.stderr.strip().partition("\n")[0]
    raise BootwrightError(f"rustup names no rustc for {directory}: {words}", "rustup show")


def choosing_file(active: Active) -> Path | None:
    """Returns the toolchain file that chose, None where something else did."""
    named = re.search(r"overridden by '(.+)'", active.chosen_by)
    path = Path(named[1]) if named else None
    return path if path and path.name in TOOLCHAIN_FILES and path.is_file() else None


def nearest_toolchain_file(directory: Path) -> Path | None:
    """Returns the toolchain file that holds for directory: its own, else that of the nearest parent."""
    for path in toolchain_files(directory):
        if path.is_file():
            return path
    return None


def _guess(directory: Path, environ: Mapping[str, str]) -> str:
    if environ.get("RUSTUP_TOOLCHAIN"):
        return "the environment variable RUSTUP_TOOLCHAIN"
    return f"the toolchain file at '{nearest_toolchain_file(directory)}'"


def _ask(rustup: Path, directory: Path, environ: Mapping[str, str], *words: str) -> Ended:
    return attempt([str(rustup), *words], cwd=directory, env=environ, extra=OFFLINE)
