"""Carrying out a unit of a plan: its words as rustc gets them here, what rustc read, and what comes of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import pasteable
from bootwright.cargo.directives import expand_environment, expand_words
from bootwright.cargo.sources import crate_files
from bootwright.cargo.units import Unit
from bootwright.rust.driver_words import as_linked, for_linker
from bootwright.rust.flags import without_scripts
from bootwright.rust.more import SCRATCH, More, Room
from bootwright.rust.readable import check_readable
from bootwright.rust.rustc import (
    JSON_FLAGS,
    SHARED_LIBRARY,
    Outcome,
    read_dep_info,
    read_linker_dependencies,
    run_rustc,
)
from bootwright.rust.unit_reads import Reads, digest_or_absent

if TYPE_CHECKING:
    from bootwright.rust.incremental import Kept

BOOTSTRAP = "RUSTC_BOOTSTRAP"
RECIPE = 2  # to be raised when a unit comes out otherwise than before
NAMES_A_SCRIPT = r"(?:-C|--codegen=)?link-args?=(?:.*\s)?(?:-Wl,)?(?:-T|--script)"
OF_CARGO_ALONE = r"--error-format=|--json=|--diagnostic-width=|--color=|--verbose$"


def arguments(unit: Unit, room: Room, more: More, scratch: Path, kept: Kept | None = None) -> list[str]:
    """Returns rustc's arguments for unit, whose products go to scratch, or where what is kept says."""
    words: list[str] = []
    before = ""
    for word in expand_words(unit, room.script_said(unit)):
        if re.match(OF_CARGO_ALONE, word):
            continue
        if before == "--out-dir":
            word = str(kept.products if kept else scratch)
        elif word.startswith("incremental=") and before == "-C":
            # As cargo has it, also where nothing is kept: without the word the bytes are others.
            word = f"incremental={kept.state if kept else scratch / 'incremental'}"
        words.append(room.text(word))
        before = word
    words = as_linked(words, bool(more.driver), more.own_script)
    remaps = [f"--remap-path-prefix={path}={name}" for path, name in room.remaps]
    names_one = any(re.match(NAMES_A_SCRIPT, word) for word in words)
    script = ["-C", f"link-arg=-T{more.script}"] if more.script and not names_one else []
    last = [word.replace(SCRATCH, str(scratch)) for word in (*more.last, *script)]
    return [*more.first, *words, *last, *remaps]


def scripts_not_used(unit: Unit, room: Room) -> list[str]:
    """Returns the linker scripts that build scripts name for unit: with one of the command line they are not used."""
    own = without_scripts(unit.argv)[1]
    return [name for name in without_scripts(expand_words(unit, room.script_said(unit)))[1] if name not in own]


def words_not_handed_on(unit: Unit, room: Room) -> list[str]:
    """Returns what build scripts have a compiler link unit with that lld, in its place, has no use for."""
    own = for_linker(unit.argv)[1]
    return [word for word in for_linker(expand_words(unit, room.script_said(unit)))[1] if word not in own]


def environment_of(unit: Unit, room: Room, more: More) -> dict[str, str]:
    """Returns the variables that cargo sets for unit, those of its build scripts, and more's."""
    own = expand_environment(unit, room.script_said(unit))
    return {**{name: room.text(value) for name, value in own.items()}, **more.environment}


def run_unit(
    unit: Unit, room: Room, more: More, scratch: Path, rustc: Path, base: Mapping[str, str],
    person: Mapping[str, str], show: Callable[[str], None], colour: bool, declared: Iterable[str] = (),
    bootstrap: Callable[[], None] | None = None, kept: Kept | None = None,
) -> tuple[Outcome, list[str], Reads]:  # fmt: skip
    """Compiles unit into scratch; returns how it ended, the command, and what was read.

    base are the variables that each program gets; person is the whole environment and room's variables, of which a
    crate gets what it asks for by env!() or option_env!(), and what is declared: macros read those unseen. bootstrap
    hears that it gets RUSTC_BOOTSTRAP=1 as well, since rustc takes its #![feature] no other way; None forbids it. kept
    is what an earlier compilation left, held by the caller.
    """
    argv = [str(rustc), *arguments(unit, room, more, scratch, kept), *JSON_FLAGS]
    if unit.local:
        check_readable(argv[1:], crate_files(Path(unit.cwd, unit.source)), Path(unit.cwd))
    declared = set(declared)
    asked = {name: person[name] for name in sorted(declared) if name in person}
    held: list[str] = []  # what may be cured by a variable that the crate asks for, or that lets it have a feature
    told: list[str] = []  # what was shown already, when the crate is compiled again
    shown: list[str] = []

    def hear(text: str) -> None:
        if text in told:
            told.remove(text)
        elif held or "not defined at compile time" in text or "[E0554]" in text:
            held.append(text)
        else:
            shown.append(text)
            show(text)

    for name in scripts_not_used(unit, room) if more.own_script else ():
        show(f"warning: the linker script {name}, which a build script names, is not used: LDSCRIPT= names another\n")
    for word in words_not_handed_on(unit, room) if more.driver else ():
        show(f"warning: {word}, which a build script has {more.driver} link with, has no effect: lld links\n")
    while True:
        held.clear()
        told[:] = shown
        own = environment_of(unit, room, more)
        environment = {**base, **room.variables, **asked, **own, "TMPDIR": str(scratch)}
        outcome = run_rustc(argv, Path(unit.cwd), environment, hear, colour, kept.lock if kept else None)
        if kept and outcome.is_crash:
            was_warm = kept.is_warm
            kept.forget()
            if was_warm:
                show(f"warning: rustc crashed over what it had kept of {unit.crate}; it compiles all of it again\n")
                continue
        elif kept:
            kept.keep(scratch)
        reads = _reads(unit, scratch, own, person)
        reads.variables |= {name: person.get(name) for name in declared if name not in own}
        wanted = {name: person[name] for name in reads.variables if name in person and name not in environment}
        if bootstrap and BOOTSTRAP not in environment and any(said.code == "E0554" for said in outcome.said):
            wanted[BOOTSTRAP] = "1"
            bootstrap()
        if not wanted:
            for text in held:
                show(text)
            return outcome, argv, reads
        asked |= wanted


