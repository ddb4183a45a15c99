"""From a plan's units to nodes: one for each compilation and each run of a build script, once for all plans of a build.

What a unit reads is known when it was made: it lies beside its product (NAME.reads), and a unit is made again when
something of that is not as it was. So a crate is compiled again for exactly what it was made of.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import SCons.Node
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry, File

from bootwright.base.records import field, record, replace
from bootwright.cargo.nightly import is_for_nightly
from bootwright.cargo.units import Plan, Unit, codegen_option
from bootwright.graph.sentences import show_once, tell_once
from bootwright.graph.session import session
from bootwright.rust.flags import without_scripts
from bootwright.rust.more import More, Room
from bootwright.rust.unit_reads import are_unchanged, read_warnings
from bootwright.storage.store import default_root

STRIPPED = ("-C", "strip=debuginfo")
_seen: dict[str, str] = {}  # digests of what units read, as this run found them


@record(frozen=True)
class Ways:
    """How units are built beyond what cargo says: for the target, for the builder, and what programs get more.

    local comes on top for packages that are no registry's; nodes are what everything for the target depends on, tools
    what everything does. inputs are files that Cargo.toml names as read; flag_files are those that RUSTFLAGS names,
    each with its SHA-256, which rustc says of none that it read it. nightly is the line that a unit which asks for a
    nightly compiler gets RUSTC_BOOTSTRAP=1; "" where it needs none, or that is forbidden.
    core are a built-in target for which the compiler has none, and the sysroot with it.
    """

    target: More
    builder: More
    program: More
    local: tuple[str, ...] = ()
    nodes: Sequence[Entry] = ()
    tools: Sequence[Entry] = ()
    link_inputs: Sequence[Entry] = ()
    inputs: tuple[Path, ...] = ()
    flag_files: tuple[tuple[str, str], ...] = ()
    allowed: tuple[Path, ...] = ()
    nightly: str = ""
    core: tuple[str, str] | None = None

    def core_for(self, unit: Unit) -> tuple[str, str] | None:
        """Returns core where unit is a script that may ask the compiler what it can do for its target.

        One whose crate is for the builder runs beside the compilation of core: macros hang on such.
        """
        return self.core if self.core and unit.is_run and unit.environment.get("TARGET") == self.core[0] else None

    def more(self, unit: Unit) -> More:
        """Returns what is added to unit."""
        more = self.builder if unit.for_builder else self.target
        if self.nightly and is_for_nightly(unit):
            more = replace(more, environment={**more.environment, "RUSTC_BOOTSTRAP": "1"})
        if unit.for_builder:
            return replace(more, last=(*more.last, *STRIPPED)) if _holds_the_librarys_symbols(unit) else more
        if unit.local:
            more = replace(more, last=(*more.last, *self.local))
        if unit.is_program:
            last, own = (*more.last, *self.program.last), self.program
            more = replace(more, last=last, script=own.script, own_script=own.own_script, driver=own.driver)
        return more


def words_with_script(core: Sequence[str], program: Unit, script: str, joined: str) -> tuple[str, ...]:
    """Returns what a program is linked with by script, LDSCRIPT=: it is in place of every other, of which a line tells.

    core are the words of a specification; joined goes before a linker's option where a compiler's driver links.
    """
    kept, others = without_scripts(core)
    for other in (*others, *without_scripts(program.argv)[1]):
        if os.path.realpath(Path(program.cwd, other)) != script:
            tell_once(f"the linker script {other} is not used: LDSCRIPT= names {script}")
    return ("-C", f"link-arg={joined}-T{script}", *kept)


def driver_of(program: Unit) -> str:
    """Returns the compiler that cargo was told to link program with, "" for none; tells what lld does not get of it."""
    if not any("linker" in word for word in program.argv):
        return ""
    from bootwright.rust.driver_words import driver_in, for_linker  # most kernels name no linker

    driver = driver_in(program.argv)
    left = for_linker(program.argv)[1] if driver else []
    if left:
        tell_once(f"{' '.join(left)} for {driver} has no effect: lld gets what {driver} would hand on to a linker")
    return driver


def _holds_the_librarys_symbols(unit: Unit) -> bool:
    """Says whether a linker would put in debug information that nobody reads: Rust's library has 10 MB of it.

    That is of build scripts and procedural macros of a registry, and of others where the profile asks for none.
    """
    linked = not unit.is_run and (unit.is_program or unit.kind == "proc-macro")
    asked = codegen_option(unit.argv, "debuginfo") not in ("", "0", "none") and not unit.checksum
    return linked and not asked and not codegen_option(unit.argv, "strip") and sys.platform == "linux"


@record
class Nodes:
    """The nodes of one package for one target and profile; units of several plans that are equal have one node."""

    env: Environment
    room: Room
    ways: Ways
    made: dict[str, list[Entry]] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)  # names of units that have no node, see sealed.py

    def add_all(self, plan: Plan, unit: Unit) -> None:
        """Adds what unit is made of."""
        for other in plan.closure(unit):
            self.add(plan, other)

    def add(self, plan: Plan, unit: Unit) -> list[Entry]:
        """Adds a unit whose needs have been added; returns its products' nodes."""
        if unit.name not in self.made:
            paths = [str(self.room.out / product) for product in unit.products]
            self.made[unit.name] = self._node(plan, unit, paths, self.ways.more(unit))
        return self.made[unit.name]

    def link_with(self, inputs: Sequence[Entry]) -> None:
        """Makes inputs what every program depends on as well."""
        self.ways = replace(self.ways, link_inputs=[*self.ways.link_inputs, *inputs])

    def program(
        self, plan: Plan, unit: Unit, path: str, suffix: str = ".elf", builder: Any = None, **more: object
    ) -> list[Entry]:
        """Adds a program with all that it is made of, as path + suffix, and its map; returns both nodes."""
        self.add_all(plan, unit)
        return self._node(plan, unit, [f"{path}{suffix}", f"{path}.map"], self.ways.more(unit), builder, **more)

    def _node(
        self, plan: Plan, unit: Unit, paths: list[str], more: More, builder: Any = None, **variables: object
    ) -> list[Entry]:
        env, reads = self.env, str(self.room.out / f"{unit.name}.reads")
        closure = plan.closure(unit)
        has_macros = any(other.kind == "proc-macro" for other in closure)
        needed = closure if unit.is_program or unit.kind == "proc-macro" else self._direct(plan, unit)
        # cargo calls what does not depend on each other in any order; a graph has one, or a new plan would link again.
        in_order = sorted(needed, key=lambda other: other.name)
        sources = [node for other in in_order for node in self.made[other.name] if not _is_reads(node)]
        text = f"{unit}{more}{self.room.remaps}{self.ways.inputs}{() if unit.for_builder else self.ways.flag_files}"
        if unit.checksum and has_macros:
            text += str(self.room.variables)  # which is in its key in the store
        if not unit.checksum:
            text += str(bool(self.ways.nightly))  # whether rustc may get RUSTC_BOOTSTRAP=1 where it asks for that
        build = builder or (env.ScriptRun if unit.is_run else env.Unit)
        files = [env.fs.File(path) for path in [*paths, reads]]
        if unit.checksum and self._is_sealed(unit, text, files):
            return list(files)
        for file in files[:-1]:
            session().contents.expect(file)
        nodes = list(
            build(
                files,
                sources,
                UNIT=unit,
                UNITMORE=more,
                UNITROOM=self.room,
                UNITWAYS=self.ways,
                UNITSCRIPTS=tuple(other.name for other in closure if other.is_run),
                UNITMACROS=has_macros,
                UNITCRATES=tuple(Path(other.cwd, other.source) for other in closure if unit.is_run and other.source),
                UNITTEXT=hashlib.sha256(text.encode()).hexdigest(),
                UNITSHOWN=shown(unit, [str(file) for file in files]),
                **variables,
            )
        )
        env.Depends(nodes, list(self.ways.tools))
        if self.ways.core_for(unit) if unit.is_run else not unit.for_builder:
            env.Depends(nodes, list(self.ways.nodes))
            if unit.is_program:
                env.Depends(nodes, list(self.ways.link_inputs))
        if not are_unchanged(Path(reads), {**os.environ, **self.room.variables}, _seen):
            env.AlwaysBuild(nodes)
        if unit.checksum:
            session().sealed(self.room.out).add(unit.name, self._identity(text), nodes)
        if unit.local:
            session().at_end.append(lambda: self._warn_again(unit, nodes[0], Path(reads)))
        return nodes

    def _is_sealed(self, unit: Unit, text: str, files: Sequence[File]) -> bool:
        """Says whether unit, of a registry, needs no node: neither it nor what it is made of can be another one."""
        is_sealed = (
            all(name in self.sealed for name in unit.needs)
            and are_unchanged(Path(files[-1].abspath), {**os.environ, **self.room.variables}, _seen)
            # Last, since SCons takes the files for up to date from here on.
            and session().sealed(self.room.out).has(unit.name, self._identity(text), files)
        )
        if is_sealed:
            self.sealed.add(unit.name)
        return is_sealed

    def _identity(self, text: str) -> str:
        """Returns what stands for all that the node of a registry's unit is told beside its files."""
        told = [text, self.env["RUSTDIRECTORIES"], *map(str, (*self.ways.tools, *self.ways.nodes))]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _warn_again(self, unit: Unit, made: Entry, reads: Path) -> None:
        """Shows what was warned of when unit was made, where it was not made this time: as cargo does."""
        if made.get_state() != SCons.Node.up_to_date:
            return
        if unit.is_run:
            from bootwright.cargo.directives import read_directives  # most kernels have no build script
            from bootwright.rust.script import named, warning_lines

            said = Path(made.abspath).read_text(encoding="utf-8", errors="replace")
            for line in warning_lines(unit, read_directives(said, named(unit))):
                show_once(line)
        elif warnings := read_warnings(reads):
            from bootwright.base.terminal import takes_colour  # most kernels have no warning
            from bootwright.rust.rustc import ANSI

            coloured = takes_colour(sys.stderr, os.environ)
            for text in warnings:
                show_once((text if coloured else ANSI.sub("", text)).removesuffix("\n"))

    def _direct(self, plan: Plan, unit: Unit) -> Iterable[Unit]:
        return (plan.by_name[name] for name in unit.needs)


def places(env: Environment) -> tuple[tuple[str, Path | None], ...]:
    """Returns where things lie on this machine that lie elsewhere on others, each with its name."""
    tools = env["BOOTWRIGHT"]
    sysroot = tools.toolchain.sysroot
    return (
        ("bootwright", Path(env["HOME"])),
        ("build", Path(env["BUILD"])),
        ("store", default_root()),
        ("linker", tools.linker),
        ("rustc", tools.toolchain.rustc),
        ("sysroot", sysroot if sysroot.parts[1:] != ("usr",) else None),  # which is the system's alike everywhere
    )


def _is_reads(node: Entry) -> bool:
    return bool(node.name.endswith(".reads"))


def shown(unit: Unit, paths: Sequence[str]) -> str:
    """Returns what a quiet build calls the unit: its products, without cargo's hash in their names."""
    if unit.is_run or unit.kind == "custom-build":
        return f"{unit.package}/{unit.source.replace(os.sep, '/').rpartition('/')[2]}"
    if unit.is_program:
        return " ".join(path for path in paths if not path.endswith(".reads"))
    return f"lib{unit.crate}{Path(paths[0]).suffix}"
