"""A compiler that does something of its own before or after it compiles: a script around the real one.

What it does lies in a file beside it, so that all of them are one compiler to the build, with one loader in the store.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.build.checkouts import HOME

from bootwright.rust.build_tools import Question, find_tools
from bootwright.storage.store import default_root


@dataclass(frozen=True)
class Script:
    """A shell script that stands for rustc; real is the compiler behind it, sysroot that one's."""

    path: Path
    real: Path
    sysroot: Path

    @property
    def word(self) -> str:
        """What scons is told."""
        return f"RUSTC={self.path}"


def write_compiler(
    path: Path, crate: str, before: str = "", after: str = "", sysroot: Path | None = None, own: str = "-"
) -> Script:
    """Writes a compiler to path that runs shell commands before and after it compiles crate.

    $status holds how the compiler ended, and sysroot, where it is given, is what it says is its own. own, a
    character, makes it another compiler than those that have another one.
    """
    toolchain = find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).toolchain
    real = shlex.quote(str(toolchain.rustc))
    lines = []
    if sysroot:
        lines += [f'[ "$*" = "--print sysroot" ] && echo {shlex.quote(str(sysroot))} && exit']
    lines += [
        f'case " $* " in *" --crate-name {crate} "*|*" --crate-name={crate} "*) ;; *) exec {real} "$@";; esac',
        before or ":",
        f'{real} "$@"',
        "status=$?",
        after or ":",
        "exit $status",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.name}.acts").write_text("\n".join(lines) + "\n")
    path.write_text(f'#!/bin/sh\n# {own}\n. "$0.acts"\n')
    path.chmod(0o755)
    return Script(path, toolchain.rustc, toolchain.sysroot)


def private_store(directory: Path) -> dict[str, str]:
    """Returns the environment for a store in directory that has nothing but the cores of this person's."""
    place = directory / "bootwright"
    place.mkdir(parents=True)
    cores = default_root() / "sysroot"
    cores.mkdir(parents=True, exist_ok=True)
    (place / "sysroot").symlink_to(cores)
    return {"XDG_CACHE_HOME": str(directory)}
