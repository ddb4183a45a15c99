"""The Tool that carries out a plan's units: rustc for a crate, the run of a build script.

Builders: Unit (its products, for a program NAME.elf and NAME.map) and ScriptRun (what it said, and the list of what it
made). Both are called by graph.units. Each is made in a scratch directory beside its target and renamed; the last
target holds what was read. What comes from a registry is taken from the per-user store.
Sets: UNITCOM SCRIPTCOM, unless set before; UNITBUILDER, which makes a Builder like Unit with an emitter and more
actions. Uses: UNIT UNITMORE UNITROOM UNITWAYS UNITTEXT (its digest), UNITSCRIPTS (the runs among what it is made of),
UNITCRATES (the root files of a script's crates), UNITMACROS (whether there is a procedural macro as well), BOOTWRIGHT
(the programs of this build), RUSTHISTORY (a directory in which the last two builds of a program are kept, for `scons
size`; "" for none), RUSTDIRECTORIES (variables that name an empty directory), CORENAME.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetOption

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.cargo.units import Unit, codegen_option, value_of_joint
from bootwright.graph.actions import action, modules
from bootwright.graph.sentences import tell_last, tell_once
from bootwright.graph.session import session
from bootwright.rust.more import MAP, Room
from bootwright.storage.store import Store

if TYPE_CHECKING:
    from bootwright.rust.rustc import Outcome
    from bootwright.rust.unit_reads import Reads

# What only an action needs is imported there: a build that has nothing to do pays for no more than the graph.

MODULES = (
    "rust/archive", "rust/compile", "rust/driver_words", "rust/flags", "rust/incremental", "rust/more", "rust/nested",
    "rust/rustc", "rust/script", "rust/shared", "rust/shared_runs", "rust/unit_reads", "rust/assembled", "rust/roots",
    "cargo/directives", "cargo/listed", "cargo/nightly", "cargo/published", "cargo/units", "base/atomic",
    "base/procs", "base/records", "base/storage_space",
)  # fmt: skip


def compile_unit(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Compiles UNIT into target, and notes what was read."""
    unit, room = env["UNIT"], env["UNITROOM"]
    first = Path(target[0].abspath)
    with atomic.new_directory(first) as scratch:
        if unit.checksum:
            from bootwright.rust import shared

            key, store = _key(target, source, env), Store(cache=env["SHAREDCACHE"])
            names = [product.rpartition("/")[2] for product in unit.products]  # which rustc gives them
            reads = shared.take_unit(
                unit, key, names, lambda out: _compile(unit, out, env), _person(env), scratch, store, room.roots
            )
        elif env["SHAREDCACHE"]:
            reads = _take_or_compile(target, scratch, env)
        else:
            reads = _compile(unit, scratch, env, str(target[0]))
        reads.made = [node.abspath for node in target[:-1]]
        reads.write(scratch / "reads")
        for path, name in _products(unit, room, scratch, target):
            path.replace(name)
        (scratch / "reads").replace(target[-1].abspath)
    if unit.is_program and env["RUSTHISTORY"]:
        from bootwright.elf.sizes import keep_build

        keep_build(first, Path(env["RUSTHISTORY"]))


def _take_or_compile(target: list[Entry], scratch: Path, env: Environment) -> Reads:
    """Takes a unit of the person's own from the shared cache, or compiles it and offers it to the cache."""
    from bootwright.graph import cached  # who shares nothing does not pay for it

    unit = env["UNIT"]

    def compile_there(hear: Callable[[str], None]) -> tuple[Reads, list[str]]:
        reads = _compile(unit, scratch, env, str(target[0]), hear)
        return reads, [path.name for path, _ in _products(unit, env["UNITROOM"], scratch, target)]

    return cached.take_or_make(target, scratch, env, _person(env), compile_there)


def _person(env: Environment) -> dict[str, str]:
    """Returns the environment as a unit sees it: the person's, with [env] of cargo's configuration."""
    return {**os.environ, **env["UNITROOM"].variables}


def _key(target: list[Entry], source: list[Entry], env: Environment) -> str:
    from bootwright.rust import shared

    made_of = {Path(str(node.abspath)): node.get_csig() for node in source}
    unit, flag_files = env["UNIT"], env["UNITWAYS"].flag_files
    identity = env["BOOTWRIGHT"].identity + ("" if unit.for_builder else "".join(digest for _, digest in flag_files))
    return shared.unit_key(unit, env["UNITROOM"], env["UNITMORE"], made_of, identity, env["UNITMACROS"])


