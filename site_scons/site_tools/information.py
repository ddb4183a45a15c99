"""The Tool for what tells: `scons doctor`, `scons store`, `scons size`; and `scons -c`.

Methods: env.Doctor(alias), env.ListStore(alias), env.Sizes(alias, kernels), env.CleanBuild().
Uses: KERNELDIR, TARGETWORD, RUSTC, PRUNE, BUILD.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Script import GetOption

from door import KernelNodes, record, session, tell


def add_doctor(env: Environment, name: str) -> None:
    """Adds the alias that tells what was found and what is missing."""

    def start() -> int:
        from bootwright import doctor

        kernel, target, rustc = Path(env["KERNELDIR"]), env["TARGETWORD"], env["RUSTC"] or None
        return doctor.report(kernel, target, rustc, os.environ, GetOption("json"))

    record(env, name, [], start)


def add_store(env: Environment, name: str) -> None:
    """Adds the alias that lists the store and, with PRUNE=, removes from it."""

    def start() -> int:
        from bootwright.store import Store
        from bootwright.store_report import report

        report(Store(), env["PRUNE"], sys.stdout)
        return 0

    record(env, name, [], start)


def add_sizes(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that tells what each kernel is made of."""

    def start() -> int:
        from bootwright.sizes import report

        for kernel in kernels:
            sys.stdout.write(report(Path(kernel.elf.abspath), Path(kernel.objects, "history", "previous.elf")))
        return 0

    record(env, name, [kernel.elf for kernel in kernels], start)


def clean_build(env: Environment) -> None:
    """Makes `scons -c` remove the whole build directory, whichever kernel and variant filled it."""
    build = Path(env["BUILD"])
    kept = {"lock", "journal", ".sconsign.dblite"}  # this process still writes them; they go when it ends
    left = sorted(path for path in build.iterdir() if path.name not in kept)
    env.Default(env.Alias("clean"))
    for path in left:
        env.Clean("clean", env.Entry(str(path)))
    session().remove_at_end = not GetOption("no_exec")
    if not left:
        tell(f"{build} holds nothing to remove")


def generate(env: Environment) -> None:
    """Adds the methods."""
    env.AddMethod(add_doctor, "Doctor")
    env.AddMethod(add_store, "ListStore")
    env.AddMethod(add_sizes, "Sizes")
    env.AddMethod(clean_build, "CleanBuild")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
