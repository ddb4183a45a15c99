"""A package's programs made by cargo itself: for what no plan expresses, and to compare with what a plan makes.

cargo runs with the words of the plan and with the compiler behind a wrapper, which adds what a unit of a plan gets: the
core, the linker, the names of places in the bytes. All that it writes goes into a directory of the build. Only what is
built by a plan is as exact as a plan: cargo believes the times of files, so that its packages that may be edited are
cleaned first where one of their files is another.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.base import atomic
from bootwright.base.children import ends_with_us
from bootwright.base.errors import BootwrightError
from bootwright.base.home import SITE
from bootwright.cargo.command import OURS
from bootwright.cargo.directives import read_directives
from bootwright.cargo.sources import package_sources
from bootwright.cargo.units import value_of
from bootwright.rust import nested
from bootwright.rust.cargo_wrapper import WRAPPER
from bootwright.rust.compile import NAMES_A_SCRIPT
from bootwright.rust.more import MAP, SCRATCH, More
from bootwright.rust.readable import check_readable, configured_flags
from bootwright.rust.rustc import ANSI, Outcome, normalise_map, read_dep_info, read_diagnostic, read_linker_dependencies
from bootwright.rust.unit_reads import Reads, are_unchanged, digest_of_package, digest_or_absent

Key = tuple[str, str, bool]  # of a program: its root file, its name, and whether it is a test
UNITS = "units"  # in the room: a directory for each crate of a local package, named as its product


@dataclass(frozen=True)
class CargoBuild:
    """One run of cargo: its command and directory, the variables that it gets beside the person's.

    room is a directory below build/, in which cargo writes; builds of one package share it, one at a time.
    local are the directories of the packages that may be edited, each with the package's name; library those of the
    standard library's sources. last comes on top for local packages, target for everything for the target, program for
    what is linked for it. remaps are pairs of a directory and its name in bytes. identity says which compiler. watched
    are files that cargo itself reads. nightly are the roots of the crates for the target that get RUSTC_BOOTSTRAP=1;
    knows_all says that those of registries are among them.
    """

    command: tuple[str, ...]
    cwd: str
    variables: Mapping[str, str]
    room: Path
    local: Mapping[str, str]
    library: tuple[str, ...]
    target: More
    last: tuple[str, ...]
    program: More
    remaps: tuple[tuple[str, str], ...]
    identity: str
    watched: tuple[str, ...] = ()
    nightly: tuple[str, ...] = ()
    knows_all: bool = False

    @property
    def reads(self) -> Path:
        """Where it is noted what the programs were made of."""
        return self.room / f"reads-{'test' if 'test' in self.command else 'build'}"

    @property
    def target_directory(self) -> Path:
        """Where cargo writes."""
        return self.room / "target"

    @property
    def places(self) -> list[str]:
        """Words, not variables, for where cargo writes: another cargo that a script starts would wait for this one."""
        place = str(self.target_directory)
        return [f"--target-dir={place}", f"--config=build.build-dir={json.dumps(place)}"]

    @property
    def asked(self) -> Path:
        """The rustc that cargo knows, and hands to build scripts, which find core with it, too."""
        return self.room / "compiler" / "rustc"

    def wrapper(self) -> str:
        """Returns the program that stands before the compiler."""
        target = value_of(self.command, "--target")
        facts = {
            "target": os.path.realpath(target) if target.endswith(".json") else target,
            "rustc": self.variables["RUSTC"],
            "asked": str(self.asked),
            "library": [f"{path}{os.sep}" for path in self.library],
            "local": sorted(self.local),
            "units": str(self.room / UNITS),
            "first": list(self.target.first),
            "last": list(self.last),
            "program": [*self.program.last],
            "script": self.program.script,
            "names": NAMES_A_SCRIPT,
            "site": str(SITE),
            "as_linked": [bool(self.program.driver), self.program.own_script],
            "scratch": SCRATCH,
            "linker": [text for word in self.program.last if word.startswith("linker=") for text in ("-C", word)],
            "environment": dict(self.target.environment),
            "nightly": list(self.nightly),
            "knows_all": self.knows_all,
            "remaps": [f"--remap-path-prefix={path}={name}" for path, name in self.remaps],
        }
        return WRAPPER.format(python=Path(sys.executable).resolve(), facts=facts)


def run_cargo_build(
    build: CargoBuild, person: Mapping[str, str], jobs: int, show: Callable[[str], None], colour: bool
) -> tuple[Outcome, dict[Key, Path]]:
    """Runs cargo; returns how that ended, and the programs.

    What an earlier run left in the room is cargo's to use, but for what it would take for unchanged and is not.
    """
    words = [*build.target.first, *build.last, *build.program.last, *configured_flags(Path(build.cwd), person)]
    for root in build.local:
        check_readable(words, package_sources(Path(root)), Path(build.cwd))
    _make_ready(build, person, jobs)
    outcome, programs = Outcome(0), {}
    try:
        process = subprocess.Popen(
            [*build.command, *build.places, f"-j{jobs}"], cwd=build.cwd, env=_environment(build, person),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise BootwrightError(f"{build.command[0]} cannot be run: {error.strerror or error}") from error
    assert process.stdout is not None
    with process, ends_with_us(process):
        for line in process.stdout:
            message: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") == "compiler-message":
                text = read_diagnostic(json.dumps(message["message"]), outcome)
                show(text if colour else ANSI.sub("", text))
            elif message.get("reason") == "compiler-artifact" and message.get("executable"):
                made = message["target"]
                programs[made["src_path"], made["name"], bool(message["profile"]["test"])] = Path(message["executable"])
    outcome.status = process.returncode
    if not outcome.status:
        _write_reads(build, person)
    return outcome, programs


def place_program(build: CargoBuild, program: Path, elf: Path, linker_map: Path, reads: Path) -> None:
    """Copies a program that cargo named, its map, and notes which files it was compiled of."""
    text, made_of = "", Reads(made=[str(elf), str(linker_map)])
    for cwd, product, place in _units(build):
        if product.is_file() and filecmp.cmp(product, program, shallow=False):
            made_of.files = {name: digest_or_absent(Path(name)) for name in _compiled(cwd, product)}
            if (place / MAP).is_file():
                text = (place / MAP).read_text("utf-8", errors="replace")
    places = (build.room / UNITS, build.target_directory, *(Path(path) for path, _ in build.remaps))
    with atomic.new_directory(elf) as scratch:
        shutil.copyfile(program, scratch / "elf")
        (scratch / "elf").chmod(0o755)
        (scratch / "map").write_text(normalise_map(text, places), encoding="utf-8")
        made_of.write(scratch / "reads")
        for name, path in (("elf", elf), ("map", linker_map), ("reads", reads)):
            (scratch / name).replace(path)


def _compiled(cwd: str, product: Path) -> list[str]:
    """Returns the files that rustc read for a crate of a local package, absolute."""
    info = product.with_name(f"{product.name}.d")
    found = read_dep_info(info.read_text(encoding="utf-8", errors="replace")).files if info.is_file() else ()
    return [os.path.normpath(Path(cwd, name)) for name in found]


def _environment(build: CargoBuild, person: Mapping[str, str]) -> dict[str, str]:
    theirs = {name: value for name, value in person.items() if name not in OURS}
    own = {"RUSTC": str(build.asked), "RUSTC_WRAPPER": str(build.room / "wrapper"), "CARGO_TERM_COLOR": "auto"}
    return {**theirs, **build.variables, **own}


def _make_ready(build: CargoBuild, person: Mapping[str, str], jobs: int) -> None:
    """Writes the wrapper; takes away what cargo would believe to be fresh and is not."""
    text, stamp = build.wrapper(), build.room / "stamp"
    digest = hashlib.sha256(f"{text}{build.identity}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != digest:
        shutil.rmtree(build.room, ignore_errors=True)
        build.target_directory.mkdir(parents=True)
        (build.room / "wrapper").write_text(text, encoding="utf-8")
        (build.room / "wrapper").chmod(0o755)
        nested.rustc_with_core(build.variables["RUSTC"], build.asked.parent)
        stamp.write_text(digest, encoding="utf-8")
    elif not are_unchanged(build.reads, person, {}):
        words = [word for word in build.command if not word.startswith(("--message-format", "--bin=", "--example="))]
        verb = next(index for index, word in enumerate(words) if word in ("build", "test"))
        words[verb] = "clean"
        kept = _without(words, ("--no-run", "--no-default-features", "--frozen"), ("--features", "-F"))
        names = [text for name in dict.fromkeys(build.local.values()) for text in ("-p", name)]
        done = subprocess.run(
            [*kept, "--offline", *build.places, *names], cwd=build.cwd, env=_environment(build, person),
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(build.target_directory, ignore_errors=True)
    (build.reads).unlink(missing_ok=True)  # what is interrupted has not been made of anything known


def _without(words: Sequence[str], alone: Sequence[str], with_value: Sequence[str]) -> list[str]:
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in with_value:
            skip = True
        elif word not in alone and not word.startswith(tuple(f"{name}=" for name in with_value)):
            kept.append(word)
    return kept


def _units(build: CargoBuild) -> Iterator[tuple[str, Path, Path]]:
    """Yields for each crate of a local package its compiler's directory, its product if it is a program, its place."""
    for path in sorted((build.room / UNITS).glob("*/unit")):
        cwd, out, stem = path.read_text(encoding="utf-8").split("\0")
        yield cwd, Path(out, stem), path.parent


