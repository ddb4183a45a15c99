"""SHA-256 of the programs that build, with the shared objects that they load, remembered per user.

rustc is a few kilobytes that load two libraries of a hundred megabytes each: to read them takes longer than to compile
a kernel. So a digest is remembered with what changes when a file is written or replaced. (The time of the last change
of the inode is among that, and cannot be set back.)
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.loaded import stamp
from bootwright.base.procs import attempt


def shared_objects(program: Path, environ: Mapping[str, str]) -> list[Path]:
    """Returns the shared objects that ldd lists for program, sorted; none where there is no ldd (macOS, Windows).

    ldd looks for what lies relative to the program ($ORIGIN) from where it is named, the system from where it lies.
    """
    if not sys.platform.startswith("linux"):
        return []
    try:
        said = attempt(["ldd", str(program.resolve())], env=environ).stdout
    except BootwrightError:
        return []
    found = set()
    for line in said.splitlines():
        name = line.partition("=>")[2] or line
        path = name.strip().partition(" (")[0]
        if path.startswith("/"):
            found.add(Path(path))
    return sorted(found)


def digest_of_all(paths: Iterable[Path], memory: Path) -> str:
    """Returns one SHA-256 over the contents of all files in their order; memory keeps what each file's was."""
    known = _read(memory)
    facts: dict[str, list[object]] = {}
    whole = hashlib.sha256()
    for path in paths:
        seen = stamp(path)
        old = known.get(str(path))
        if seen is None or old is None or old[1:] != list(seen):
            facts[str(path)] = [file_digest(path), *(seen or ())]
        else:
            facts[str(path)] = old
        whole.update(str(facts[str(path)][0]).encode())
    if any(known.get(path) != fact for path, fact in facts.items()):
        _write(memory, {path: fact for path, fact in {**known, **facts}.items() if os.path.exists(path)})  # noqa: PTH110
    return whole.hexdigest()


def _read(memory: Path) -> dict[str, list[object]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(path): list(fact) for path, fact in known.items()} if isinstance(known, dict) else {}


def _write(memory: Path, facts: Mapping[str, list[object]]) -> None:
    try:
        with atomic.new_directory(memory) as scratch:
            (scratch / memory.name).write_text(json.dumps(facts), encoding="utf-8")
            (scratch / memory.name).replace(memory)
    except OSError:
        return  # to remember is a matter of speed alone


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
