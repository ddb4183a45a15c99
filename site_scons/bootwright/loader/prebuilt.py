"""The loader that a wheel carries: its files, each by its SHA-256, what they were made of, and by which compiler.

What a build makes is to depend on its sources and its compiler alone, wherever bootwright lies. So a build takes this
loader where the compiler at hand is the one that made it, by all that it says of itself, and else makes its own. A run
of Cargo's runner, whose image nobody keeps, takes it as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from bootwright.base.digests import file_digest
from bootwright.base.home import HOME, PACKAGE, PREBUILT
from bootwright.loader.crates import FILES, loader_sources, source_name

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

LIST = "loader.json"  # beside the files
ROOMS = ("image", "loader")  # the modules that make a loader are of these, and
OTHERS = ("base/atomic", "base/procs", "base/records", "base/sizes", "rust/command", "rust/library")


def find_prebuilt(compiler: str | None = None, place: Path = PREBUILT) -> Path | None:
    """Returns the directory of the loader, whole; None where there is none.

    compiler (compiler_words) asks for the one that it made, of today's sources: what a build would make.
    """
    known = _read(place)
    if not known or damage(place):
        return None
    if compiler is not None and (known.get("compiler") != compiler or known.get("sources") != sources_digest()):
        return None
    return place


def damage(place: Path) -> str:
    """Returns which of the files is not what was stored, "" where all are."""
    digests = _read(place).get("files", {})
    for name in FILES:
        try:
            if file_digest(place / name) != digests.get(name):
                return f"{place / name} is not what was installed"
        except OSError as error:
            return f"{place / name} cannot be read: {error.strerror}"
    return ""


def write_list(place: Path, compiler: str) -> None:
    """Writes the list beside the loader's files in place, which compiler made of today's sources."""
    facts = {
        "compiler": compiler,
        "sources": sources_digest(),
        "files": {name: file_digest(place / name) for name in FILES},
    }
    (place / LIST).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def compiler_words(verbose: str, linker_version: str) -> str:
    """Returns what compiler and linker say of themselves, by which two machines have the same ones."""
    return f"{verbose.strip()}\n{linker_version.strip()}"


def sources_digest() -> str:
    """Returns the SHA-256 of all that a loader is made of and by: names and contents."""
    digest = hashlib.sha256()
    for name, path in _sources():
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, Path]]:
    for path in loader_sources(HOME):
        yield source_name(path, HOME), path
    for room in ROOMS:
        yield from ((f"{room}/{path.name}", path) for path in sorted((PACKAGE / room).glob("*.py")))
    yield from ((name, PACKAGE / f"{name}.py") for name in OTHERS)


def _read(place: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads((place / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
