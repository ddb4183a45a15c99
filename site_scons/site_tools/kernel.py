"""The Tool that turns a kernel's package into nodes: library, program, kernel file, disk image, test programs.

Method: env.Kernels() -> list of nodes.KernelNodes, one for each variant. Uses the Tools rustc, sysroot, bootloader,
diskimage and, where HOST= or TARGET= asks for a host's program, hostlink; and the words of the command line (KERNEL
VARIANT TARGETWORD HOST RUSTC RUSTFLAGS LDSCRIPT UNSTABLE ACTIVE).
Methods for the Tool hostlink: env.Package, env.SetCrate, env.PackageLibrary, env.ChosenRustc.
Sets: BOOTWRIGHT (the programs of this build, bootwright.rust.build_tools.Tools) and what those Tools use.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.base.errors import BootwrightError
from bootwright.cargo import manifest
from bootwright.cargo.manifest import Package
from bootwright.cargo.metadata import BootimageSettings
from bootwright.cargo.sources import mentions
from bootwright.graph.nodes import Core, KernelNodes
from bootwright.graph.session import tell, tell_once
from bootwright.image.kernel_file import PAGE_SIZE, KernelSettings
from bootwright.loader import build as loader
from bootwright.loader.settings import check_09, features_09
from bootwright.machine import boards
from bootwright.rust.build_tools import Question, remember_tools
from bootwright.rust.library import is_bare, is_custom, library_root
from bootwright.rust.migrate import find_target
from bootwright.rust.rustc import files_in_flags, linkers_in_flags

TEST_CFG = "bootwright_test"
# Test functions are found by their linker section, to which nothing refers by name.
KEEP_SECTIONS = ["-C", "link-arg=-z", "-C", "link-arg=nostart-stop-gc"]
LINK_FILES = [
    "-C",
    "link-arg=--dependency-file=$RUSTOUTDIR/link.d",
    "-C",
    "link-arg=-Map=$RUSTOUTDIR/${TARGET.filebase}.map",
]
STATIC = ["-C", "relocation-model=static"]


def add_kernels(env: Environment) -> list[KernelNodes]:
    """Adds the nodes of KERNEL for TARGET, in each VARIANT that is wanted."""
    directory = Path(env["KERNELDIR"])
    package = read_package(env, directory)
    word = env["TARGETWORD"] or manifest.read_default_target(directory) or loader.TARGET
    rows = env.HostRows(word)
    if rows:
        return list(env.HostPrograms(rows, package))
    target = find_target(word, Path(env["LAUNCH"]))
    memory = Path(env["BUILD"], "toolchain.json")
    wanted = str(target.spec or target.name)
    tools = remember_tools(memory, Question(directory, wanted, _chosen_rustc(env)), os.environ, tell)
    env = env.Clone(BOOTWRIGHT=tools, OBJCOPY=[str(tools.objcopy)], OBJCOPYVERSION=tools.identity)
    core = env.Core(target)  # which says what is wrong with a specification
    board = boards.board_of(target)
    if board is None and not env["KERNEL"]:
        raise BootwrightError(
            f"TARGET={word}: there is no example kernel for it", "KERNEL= names the directory of yours"
        )
    core = dataclasses.replace(core, board=board)
    files = env.LoaderFiles() if core.x86_64 else []
    variants = ["debug", "release"] if env["VARIANT"] == "all" else [env["VARIANT"]]
    return [_add_variant(env, package, core, files, variant) for variant in variants]


def read_package(env: Environment, directory: Path) -> Package:
    """Returns the package in directory, which has a program; tells what Cargo would warn of."""
    package = manifest.read_package(directory)
    if "$" in str(directory):
        raise BootwrightError(
            f"{directory} has a $ in its path, which SCons takes for a variable's", "rename or move the directory"
        )
    for warning in package.warnings:
        tell(warning)
    if package.main is None:
        raise BootwrightError(f"{directory} has no program: neither src/main.rs nor a [[bin]] with a path")
    return package


def _chosen_rustc(env: Environment) -> str | None:
    """Returns RUSTC=, a relative path as it is seen from where scons was called."""
    word = env["RUSTC"]
    return str(Path(env["LAUNCH"], word)) if len(Path(word).parts) > 1 else word or None


def _add_variant(env: Environment, package: Package, core: Core, files: list[Entry], variant: str) -> KernelNodes:
    """Adds program, kernel file and image, and a test program for the package itself and for each of tests/*.rs."""
    env = env.Clone()
    _set_crate(env, package, core, variant)
    place = f"{env['BUILD']}/{variant}"
    objects = f"{place}/obj/{core.name}/{package.name}"
    assert package.main is not None, "add_kernels looked"
    library = _library(env, package, f"{objects}/lib{package.lib_name}.rlib")
    history = f"{objects}/history"
    nodes = _program(env, package, package.main, library, f"{place}/{package.name}", core, files, variant, history)
    nodes.objects = objects

    def add_test(suite: str, root: Path, library: list[Entry], path: str) -> None:
        program = _program(tested, package, root, library, path, core, files, variant)
        program.suite = suite
        nodes.tests.append(program)

    tested = env.Clone()
    tested.Append(RUSTPROFILEFLAGS=["--cfg", TEST_CFG])
    if mentions(package.main.parent, TEST_CFG):
        own = _library(tested, package, f"{objects}/src/lib{package.lib_name}.rlib")
        add_test("src", package.main, own, f"{objects}/src/{package.name}")
    for root in package.tests:
        add_test(root.stem, root, library, f"{objects}/tests/{root.stem}")
    return nodes


def _library(env: Environment, package: Package, path: str) -> list[Entry]:
    if package.lib is None:
        return []
    return list(env.RustLibrary(path, str(package.lib), RUSTCRATENAME=package.lib_name, RUSTLIBS=[]))


def _program(
    env: Environment, package: Package, root: Path, library: list[Entry], path: str, core: Core, files: list[Entry],
    variant: str, history: str = "",
) -> KernelNodes:  # fmt: skip
    name = Path(path).name
    elf = env.RustProgram(f"{path}.elf", str(root), RUSTCRATENAME=name.replace("-", "_"), RUSTLIBS=library,
                          RUSTHISTORY=history)  # fmt: skip
    # What bootimage's keys say of a machine, they say of the PC.
    settings = package.bootimage if core.x86_64 else BootimageSettings(test_timeout=package.bootimage.test_timeout)
    nodes = KernelNodes(name, core.name, variant, elf[0], bootimage=settings, board=core.board)
    if core.x86_64:
        nodes.kernel = env.KernelFile(f"{path}.kernel", elf[0])[0]
        boot_sector, stages, nodes.pvh = files
        nodes.image = env.DiskImage(f"{path}.img", [boot_sector, stages, nodes.kernel], IMAGENAME=name)[0]
    return nodes


def _set_crate(env: Environment, package: Package, core: Core, variant: str) -> None:
    """Sets what every crate of the package shares."""
    tools = env["BOOTWRIGHT"]
    flags = env.Split(env["RUSTFLAGS"])
    for word in linkers_in_flags(flags) if tools.linker else ():
        tell_once(f"{word} in RUSTFLAGS has no effect: {tools.linker} links")
    # What rustc is told of Cargo.toml is in its arguments; a crate that includes the file itself names it as an input.
    inputs = (*package.input_files(), *files_in_flags(flags, package.root))
    script = Path(env["LAUNCH"], env["LDSCRIPT"]).resolve() if env["LDSCRIPT"] else None
    if script is None and core.board and core.board.script:
        script = Path(env["HOME"], "linker", core.board.script)
    if script and not script.is_file():
        raise BootwrightError(f"LDSCRIPT={env['LDSCRIPT']}: there is no file {script}")
    environment = {
        **package.environment(),
        **core.environment,
        **({"RUSTC_BOOTSTRAP": "1"} if env["UNSTABLE"] == "1" else {}),
    }
    environment |= {name: os.environ[name] for name in package.env if name in os.environ}
    env.Replace(
        RUSTC=[str(tools.toolchain.rustc)],
        RUSTTARGET=core.word,
        RUSTSYSROOT=str(core.directory or ""),
        RUSTTOOLCHAIN=[str(library_root(tools.toolchain.sysroot))],  # no more: the sysroot may be /usr
        RUSTTOOLCHAINNODES=[env.Value(tools.identity), *core.nodes],
        RUSTLINKER=str(tools.linker or ""),
        RUSTEDITION=package.edition,
        RUSTCWD=[str(package.root)],
        RUSTENV=environment,
        RUSTENVDECLARED=[*package.environment(), *package.env],
        RUSTABSENT=["bootloader"] if package.depends_on_bootloader else [],
        RUSTLACKING=manifest.profiles_that_unwind(package.profiles),
        RUSTREMAP=[f"--remap-path-prefix={package.root}=."],
        RUSTFLAGS=flags,
        RUSTPROFILEFLAGS=[
            "--check-cfg",
            f"cfg({TEST_CFG})",
            *core.flags,
            *(STATIC if core.board else []),
            *manifest.rustc_profile_flags(package.profiles[variant]),
            *package.cfg_flags(),
        ],
        RUSTLINKFLAGS=[*KEEP_SECTIONS, *LINK_FILES],
        RUSTINPUTS=[env.File(str(path)) for path in inputs],
        KERNELSETTINGS=_settings(package),
        PACKAGEROOT=str(package.root),
    )
    if script:
        path = str(script).replace("$", "$$")  # SCons takes the name of a variable for it
        env.Append(RUSTLINKFLAGS=["-C", f"link-arg=-T{path}"], RUSTLINKINPUTS=[env.File(path)])


def _settings(package: Package) -> KernelSettings:
    """Returns what Cargo.toml says to a loader of bootloader 0.9: its keys, and the features of that crate."""
    wanted, manifest = package.bootloader, package.root / "Cargo.toml"
    settings = KernelSettings(
        kernel_stack_size=wanted.kernel_stack_size * PAGE_SIZE,
        kernel_stack_address=wanted.kernel_stack_address,
        boot_info_address=wanted.boot_info_address,
        physical_memory_offset=wanted.physical_memory_offset,
        features=features_09(package.bootloader_features, manifest),
    )
    check_09(settings, manifest)
    return settings


def generate(env: Environment) -> None:
    """Adds the methods, and KERNELDIR: where KERNEL is, seen from where scons was called; an example without it."""
    env.AddMethod(add_kernels, "Kernels")
    env.AddMethod(read_package, "Package")
    env.AddMethod(_set_crate, "SetCrate")
    env.AddMethod(_library, "PackageLibrary")
    env.AddMethod(_chosen_rustc, "ChosenRustc")
    given = env["KERNEL"]
    env["KERNELDIR"] = str(Path(env["LAUNCH"], given).resolve() if given else Path(env["HOME"], _example(env)))


def _example(env: Environment) -> str:
    """Returns the directory of the example for HOST= or TARGET=; what is wrong with TARGET is said when it is built."""
    target = env["TARGETWORD"]
    if env["HOST"] or (target and not is_custom(target) and not is_bare(target)):
        from bootwright.hosts.table import EXAMPLE  # a kernel for bare metal does not pay for it

        return EXAMPLE
    try:
        board = boards.board_of(find_target(target, Path(env["LAUNCH"]))) if target else None
    except BootwrightError:
        board = None
    return (board or boards.PC).example


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
