"""The Tool for programs that cargo makes itself: one node for `cargo build`, one for `cargo test --no-run`.

Builder: ByCargo (for each program NAME.elf, NAME.map and NAME.reads). Methods: env.CargoReason(planned, what),
whether cargo is to make it; env.CargoNodes(planned, units, programs, objects) -> the nodes of each program, where
programs are pairs of a unit of the plan and a path without its ending.
Sets: BYCARGOCOM, unless set before. Uses: CARGOBUILD CARGOBUILDTEXT (its digest) CARGOPROGRAMS CARGOSITUATION,
BOOTWRIGHT (the programs of this build), RUSTHISTORY as in the Tool crates.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetOption

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.cargo.command import cargo_home
from bootwright.cargo.nightly import asks_for_nightly, is_for_nightly
from bootwright.cargo.plans import Planned
from bootwright.cargo.units import Plan, Unit, codegen_option, value_of, value_of_joint
from bootwright.cargo.watched import watched_files
from bootwright.graph.actions import action, modules
from bootwright.graph.sentences import tell_last, tell_once
from bootwright.graph.session import session
from bootwright.graph.units import Nodes
from bootwright.rust.library import library_root
from bootwright.rust.unit_reads import are_unchanged

if TYPE_CHECKING:
    from bootwright.cargo.packages import Package
    from bootwright.rust.by_cargo import CargoBuild
    from bootwright.rust.rustc import Outcome

MODULES = (
    "rust/assembled", "rust/by_cargo", "rust/cargo_wrapper", "rust/compile", "rust/driver_words", "rust/flags",
    "rust/more", "rust/nested", "rust/rustc",
    "rust/unit_reads", "cargo/command", "cargo/directives", "rust/roots", "cargo/listed", "cargo/units", "base/atomic",
    "base/procs", "base/records",
)  # fmt: skip


def build_by_cargo(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Runs cargo once, and puts each of CARGOPROGRAMS and its map where they belong."""
    from bootwright.base.terminal import takes_colour
    from bootwright.rust import by_cargo  # a build that needs no cargo does not pay for it

    build, wanted = env["CARGOBUILD"], env["CARGOPROGRAMS"]
    coloured = takes_colour(sys.stderr, os.environ)
    outcome, made = by_cargo.run_cargo_build(build, os.environ, GetOption("num_jobs"), session().show, coloured)
    if outcome.status:
        _explain(outcome, env)
        name = Path(target[0].abspath).stem
        raise BootwrightError(f"cargo does not build {name}: it ended with status {outcome.status}")
    for (key, name), *nodes in zip(wanted, target[::3], target[1::3], target[2::3], strict=True):
        if key not in made:
            raise BootwrightError(f"cargo made no program of {key[0]}, of which {name} was to be")
        elf, linker_map, reads = (Path(node.abspath) for node in nodes)
        by_cargo.place_program(build, made[key], elf, linker_map, reads)
    if env["RUSTHISTORY"]:
        from bootwright.elf.sizes import keep_build

        keep_build(Path(target[0].abspath), Path(env["RUSTHISTORY"]))


def _explain(outcome: Outcome, env: Environment) -> None:
    from bootwright.rust.explain import Situation  # 2 ms that a build without an error does not pay
    from bootwright.rust.explanations import find

    _, line = find(outcome.said, env["CARGOSITUATION"] or Situation())
    if line:
        tell_last(line)


def why_by_cargo(env: Environment, planned: Planned, what: str) -> bool:
    """Says whether cargo is to make what itself, for what the plan cannot express or by the switch; tells why."""
    if planned.plan.unplanned:
        tell_once(f"{planned.plan.unplanned}: no plan expresses that, so cargo itself builds {what}")
    elif GetOption("cargo"):
        tell_once(f"--cargo: cargo itself builds {what}")
    return bool(planned.plan.unplanned or GetOption("cargo"))


def add_nodes(
    env: Environment, planned: Planned, units: Nodes, programs: Sequence[tuple[Unit, str]], objects: str,
    history: str = "",
) -> list[list[Entry]]:  # fmt: skip
    """Adds one node for programs, each a unit and a path without .elf; returns the nodes of each."""
    from bootwright.rust.explain import Situation

    build = _cargo_build(env, planned, units, Path(objects, "cargo"))
    roots = [os.path.normpath(Path(unit.cwd, unit.source)) for unit, _ in programs]
    keys = [
        ((root, unit.target, unit.is_test), Path(path).name) for root, (unit, path) in zip(roots, programs, strict=True)
    ]
    files = []
    for _, path in programs:
        reads = Path(objects, "by-cargo", Path(path).parent.name, f"{Path(path).name}.reads")
        files += [env.fs.File(name) for name in (f"{path}.elf", f"{path}.map", str(reads))]
    first = programs[0][0]
    name = "release" if codegen_option(first.argv, "opt-level") else "dev"
    lacking = () if codegen_option(first.argv, "panic") == "abort" else (f"[profile.{name}]",)
    edition = value_of_joint(first.argv, "--edition") or "2021"
    nodes = list(
        env.ByCargo(
            files,
            [],
            CARGOBUILD=build,
            CARGOPROGRAMS=keys,
            CARGOSHOWN=" ".join(str(file) for file in files if not file.name.endswith(".reads")),
            CARGOBUILDTEXT=hashlib.sha256(f"{build}{keys}{units.ways.flag_files}".encode()).hexdigest(),
            CARGOSITUATION=Situation(edition, env["CORENAME"], first.source, lacking),
            RUSTHISTORY=history,
        )
    )
    env.Depends(nodes, [*units.ways.tools, *units.ways.nodes, *units.ways.link_inputs])
    env.SideEffect(str(build.room / "wrapper"), nodes)  # one at a time
    if not are_unchanged(build.reads, os.environ, {}):
        env.AlwaysBuild(nodes)
    return [nodes[index : index + 3] for index in range(0, len(nodes), 3)]


