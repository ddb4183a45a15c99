"""The programs of one build, remembered in the build directory: a null build searches nothing and starts nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import atomic, digests, loaded
from bootwright.base.procs import attempt, run
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.search import find_toolchain
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import default_root

DIGESTS = "programs.json"  # in the store's directory
REMEMBERED = 32  # questions: a person goes to and fro between a few kernels and targets


@dataclass(frozen=True)
class Tools:
    """The compiler, the linker (None: rustc finds the platform's) and llvm-objcopy (None: nothing is cut out).

    The two versions are what the programs say of themselves. files are the three with the shared objects that they
    load, and digest is the SHA-256 of all of them: one that was exchanged may well say that it is the same.
    """

    toolchain: Toolchain
    linker: Path | None
    linker_version: str
    objcopy: Path | None = None
    objcopy_version: str = ""
    files: tuple[Path, ...] = ()
    digest: str = ""

    @property
    def identity(self) -> str:
        """What bytes that come from the compiler and the linker depend on."""
        return f"{self.toolchain.verbose}\n{self.linker_version}\n{self.digest}"


@dataclass(frozen=True)
class Question:
    """What is to be built: the kernel's directory, its target (a triple, or a JSON file's path), and RUSTC=.

    linker is the name of an lld, the path of a compiler driver, or "" where rustc finds the linker; for a kernel
    llvm-objcopy is needed too.
    """

    kernel: Path
    target: str
    rustc: str | None
    linker: str = "ld.lld"
    objcopy: bool = True

    def __str__(self) -> str:
        return json.dumps([str(self.kernel), self.target, self.rustc, self.linker, self.objcopy])


def find_tools(question: Question, environ: Mapping[str, str]) -> Tools:
    """Searches this machine for the tools that build what is asked for."""
    toolchain = find_toolchain(question.kernel, question.target, question.rustc, environ)
    linker, linker_version, behind = _find_linker(question.linker, toolchain, environ)
    objcopy = find_llvm_tool(toolchain, "llvm-objcopy", environ) if question.objcopy else None
    programs = [path for path in (toolchain.rustc, linker, objcopy, *behind) if path]
    objects = {path for program in programs for path in digests.shared_objects(program, environ)}
    files = (*programs, *sorted(objects))
    return Tools(
        toolchain,
        linker,
        linker_version,
        objcopy,
        run([str(objcopy), "--version"], env=environ).strip() if objcopy else "",
        files,
        digests.digest_of_all(files, default_root() / DIGESTS),
    )


def _find_linker(word: str, toolchain: Toolchain, environ: Mapping[str, str]) -> tuple[Path | None, str, list[Path]]:
    """Returns the linker, what it says of itself, and the programs behind a compiler driver that do the work."""
    if not word:
        return None, "", []
    driver = Path(word)
    if len(driver.parts) == 1:
        linker = find_llvm_tool(toolchain, word, environ)
        flavour = ["-flavor", "gnu"] if linker.stem == "rust-lld" else []
        return linker, run([str(linker), *flavour, "--version"], env=environ).strip(), []
    version = run([word, "--version"], env=environ).partition("\n")[0].strip()
    behind = []
    for name in ("collect2", "ld"):
        found = Path(attempt([word, f"-print-prog-name={name}"], env=environ).stdout.strip())
        found = found if found.is_absolute() else Path(shutil.which(found, path=environ.get("PATH", "")) or "")
        behind += [found] if found.is_file() else []
    return driver, version, behind


def remember_tools(memory: Path, question: Question, environ: Mapping[str, str], tell: Callable[[str], None]) -> Tools:
    """Returns the tools that memory holds while nothing that the choice depended on has changed, else finds them.

    tell hears the toolchain's notes, and that the compiler is another one than the last time.
    """
    known = _read_memory(memory)
    stamp, old = known.get(str(question), (None, None))
    if old and stamp == _stamp(old, environ):
        _note(old)
        return old
    tools = find_tools(question, environ)
    _note(tools)
    for note in tools.toolchain.notes:
        tell(note)
    if old and old.identity != tools.identity:
        before, after = _first_lines(old), _first_lines(tools)
        change = f"changed from {before} to {after}" if before != after else f"{after} is not the same any more"
        tell(f"the compiler {change}: what it made is built again")
    known.pop(str(question), None)
    known[str(question)] = (_stamp(tools, environ), tools)
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
                    _path(facts["linker"]),
                    facts["linker_version"],
                    _path(facts["objcopy"]),
                    facts["objcopy_version"],
                    tuple(map(Path, facts["files"])),
                    facts["digest"],
                ),
            )
            for question, facts in json.loads(memory.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _write_memory(memory: Path, known: Mapping[str, tuple[list[object], Tools]]) -> None:
    facts = {
        question: {
            "stamp": stamp,
            "toolchain": tools.toolchain.to_json(),
            "linker": str(tools.linker or ""),
            "linker_version": tools.linker_version,
            "objcopy": str(tools.objcopy or ""),
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
    files = [loaded.stamp(path) for path in (tools.linker, tools.objcopy, *tools.files) if path]
    return [tools.toolchain.stamp(environ), *(list(file or ()) for file in files)]


def _note(tools: Tools) -> None:
    for path in tools.files:
        loaded.note(str(path))


def _first_lines(tools: Tools) -> str:
    return f"{tools.toolchain.verbose.splitlines()[0]} with {tools.linker_version or 'its own linker'}"
