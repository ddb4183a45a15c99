"""The Tool for our boot loader: boot sector, stages, PVH and UEFI loader, once for all kernels, from the store.

Builder: Loader (targets: loader.crates.FILES; sources: what loader.crates.loader_sources names).
Method: env.LoaderFiles() -> these nodes. Sets: LOADERCOM, unless set before.
Uses: BOOTWRIGHT (the programs of this build), HOME, BUILD, LOADERCORE (nodes.Core of the loader's target).
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.base import atomic
from bootwright.base.home import INSTALLED
from bootwright.graph.actions import action, check_inputs, modules
from bootwright.graph.contents import inputs_of
from bootwright.graph.sentences import tell
from bootwright.loader import crates
from bootwright.loader.prebuilt import compiler_words, find_prebuilt
from bootwright.rust.targets import Target
from bootwright.storage.store import Store

MODULES = (
    "loader/build", "loader/crates", "loader/generated", "image/guid", "image/layout", "image/pe", "image/seal",
    "base/atomic", "base/procs", "base/records", "base/sizes", "rust/command", "rust/library",
)  # fmt: skip


def build_loader(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Takes the loader from the store, or builds it there, and copies its files to target."""
    from bootwright.loader import build as loader  # a loader that is there does not pay for it

    tools = env["BOOTWRIGHT"]
    if env["LOADERPREBUILT"]:
        _copy(Path(env["LOADERPREBUILT"]), target)
        return

    def build(out: Path) -> None:
        loader.build_loader(
            tools.toolchain.rustc, env["LOADERCORE"].directory, tools.linker, Path(env["HOME"]), out, tell
        )
        check_inputs(target)

    # All that the node depends on, modules of ours and core included: the store must not know less than the graph.
    digest = hashlib.sha256("\0".join(node.get_csig() for node in inputs_of(target[0])).encode())
    made = Store(cache=env["SHAREDCACHE"]).take_or_build("loader", digest.hexdigest()[:32], build, tell)
    _copy(made, target)


def _copy(made: Path, target: list[Entry]) -> None:
    for node in target:
        with atomic.new_file(Path(node.abspath)) as copy:
            shutil.copyfile(made / node.name, copy)


def add_loader(env: Environment) -> list[Entry]:
    """Adds the loader: the one of the wheel that this compiler made, else with the core that it is compiled with."""
    tools, home = env["BOOTWRIGHT"], Path(env["HOME"])
    targets = [f"{env['BUILD']}/loader/{name}" for name in crates.FILES]
    carried = find_prebuilt(compiler_words(tools.toolchain.verbose, tools.linker_version)) if INSTALLED else None
    if carried:
        files = env.Loader(targets, [env.File(str(carried / name)) for name in crates.FILES], LOADERPREBUILT=carried)
        return list(files)
    core = env.Core(Target(crates.TARGET))
    paths = crates.loader_sources(home)
    files = env.Loader(targets, [env.File(str(path)) for path in paths], LOADERCORE=core)
    names = env.Value("\n".join(crates.source_name(path, home) for path in paths))  # see the Tool rustc
    env.Depends(files, [names, env.Value(env["BOOTWRIGHT"].identity), *core.nodes, *modules(env, *MODULES)])
    return list(files)


def generate(env: Environment) -> None:
    """Adds the Builder and the method."""
    env.SetDefault(LOADERCOM="loader $TARGETS", LOADERSHORT="loader   $TARGETS", LOADERPREBUILT="")
    env["BUILDERS"]["Loader"] = Builder(action=action(build_loader, "LOADERCOM", ["LOADERPREBUILT"]))
    env.AddMethod(add_loader, "LoaderFiles")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
