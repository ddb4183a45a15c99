"""One rustc: what it says of itself, and whether it has core for a target, or the sources of core."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.rust import library as rust_library

OLDEST = (1, 85)
ENVIRONMENT = ("PATH", "HOME", "USERPROFILE", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME")


@record(frozen=True)
class Toolchain:
    """One rustc, the executable itself, and what it says of itself.

    verbose is `rustc -vV`; origin says who chose it; notes are lines to tell the person once; pinned says that it is
    the person's choice; watched are the paths that the choice depended on, whether they exist or not.
    """

    rustc: Path
    verbose: str
    release: str
    host: str
    llvm_version: str
    sysroot: Path
    origin: str
    notes: tuple[str, ...] = ()
    pinned: bool = False
    watched: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Returns what from_json takes, in JSON's types."""
        return {**asdict(self), "rustc": str(self.rustc), "sysroot": str(self.sysroot)}

    @staticmethod
    def from_json(facts: Mapping[str, object]) -> Toolchain:
        """Returns the toolchain of to_json; raises KeyError or TypeError where facts are something else."""
        names = ("verbose", "release", "host", "llvm_version", "origin")
        texts = {name: str(facts[name]) for name in names}
        notes, watched = facts["notes"], facts["watched"]
        if not isinstance(notes, (list, tuple)) or not isinstance(watched, (list, tuple)):
            raise TypeError("notes and watched are lists")
        return Toolchain(
            rustc=Path(str(facts["rustc"])), sysroot=Path(str(facts["sysroot"])), pinned=bool(facts["pinned"]),
            notes=tuple(map(str, notes)), watched=tuple(map(str, watched)), **texts,
        )  # fmt: skip

    @property
    def commit(self) -> str:
        """The commit of the compiler's sources; its release where it does not say."""
        for line in self.verbose.splitlines():
            if line.startswith("commit-hash: ") and "unknown" not in line:
                return line.removeprefix("commit-hash: ")
        return self.release

    def stamp(self, environ: Mapping[str, str]) -> str:
        """Returns what differs once the choice may come out otherwise; starts no process."""
        facts = [f"{name}={environ.get(name)}" for name in ENVIRONMENT]
        for name in self.watched:
            try:
                status = Path(name).stat()
                facts.append(f"{name} {status.st_size} {status.st_mtime_ns} {status.st_ino}")
            except OSError:
                facts.append(f"{name} -")
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


class UnknownTarget(BootwrightError):
    """TARGET= is no triple that the compiler knows; another installation of it would not, either."""


def has_core(toolchain: Toolchain, target: str) -> bool:
    """Tells whether the toolchain's own core serves target as it is: a bare triple whose core is installed."""
    return rust_library.core_is_installed(toolchain.sysroot, target)


def find_rust_src(toolchain: Toolchain) -> Path | None:
    """Returns the directory of the library's sources of the toolchain's own version, or None."""
    if rust_library.what_source_lacks(toolchain.sysroot, toolchain.release):
        return None
    return rust_library.source_directory(toolchain.sysroot)


def release_number(release: str) -> tuple[int, int]:
    """Returns (major, minor) of a release such as 1.97.0-nightly."""
    major, minor = release.split(".")[:2]
    return int(major), int(minor)
