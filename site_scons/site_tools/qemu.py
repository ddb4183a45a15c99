"""The Tool for the machine: `scons run` and `scons screenshot`.

Methods: env.Run(alias, kernels), env.Screenshot(alias, kernels). Uses: QEMU QEMUFLAGS MEMORY TIMEOUT BUILD.
Both start after SCons wrote its signatures, so that a window left open keeps nobody waiting.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from SCons.Environment import Base as Environment

from commandline import headless
from door import KernelNodes, only, record, tell

if TYPE_CHECKING:
    from bootwright.run import RunConfig


def _config(env: Environment, kernel: KernelNodes) -> RunConfig:
    """Returns the machine that the command line and the kernel's manifest ask for."""
    from bootwright.qemu import split_flags
    from bootwright.run import RunConfig

    return RunConfig(
        image=kernel.disk,
        qemu=env["QEMU"] or None,
        qemu_flags=split_flags(env["QEMUFLAGS"]),
        memory=env["MEMORY"],
        headless=headless(),
        timeout=float(env["TIMEOUT"]) if env["TIMEOUT"] else None,
        success_exit_code=kernel.success_exit_code,
    )


def add_run(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that starts the image and ends with the machine's verdict."""

    def start() -> int:
        from bootwright.run import run_and_tell

        return run_and_tell(_config(env, only(name, kernels)), sys.stdout, sys.stderr)

    record(env, name, [kernel.image for kernel in kernels if kernel.image], start)


def add_screenshot(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that writes the guest's screen beside the image."""

    def start() -> int:
        from bootwright.run import screenshot

        kernel = only(name, kernels)
        picture = kernel.disk.with_suffix(".png")
        verdict = screenshot(_config(env, kernel), picture)
        tell(f"{picture}: {verdict.sentence}")
        return verdict.status

    record(env, name, [kernel.image for kernel in kernels if kernel.image], start)


def generate(env: Environment) -> None:
    """Adds the methods."""
    env.AddMethod(add_run, "Run")
    env.AddMethod(add_screenshot, "Screenshot")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; a missing QEMU is said when it is to start."""
    return True
