"""What the Tools hand to each other: what rustc needs for a target, and the nodes of one kernel."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SCons.Node.FS import Entry
from SCons.Script import ARGUMENTS

from bootwright.base.errors import BootwrightError
from bootwright.base.records import field, record
from bootwright.cargo.metadata import BootimageSettings
from bootwright.machine import boards
from bootwright.machine.boards import Board

if TYPE_CHECKING:
    from bootwright.cargo.plans import Planned
    from bootwright.hosts.table import Row
    from bootwright.rust.toolchain import Toolchain
    from bootwright.testing.written import Target


CHOOSING = (
    "KERNEL",
    "PACKAGE",
    "BIN",
    "TARGET",
    "HOST",
    "ARCH",
    "VARIANT",
    "PROFILE",
)  # the variables that say which kernel is meant


@record(frozen=True)
class Core:
    """What rustc needs for one target: word is what --target takes, directory the --sysroot (None: its own has core).

    nodes are what every crate depends on; environment and flags are what rustc wants for a JSON specification, link are
    its words for the linker, scripts the linker scripts among them. machine are words for the QEMU of the board.
    """

    name: str
    word: str
    directory: Path | None = None
    nodes: list[Entry] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    x86_64: bool = False
    board: Board | None = None
    link: tuple[str, ...] = ()
    scripts: tuple[Path, ...] = ()
    machine: tuple[str, ...] = ()


@record(frozen=True)
class Project:
    """The node of a kernel's rust-project.json, and what else an editor's files are about.

    workspace is the directory that an editor opens, target what --target takes. checkable: no test of the package wants
    Rust's own harness, so that `cargo check --all-targets` can do without std.
    """

    node: Entry
    workspace: Path
    target: str
    checkable: bool
    toolchain: Toolchain


@record
class KernelNodes:
    """The nodes of one kernel in one variant; kernel, image and pvh are None where the target is no x86-64 machine.

    elf is the library's source where the package has no program, but tests. pvh is the loader that starts kernel in the
    fast lane. board is the machine, None where there is none for target.
    """

    name: str
    target: str
    variant: str
    elf: Entry
    kernel: Entry | None = None
    image: Entry | None = None
    pvh: Entry | None = None
    bootimage: BootimageSettings = field(default_factory=BootimageSettings)
    objects: str = ""  # where what belongs to it and is no product of its own goes
    board: Board | None = None
    package: str = ""  # Cargo's, which name is unless BIN= chose the program
    root: str = ""  # the package's directory
    suite: str = ""  # of a program of tests: "src", "lib", "main", or its stem in tests/
    crate: str = ""  # of a program of tests: its crate's name
    reads: str = ""  # of a program of tests: what tells which files it was made of
    harness: bool = False  # of a program of tests: whether it is compiled with --test, which takes #[test_case]
    tests: list[KernelNodes] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)  # those of Cargo.toml whose tests are not run, and why
    project: Project | None = None  # what an editor reads of it, where that is wanted
    status: int | None = None  # with which a host's program ends, where its manifest says
    planned: Planned | None = None  # of the kernel itself: what it is made of, and rustc's release
    release: str = ""
    host: Row | None = None  # where it is a program for a host, and no kernel: the row that links it

    @property
    def disk(self) -> Path:
        """The path of the image."""
        assert self.image is not None, f"{self.name} has no image"
        return Path(self.image.abspath)

    def starts_from(self, fast: bool) -> list[Entry]:
        """What a machine needs: the image, or in the fast lane the kernel and the loader that starts it; or the ELF."""
        if self.board is None or not self.board.is_pc:
            return [self.elf]
        return [node for node in ((self.kernel, self.pvh) if fast else (self.image,)) if node is not None]

    @property
    def final(self) -> list[Entry]:
        """What `scons` makes of this kernel."""
        return [node for node in (self.image, self.kernel, self.elf) if node is not None]


def only(name: str, kernels: Sequence[KernelNodes]) -> KernelNodes:
    """Returns the one kernel that the alias name starts or writes; raises where that is not clear, or not done."""
    assert len(kernels) == 1, "commandline.check_words looked"
    row = kernels[0].host
    if row is not None:
        raise BootwrightError(
            f"{kernels[0].name} is a program for {row.name}; `scons {name}` is for machines",
            f"`scons run{chosen_by()}` starts it where {row.name} is, `scons hosts` checks it",
        )
    board = kernels[0].board
    if board is None:
        raise BootwrightError(boards.no_machine(kernels[0].target), f"scons without a word makes {kernels[0].elf}")
    if not board.is_pc and name in boards.REFUSED_VERBS:
        what, hint = boards.REFUSED_VERBS[name]
        hint = hint.format(words=chosen_by(), elf=shlex.quote(str(kernels[0].elf)))
        raise BootwrightError(f"{board.name}, which runs {kernels[0].name}, {what}", hint)
    return kernels[0]


def chosen_by(but: Sequence[str] | None = None) -> str:
    """Returns the words of the command line that chose the kernel, each after a blank; with but, all except those."""
    names = CHOOSING if but is None else [name for name in ARGUMENTS if name not in but]
    return "".join(f" {name}={shlex.quote(ARGUMENTS[name])}" for name in names if ARGUMENTS.get(name))
