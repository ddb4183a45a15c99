"""What a unit was made of that the graph learns of only when it is made: written beside its product, compared later."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.records import field, record
from bootwright.base.regular import LARGEST, read_bytes

ABSENT = "-"
SPECIAL = "no regular file"


@record
class Reads:
    """Files, directories and packages with their SHA-256, and variables with their values.

    ABSENT stands for a file that is gone, None for a variable that is not set. made are the products, and warnings what
    rustc warned of, with colours: it is shown again where a unit of the person's need not be made again.
    """

    files: dict[str, str] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str | None] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes them to path."""
        path.write_text(json.dumps(vars(self), indent=0, sort_keys=True), encoding="utf-8")


def read_files(path: Path) -> list[str]:
    """Returns the files that the file at path names as read; none where it is not there."""
    return _strings_in(path, "files")


def read_warnings(path: Path) -> list[str]:
    """Returns what the file at path says that rustc warned of; nothing where it is not there."""
    return _strings_in(path, "warnings")


def _strings_in(path: Path, key: str) -> list[str]:
    try:
        return list(json.loads(read_bytes(path, LARGEST))[key])
    except (OSError, ValueError, KeyError, TypeError, BootwrightError):
        return []


def are_unchanged(path: Path, person: Mapping[str, str], known: dict[str, str]) -> bool:
    """Says whether all that the file at path names is as it was; False where there is no such file.

    known holds what was found of each file and directory in this run, so that none is read twice.
    """
    try:
        facts = json.loads(read_bytes(path, LARGEST))
        if any(person.get(name) != value for name, value in facts["variables"].items()):
            return False
        for table, digest in (
            ("files", digest_or_absent), ("directories", digest_below), ("packages", digest_of_package),
        ):  # fmt: skip
            for name, value in facts[table].items():
                key = f"{table} {name}"
                if key not in known:
                    known[key] = digest(Path(name))
                if known[key] != value:
                    return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BootwrightError):
        return False
    return True


def digest_or_absent(path: Path) -> str:
    """Returns the SHA-256 of a file, or ABSENT; of a FIFO and its like, which nobody reads, that it is one."""
    try:
        return file_digest(path)
    except OSError:
        return ABSENT
    except BootwrightError:
        return SPECIAL


def digest_below(directory: Path) -> str:
    """Returns what changes with any file below directory, and with its name; build directories are left out."""
    from bootwright.cargo.listed import CACHE  # a kernel without build scripts does not pay for it

    found = []
    for place, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not Path(place, name, CACHE).exists()]
        found += [Path(place, name) for name in names]
    return _digest_of(directory, sorted(found))


def digest_of_package(directory: Path) -> str:
    """Returns what changes with any file of the package in directory, as cargo lists them, and with its name."""
    from bootwright.cargo.listed import package_files

    return _digest_of(directory, package_files(directory))


def _digest_of(directory: Path, files: Iterable[Path]) -> str:
    text = "".join(f"{path.relative_to(directory)}\0{digest_or_absent(path)}\n" for path in files)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
