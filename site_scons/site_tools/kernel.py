"""The Tool that turns a kernel's package into nodes: what cargo plans, kernel file, disk image, test programs.

Method: env.Kernels() -> list of nodes.KernelNodes, one for each variant. Uses the Tools crates, bycargo, testprograms,
sysroot, loader, image and, where HOST= or TARGET= asks for a host's program, hosts; and the words of the command line
(KERNEL VARIANT TARGETWORD HOST RUSTC RUSTFLAGS LDSCRIPT UNSTABLE ACTIVE).
Methods for the Tool hosts: env.Plan, env.PlanNodes, env.ChosenRustc, env.LinkerScript.
Sets: BOOTWRIGHT (the programs of this build, rust.build_tools.Tools) and what those Tools use.
"""

from __future__ import annotations

import os
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.base.regular import AWAY, NAMED, is_there
from bootwright.cargo.build_command import profile_words
from bootwright.cargo.command import cargo_home
from bootwright.cargo.config import read_configuration
from bootwright.cargo.metadata import Settings, on_a_board, read_settings
from bootwright.cargo.migrations import migrate
from bootwright.cargo.nightly import is_nightly
from bootwright.cargo.packages import LIBRARY, Choice
from bootwright.cargo.plans import Planned, Request, make_plan
from bootwright.cargo.sources import crate_files
from bootwright.cargo.units import TEST_CFG, Unit, codegen_option, crate_features, value_of_joint
from bootwright.graph.commandline import check_kernel, said_anywhere
from bootwright.graph.nodes import Core, KernelNodes
from bootwright.graph.sentences import show_once, tell, tell_once
from bootwright.graph.units import Nodes, Ways, driver_of, places, words_with_script
from bootwright.loader import crates as loader
from bootwright.loader.settings import settings_09
from bootwright.machine import boards
from bootwright.machine.runner import tell_keys
from bootwright.rust.build_tools import Question, remember_tools
from bootwright.rust.flags import digests_in_flags, files_in_flags, linkers_in_flags
from bootwright.rust.implied_target import implied_target
from bootwright.rust.library import is_bare, is_custom, library_root
from bootwright.rust.more import MAP, SCRATCH, More, Room
from bootwright.rust.targets import find_target
from bootwright.rust.toolchain import release_number
from bootwright.setup.taken import OF_KERNELS, OF_THE_PC, check_untouched

LLD = ("rust-lld", "ld.lld", "gnu-lld")  # names of what links here, and of its flavour
# Test functions are found by their linker section, to which nothing refers by name.
KEEP_SECTIONS = ["-C", "link-arg=-z", "-C", "link-arg=nostart-stop-gc"]
LINK_FILES = ["-C", f"link-arg=--dependency-file={SCRATCH}/link.d", "-C", f"link-arg=-Map={SCRATCH}/{MAP}"]
# Kernels of bootloader 0.9, and those of no loader, lie where they are linked; those of 0.11 may be moved.
STATIC = ("-C", "relocation-model=static")
MOVABLE = "bootloader_api"
NIGHTLY = (
    "RUSTC_BOOTSTRAP=1 is set for crates of {} that ask for #![feature] or -Z: rustc {} is no nightly compiler "
    "(UNSTABLE=0 forbids it)"
)
PROJECT = "rust-project.json"  # which a build keeps as it should be, where there is one


