"""The programs of one build, remembered in the build directory: a null build searches nothing and starts nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright import atomic, digests, loaded
from bootwright.procs import run
from bootwright.store import default_root
from bootwright.toolchain import Toolchain, find_llvm_tool, find_toolchain

DIGESTS = "programs.json"  # in the store's directory
REMEMBERED = 16  # questions: a person goes to and fro between a few kernels and targets


@dataclass(frozen=True)
class Tools:
    """The compiler, the linker (an lld) and llvm-objcopy.

    The two versions are what the programs say of themselves. files are the three with the shared objects that they
    load, and digest is the SHA-256 of all of them: one that was exchanged may well say that it is the same.
    """

    toolchain: Toolchain
    linker: Path
    linker_version: str
    objcopy: Path
    objcopy_version: str
    files: tuple[Path, ...] = ()
    digest: str = ""

    @property
    def identity(self) -> str:
        """What bytes that come from the compiler and the linker depend on."""
        return f"{self.toolchain.verbose}\n{self.linker_version}\n{self.digest}"


def find_tools(kernel: Path, target: str, rustc: str | None, environ: Mapping[str, str]) -> Tools:
    """Searches this machine for the tools that build the kernel in directory kernel for target."""
    toolchain = find_toolchain(kernel, target, rustc, environ)
    linker = find_llvm_tool(toolchain, "ld.lld", environ)
    objcopy = find_llvm_tool(toolchain, "llvm-objcopy", environ)
    flavour = ["-flavor", "gnu"] if linker.stem == "rust-lld" else []
    programs = (toolchain.rustc, linker, objcopy)
    objects = {path for program in programs for path in digests.shared_objects(program, environ)}
    files = (*programs, *sorted(objects))
    return Tools(
        toolchain,
        linker,
        run([str(linker), *flavour, "--version"], env=environ).strip(),
        objcopy,
        run([str(objcopy), "--version"], env=environ).strip(),
        files,
        digests.digest_of_all(files, default_root() / DIGESTS),
    )


def remember_tools(
    memory: Path, kernel: Path, target: str, rustc: str | None, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Tools:
    """Returns the tools that memory holds while nothing that the choice depended on has changed, else finds them.

    tell hears the toolchain's notes, and that the compiler is another one than the last time.
    """
    question = json.dumps([str(kernel), target, rustc])
    known = _read_memory(memory)
    stamp, old = known.get(question, (None, None))
    if old and stamp == _stamp(old, environ):
        _note(old)
        return old
    tools = find_tools(kernel, target, rustc, environ)
    _note(tools)
    for note in tools.toolchain.notes:
        tell(note)
    if old and old.identity != tools.identity:
        before, after = _first_lines(old), _first_lines(tools)
        change = f"changed from {before} to {after}" if before != after else f"{after} is not the same any more"
        tell(f"the compiler {change}: what it made is built again")
    known.pop(question, None)
    known[question] = (_stamp(tools, environ), tools)
    _write_memory(memory, dict(list(known.items())[-REMEMBERED:]))
    return tools


def _read_memory(memory: Path) -> dict[str, tuple[list[object], Tools]]:
    """Returns stamp and tools of each question; nothing where the file is not there, or of another bootwright."""
    try:
        return {
            question: (
                facts["stamp"],
                Tools(
                    Toolchain.from_json(facts["toolchain"]),
                    Path(facts["linker"]),
                    facts["linker_version"],
                    Path(facts["objcopy"]),
                    facts["objcopy_version"],
                    tuple(map(Path, facts["files"])),
                    facts["digest"],
                ),
            )
            for question, facts in json.loads(memory.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_memory(memory: Path, known: Mapping[str, tuple[list[object], Tools]]) -> None:
    facts = {
        question: {
            "stamp": stamp,
            "toolchain": tools.toolchain.to_json(),
            "linker": str(tools.linker),
            "linker_version": tools.linker_version,
            "objcopy": str(tools.objcopy),
            "objcopy_version": tools.objcopy_version,
            "files": [str(path) for path in tools.files],
            "digest": tools.digest,
        }
        for question, (stamp, tools) in known.items()
    }
    with atomic.new_file(memory) as path:
        path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _stamp(tools: Tools, environ: Mapping[str, str]) -> list[object]:
    """Returns what changes when the choice may have: the toolchain's own stamp, and each file's place and times."""
    files = [loaded.stamp(path) for path in (tools.linker, tools.objcopy, *tools.files)]
    return [tools.toolchain.stamp(environ), *(list(file or ()) for file in files)]


def _note(tools: Tools) -> None:
    for path in tools.files:
        loaded.note(str(path))


def _first_lines(tools: Tools) -> str:
    return f"{tools.toolchain.verbose.splitlines()[0]} with {tools.linker_version}"
