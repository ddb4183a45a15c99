"""What a unit was made of that the graph learns of only when it is made: written beside its product, compared later."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.digests import file_digest
from bootwright.base.records import field, record

ABSENT = "-"


@record
class Reads:
    """Files and directories with their SHA-256, and variables with their values.

    ABSENT stands for a file that is gone, None for a variable that is not set. made are the products.
    """

    files: dict[str, str] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str | None] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes them to path."""
        path.write_text(json.dumps(vars(self), indent=0, sort_keys=True), encoding="utf-8")


def are_unchanged(path: Path, person: Mapping[str, str], known: dict[str, str]) -> bool:
    """Says whether all that the file at path names is as it was; False where there is no such file.

    known holds what was found of each file and directory in this run, so that none is read twice.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if any(person.get(name) != value for name, value in facts["variables"].items()):
            return False
        for table, digest in ((facts["files"], digest_or_absent), (facts["directories"], digest_below)):
            for name, value in table.items():
                if name not in known:
                    known[name] = digest(Path(name))
                if known[name] != value:
                    return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def digest_or_absent(path: Path) -> str:
    """Returns the SHA-256 of a file, or ABSENT."""
    try:
        return file_digest(path)
    except OSError:
        return ABSENT


def digest_below(directory: Path) -> str:
    """Returns what changes with any file of a package, as cargo takes them, and with its name."""
    text = "".join(f"{path.relative_to(directory)}\0{digest_or_absent(path)}\n" for path in package_files(directory))
    return hashlib.sha256(text.encode()).hexdigest()


def package_files(directory: Path) -> list[Path]:
    """Returns the files below directory, sorted: without what is hidden and without build directories."""
    found = []
    for place, directories, names in os.walk(directory):
        directories[:] = [d for d in directories if d[0] != "." and not Path(place, d, "CACHEDIR.TAG").exists()]
        found += [Path(place, name) for name in names if name[0] != "."]
    return sorted(found)