def add_kernels(env: Environment) -> list[KernelNodes]:
    """Adds the nodes of KERNEL for TARGET, in each VARIANT that is wanted."""
    directory = Path(env["KERNELDIR"])
    check_kernel(directory, bool(env["KERNEL"]))
    configuration = read_configuration(directory, os.environ)
    said = configuration.target(env["TARGETWORD"], env["LAUNCH"])
    word = said or implied_target(configuration, tell_once) or loader.TARGET
    target = find_target(word, Path(env["LAUNCH"]), NAMED.format("TARGET") if env["TARGETWORD"] else AWAY)
    board = boards.board_of(target)
    machine = tell_keys(configuration, target.name, board, COMMAND_LINE_TARGETS, tell_once)
    rows = env.HostRows(word)
    if rows:
        check_untouched(OF_KERNELS, ARGUMENTS, f"kernels: a program for {rows[0].name} has no disk and no machine")
        return list(env.HostPrograms(rows, directory))
    question = Question(directory, str(target.spec or target.name), _chosen_rustc(env))
    tools = remember_tools(Path(env["BUILD"], "toolchain.json"), question, os.environ, tell)
    env = env.Clone(BOOTWRIGHT=tools, OBJCOPY=[str(tools.objcopy)], OBJCOPYVERSION=tools.identity)
    core = env.Core(target)  # which says what is wrong with a specification
    if board is None and not env["KERNEL"]:
        raise BootwrightError(
            f"TARGET={word}: there is no example kernel for it", "KERNEL= names the directory of yours"
        )
    if not core.x86_64:
        check_untouched(OF_THE_PC, said_anywhere(), f"x86-64 kernels: for {core.name} there is no disk and no loader")
    core = replace(core, board=board, machine=machine)
    files = env.LoaderFiles() if core.x86_64 else []
    variants = ["debug", "release"] if env["VARIANT"] == "all" else [env["VARIANT"]]
    return [_add_variant(env, directory, core, files, variant) for variant in variants]


def _chosen_rustc(env: Environment) -> str | None:
    """Returns RUSTC=, a relative path as it is seen from where scons was called."""
    word = env["RUSTC"]
    return str(Path(env["LAUNCH"], word)) if len(Path(word).parts) > 1 else word or None


def _feature_words(env: Environment) -> tuple[str, ...]:
    features = ",".join(env["FEATURES"].replace(",", " ").split())
    words = ["--features", features] if features else []
    return (*words, *(["--no-default-features"] if env["NO_DEFAULT_FEATURES"] == "1" else []))


def make_plan_for(env: Environment, directory: Path, core: Core, variant: str, tests: bool = False) -> Planned:
    """Returns cargo's plan for the package in directory, remembered below BUILD; tells what cargo warned of."""
    tools, flags = env["BOOTWRIGHT"], env.Split(env["RUSTFLAGS"])
    request = Request(
        directory=directory,
        target=core.word,
        toolchain=tools.identity + "".join(digest for _, digest in digests_in_flags(flags, directory)),
        rustc=tools.toolchain.rustc,
        library=library_root(tools.toolchain.sysroot) / "src",
        profile=profile_words(variant, any(said_anywhere().get(name) for name in ("VARIANT", "PROFILE"))),
        words=_feature_words(env),
        choice=Choice(env["PACKAGE"], env["BIN"]),
        flags=tuple(flags),
        tests=tests,
    )
    planned = make_plan(request, Path(env["BUILD"], "plan"), os.environ, tell)
    planned.package.check_program(COMMAND_LINE_TARGETS)
    for warning in planned.plan.said:
        show_once(warning)
    plan, told = migrate(planned.plan, release_number(tools.toolchain.release))
    for line in filter(None, (planned.package.note, *told)):
        tell_once(line)
    return replace(planned, plan=plan)


def _add_variant(env: Environment, directory: Path, core: Core, files: list[Entry], variant: str) -> KernelNodes:
    """Adds program, kernel file and image, and a test program for the package itself and for each of tests/*.rs."""
    env = env.Clone()
    planned = make_plan_for(env, directory, core, variant)
    package = planned.package
    manifest = Path(package.root, "Cargo.toml")
    settings = read_settings(manifest, package.metadata)
    for warning in (*settings.warnings, *settings.bootwright.warnings(manifest)):
        tell_once(warning)
    place = f"{env['BUILD']}/{variant}"
    objects = f"{place}/obj/{core.name}/{package.name}"
    units = plan_nodes(env, planned, settings, core, objects, [*KEEP_SECTIONS, *LINK_FILES])
    env.Replace(
        CORENAME=core.name,
        RUSTEDITION=value_of_joint(planned.program.argv, "--edition") or "2015",
        KERNELSETTINGS=settings_09(settings.bootloader, crate_features(planned.plan, "bootloader", "0.9."), manifest),
        PACKAGEROOT=package.root,
    )
    history = f"{objects}/history"
    path = f"{place}/{env['BIN'] or package.name}"

    def add_program(unit: Unit, elf: list[Entry], path: str) -> KernelNodes:
        return _program(env, unit, elf, path, core, files, variant, settings)

    if package.kind == LIBRARY:
        elf: list[Entry] = [env.fs.File(package.library)]  # its tests alone are programs
    elif env.CargoReason(planned, Path(path).name):
        (elf,) = env.CargoNodes(planned, units, [(planned.program, path)], objects, history)
    else:
        elf = units.program(planned.plan, planned.program, path, RUSTHISTORY=history)
    nodes = add_program(planned.program, elf, path)
    nodes.planned, nodes.release = planned, env["BOOTWRIGHT"].toolchain.release
    nodes.objects, nodes.package, nodes.root = objects, package.name, package.root
    if "test" in COMMAND_LINE_TARGETS:
        env.Tool("testprograms")
        env.TestPrograms(nodes, planned, units, core, variant, add_program)
    if "ide" in COMMAND_LINE_TARGETS or Path(package.workspace, PROJECT).is_file():
        env.Tool("ide")
        env.AddProject(nodes, planned, units, core, variant)
    return nodes


