"""The Tool that links a freestanding program for a host, by a row of linker/hosts.toml.

Builder: HostProgram (NAME or NAME.exe, and NAME.map), a Unit that also checks what was linked.
Methods: env.HostRows(target) -> the rows that HOST=, ARCH= and TARGET= ask for, none for bare metal;
env.HostPrograms(rows, directory) -> their nodes; env.RunProgram(alias, nodes), which starts one;
env.Hosts(alias, kernels), which makes every row that can be made here.
Sets: HOSTROW, HOSTFACTS (all of it, for the signature), HOSTCHECKCOM. Uses: the Tools crates, sysroot and kernel, and
HOST ARCH VARIANT TIMEOUT of the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import SCons.Node
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetOption

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.cargo.metadata import read_settings
from bootwright.cargo.units import OUT, Plan, Unit, codegen_option, value_of_joint
from bootwright.graph.actions import action, modules, record
from bootwright.graph.nodes import Core, KernelNodes
from bootwright.graph.sentences import tell, tell_once
from bootwright.rust.build_tools import Question, remember_tools
from bootwright.rust.command import crate_words
from bootwright.rust.library import is_bare, is_custom
from bootwright.rust.more import MAP, SCRATCH
from bootwright.rust.targets import Target

if TYPE_CHECKING:
    from bootwright.hosts.table import Row

MODULES = ("hosts/check", "hosts/product", "elf/unreadable")
CHECKS = {"ELF": "hosts/elf", "PE": "hosts/pe", "Mach-O": "hosts/macho"}


def check_program(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Checks what was linked as its row wants it."""
    from bootwright.cargo import entry_point
    from bootwright.hosts.check import check_product  # pyelftools and LIEF cost up to 0.4 s: here alone

    root = Path(env["KERNELROOT"])
    for line in entry_point.remarks(root, may_return=env["HOSTROW"].format == "PE"):
        tell_once(line)
    try:
        check_product(Path(target[0].abspath), Path(target[1].abspath), env["HOSTROW"])
    except BootwrightError as error:
        if entry_point.is_exported(root):
            raise
        hint = f"{entry_point.declaration(env['RUSTEDITION'])} is what the linker looks for"
        raise BootwrightError(f"{error.message}; {entry_point.say_instead(root)}", hint) from error


def find_rows(env: Environment, target: str) -> tuple[Row, ...]:
    """Returns the rows for HOST= and ARCH=, or for target where that has an operating system."""
    host, arch = env["HOST"], env["ARCH"]
    if not host and not arch and (is_custom(target) or is_bare(target)):
        return ()
    from bootwright.hosts import table  # a kernel for bare metal does not pay for it

    rows = _rows(env)
    found = table.find_wanted(rows, host, arch, "" if host and not env["TARGETWORD"] else target, table.this_builder())
    if not found:
        from bootwright.setup.meant import meant_triple

        known = [row.triple for row in rows]
        near = meant_triple(target, known)
        if near:
            raise BootwrightError(f"TARGET={target} is no target of rustc's", f"did you mean TARGET={near}?")
        sentence = f"TARGET={target} has an operating system or firmware under it, and linker/hosts.toml no row for it"
        raise BootwrightError(sentence, f"it has {', '.join(dict.fromkeys(known))}")
    return found


def _rows(env: Environment) -> tuple[Row, ...]:
    from bootwright.hosts import table

    return table.read_rows(Path(env["HOME"], table.FILE))


def add_programs(env: Environment, rows: Sequence[Row], directory: Path) -> list[KernelNodes]:
    """Adds the program of the package in directory in each VARIANT, linked by the first row that can be used here."""
    from bootwright.hosts import table

    row, lack = table.choose_row(rows, table.this_builder(), os.environ)
    if lack:
        tell(f"{row.name} is linked by {row.linker}: {lack}")
    return _add_row(env, row, directory, f"hosts/{row.name}", tell)


def _add_row(env: Environment, row: Row, directory: Path, place: str, hear: Callable[[str], None]) -> list[KernelNodes]:
    """Adds the nodes of one row; raises where its compiler, core or linker cannot be found."""
    from bootwright.hosts import table

    program = table.find_program(row, os.environ)
    linker = row.programs[0] if set(row.programs) & set(table.LLD) else str(program or "")
    question = Question(directory, row.triple, env.ChosenRustc(), linker, objcopy=False)
    tools = remember_tools(Path(env["BUILD"], "toolchain.json"), question, os.environ, hear)
    own = env.Clone(BOOTWRIGHT=tools, HOSTROW=row, HOSTFACTS=repr(row).replace("$", "$$"))
    core = replace(own.Core(Target(row.triple)), x86_64=False)  # a host's loader takes what its linker makes
    variants = ["debug", "release"] if env["VARIANT"] == "all" else [env["VARIANT"]]
    return [_add_variant(own.Clone(), row, directory, core, place, variant) for variant in variants]


