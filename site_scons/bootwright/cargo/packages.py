"""The package that is the kernel: where it lies, its programs, its own settings; and what says which one is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record

LIBRARY = "lib"  # kind of a package without a program, whose tests alone can start


@record(frozen=True)
class Package:
    """One package: its name, its directory, its workspace's, and the program in it that is the kernel.

    library is the root of its library, "" without one. metadata is its table [package.metadata]; said are cargo's
    warnings; manifests are the Cargo.toml of all members of its workspace. bootloader: it depends on the crate of that
    name; fetches: a member depends on a package that cargo may have to fetch. kind is Cargo's word for the program:
    bin, or example where BIN= names one; lib where there is none, and program and main are the library's: lacking is
    the hint of the sentence that says so. untested are kind, name and root file of each target that `cargo test` makes
    no program of tests of; gated the same and its required-features, of each that it makes one of where it has these.
    note is the line that says why this package is meant and not the one in the directory,
    weighed the root files that were read for that; words are those of a command that whoever carries the kernel says.
    """

    name: str
    root: str
    workspace: str
    program: str
    main: str
    library: str
    metadata: Mapping[str, Any]
    said: tuple[str, ...]
    manifests: tuple[str, ...]
    bootloader: bool = False
    fetches: bool = False
    kind: str = "bin"
    untested: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    weighed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    lacking: str = ""
    gated: tuple[tuple[str, ...], ...] = ()

    @property
    def crate_type(self) -> str:
        """What rustc makes of program."""
        return LIBRARY if self.kind == LIBRARY else "bin"

    def check_program(self, verbs: Sequence[str]) -> None:
        """Raises where the package has no program, and verbs want more than its tests."""
        if self.kind == LIBRARY and verbs != ["test"]:
            raise no_program(self.root, "; ".join(filter(None, ("`scons test` runs its tests", self.lacking))))


def no_program(root: str, hint: str) -> BootwrightError:
    """Returns the error that the package in root has nothing that can start."""
    return BootwrightError(f"{root} has no program: neither src/main.rs nor a [[bin]] with a path", hint)


@record(frozen=True)
class Choice:
    """What the command line says of which program is meant: PACKAGE= and BIN=, "" where it does not."""

    package: str = ""
    program: str = ""
