"""What a soak works on: copies of a checkout, scons in them, their graph, and clean builds to compare with."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bootwright.base import digests
from bootwright.storage import outputs
from bootwright.storage.store import default_root

PARTS = ("SConstruct", "site_scons", "kernel", "bootloader", "linker", "pyproject.toml")
STEP = re.compile(r"^(?:core|spec|loader|rustc|kernel|image) +(build/\S.*)$", re.MULTILINE)
LIBRARY = re.compile(r"^(?:rustc|store) +(lib\w+)\.\w+$", re.MULTILINE)
HASH = re.compile(r"-[0-9a-f]{16}(?=\.)")
CORE = re.compile(r"^core +(?!build/)\S+$", re.MULTILINE)  # names its target, not its manifest
NODE = re.compile(r"^((?:[ |] )*)\+-(.+)$")
LIMIT = 900  # seconds until a build counts as hanging, on whatever machine


class SoakFailure(Exception):
    """A build that was not right, in a sentence."""


def copy_checkout(home: Path, path: Path) -> Path:
    """Copies what a build needs of the checkout home to path."""
    path.mkdir(parents=True)
    for part in PARTS:
        if (home / part).is_dir():
            shutil.copytree(home / part, path / part, ignore=shutil.ignore_patterns("__pycache__", "build"))
        else:
            shutil.copy2(home / part, path / part)
    return path


def private_store(directory: Path, cores: Sequence[str]) -> dict[str, str]:
    """Returns the environment for a store in directory, which begins with these of the person's cores and no loader."""
    for core in cores:
        shutil.copytree(default_root() / "sysroot" / core, directory / "bootwright" / "sysroot" / core)
    return {**os.environ, "XDG_CACHE_HOME": str(directory)}


class Tree:
    """A copy of the checkout at path. edits are the files that have one byte more than they came with."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path = path
        self.environment = environment
        self.edits: list[str] = []
        self.in_action = False  # whether the last build that was stopped had begun an action
        self._log = path.with_name(f"{path.name}.log")

    def set_edits(self, names: Sequence[str]) -> None:
        """Has the files of these names, and no other, edited: a byte before the first one, their times as they were."""
        wanted = sorted(set(names))
        for name in set(self.edits) ^ set(wanted):
            path = self.path / name
            before, text = path.stat(), path.read_bytes()
            path.write_bytes(b"\n" + text if name in wanted else text[1:])
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.edits = wanted

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts scons in a process group of its own; what it says goes to a file beside the tree."""
        argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(self.path), "-j2", *arguments]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def finish(self, process: subprocess.Popen[bytes], what: str) -> str:
        """Waits for a build that must succeed; returns what it said."""
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise SoakFailure(f"{what}: scons did not end within {LIMIT} s") from None
        said = self._log.read_text(encoding="utf-8", errors="replace")
        if status:
            raise SoakFailure(f"{what}: scons ended with status {status}:\n{said}")
        return said

    def build(self, *arguments: str) -> str:
        """Builds to the end."""
        return self.finish(self.start(*arguments), "a build")

    def stop(self, number: signal.Signals, after: float, alone: bool, what: str) -> bool:
        """Starts a build and sends it a signal, with its compilers or alone; False if it was over before."""
        process = self.start()
        time.sleep(after)
        if process.poll() is not None:
            return False
        self.in_action = (self.path / "build" / "journal").exists()
        if alone:
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise SoakFailure(f"{what}: scons did not end within {LIMIT} s of the signal") from None
        return True

    def cores(self) -> list[str]:
        """Returns the keys of the cores that the last build used."""
        return [manifest.parent.name for manifest in (self.path / "build").glob("sysroot/*/manifest")]

    def remove_build(self) -> None:
        """Removes the build directory."""
        shutil.rmtree(self.path / "build", ignore_errors=True)

    def outputs(self) -> dict[str, str]:
        """Returns name and SHA-256 of each file that lies in the build directory as an output."""
        build = self.path / "build"
        return {name: digests.file_digest(build / name) for name in outputs.found_outputs(build)}

    def differences(self) -> list[str]:
        """Returns what `scons verify` would name."""
        return outputs.differences(self.path / "build")


class CleanTree(Tree):
    """A tree that is built from nothing for each set of edits, once."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        super().__init__(path, environment)
        self._known: dict[tuple[str, ...], dict[str, str]] = {}

    def outputs_of(self, tree: Tree) -> dict[str, str]:
        """Returns the outputs of a clean build of tree's sources."""
        edits = tuple(tree.edits)
        if edits not in self._known:
            self.set_edits(edits)
            self.remove_build()
            self.build()
            self._known[edits] = self.outputs()
        return self._known[edits]


class Graph:
    """The files of tree's graph, as `scons --tree` prints it after a build."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.children: dict[str, set[str]] = {}
        above: list[str] = []
        for line in tree.build("--tree=all").splitlines():
            match = NODE.match(line)
            if match:
                depth, name = len(match[1]) // 2, match[2]
                del above[depth:]
                if above:
                    self.children.setdefault(above[-1], set()).add(name)
                above.append(name)
        # An alias, which stands for the modules that a Tool's actions consist of, is no file.
        below = set().union(*self.children.values())
        for alias in [name for name in self.children if name in below and not (tree.path / name).exists()]:
            stands_for = self.children.pop(alias)
            for children in self.children.values():
                if alias in children:
                    children |= stands_for
        # What a crate was made of is known beside it, and is no node.
        for path in (tree.path / "build").rglob("*.reads"):
            facts = json.loads(path.read_text(encoding="utf-8"))
            files = {os.path.relpath(name, tree.path) for name in facts["files"]}
            for made in facts["made"]:
                if os.path.relpath(made, tree.path) in self.children:
                    self.children[os.path.relpath(made, tree.path)] |= files

    def inputs(self) -> list[str]:
        """Returns the files of the tree that no action makes."""
        names = set().union(*self.children.values()) - self.children.keys()
        return sorted(name for name in names if (self._tree.path / name).is_file())

    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of each file as it is now."""
        names = {*self.children, *set().union(*self.children.values())}
        paths = {name: self._tree.path / name for name in names}
        return {name: digests.file_digest(path) for name, path in paths.items() if path.is_file()}

    def predicted(self, before: dict[str, str], after: dict[str, str]) -> set[str]:
        """Returns the outputs that must be made again when before became after: those with a changed input."""
        return {
            name for name, children in self.children.items()
            if name in after and any(before.get(child) != after.get(child) for child in children)
        }  # fmt: skip

    def executed(self, said: str) -> set[str]:
        """Returns the outputs that scons said it made."""
        made = {name for names in STEP.findall(said) for name in names.split() if name in self.children}
        libraries = set(LIBRARY.findall(said))  # shown without cargo's hash
        made |= {n for n in self.children if HASH.sub("", n.rpartition("/")[2]).rpartition(".")[0] in libraries}
        cores = {name for name in self.children if name.startswith("build/sysroot/")}
        return made | cores if CORE.search(said) else made
