"""The Tool for editors: `scons ide`, and rust-project.json as a build keeps it.

Builder: EditorProject (rust-project.json among the objects, which is copied into the package's workspace).
Methods: env.AddProject(kernel, planned, units, core, variant), called by the Tool kernel where `ide` is asked for or
the package has such a file: it sets kernel.project; env.EditorFiles(alias, kernels), called by the Tool reports.
Sets: IDECOM, unless set before. Uses: IDECRATES IDEKERNEL IDEWORKSPACE IDETARGET IDEROOM IDELIBRARY,
IDETEXT (the digest of these), BOOTWRIGHT KERNEL KERNELDIR LAUNCH, and the method Plan.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SCons.Node
from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.cargo import workspace as workspaces
from bootwright.cargo.plans import Planned
from bootwright.cli import project
from bootwright.graph import unchanged
from bootwright.graph.actions import action, modules, record
from bootwright.graph.nodes import CHOOSING, Core, KernelNodes, Project
from bootwright.graph.sentences import tell
from bootwright.graph.session import session
from bootwright.graph.units import Nodes
from bootwright.machine.gdb import FOR_BOARDS
from bootwright.machine.gdb import PROGRAM as GDB
from bootwright.rust.library import is_custom
from bootwright.rust.toolchain import find_rust_src
from bootwright.setup.verbs import BY_WORD
from bootwright.testing.programs import find_programs

if TYPE_CHECKING:
    from bootwright.cli.vscode import Subject

MODULES = (
    "base/atomic", "base/procs", "base/records", "cargo/directives", "cargo/freestanding", "cargo/units",
    "cli/members", "cli/project", "rust/more", "rust/roots",
)  # fmt: skip
UP_TO_DATE = (SCons.Node.executed, SCons.Node.up_to_date)


def make_project(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes what IDECRATES are, as rust-analyzer takes it."""
    from bootwright.base.procs import run

    toolchain = env["BOOTWRIGHT"].toolchain
    known: dict[tuple[str, ...], list[str]] = {}

    def ask(words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        if tuple(words) not in known:
            command = [str(toolchain.rustc), *words, "--print=cfg"]
            known[tuple(words)] = run(command, extra=variables).splitlines()
        return known[tuple(words)]

    made = project.project(
        env["IDECRATES"], env["IDEWORKSPACE"], env["IDETARGET"], env["IDEROOM"], toolchain.sysroot, env["IDELIBRARY"],
        toolchain.host, ask, env["IDEKERNEL"],
    )  # fmt: skip
    with atomic.new_file(Path(target[0].abspath)) as path:
        path.write_text(f"{json.dumps(made, indent=1)}\n", encoding="utf-8")


def add_project(
    env: Environment, kernel: KernelNodes, planned: Planned, units: Nodes, core: Core, variant: str
) -> None:
    """Adds the node, which a build makes as well where the package's workspace has such a file of ours."""
    place, root = Path(planned.package.workspace, project.NAME), str(planned.package.root)
    asked = "ide" in COMMAND_LINE_TARGETS
    if not asked and not project.is_for(_own(place) or b"", root):
        return
    crates, made, checkable = dict[str, project.Crate](), list[Entry](), False
    if not planned.plan.unplanned:
        tests = env.Plan(Path(env["KERNELDIR"]), core, variant, tests=True)
        crates = _crates(planned, tests, units)
        for plan in (tests.plan, planned.plan):
            for unit in plan.units:
                if (unit.is_run or unit.kind == "proc-macro") and unit.name in crates:
                    units.add_all(plan, unit)
                    made += units.add(plan, unit)
        checkable = not any("--test" in unit.argv for unit in tests.plan.units if unit.local)
    toolchain = env["BOOTWRIGHT"].toolchain
    library = find_rust_src(toolchain)
    listed = list(crates.values())
    workspace = _workspace(planned, core.word, toolchain.host, asked)
    if not workspace and not crates:
        return
    target = (core.word, units.ways.target)
    facts = (listed, root, target, workspace, units.room.out, units.room.variables, library, env["BOOTWRIGHT"].identity)
    digest = hashlib.sha256(str(facts).encode()).hexdigest()
    node = env.EditorProject(
        env.fs.File(f"{kernel.objects}/{project.NAME}"), made, IDECRATES=listed, IDEROOM=units.room,
        IDEKERNEL=root, IDELIBRARY=library, IDETARGET=target, IDEWORKSPACE=workspace, IDETEXT=digest,
    )[0]  # fmt: skip
    kernel.project = Project(node, Path(planned.package.workspace), core.word, checkable, toolchain)
    if not asked:
        words = [word for word in COMMAND_LINE_TARGETS if word in BY_WORD and BY_WORD[word].kernels]
        for word in words:
            env.Alias(word, node)
        env.Default(node)
        session().at_end.append(lambda: _keep_current(node, place))


def _crates(planned: Planned, tests: Planned, units: Nodes) -> dict[str, project.Crate]:
    """Returns the crates of the kernel and of its tests by their units' names, and the scripts that run for them."""
    found: dict[str, project.Crate] = {}
    programs, _ = find_programs(planned, tests)
    wanted = [(program.plan, program.unit) for program in programs]
    wanted += [(planned.plan, planned.program)]
    # What else is compiled as it is: examples, other programs of the package, and build scripts.
    wanted += [(tests.plan, unit) for unit in tests.plan.units if unit.local and not unit.is_test]
    for plan, unit in wanted:
        for one in (*plan.closure(unit), unit):
            found.setdefault(one.name, project.Crate(one, units.ways.more(one)))
    return found


def _workspace(planned: Planned, target: str, host: str, asked: bool) -> dict[str, Any] | None:
    """Returns what cargo tells of a workspace that has other members, or of a kernel that no plan expresses.

    Where it does not tell, who asked is told so.
    """
    others, unplanned = workspaces.others(planned.package), planned.plan.unplanned
    if not others and not unplanned:
        return None
    try:
        if unplanned and asked:
            tell(f"{unplanned}: no plan expresses that, so an editor is told what `cargo metadata` says")
        return workspaces.read(planned, [target, host], os.environ)
    except BootwrightError as error:
        if asked and unplanned:
            raise
        if asked:
            names = ", ".join(Path(path).parent.name for path in others)
            tell(f"of {names}, members of the workspace, an editor is told what the kernel takes alone: {error}")
        return None


def _own(place: Path) -> bytes | None:
    """Returns what stands in a file of ours; None where there is none, or it is somebody else's."""
    try:
        data = place.read_bytes() if place.is_file() else b""
    except OSError:
        return None
    return data if project.is_own(data) else None


def _keep_current(made: Entry, place: Path) -> None:
    """Writes the file anew where the build made another one than the package has."""
    if made.get_state() in UP_TO_DATE:
        before, now = _own(place), Path(made.abspath).read_bytes()
        if before is not None and before != now:
            unchanged.forget()
            _place(place, now)
            tell(f"{place} is brought up to date")


def _place(place: Path, data: bytes) -> None:
    try:
        with atomic.new_file(place) as path:
            path.write_bytes(data)
    except OSError as error:
        raise BootwrightError(f"{place} cannot be written: {error.strerror}") from error


def add_ide(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that writes the files of an editor."""
    (kernel,) = kernels
    wanted = kernel.project
    if wanted is None:
        raise BootwrightError(
            f"{kernel.name} is a program for a host; `scons {name}` is for kernels",
            "an editor takes its Cargo.toml as it is",
        )

    def start() -> int:
        from bootwright.cli import vscode

        place = wanted.workspace / project.NAME
        if os.path.lexists(place) and _own(place) is None:
            raise BootwrightError(f"{place} is not of bootwright's making", "move it away, then run scons ide again")
        _place(place, Path(wanted.node.abspath).read_bytes())
        tell(f"{place} is written, and each build keeps it current; keep it out of git: it holds paths of this machine")
        written, there = vscode.write(_subject(env, kernel, wanted))
        for path in written:
            tell(f"{path} is written")
        for path in there:
            tell(f"{path} was there, and stays as it is")
        return 0

    record(env, name, [wanted.node], start)


def _subject(env: Environment, kernel: KernelNodes, wanted: Project) -> Subject:
    """Returns what the tasks are about, with paths from the directory that an editor opens on."""
    from bootwright.base.procs import find_on_path
    from bootwright.cargo.config import read_configuration
    from bootwright.cli import vscode

    root = wanted.workspace
    said = {name: ARGUMENTS[name] for name in CHOOSING if ARGUMENTS.get(name) and name not in ("KERNEL", "VARIANT")}
    if "TARGET" in said and is_custom(said["TARGET"]):
        said["TARGET"] = str(Path(env["LAUNCH"], said["TARGET"]))
    if Path(kernel.root) != root:
        said["KERNEL"] = os.path.relpath(kernel.root, root)
    is_pc = kernel.board is None or kernel.board.is_pc
    named = (find_on_path(name, os.environ) for name in ((GDB,) if is_pc else (FOR_BOARDS, GDB)))
    return vscode.Subject(
        root=root,
        elf=Path(kernel.elf.abspath),
        program=vscode.program_from(root),
        words=tuple(f"{name}={value}" for name, value in said.items()),
        tests=() if env["KERNEL"] else ("TESTS=kernel/*",),
        gdb=next((str(path) for path in named if path), GDB),
        architecture="i386:x86-64" if is_pc else "",
        check=vscode.check_command(
            read_configuration(root, os.environ), wanted.target, wanted.toolchain, wanted.checkable, os.environ
        ),
        asks_for_more=is_custom(wanted.target) and env["UNSTABLE"] != "0",
    )


def generate(env: Environment) -> None:
    """Adds the Builder and the methods."""
    env.SetDefault(IDECOM="editor   $TARGET", IDESHORT="editor   $TARGET", IDECRATES=[], IDEWORKSPACE=None,
                   IDEKERNEL="", IDETARGET=(), IDEROOM=None, IDELIBRARY=None, IDETEXT="")  # fmt: skip

    def emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
        env.Depends(target, modules(env, *MODULES))
        return target, source

    made = action(make_project, "IDECOM", ["IDETEXT"])
    env["BUILDERS"]["EditorProject"] = Builder(action=made, emitter=emit, target_factory=env.fs.File)
    env.AddMethod(add_project, "AddProject")
    env.AddMethod(add_ide, "EditorFiles")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
