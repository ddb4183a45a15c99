"""The files of .vscode: tasks, a debugger and settings for a kernel, each written where there is none yet."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.home import HOME, INSTALLED
from bootwright.base.procs import attempt, find_on_path
from bootwright.base.records import record
from bootwright.cargo.command import cargos
from bootwright.cargo.config import Configuration
from bootwright.rust.library import is_custom
from bootwright.rust.toolchain import Toolchain, has_core

DIRECTORY = ".vscode"
PORT = 1234  # QEMU's own choice for a debugger
WAITS = "the guest stands still until a debugger lets it go"  # what a run with -S says: run.run
MACHINE = "bootwright: a machine that waits for gdb"
WRAPPER = "bootwright-rustc"
JSON_SWITCH = "json-target-spec"  # without which newer cargos take no specification; older ones do not know it
START = "_start"  # where nearly every kernel begins


@record(frozen=True)
class Subject:
    """What the files are about: root is the directory that an editor opens, elf the kernel with its symbols.

    program are the words that start bootwright there, words those that say which kernel is meant, tests those that
    choose its tests. gdb is the debugger, architecture gdb's name of the processor where it starts in another mode than
    the kernel. check is the command that tells of errors; asks_for_more says that a stable compiler does what it says
    with RUSTC_BOOTSTRAP=1, as it does in a build.
    """

    root: Path
    elf: Path
    program: tuple[str, ...]
    words: tuple[str, ...]
    tests: tuple[str, ...]
    gdb: str
    architecture: str
    check: tuple[str, ...]
    asks_for_more: bool


def program_from(root: Path) -> tuple[str, ...]:
    """Returns the words that start bootwright in a task: by its name, or sconsw of the checkout."""
    if INSTALLED:
        return ("bootwright",)
    script = HOME / "sconsw"
    near = HOME in (root, *root.parents)
    path = f"${{workspaceFolder}}/{os.path.relpath(script, root)}" if near else str(script)
    return ("py", path) if os.name == "nt" else (path,)


def check_command(
    configuration: Configuration, target: str, toolchain: Toolchain, all_targets: bool, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Returns cargo's command that tells of errors, with what the configuration does not say already.

    That is the compiler, where a build takes another one than the first on PATH, and where its core is. target is the
    triple, or the specification as this compiler takes it: cargo makes its core, and may want to be asked for both.
    """
    words = ["cargo", "check", "--workspace", *(["--all-targets"] if all_targets else []), "--message-format=json"]
    configured = configuration.default_target()
    if configured is None or is_custom(target):
        words += ["--target", target]
    first = find_on_path("rustc", environ)
    said = attempt([str(first), "--print=sysroot"], cwd=configuration.directory, env=environ).stdout if first else ""
    if said.strip() != str(toolchain.sysroot):
        words[0] = next(iter(cargos(toolchain.rustc, environ)), words[0])
        words += ["--config", f"build.rustc={json.dumps(str(toolchain.rustc))}"]
    if is_custom(target):
        if JSON_SWITCH in attempt([words[0], "-Zhelp"], cwd=configuration.directory, env=environ).stdout:
            words.insert(1, f"-Z{JSON_SWITCH}")
        if not configuration.builds_std():
            words.insert(1, "-Zbuild-std=core,alloc")
    has_wrapper = any(leaf.key == ("build", "rustc-wrapper") for leaf in configuration.leaves())
    if not is_custom(target) and not has_core(toolchain, target) and not has_wrapper:
        words += ["--config", f"build.rustc-wrapper={json.dumps(_wrapper(environ))}"]
    return tuple(words)


def _wrapper(environ: Mapping[str, str]) -> str:
    """Returns the program that gives rustc a core: by its name where it is on PATH, that of the checkout else."""
    if not INSTALLED:
        return str(HOME / "tools" / WRAPPER)
    return WRAPPER if find_on_path(WRAPPER, environ) else str(Path(sys.executable).parent / WRAPPER)


def write(subject: Subject) -> tuple[list[Path], list[Path]]:
    """Writes those files that are not there; returns what was written, and what was there and stays."""
    texts = {"tasks.json": tasks(subject), "launch.json": launch(subject), "settings.json": settings(subject)}
    written, there = [], []
    for name, value in texts.items():
        path = subject.root / DIRECTORY / name
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(f"{json.dumps(value, indent=4)}\n")
            written.append(path)
        except FileExistsError as error:
            if not path.parent.is_dir():
                raise BootwrightError(f"{path.parent} is no directory, so no tasks can be written there") from error
            there.append(path)
        except OSError as error:
            raise BootwrightError(f"{path} cannot be written: {error.strerror}") from error
    return written, there


def tasks(subject: Subject) -> dict[str, Any]:
    """Returns tasks.json: what is built, run and tested, and the machine that launch.json wants."""

    def task(label: str, *words: str, **more: Any) -> dict[str, Any]:
        program, *first = subject.program
        return {"label": label, "type": "process", "command": program, "args": [*first, *words, *subject.words],
                "options": {"cwd": "${workspaceFolder}"}, "problemMatcher": ["$rustc"], **more}  # fmt: skip

    waiting = {
        "owner": "bootwright",
        "pattern": {"regexp": "^bootwright: error: (.*)$", "message": 1},
        "background": {"activeOnStart": True, "beginsPattern": "^scons: Reading", "endsPattern": WAITS},
    }
    machine = f"QEMUFLAGS=-S -gdb tcp:127.0.0.1:{PORT}"
    return {
        "version": "2.0.0",
        "tasks": [
            task("bootwright: build", "image", group={"kind": "build", "isDefault": True}),
            task("bootwright: run", "run"),
            task("bootwright: test", "test", *subject.tests, group={"kind": "test", "isDefault": True}),
            task(MACHINE, "run", machine, isBackground=True, problemMatcher=[waiting]),
        ],
    }


def launch(subject: Subject) -> dict[str, Any]:
    """Returns launch.json, for the C/C++ extension: gdb, at the kernel's first instruction."""
    commands = ["set pagination off", *([f"set architecture {subject.architecture}"] if subject.architecture else [])]
    return {
        "version": "0.2.0",
        "configurations": [
            {
                "name": "Debug the kernel",
                "type": "cppdbg",
                "request": "launch",
                "program": _below(subject.root, subject.elf),
                "cwd": "${workspaceFolder}",
                "MIMode": "gdb",
                "miDebuggerPath": subject.gdb,
                "miDebuggerServerAddress": f"127.0.0.1:{PORT}",
                "preLaunchTask": MACHINE,
                "stopAtConnect": True,
                "setupCommands": [{"text": text} for text in commands],
                # A breakpoint of the processor's: where the loader puts the kernel a software one is overwritten.
                "postRemoteConnectCommands": [{"text": f"thbreak {START}"}],
            }
        ],
    }


def settings(subject: Subject) -> dict[str, Any]:
    """Returns settings.json: what tells of errors, and directories that need not be watched."""
    found: dict[str, Any] = {"rust-analyzer.files.exclude": ["build", "target"]}
    if subject.check:
        found["rust-analyzer.check.overrideCommand"] = list(subject.check)
    if subject.asks_for_more:
        found["rust-analyzer.check.extraEnv"] = {"RUSTC_BOOTSTRAP": "1"}
    return {**found, "files.watcherExclude": {"**/build/**": True, "**/target/**": True}}


def _below(root: Path, path: Path) -> str:
    return f"${{workspaceFolder}}/{path.relative_to(root).as_posix()}" if path.is_relative_to(root) else str(path)
