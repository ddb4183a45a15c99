"""Whether the sources of a dependency are those that were published: looked at when one of its crates is compiled.

What the store and the shared cache hold of a registry's package is found by its checksum in Cargo.lock, so what is
compiled under it must be what that stands for. cargo trusts ~/.cargo/registry/src, which it unpacked itself, and hashes
what was vendored (src/cargo/sources/directory.rs) when it compiles that; here both are read.
"""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path

from bootwright.base import regular
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError

LISTED = ".cargo-checksum.json"  # in a vendored package: {"files": {NAME: SHA-256}}
UNPACKED = ".cargo-ok"  # cargo's own mark, which it takes from no archive
SCRIPT = "build.rs"  # of what was added, cargo takes this alone by its name, where the manifest says nothing of it
PATCH = "to change a dependency, copy it and name the copy in [patch] of Cargo.toml"


@cache
def check_published(root: Path, package: str, checksum: str) -> None:
    """Raises for the first file of the package at root that is not as it was published.

    package is its name and version, checksum the SHA-256 in Cargo.lock of its archive, "" where root is no registry's
    unpacked one. Of a package of the person's nothing is listed, and of one of git nothing but the commit.
    """
    if checksum:
        _check_unpacked(root, package, checksum)
    elif (root / LISTED).is_file():
        _check_vendored(root, package)


def _check_unpacked(root: Path, package: str, checksum: str) -> None:
    registry, index = root.parents[2], root.parent.name
    archive = registry / "cache" / index / f"{root.name}.crate"
    again = f"rm -r {root} {archive}, and the next build fetches it again"
    try:
        actual = file_digest(archive)
    except OSError as error:
        why = f"{archive} cannot be read: {error.strerror or error}"
        raise BootwrightError(f"nothing proves that {root} is {package}: {why}", again) from error
    if actual != checksum:
        raise BootwrightError(f"{archive} is not {package}: its SHA-256 is {actual}, Cargo.lock has {checksum}", again)
    names = set()
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            names.add(member.name)
            path = root.parent / member.name
            file = members.extractfile(member) if member.isfile() and path != root / UNPACKED else None
            if file and not _holds(path, file.read()):
                said = f"{path} is not as {package} was published"
                raise BootwrightError(said, f"{PATCH}; what was is back by: rm -r {root}")
    if (root / SCRIPT).is_file() and f"{root.name}/{SCRIPT}" not in names:
        raise BootwrightError(f"{root / SCRIPT} is not of {package} as it was published", f"{PATCH}, or remove it")


def _check_vendored(root: Path, package: str) -> None:
    listed = root / LISTED
    try:
        files = json.loads(regular.read_bytes(listed, regular.LARGEST))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BootwrightError(f"{listed} cannot be read: {error}", "cargo vendor writes it") from error
    for name, expected in sorted(files.items()):
        try:
            actual = file_digest(root / name)
        except OSError as error:
            actual = error.strerror or str(error)
        if actual != expected:
            said = f"the checksum of {root / name} has changed: {listed.name} lists {expected}, it is {actual}"
            raise BootwrightError(said, f"{PATCH}: cargo refuses to compile {package} from an edited directory source")
    if (root / SCRIPT).is_file() and SCRIPT not in files:
        raise BootwrightError(f"{root / SCRIPT} is not among the files of {listed}", f"{PATCH}, or remove it")


def _holds(path: Path, data: bytes) -> bool:
    try:
        return regular.read_bytes(path, regular.LARGEST) == data
    except (OSError, BootwrightError):
        return False