def plan_nodes(
    env: Environment, planned: Planned, settings: Settings, core: Core, objects: str, link: list[str],
    joined: str = "",
) -> Nodes:  # fmt: skip
    """Returns what makes nodes of the plan's units below objects; link are more words for the target's programs.

    joined goes before a linker's option where a compiler's driver links.
    """
    tools, package = env["BOOTWRIGHT"], planned.package
    release = tools.toolchain.release
    flags, same = env.Split(env["RUSTFLAGS"]), () if env.get("HOSTROW") else LLD
    for word in linkers_in_flags(flags) if tools.linker else ():
        if word.partition("=")[2] not in same:
            tell_once(f"{word} in RUSTFLAGS has no effect: {tools.linker} links")
    cargos = codegen_option(planned.program.argv, "linker")
    if tools.linker and cargos not in ("", *same) and f"linker={cargos}" not in linkers_in_flags(flags):
        tell_once(f"{cargos}, the linker that cargo was told to take, has no effect: {tools.linker} links")
    driver = driver_of(planned.program) if tools.linker and not env.get("HOSTROW") else ""
    home = cargo_home(os.environ)
    toolchain = library_root(tools.toolchain.sysroot)  # no more: the sysroot may be /usr
    out = Path(objects)
    room = Room(
        out,
        ((str(home), "/cargo"), (package.workspace, "."), (str(out), "target")),
        tuple(path for path in (toolchain, core.directory, home / "registry", home / "git") if path),
        planned.plan.variables_for(os.environ),
        (("workspace", Path(package.workspace)), ("package", Path(package.root)), ("cargo", home), *places(env)),
    )
    named = {*settings.bootwright.input_files(Path(package.root)), *files_in_flags(flags, Path(package.root))}
    script = linker_script(env, core)
    scripts = [*([script] if script else []), *core.scripts]
    sysroot = ("--sysroot", str(core.directory)) if core.directory else ()
    custom = [flag for flag in core.flags if flag not in planned.program.argv]
    bootstrap = room.of_rustc | ({"RUSTC_BOOTSTRAP": "1"} if core.environment or env["UNSTABLE"] == "1" else {})
    linker = ["-C", f"linker={tools.linker}"] if tools.linker else []
    own, is_foreign = bool(env["LDSCRIPT"]), core.name != tools.toolchain.host
    words = words_with_script(core.link, planned.program, str(script), joined) if own else core.link
    local = [unit for unit in planned.plan.units if unit.local]
    for root in {Path(unit.cwd, unit.source) for unit in local if not unit.is_run}:
        crate_files(root)  # which says what among them nobody can read
    is_static = core.board and not any(unit.package == MOVABLE for unit in planned.plan.units)
    ways = Ways(
        target=More(first=(*custom, *(STATIC if is_static else ()), *sysroot), environment=bootstrap),
        builder=More(environment=room.of_rustc),
        program=More((), (*linker, *link, *words), str(script) if script and not own else "", own, driver),
        local=("--check-cfg", f"cfg({TEST_CFG})"),
        nodes=core.nodes,
        tools=[env.Value(tools.identity)],
        link_inputs=[env.File(str(path).replace("$", "$$")) for path in scripts],
        inputs=(*sorted(named), *scripts),
        flag_files=digests_in_flags(flags, Path(package.root)),
        allowed=tuple(dict.fromkeys(map(Path, (package.root, package.workspace, *(unit.root for unit in local))))),
        nightly="" if env["UNSTABLE"] == "0" or is_nightly(release) else NIGHTLY.format(package.name, release),
        core=(core.name, str(core.directory)) if core.directory and is_foreign and not core.flags else None,
    )
    return Nodes(env, room, ways)


