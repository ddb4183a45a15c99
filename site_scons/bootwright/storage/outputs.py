"""The manifest of what was built: the name and the SHA-256 of every output, and what in a build directory differs.

It is a list as sha256sum writes it, so that `sha256sum -c manifest` in the build directory reads it too.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_bytes

MANIFEST = "manifest"
# What lies in a build directory and is no output: the build's own memory, what `scons size` compares with, and what
# runs and reports leave (VARIANT/NAME.png, and below VARIANT/obj/TARGET/NAME/).
NOT_OUTPUTS = (
    MANIFEST, "CACHEDIR.TAG", ".gitignore", "lock", "journal", ".sconsign.dblite", ".sconsign.tmp", "toolchain.json",
    "contents.json", "*/*.png",
    "*/obj/*/*/history/*", "*/obj/*/*/serial.txt", "*/obj/*/*/sealed.json", "*/obj/*/*/*/*.png",
    "*/obj/*/*/*/*.serial.txt",
)  # fmt: skip
LINE_BEGINS = r"[0-9a-f]{64}"
LONGEST_NAME = 255  # bytes of one part of a path, on every usual file system

# However deep: plans, what a build that did nothing looked at, what build scripts made (of which a list is an output),
# what crates were made of, and what rustc keeps for their next compilation.
NO_OUTPUTS_BELOW = (
    "plan/*", "matrix/*", "pulled/*", "unchanged/*", "*/obj/*/out/*", "*/obj/*.reads", "*/obj/*/incremental/*",
)  # fmt: skip


def read_manifest(path: Path) -> dict[str, str]:
    """Returns name and SHA-256 of each line of a manifest; none where there is no manifest."""
    return _read_manifest(path)[0]


def _read_manifest(path: Path) -> tuple[dict[str, str], int]:
    """Returns the outputs of a manifest, and how many of its lines name none."""
    try:
        lines = [line for line in read_bytes(path).decode(errors="replace").split("\n") if line]
    except FileNotFoundError:
        return {}, 0
    found, strange = {}, 0
    for line in lines:
        digest, _, name = line.partition("  ")
        if re.fullmatch(LINE_BEGINS, digest) and is_inner(name):
            found[name] = digest
        else:
            strange += 1
    return found, strange


def is_inner(name: str) -> bool:
    """Says whether name is one of a file in a directory: relative, its parts joined by /, without a step upwards."""
    odd = ("\0", "\\", ":") if os.sep == "\\" else ("\0",)
    parts = name.split("/")
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:  # half a character, which no name of a file has
        return False
    return not {"", ".", ".."} & set(parts) and not any(c in name for c in odd) and longest <= LONGEST_NAME


def inner_name(directory: Path, path: Path) -> str | None:
    """Returns the name of path as it is seen from directory; None where it does not lie in there."""
    name = path.relative_to(directory).as_posix() if path.is_relative_to(directory) else ""
    return name if is_inner(name) else None


def update_manifest(build: Path, made: Mapping[Path, str], gone: Iterable[Path]) -> None:
    """Writes into the manifest of the directory build what was made, with its SHA-256, and takes out what is gone."""
    old = read_manifest(build / MANIFEST)
    gone_names = {_name(build, path) for path in gone}
    new = {name: digest for name, digest in old.items() if name not in gone_names}
    new |= {_name(build, path): digest for path, digest in made.items()}
    if new != old:
        with atomic.new_file(build / MANIFEST) as path:
            path.write_text("".join(f"{new[name]}  {name}\n" for name in sorted(new)), encoding="utf-8", newline="\n")


def verify(build: Path, sysroots: Mapping[Path, Path] | None = None) -> str:
    """Returns the sentence for a build directory whose files are what was built; raises with a line for each other.

    sysroots names for each manifest of a sysroot the directory that holds it.
    """
    count = len(read_manifest(build / MANIFEST))
    if not count:
        raise BootwrightError(f"{build} holds nothing that was built")
    found = differences(build)
    for manifest, directory in sorted((sysroots or {}).items()):
        found += _compare(read_manifest(manifest), directory)
    if not found:
        return f"{count} output{'s' * (count > 1)} in {build} {'are' if count > 1 else 'is'} what was built"
    hint = "remove the named files and run scons: what is missing is made again"
    raise BootwrightError("\n  ".join([f"{build} does not hold what was built:", *found]), hint)


def differences(build: Path, not_outputs: Iterable[str] = NOT_OUTPUTS) -> list[str]:
    """Returns a line for each output that is missing or not what was built, and for each file that was not built."""
    manifest, strange = _read_manifest(build / MANIFEST)
    lines = _compare(manifest, build)
    if strange:
        lines.append(
            f"{strange} line{'s' if strange > 1 else ''} of {build / MANIFEST} name{'s' * (strange == 1)} no output"
        )
    return lines + [
        f"{build / name} was not built" for name in found_outputs(build, not_outputs) if name not in manifest
    ]


def found_outputs(build: Path, not_outputs: Iterable[str] = NOT_OUTPUTS) -> list[str]:
    """Returns the names of all files in the directory build that are, or look like, outputs."""
    names = [_name(build, path) for path in _files(build)]
    names = [name for name in names if not any(_matches(name, pattern) for pattern in not_outputs)]
    return [name for name in names if not any(fnmatch.fnmatchcase(name, tree) for tree in NO_OUTPUTS_BELOW)]


def _compare(manifest: Mapping[str, str], directory: Path) -> list[str]:
    lines = []
    for name, digest in sorted(manifest.items()):
        path = directory / name
        if not path.is_file():
            lines.append(f"{path} is missing")
        elif file_digest(path) != digest:
            lines.append(f"{path} is not what was built")
    return lines


def _name(build: Path, path: Path) -> str:
    return path.relative_to(build).as_posix() if path.is_relative_to(build) else path.as_posix()


def _matches(name: str, pattern: str) -> bool:
    """Says whether name has as many parts as pattern, and each part matches."""
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _files(build: Path) -> list[Path]:
    found = []
    for place, directories, names in os.walk(build):
        directories[:] = [name for name in directories if not atomic.is_leftover(name)]
        found += [Path(place, name) for name in names if not atomic.is_leftover(name)]
    return sorted(found)