def _how(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> str:
    """Returns the word for what is done: rustc compiles, or the store or the shared cache has it."""
    cache = env["SHAREDCACHE"]
    if env["UNIT"].checksum:
        from bootwright.rust import shared  # an edit of the person's own does not pay for it

        try:
            key = _key(target, source, env)
        except OSError:  # with -n nothing may be there yet of what it is made of
            return "rustc"
        if Store().has(shared.KIND, key):
            return "store"
        return "cache" if cache and cache.has(shared.KIND, key) else "rustc"
    if cache is None:
        return "rustc"
    from bootwright.graph import cached

    return "cache" if cached.look(target, env, _person(env)).facts is not None else "rustc"


def _compile(
    unit: Unit, scratch: Path, env: Environment, made: str = "", hear: Callable[[str], None] | None = None
) -> Reads:
    """Compiles unit into scratch; returns what it read, of a local one settled, for what sentences call made.

    hear gets what the compiler says, beside the person.
    """
    from bootwright.base import storage_space
    from bootwright.base.terminal import takes_colour
    from bootwright.cargo.nightly import is_for_nightly
    from bootwright.rust import compile as units
    from bootwright.rust import rustc
    from bootwright.rust.incremental import held_for

    room, more, ways = env["UNITROOM"], env["UNITMORE"], env["UNITWAYS"]
    if not unit.local:
        from bootwright.cargo.published import check_published

        check_published(Path(unit.root), f"{unit.package} {unit.version}", unit.checksum)
    if ways.nightly and is_for_nightly(unit):
        tell_once(ways.nightly)
    began = scratch.stat().st_ctime_ns  # by the clock of the file system, to which files' times are compared
    compiler = env["BOOTWRIGHT"].toolchain.rustc
    base = {**env["ENV"], **dict.fromkeys(env["RUSTDIRECTORIES"] if unit.is_program else (), str(scratch))}
    coloured = takes_colour(sys.stderr, os.environ)

    def show(text: str) -> None:
        session().show(text)
        if hear:
            hear(text)

    with held_for(unit, room, env["BOOTWRIGHT"].identity, env["SHAREDCACHE"]) as kept:
        outcome, argv, reads = units.run_unit(
            unit, room, more, scratch, compiler, base, _person(env), show, coloured, _declared(env),
            (lambda: tell_once(ways.nightly)) if ways.nightly else None, kept,
        )  # fmt: skip
    if outcome.status:
        said = "\n".join(diagnostic.text for diagnostic in outcome.said)
        if storage_space.is_full(said, scratch):
            words = storage_space.full(scratch.parent, f"{unit.crate} cannot be written")
            raise BootwrightError(words, "free some, then run scons")
        _explain(outcome, unit, env)
        command = units.to_paste(unit, room, more, argv, scratch) if GetOption("verbose") else ""
        # The crates of all build scripts have one name.
        script = f"the build script of {unit.package}" if unit.kind == "custom-build" else ""
        raise rustc.compile_error(outcome, script or unit.crate, command)
    if unit.local:
        reads.warnings = outcome.warnings
    if made:
        units.settle(unit, room, reads, scratch, began, ways.allowed, ways.inputs, made)
    return reads


def _declared(env: Environment) -> list[str]:
    """Returns the variables that the scripts named whose packages' macros UNIT may use: these macros may read them."""
    from bootwright.cargo.directives import read_directives

    found: dict[str, None] = {}
    for name in env["UNITSCRIPTS"] if env["UNITMACROS"] else ():
        said = (env["UNITROOM"].out / f"{name}.stdout").read_text(encoding="utf-8", errors="replace")
        found |= dict.fromkeys(read_directives(said).variables)
    return list(found)


def _products(unit: Unit, room: Room, scratch: Path, target: list[Entry]) -> list[tuple[Path, str]]:
    """Returns each product that rustc made in scratch, with the path that it gets."""
    from bootwright.rust.archive import name_objects_alike
    from bootwright.rust.rustc import normalise_map

    if not unit.is_program:
        for path in scratch.glob("*.rlib"):
            name_objects_alike(path)
        return [(scratch / node.name, node.abspath) for node in target[:-1]]
    stem = unit.name.rpartition("/")[2]
    others = (".d", ".map", ".pdb", ".rmeta", ".o", ".dwo", ".dwp")
    made = [path for path in scratch.iterdir() if path.name.startswith(stem) and path.suffix not in others]
    assert len(made) == 1, made
    found = [(made[0], target[0].abspath)]
    linker_map = scratch / MAP
    if linker_map.exists():
        text = linker_map.read_text("utf-8", errors="replace")
        places = (scratch, room.products_of(unit), room.out, *room.unseen)
        linker_map.write_text(normalise_map(text, places), encoding="utf-8")
        found.append((linker_map, target[1].abspath))
    return found


def _explain(outcome: Outcome, unit: Unit, env: Environment) -> None:
    """Tells in one line what the error means here and what to do, if the catalogue knows it."""
    from bootwright.cargo.migrations import what_helps
    from bootwright.rust.explain import Situation  # 2 ms that a build without an error does not pay
    from bootwright.rust.explanations import find

    name = "release" if codegen_option(unit.argv, "opt-level") else "dev"
    lacking = () if codegen_option(unit.argv, "panic") == "abort" else (f"[profile.{name}]",)
    situation = Situation(value_of_joint(unit.argv, "--edition"), env["CORENAME"], unit.source, lacking, unit.local)
    _, line = find(outcome.said, situation)
    if not line and not unit.local and outcome.is_about_sources:
        line = (
            f"{unit.package} {unit.version} is a dependency that rustc {env['BOOTWRIGHT'].toolchain.release} does not "
            f"compile: {what_helps(unit.package, unit.version)}; RUSTC= or a rust-toolchain file names the compiler of "
            "its day"
        )
    if line:
        tell_last(line)


def run_script(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Runs the build script of UNIT; notes what it said, made and depends on."""
    from bootwright.graph import scripts  # most kernels have no build script
    from bootwright.rust.script import script_reads

    ran = scripts.run_or_take(source, env, _person(env))
    reads = script_reads(env["UNIT"], env["UNITROOM"], ran.directives, _person(env))
    with atomic.new_directory(Path(target[0].abspath)) as scratch:
        (scratch / "stdout").write_text(ran.said, encoding="utf-8")
        (scratch / "files").write_text(ran.files, encoding="utf-8")
        reads.made = [node.abspath for node in target[:-1]]
        reads.write(scratch / "reads")
        for name, node in zip(("stdout", "files", "reads"), target, strict=True):
            (scratch / name).replace(node.abspath)


def _run_how(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> str:
    from bootwright.graph import scripts

    return scripts.word_for(source, env, _person(env))


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    env.Depends(target, modules(env, *MODULES))
    return target, source


def generate(env: Environment) -> None:
    """Adds the Builders."""
    env.SetDefault(
        UNIT=None, UNITMORE=None, UNITROOM=None, UNITWAYS=None, UNITSCRIPTS=(), UNITMACROS=False, UNITCRATES=(),
        UNITTEXT="", UNITSHOWN="$TARGETS",
        RUSTHISTORY="", RUSTDIRECTORIES=[], CORENAME="", SHAREDCACHE=None, UNITCOM=_command, UNITHOW=_how,
        UNITSHORT="$UNITHOW    $UNITSHOWN",
        SCRIPTCOM=_command, SCRIPTHOW=_run_how, SCRIPTSHORT="$SCRIPTHOW   $UNITSHOWN",
    )  # fmt: skip
    compiling = action(compile_unit, "UNITCOM", ["UNITTEXT", "RUSTDIRECTORIES"])

    def builder(emitter: Any, *actions: Any) -> Any:
        return Builder(action=list(actions), emitter=emitter, target_factory=env.fs.File, source_factory=env.fs.File)

    def unit_builder(emitter: Any, *then: Any) -> Any:
        def emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
            target, source = emitter(*_emit(target, source, env), env)
            return target, source

        return builder(emit, compiling, *then)

    env["UNITBUILDER"] = unit_builder
    env["BUILDERS"]["Unit"] = builder(_emit, compiling)
    env["BUILDERS"]["ScriptRun"] = builder(_emit, action(run_script, "SCRIPTCOM", ["UNITTEXT"]))


def _command(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> str:
    """Returns the whole command as --verbose shows it; the signature has UNITTEXT."""
    unit = env["UNIT"]
    if for_signature or unit is None:
        return ""
    from bootwright.base.procs import pasteable

    room, more = env["UNITROOM"], env["UNITMORE"]
    words = [*more.first, *unit.argv, *more.last]
    program = [] if unit.is_run else [str(env["BOOTWRIGHT"].toolchain.rustc)]
    return pasteable([*program, *map(room.text, words)]).replace("$", "$$")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; what is missing is said when a Builder is used."""
    return True
