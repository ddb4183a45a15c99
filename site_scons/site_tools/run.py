"""The Tool for the machine: `scons run`, `scons screenshot` and `scons gdb`.

Methods: env.Run(alias, kernels), env.Screenshot(alias, kernels), env.Debugger(alias, kernels).
Uses: QEMU QEMUFLAGS MEMORY TIMEOUT KERNELDIR. Run and Screenshot boot the image; with --fast the PVH loader starts
NAME.kernel, and no image is made. [package.metadata.bootimage] of the kernel has its say: run.settings of bootwright. A
board of another architecture runs NAME.elf, and has no screen to take.
All start after SCons wrote its signatures, so that a window or a debugger left open keeps nobody waiting.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.graph.actions import record
from bootwright.graph.commandline import asked_machine, is_fast
from bootwright.graph.nodes import KernelNodes, only
from bootwright.graph.sentences import tell

if TYPE_CHECKING:
    from bootwright.run.config import RunConfig


def _config(env: Environment, kernel: KernelNodes, watched: bool = False) -> RunConfig:
    """Returns the machine that the command line and the kernel's manifest ask for; watched: it must be a QEMU."""
    from dataclasses import replace

    from bootwright.run.settings import configure

    assert kernel.board is not None, "only() looked"
    fast = is_fast(False, kernel.board)
    config = configure(kernel.bootimage, asked_machine(env), Path(env["KERNELDIR"]), in_test=False, fast=fast)
    boots = [Path(node.abspath) for node in kernel.starts_from(fast)]
    program = () if watched else config.program
    loader = boots[1] if len(boots) > 1 else None
    return replace(config, image=boots[0], loader=loader, program=program, board=kernel.board.name)


def _nodes(kernels: Sequence[KernelNodes]) -> list[Entry]:
    return [node for kernel in kernels for node in kernel.starts_from(is_fast(False, kernel.board))]


def add_run(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that starts the machine and ends with the machine's verdict; a host's program starts here."""
    if len(kernels) == 1 and kernels[0].host:
        env.RunProgram(name, kernels)
        return

    def start() -> int:
        from bootwright.faults.subject import Subject
        from bootwright.run.explained import run_and_tell

        kernel = only(name, kernels)
        elf = Path(kernel.elf.abspath)
        subject = Subject(elf, elf.with_suffix(".png"), Path(env["KERNELDIR"]))
        return run_and_tell(_config(env, kernel), subject, sys.stdout, sys.stderr)

    served = [node for kernel in kernels if env["BOARD"] and kernel.image for node in env.ServedFiles(kernel)]
    record(env, name, [*_nodes(kernels), *served], start)


def add_screenshot(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that writes the guest's screen beside the image."""

    def start() -> int:
        from bootwright.run.run import screenshot

        kernel = only(name, kernels)
        picture = kernel.disk.with_suffix(".png")
        verdict = screenshot(_config(env, kernel, watched=True), picture)
        tell(f"{picture}: {verdict.sentence}")
        return verdict.status

    record(env, name, _nodes(kernels), start)


def add_debugger(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that starts the image under gdb, at the kernel's first instruction."""

    def start() -> int:
        from bootwright.run.debugger import debug

        kernel = only(name, kernels)
        serial = Path(kernel.objects, "serial.txt")
        return debug(
            _config(env, kernel, watched=True), Path(kernel.elf.abspath), Path(env["KERNELDIR"]), serial, sys.stderr
        )

    record(env, name, _nodes(kernels), start)


def generate(env: Environment) -> None:
    """Adds the methods."""
    env.AddMethod(add_run, "Run")
    env.AddMethod(add_screenshot, "Screenshot")
    env.AddMethod(add_debugger, "Debugger")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; a missing QEMU is said when it is to start."""
    return True