def _cargo_build(env: Environment, planned: Planned, units: Nodes, room: Path) -> CargoBuild:
    from bootwright.rust.by_cargo import CargoBuild

    tools, plan, package = env["BOOTWRIGHT"], planned.plan, planned.package
    _check_targets(plan)
    local = {unit.root: unit.package for unit in plan.units if unit.local} | {package.root: package.name}
    manifests = sorted({*package.manifests, *(f"{root}{os.sep}Cargo.toml" for root in local)})
    directory, workspace, home = Path(env["KERNELDIR"]), Path(package.workspace), cargo_home(os.environ)
    watched = watched_files(directory, workspace, manifests, home)
    library = library_root(tools.toolchain.sysroot) / "src"
    remaps = tuple((path, name) for path, name in units.room.remaps if name != "target")
    command = tuple(
        "--message-format=json-diagnostic-rendered-ansi" if word == "--message-format=json" else word
        for word in plan.command
    )
    return CargoBuild(
        command=command,
        cwd=env["KERNELDIR"],
        variables=plan.variables,
        room=room,
        local=local,
        library=tuple(dict.fromkeys((str(library), str(library.resolve())))),
        target=units.ways.target,
        last=units.ways.local,
        program=replace(units.ways.program, last=(*units.ways.target.last, *units.ways.program.last)),
        remaps=(*remaps, (str(room / "target"), "target")),
        identity=tools.identity,
        nightly=tuple(_for_nightly(plan, package, units)),
        knows_all=not plan.unplanned,
        watched=tuple(name for name, fact in watched.items() if fact.startswith("contents ")),
    )


def _check_targets(plan: Plan) -> None:
    """Raises for an artifact that is for a specification of its own: core is made for the kernel's alone."""
    own = value_of(plan.command, "--target")
    for unit in plan.units:
        target = "" if unit.is_run else value_of(unit.argv, "--target")
        if target.endswith(".json") and os.path.realpath(target) != os.path.realpath(own):
            what = f"{unit.package} is an artifact for {target}, and core is made for the kernel's own target, {own}"
            raise BootwrightError(what, f"a built-in target for it has core as well; so has TARGET={target} for all")


def _for_nightly(plan: Plan, package: Package, units: Nodes) -> list[str]:
    """Returns the roots of the crates that get RUSTC_BOOTSTRAP=1, since they ask for nightly; tells that there are."""
    if not units.ways.nightly:
        return []
    known = [unit for unit in plan.units if not unit.is_run and not unit.for_builder]
    found = [os.path.normpath(Path(unit.cwd, unit.source)) for unit in known if is_for_nightly(unit)]
    others = [Path(package.main), *Path(package.root, "tests").glob("*.rs")]
    found += [str(root) for root in others if asks_for_nightly((), root)]
    if found:
        tell_once(units.ways.nightly)
    return sorted({*found})


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    env.Depends(target, modules(env, *MODULES))
    return target, source


def generate(env: Environment) -> None:
    """Adds the Builder and the method."""
    env.SetDefault(
        CARGOBUILD=None, CARGOBUILDTEXT="", CARGOPROGRAMS=[], CARGOSITUATION=None, BYCARGOCOM=_command,
        CARGOSHOWN="", BYCARGOSHORT="cargo    $CARGOSHOWN",
    )  # fmt: skip
    env["BUILDERS"]["ByCargo"] = Builder(
        action=action(build_by_cargo, "BYCARGOCOM", ["CARGOBUILDTEXT"]), emitter=_emit, target_factory=env.fs.File
    )
    env.AddMethod(add_nodes, "CargoNodes")
    env.AddMethod(why_by_cargo, "CargoReason")


def _command(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> str:
    """Returns cargo's command as --verbose shows it; the signature has CARGOBUILDTEXT."""
    if for_signature or env["CARGOBUILD"] is None:
        return ""
    from bootwright.base.procs import pasteable

    return pasteable(env["CARGOBUILD"].command).replace("$", "$$")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; what is missing is said when a program is made."""
    return True