def _add_variant(env: Environment, row: Row, directory: Path, core: Core, place: str, variant: str) -> KernelNodes:
    from bootwright.hosts import table

    planned = env.Plan(directory, core, variant)
    package = planned.package
    if planned.plan.unplanned:
        raise BootwrightError(f"{planned.plan.unplanned}, which is not built for hosts")
    settings = read_settings(Path(package.root, "Cargo.toml"), package.metadata)
    objects = f"{env['BUILD']}/{variant}/obj/{row.triple}/{package.name}/{row.linker}"
    flags = table.linker_arguments(row, SCRATCH, MAP.removesuffix(".map"))
    script = env.LinkerScript(core)
    if script and row.format != "ELF":
        raise BootwrightError(f"LDSCRIPT={env['LDSCRIPT']}: a linker of {row.format} takes no linker script")
    if row.format == "Mach-O" and codegen_option(planned.program.argv, "strip") == "debuginfo":
        # Cargo's own wish for a profile without debug information, and so nothing to do; but rustc would start
        # rust-objcopy for it, which the distributions' compilers do not bring.
        flags += ["-C", "strip=none"]
    inputs: list[Entry] = []
    if row.support:
        inputs = _support(env, core, objects)
        flags += ["-C", f"link-arg={inputs[0].abspath}"]
    env.Replace(
        RUSTDIRECTORIES=list(row.directories), CORENAME=row.triple, KERNELROOT=package.main,
        RUSTEDITION=value_of_joint(planned.program.argv, "--edition") or "2015",
    )  # fmt: skip
    units = env.PlanNodes(planned, settings, core, objects, flags, joined="-Wl," if row.builder else "")
    units.link_with(inputs)
    name = env["BIN"] or package.name
    path = f"{env['BUILD']}/{variant}/{place}/{name}"
    product = units.program(planned.plan, planned.program, path, row.suffix, env.HostProgram)
    return KernelNodes(name, row.triple, variant, product[0], host=row, status=settings.bootwright.host_status)


def _support(env: Environment, core: Core, objects: str) -> list[Entry]:
    """Adds what compilers call there and no library brings, compiled alike for every program and variant."""
    home = env["HOME"]
    source = "linker/support/lib.rs"
    words = crate_words(
        "support", source, "lib", target=core.word, emit="dep-info,link", flags=("-Copt-level=3", "-Cpanic=abort"),
        directory=Path(OUT),
    )  # fmt: skip
    unit = Unit("support/support", "lib", home, tuple(words), {}, "support", "", home, source, local=True)
    return list(env.PlainNodes(core, objects, home).add(Plan((unit,)), unit))


def add_hosts(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that makes all rows that can be made here, runs what can be run, and prints a table."""
    from bootwright.hosts import table

    directory = Path(env["KERNELDIR"]) if env["KERNEL"] else Path(env["HOME"], table.EXAMPLE)
    made: list[tuple[Row, KernelNodes | None, str]] = []
    first: set[str] = set()
    failures = []
    heard: set[str] = set()

    def hear(note: str) -> None:
        """Tells why a compiler was taken once, not once more for each triple."""
        compiler = note.partition(";")[0]
        if compiler not in heard:
            tell(note)
        heard.add(compiler)

    builder = table.this_builder()
    for row in table.filter_rows(_rows(env), env["HOST"], env["ARCH"], env["TARGETWORD"], builder):
        reason = table.obstacle(row, builder, os.environ)
        try:
            place = f"hosts/{row.name}" if row.name not in first else f"hosts/{row.name}/{row.linker}"
            nodes = _add_row(env, row, directory, place, hear) if not reason else []
        except BootwrightError as error:
            failures.append(error)
            nodes, reason = [], error.message
        first.update([row.name] if nodes else [])
        made += [(row, node, "") for node in nodes] or [(row, None, reason)]
    if not first and failures:
        raise failures[0]

    def start() -> int:
        from bootwright.hosts.report import Built, report
        from bootwright.hosts.run import TIMEOUT

        # What lies there from an earlier build is no product of this one: a core may not have been made.
        good = (SCons.Node.executed, SCons.Node.up_to_date)
        built = [
            Built(row, None, reason) if node is None
            else Built(row, Path(node.elf.abspath)) if node.elf.get_state() in good
            else Built(row, None, "FAILED: see above", failed=True)
            for row, node, reason in made
        ]  # fmt: skip
        timeout = float(env["TIMEOUT"] or TIMEOUT)
        status = next((node.status for _, node, _ in made if node), None)
        return report(built, status, builder, os.environ, sys.stdout, timeout)

    # One row that does not link must not take the others' lines away.
    record(env, name, [node.elf for _, node, _ in made if node], start, anyway=True)


def add_run(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that runs the program of a host, where this machine can."""

    def start() -> int:
        from bootwright.hosts.run import find_runner, run_and_tell
        from bootwright.hosts.table import this_builder
        from bootwright.run.config import HEADLESS_TIMEOUT

        kernel = kernels[0]
        assert kernel.host is not None, "the Tool qemu looked"
        runner = find_runner(kernel.host, this_builder(), os.environ)
        if isinstance(runner, str):
            raise BootwrightError(f"{kernel.elf} is a program for {kernel.host.name}: {runner}")
        limit = float(env["TIMEOUT"]) if env["TIMEOUT"] else HEADLESS_TIMEOUT if GetOption("headless") else None
        return run_and_tell(Path(kernel.elf.abspath), runner, limit, tell)

    record(env, name, [kernels[0].elf], start)


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    own = CHECKS[env["HOSTROW"].format]
    env.Depends(target, modules(env, *MODULES, own))
    return target, source


def generate(env: Environment) -> None:
    """Adds the Builder and the methods."""
    env.SetDefault(
        HOSTROW=None, HOSTFACTS="", HOSTCHECKCOM="check $TARGET as $HOSTROW",
        HOSTCHECKSHORT="check    $TARGET",
    )  # fmt: skip
    check = action(check_program, "HOSTCHECKCOM", ["HOSTFACTS"])
    env["BUILDERS"]["HostProgram"] = env["UNITBUILDER"](_emit, check)
    env.AddMethod(find_rows, "HostRows")
    env.AddMethod(add_programs, "HostPrograms")
    env.AddMethod(add_hosts, "Hosts")
    env.AddMethod(add_run, "RunProgram")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; what is missing is said when a row is used."""
    return True