def _write_reads(build: CargoBuild, person: Mapping[str, str]) -> None:
    """Notes what was read: all files of the local packages, what rustc, the linker and build scripts named besides."""
    names, variables = list(build.watched), set[str]()
    for cwd, product, place in _units(build):
        info = product.with_name(f"{product.name}.d")
        if info.is_file():
            found = read_dep_info(info.read_text(encoding="utf-8", errors="replace"))
            names += _compiled(cwd, product)
            variables.update(found.variables)
        if (place / "link.d").is_file():
            named = read_linker_dependencies((place / "link.d").read_text(encoding="utf-8", errors="replace"))
            names += [os.path.normpath(Path(cwd, name)) for name in named]
    for path in (*build.target_directory.rglob("output"), *build.target_directory.rglob("stdout")):
        said = read_directives(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
        names += [name for name in said.files if Path(name).is_absolute()] if said else []
        variables.update(said.variables if said else ())
    below = (f"{build.room}{os.sep}", *(f"{path}{os.sep}" for path, name in build.remaps if name == "/cargo"))
    reads = Reads()
    reads.files = {name: digest_or_absent(Path(name)) for name in dict.fromkeys(names) if not name.startswith(below)}
    reads.packages = {path: digest_of_package(Path(path)) for path in build.local}
    reads.variables = {name: person.get(name) for name in sorted(variables)}
    reads.write(build.reads)
