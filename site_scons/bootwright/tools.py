"""The programs of one build, remembered in the build directory: a null build searches nothing and starts nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright import atomic
from bootwright.procs import run
from bootwright.toolchain import Toolchain, find_llvm_tool, find_toolchain


@dataclass(frozen=True)
class Tools:
    """The compiler, the linker (an lld) and llvm-objcopy; the two versions are what the programs say of themselves."""

    toolchain: Toolchain
    linker: Path
    linker_version: str
    objcopy: Path
    objcopy_version: str

    @property
    def identity(self) -> str:
        """What bytes that come from the compiler and the linker depend on."""
        return f"{self.toolchain.verbose}\n{self.linker_version}"


def find_tools(kernel: Path, target: str, rustc: str | None, environ: Mapping[str, str]) -> Tools:
    """Searches this machine for the tools that build the kernel in directory kernel for target."""
    toolchain = find_toolchain(kernel, target, rustc, environ)
    linker = find_llvm_tool(toolchain, "ld.lld", environ)
    objcopy = find_llvm_tool(toolchain, "llvm-objcopy", environ)
    flavour = ["-flavor", "gnu"] if linker.stem == "rust-lld" else []
    return Tools(
        toolchain,
        linker,
        run([str(linker), *flavour, "--version"], env=environ).strip(),
        objcopy,
        run([str(objcopy), "--version"], env=environ).strip(),
    )


def remember_tools(
    memory: Path, kernel: Path, target: str, rustc: str | None, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Tools:
    """Returns the tools that memory holds while nothing that the choice depended on has changed, else finds them.

    tell hears the toolchain's notes, and that the compiler is another one than the last time.
    """
    question = {"kernel": str(kernel), "target": target, "rustc": rustc}
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        old = Tools(Toolchain.from_json(known["toolchain"]), Path(known["linker"]), known["linker_version"],
                    Path(known["objcopy"]), known["objcopy_version"])  # fmt: skip
        stamp = known["stamp"]
    except (OSError, ValueError, KeyError, TypeError):
        known, old, stamp = {}, None, None
    if old and known["question"] == question and stamp == _stamp(old, environ):
        return old
    tools = find_tools(kernel, target, rustc, environ)
    for note in tools.toolchain.notes:
        tell(note)
    if old and known["question"] == question and old.identity != tools.identity:
        before, after = _first_lines(old), _first_lines(tools)
        tell(f"the compiler changed from {before} to {after}: what it made is built again")
    with atomic.new_file(memory) as path:
        facts = {
            "question": question,
            "toolchain": tools.toolchain.to_json(),
            "linker": str(tools.linker),
            "linker_version": tools.linker_version,
            "objcopy": str(tools.objcopy),
            "objcopy_version": tools.objcopy_version,
            "stamp": _stamp(tools, environ),
        }
        path.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return tools


def _stamp(tools: Tools, environ: Mapping[str, str]) -> list[object]:
    """Returns what changes when the choice may have: the toolchain's own stamp, and each program's size and time."""
    programs = []
    for program in (tools.linker, tools.objcopy):
        status = program.stat()
        programs += [status.st_size, status.st_mtime_ns, status.st_ino]
    return [tools.toolchain.stamp(environ), *programs]


def _first_lines(tools: Tools) -> str:
    return f"{tools.toolchain.verbose.splitlines()[0]} with {tools.linker_version}"