def to_paste(unit: Unit, room: Room, more: More, argv: Sequence[str], scratch: Path) -> str:
    """Returns the command of a compilation for a shell, without what was there for it alone."""
    words = [word for word in argv if word not in JSON_FLAGS]
    for path in (scratch, room.products_of(unit)):
        words = [word.replace(str(path), str(room.out)) for word in words]
    words = ["env", f"{BOOTSTRAP}=1", *words] if BOOTSTRAP in more.environment else words
    return f"(cd {pasteable([unit.cwd])} && {pasteable(words)})"


def _reads(unit: Unit, scratch: Path, own: Mapping[str, str], person: Mapping[str, str]) -> Reads:
    """Returns the files that rustc and the linker named, absolute, and the variables that are the person's."""
    names: list[str] = []
    reads = Reads()
    for path in scratch.glob("*.d"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name == "link.d":
            names += read_linker_dependencies(text)
            continue
        info = read_dep_info(text)
        names += info.files
        reads.variables |= {name: person.get(name) for name in info.variables if name not in own}
    reads.files = dict.fromkeys((os.path.normpath(Path(unit.cwd, name)) for name in names), "")
    return reads


def settle(
    unit: Unit, room: Room, reads: Reads, scratch: Path, began: int, allowed: Sequence[Path], declared: Sequence[Path],
    made: str = "",
) -> None:  # fmt: skip
    """Fills in what the files that were read are, and takes away those of the toolchain, the build and the registry.

    Raises where one changed after began (nanoseconds, as the file system tells time), and where one lies neither in
    allowed, the directories of the package and its workspace, nor is declared. made is what sentences call the product.
    """
    from bootwright.rust.assembled import find_assembled  # a build that compiles nothing does not pay for it

    unseen = tuple(f"{os.path.normpath(path)}{os.sep}" for path in (*room.unseen, room.out, scratch))
    own = tuple(f"{os.path.normpath(path)}{os.sep}" for path in allowed)
    known = {os.path.normpath(path) for path in declared}
    names = [name for name in reads.files if not name.startswith(unseen)]
    names += [str(path) for path in find_assembled([Path(name) for name in names], Path(unit.cwd))]
    names = [name for name in dict.fromkeys(names) if not name.startswith(unseen)]
    shared = sorted(Path(name).name for name in names if SHARED_LIBRARY.search(name))
    if shared:
        raise BootwrightError(
            f"{Path(unit.root, 'Cargo.toml')}: the program is linked with {', '.join(shared)} (DT_NEEDED), and a "
            "freestanding program has nobody to load a library",
            "take the `#[link(name = ...)]` or the -l in RUSTFLAGS away that asks for it",
        )
    strangers = sorted(
        os.path.relpath(name, unit.root).replace(os.sep, "/")
        for name in names
        if not name.startswith(own) and name not in known
    )
    if strangers:
        raise BootwrightError(
            f"{Path(unit.root, 'Cargo.toml')} does not name {', '.join(strangers)}, which the compiler read: changes "
            "go unseen",
            f"add to Cargo.toml:\n    [package.metadata.bootwright]\n    inputs = {json.dumps(strangers)}",
        )
    for name in names:
        status = Path(name).stat()
        if max(status.st_mtime_ns, status.st_ctime_ns) >= began:
            raise BootwrightError(f"{name} changed while {made or unit.crate} was made of it", "run scons again")
    reads.files = {name: digest_or_absent(Path(name)) for name in names}