def plain_nodes(env: Environment, core: Core, objects: str, home: str) -> Nodes:
    """Returns what makes nodes of units of bootwright's own for the target."""
    tools = env["BOOTWRIGHT"]
    toolchain = library_root(tools.toolchain.sysroot)
    unseen = tuple(path for path in (toolchain, core.directory) if path)
    room = Room(Path(objects), ((home, "."),), unseen, places=places(env))
    sysroot = ("--sysroot", str(core.directory)) if core.directory else ()
    ways = Ways(
        target=More(first=(*core.flags, *sysroot), environment=core.environment), builder=More(), program=More(),
        nodes=core.nodes, tools=[env.Value(tools.identity)], allowed=(Path(home),),
    )  # fmt: skip
    return Nodes(env, room, ways)


def linker_script(env: Environment, core: Core) -> Path | None:
    """Returns the linker script of LDSCRIPT=, else the one of the board."""
    script = Path(os.path.realpath(Path(env["LAUNCH"], env["LDSCRIPT"]))) if env["LDSCRIPT"] else None
    if script is None and core.board and core.board.script:
        script = Path(env["HOME"], "linker", core.board.script)
    if script and not is_there(script, hint=NAMED.format("LDSCRIPT")):
        raise BootwrightError(f"LDSCRIPT={env['LDSCRIPT']}: there is no file {script}")
    return script


def _program(
    env: Environment, unit: Unit, elf: list[Entry], path: str, core: Core, files: list[Entry], variant: str,
    settings: Settings,
) -> KernelNodes:  # fmt: skip
    name = Path(path).name
    if codegen_option(unit.argv, "strip") == "symbols":
        tell_once(f"strip = true has no effect: the image holds no symbols anyway, and {name}.elf is there to debug")
    asked = settings.bootimage if core.x86_64 else on_a_board(settings.bootimage, tell_once, core.machine)
    nodes = KernelNodes(name, core.name, variant, elf[0], bootimage=asked, board=core.board)
    if core.x86_64:
        *parts, nodes.pvh, efi, _ = files
    if core.x86_64 and unit.is_program:
        nodes.kernel = env.KernelFile(f"{path}.kernel", elf[0], KERNELROOT=str(Path(unit.cwd, unit.source)))[0]
        parts += [env.EfiProgram(path, efi, nodes), nodes.kernel]
        nodes.image = env.DiskImage(f"{path}.img", parts, IMAGENAME=name)[0]
    return nodes


def generate(env: Environment) -> None:
    """Adds the methods, and KERNELDIR: where KERNEL is, seen from where scons was called; an example without it."""
    env.AddMethod(add_kernels, "Kernels")
    env.AddMethod(make_plan_for, "Plan")
    env.AddMethod(plan_nodes, "PlanNodes")
    env.AddMethod(plain_nodes, "PlainNodes")
    env.AddMethod(_chosen_rustc, "ChosenRustc")
    env.AddMethod(linker_script, "LinkerScript")
    env["KERNELDIR"] = os.path.realpath(Path(env["LAUNCH"], env["KERNEL"])) if env["KERNEL"] else _example(env)


def _example(env: Environment) -> str:
    """Returns the directory of the example for HOST= or TARGET=; what is wrong with TARGET is said when it is built."""
    home = Path(env["HOME"])
    target = env["TARGETWORD"]
    if env["HOST"] or (target and not is_custom(target) and not is_bare(target)):
        from bootwright.hosts.table import EXAMPLE  # a kernel for bare metal does not pay for it

        return str(home / EXAMPLE)
    try:
        board = boards.board_of(find_target(target, Path(env["LAUNCH"]))) if target else None
    except BootwrightError:
        board = None
    return str(home / (board or boards.PC).example)


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
