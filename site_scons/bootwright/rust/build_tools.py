"""The programs of one build, remembered in the build directory: a null build searches nothing and starts nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bootwright.base import loaded
from bootwright.base.records import record
from bootwright.base.remembered import Memory
from bootwright.rust.toolchain import ENVIRONMENT, Toolchain
from bootwright.storage.store import default_root

DIGESTS = "programs.json"  # in the store's directory
FORMAT = "tools 1"
REMEMBERED = 64  # questions: a person goes to and fro between a few kernels, targets and terminals; two for each


@record(frozen=True)
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


@record(frozen=True)
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
    from bootwright.base import digests  # what is remembered costs none of these
    from bootwright.base.procs import run
    from bootwright.rust.llvm_tools import find_llvm_tool
    from bootwright.rust.search import find_toolchain

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
    import shutil

    from bootwright.base.procs import attempt, run
    from bootwright.rust.llvm_tools import find_llvm_tool

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
    known = Memory(memory, FORMAT, REMEMBERED)
    # Two terminals with different PATHs each have an answer of their own; which was taken last is remembered as well.
    here, last = f"{question} {_surroundings(environ)}", f"last {question}"
    old, before = _read_tools(known.answer(here)), _read_tools(known.answer(known.answer(last) or here))
    found = old is not None and known.holds(here, _stamp(old, environ))
    tools = old if old is not None and found else find_tools(question, environ)
    _note(tools)
    if not found:
        for note in tools.toolchain.notes:
            tell(note)
    if before and before.identity != tools.identity:
        old_words, new_words = _first_lines(before), _first_lines(tools)
        change = f"changed from {old_words} to {new_words}"
        change = change if old_words != new_words else f"{new_words} is not the same any more"
        tell(f"the compiler {change}: what it made is built again")
    if not found or known.answer(last) != here:
        known.keep(here, _stamp(tools, environ), _facts(tools))
        known.keep(last, "", here)
        known.write()
    return tools


def _surroundings(environ: Mapping[str, str]) -> str:
    """Returns what stands for the variables that the choice depends on."""
    facts = json.dumps([environ.get(name) for name in ENVIRONMENT])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _read_tools(facts: Any) -> Tools | None:
    """Returns the tools of _facts; None where there are none, or of another bootwright."""
    try:
        return Tools(
            Toolchain.from_json(facts["toolchain"]),
            _path(facts["linker"]),
            facts["linker_version"],
            _path(facts["objcopy"]),
            facts["objcopy_version"],
            tuple(map(Path, facts["files"])),
            facts["digest"],
        )
    except (KeyError, TypeError, AttributeError):
        return None


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _facts(tools: Tools) -> dict[str, object]:
    return {
        "toolchain": tools.toolchain.to_json(),
        "linker": str(tools.linker or ""),
        "linker_version": tools.linker_version,
        "objcopy": str(tools.objcopy or ""),
        "objcopy_version": tools.objcopy_version,
        "files": [str(path) for path in tools.files],
        "digest": tools.digest,
    }


def _stamp(tools: Tools, environ: Mapping[str, str]) -> list[object]:
    """Returns what changes when the choice may have: the toolchain's own stamp, and each file's place and times."""
    files = [loaded.stamp(path) for path in (tools.linker, tools.objcopy, *tools.files) if path]
    return [tools.toolchain.stamp(environ), *(list(file or ()) for file in files)]


def _note(tools: Tools) -> None:
    for path in tools.files:
        loaded.note(str(path))


def _first_lines(tools: Tools) -> str:
    return f"{tools.toolchain.verbose.splitlines()[0]} with {tools.linker_version or 'its own linker'}"
