"""What a clean build opens: files that are declared, the store's, the toolchain's, and no other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout
from tests.build.compilers import private_store
from tools.soaking.tree import Graph, Tree

from bootwright.rust.build_tools import Question, Tools, find_tools
from bootwright.rust.library import library_root

CALLS = "open,openat,openat2,creat,execve,clone,clone3,fork,vfork"
EXEC = re.compile(r'^execve\("([^"]*)".* = 0$')
CHILD = re.compile(r"^(?:clone3?|v?fork)\(.* = (\d+)$")
OPENED = re.compile(r"^(?:open|openat|openat2|creat)\(.* = \d+<(/.*)>$")
PSEUDO = ("/proc/", "/sys/", "/dev/")
LOADERS_OWN = "/etc/ld.so.cache"  # where the dynamic loader, and so ldd, finds the shared objects


@dataclass
class Trace:
    """What strace -ff wrote: by program, as it was started, the files that its processes opened."""

    directory: Path
    opened: dict[str, set[str]] = field(default_factory=dict)

    def read(self, pid: int, program: str) -> None:
        """Reads the file of one process or thread, which begins as program, and those of its children."""
        for line in (self.directory / f"t.{pid}").read_text(errors="replace").splitlines():
            if match := EXEC.match(line):
                program = match[1]
            elif match := CHILD.match(line):
                self.read(int(match[1]), program)
            elif (match := OPENED.match(line)) and not match[1].startswith(PSEUDO) and not Path(match[1]).is_dir():
                self.opened.setdefault(program, set()).add(match[1].removesuffix("(deleted)"))


@pytest.fixture
def tools() -> Tools:
    """The programs that this machine builds with."""
    return find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ)


def trace(checkout: Checkout, directory: Path, environment: dict[str, str]) -> Trace:
    """Builds under strace."""
    directory.mkdir()
    scons = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)]
    strace = [
        "strace",
        "-ff",
        "-y",
        "-s",
        "4096",
        "-o",
        str(directory / "t"),
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
    ]
    ended = subprocess.run([*strace, *scons], env={**os.environ, **environment}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    files = {path: path.read_text(errors="replace") for path in directory.iterdir()}
    children = {
        number
        for text in files.values()
        for line in text.splitlines()
        if (m := CHILD.match(line))
        for number in m.groups()
    }
    (root,) = [path.suffix[1:] for path in files if path.suffix[1:] not in children]
    found = Trace(directory)
    found.read(int(root), sys.executable)
    return found


def below(places: list[Path]) -> tuple[str, ...]:
    """Returns the beginnings of all names below places, links resolved as the kernel does."""
    return tuple(f"{os.path.realpath(place)}/" for place in places)


@pytest.mark.needs("strace")
def test_a_clean_build_opens_what_is_declared_the_stores_and_the_toolchains(
    checkout: Checkout, tmp_path: Path, tools: Tools
) -> None:
    store = private_store(tmp_path / "cache")
    traced = trace(checkout, tmp_path / "trace", store)
    declared = {
        os.path.realpath(checkout.path / name) for name in Graph(Tree(checkout.path, {**os.environ, **store})).inputs()
    }
    assert os.path.realpath(checkout.path / "kernel/src/main.rs") in declared

    programs = (tools.toolchain.rustc, tools.linker, tools.objcopy)
    names = {str(path) for path in programs}  # tools.files holds these and the shared objects that ldd lists for them
    assert names <= traced.opened.keys()
    toolchain = {os.path.realpath(path) for path in tools.files} | {LOADERS_OWN}
    made = below([checkout.path / "build", tmp_path / "cache", tmp_path / "cache/bootwright/sysroot"])
    rustlib = below([library_root(tools.toolchain.sysroot)])
    unknown = {
        path for name in names for path in traced.opened[name]
        if path not in declared | toolchain and not path.startswith((*made, *rustlib))
    }  # fmt: skip
    assert unknown == set()

    # scons itself reads its own program, which is not the kernel's, and of the checkout what is declared.
    # What it reads in Cargo.toml and cargo's configuration reaches the compiler as arguments, which are declared.
    files = [
        os.path.realpath(checkout.path / name)
        for name in ("SConstruct", "kernel/Cargo.toml", "kernel/.cargo/config.toml")
    ]
    own = (*below([checkout.path / "site_scons"]), *files)
    others = {
        (program, path) for program, paths in traced.opened.items() if program not in names for path in paths
        if path.startswith(below([checkout.path])) and path not in declared and not path.startswith((*made, *own))
    }  # fmt: skip
    assert others == set()
    # What searches the toolchain is told of no file of the checkout; cargo, which plans, reads the manifest.
    planning = {program for program in traced.opened if Path(program).name in ("cargo", "ghost")}
    planning |= {sys.executable, os.path.realpath(sys.executable)}
    search = {p for program, paths in traced.opened.items() if program not in {*names, *planning} for p in paths}
    assert not [path for path in search if path.startswith(below([checkout.path]))]
