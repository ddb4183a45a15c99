"""SHA-256 of the programs that build, with the shared objects that they load, remembered per user.

rustc is a few kilobytes that load two libraries of a hundred megabytes each: to read them takes longer than to compile
a kernel. So a digest is remembered with what changes when a file is written or replaced. (The time of the last change
of the inode is among that, and cannot be set back.)
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.loaded import stamp
from bootwright.base.procs import attempt
from bootwright.base.regular import opened
from bootwright.base.remembered import Memory

FORMAT = "digests 1"


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
    known = Memory(memory, FORMAT)
    whole, is_new = hashlib.sha256(), False
    for path in paths:
        seen = stamp(path)
        if seen is None or not known.holds(str(path), seen):
            known.keep(str(path), seen, file_digest(path))
            is_new = True
        whole.update(str(known.answer(str(path))).encode())
    if is_new:
        for name in known.questions():
            if not os.path.exists(name):  # noqa: PTH110
                known.forget(name)
        known.write()
    return whole.hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a regular file, in hexadecimal; raises as opened does."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
