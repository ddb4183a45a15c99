"""The Tool for `scons matrix`: the kernel on the machines that machine/matrix.py of bootwright lists.

Builder: LoaderKernel (source: a kernel of one file, without a crate). Method: env.Matrix(alias, kernels).
Sets: LOADERKERNELCOM, unless set before. Uses: ROW SHARD QEMU TIMEOUT KERNELDIR. The example kernel has another one of
bootloader_api 0.11 beside it; any other kernel is alone. What is booted lies in build/matrix.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetOption

from bootwright.base import atomic
from bootwright.cargo.metadata import own_command
from bootwright.graph.actions import action, modules, record
from bootwright.graph.commandline import asked_machine
from bootwright.graph.nodes import KernelNodes, only
from bootwright.graph.sentences import tell_once
from bootwright.loader import crates
from bootwright.rust.targets import Target

if TYPE_CHECKING:
    from bootwright.run.config import RunConfig

OTHER = "tests/kernels/loader/frame_buffer_011.rs"
MODULES = ("base/atomic", "base/procs", "base/records", "loader/crates", "rust/command", "rust/library")


def compile_kernel(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Compiles a kernel of one file, and links it where the linker puts it."""
    from bootwright.base.procs import run
    from bootwright.rust.command import Link, crate_words

    tools, made = env["BOOTWRIGHT"], Path(target[0].abspath)
    with atomic.new_file(made) as path:
        words = crate_words(
            made.stem, source[0].abspath, "bin", target=crates.TARGET, sysroot=env["LOADERKERNELCORE"].directory,
            flags=("-Cpanic=abort", "-Copt-level=s", "-Crelocation-model=static"), link=Link(tools.linker), output=path,
        )  # fmt: skip
        run([str(tools.toolchain.rustc), *words], env=env["ENV"])


def _other_kernel(env: Environment, kernel_file: Entry) -> Entry | None:
    """Returns the kernel file of the kernel beside the example, whose kernel file is given."""
    from bootwright.image.kernel_file import KernelSettings

    home = Path(env["HOME"])
    if Path(env["KERNELDIR"]) != home / "kernel" or not (home / OTHER).is_file():
        return None
    own = kernel_file.get_env().Clone(KERNELROOT="", PACKAGEROOT="", RAMDISK="", KERNELSETTINGS=KernelSettings())
    core = own.Core(Target(crates.TARGET))
    path = f"{env['BUILD']}/matrix/{Path(OTHER).stem}"
    elf = own.LoaderKernel(f"{path}.elf", own.File(str(home / OTHER)), LOADERKERNELCORE=core)
    own.Depends(elf, [*core.nodes, own.Value(own["BOOTWRIGHT"].identity), *modules(own, *MODULES)])
    made: Entry = own.KernelFile(f"{path}.kernel", elf)[0]
    return made


def add_matrix(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that boots the rows."""
    from bootwright.testing.chosen import read_shard
    from bootwright.testing.matrix import chosen_rows

    kernel = only(name, kernels)
    assert kernel.kernel is not None and kernel.image is not None and kernel.pvh is not None, "only() looked"
    other = _other_kernel(env, kernel.kernel)
    pvh = Path(kernel.pvh.abspath)
    boot_sector, cd_boot, stages, _, efi, network = (env.File(f"{env['BUILD']}/loader/{file}") for file in crates.FILES)
    loader = [boot_sector, cd_boot, stages, efi]
    junit = atomic.check_place(Path(GetOption("junit")), "--junit") if GetOption("junit") else None
    rows = chosen_rows(env["ROW"], read_shard(env["SHARD"]) if env["SHARD"] else (1, 1))  # before anything is built

    def start() -> int:
        from bootwright.base.digests import file_digest
        from bootwright.testing.matrix import bench_of
        from bootwright.testing.matrix_table import run_matrix

        files = {name: Path(node.abspath) for name, node in (("small", kernel.kernel), ("other", other)) if node}
        config = _config(env, kernel)
        directory = Path(env["BUILD"], name)
        bench = bench_of(
            rows, config, directory, kernel.disk, files, [Path(node.abspath) for node in loader],
            Path(network.abspath), pvh, exact=other is not None, environ=os.environ,
        )  # fmt: skip
        digest = file_digest(files["small"])
        jobs = int(GetOption("num_jobs"))
        return run_matrix(kernel.name, digest, rows, bench, jobs, junit, sys.stdout, sys.stderr)

    record(env, name, [kernel.image, kernel.pvh, *([other] if other else [])], start)


def _config(env: Environment, kernel: KernelNodes) -> RunConfig:
    """Returns what the person and the manifest say of the machine, of which a row has the rest."""
    from bootwright.run.settings import configure

    command = own_command(kernel.bootimage)
    if command:
        tell_once(f"the rows of the matrix are machines of its own: {command[0]}, the run-command, starts none of them")
    return configure(kernel.bootimage, asked_machine(env), Path(env["KERNELDIR"]), in_test=False, fast=True)


def generate(env: Environment) -> None:
    """Adds the Builder and the method."""
    env.SetDefault(LOADERKERNELCOM="rustc $TARGET", LOADERKERNELSHORT="rustc    $TARGET", LOADERKERNELCORE=None)
    env["BUILDERS"]["LoaderKernel"] = Builder(action=action(compile_kernel, "LOADERKERNELCOM", []))
    env.AddMethod(add_matrix, "Matrix")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; a missing QEMU is said when a row is to boot."""
    return True
