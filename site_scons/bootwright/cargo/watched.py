"""What cargo reads to make a plan, and what stands for each of it: a plan is stale once one of these is another.

Of files of the person's these are the manifests of the packages, wherever a manifest or a configuration names them by
path (used or not: a [patch] that does not fit is read as well), those in the directories above, which may make a
workspace of the package; the lock file; the configuration with what it includes; the toolchain files; and the *names*
from which cargo infers targets, members of a workspace and the README. A file that is not there counts as well: cargo
looks for it. `tests/build/test_plans.py` compares this with what cargo opens. A FIFO or an endless file among them is
told before cargo and rustup read it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bootwright.base import regular
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import matching

CONFIGURATIONS = (".cargo/config.toml", ".cargo/config")
BYTE_ORDER_MARK, WITHOUT = "\ufeff", "save it without"
TOOLCHAIN_FILES = ("rust-toolchain.toml", "rust-toolchain")
INFERRED = ("build.rs", "src/lib.rs", "src/main.rs", "README.md", "README.txt", "README")
LISTED = ("src/bin", "tests", "examples", "benches")
ABSENT = "-"
GLOB = frozenset("*?[")


def _contents(path: Path) -> str:
    data = read(path)
    return ABSENT if data is None else hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes | None:
    """Returns what a file of cargo's or rustup's holds, None where there is none; raises for what nobody can read."""
    if path.name in TOOLCHAIN_FILES and path.is_dir():
        return None  # rustup passes over a directory of that name, such as a clone of its sources
    return regular.read_if_there(path)


def check_toolchain_files(directory: Path) -> None:
    """Raises where rustup, which is about to be started in directory, would wait for a toolchain file.

    So it does for one that rustup would pass over without a word, or misread, since it is no UTF-8.
    """
    for path in toolchain_files(directory):
        if read(path) and path.is_file():
            text = regular.read_text(path)
            if text.startswith(BYTE_ORDER_MARK) and path.suffix != ".toml":
                raise BootwrightError(f"{path} begins with a byte order mark, which rustup does not take", WITHOUT)


def check_files(directory: Path, cargo_home: Path) -> None:
    """Raises where cargo, which is about to be started for the package in directory, would wait for a file of it."""
    for name, fact in watched_files(directory, directory, [], cargo_home).items():
        if fact.startswith("packages "):  # of a directory of sources
            for place in Path(name).glob("*/"):
                for file in ("Cargo.toml", ".cargo-checksum.json"):
                    regular.is_there(place / file)


def _name(path: Path) -> str:
    return "file" if path.is_file() else "directory" if path.is_dir() else ABSENT


def _sources(path: Path) -> str:
    """Returns what stands for the names of the Rust sources in a directory, and of the directories with a main.rs."""
    return _listed(path, lambda name: name.endswith(".rs") or (path / name / "main.rs").is_file())


def _packages(path: Path) -> str:
    """Returns what stands for the names of the directories in one: each may be a member of a workspace, or vendored."""
    return _listed(path, lambda name: (path / name).is_dir())


def _listed(path: Path, counts: Callable[[str], bool]) -> str:
    try:
        names = sorted(filter(counts, os.listdir(path)))  # noqa: PTH208
    except OSError:
        return ABSENT
    return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()


def _freestanding(path: Path) -> str:
    from bootwright.cargo.freestanding import is_freestanding  # most packages are the kernel, and none is looked at

    return f"{_name(path)} {is_freestanding(path)}"


HOW: dict[str, Callable[[Path], str]] = {
    "contents": _contents,
    "freestanding": _freestanding,
    "name": _name,
    "sources": _sources,
    "packages": _packages,
}


def watched_files(directory: Path, workspace: Path, manifests: Iterable[str], cargo_home: Path) -> dict[str, str]:
    """Returns every place that a plan for the package in directory depends on, with what stands for what is there.

    manifests are those that cargo named; more are found in them. A value is one of HOW, a blank, and its answer.
    """
    configurations = configuration_files(directory, cargo_home)
    places = dict.fromkeys((workspace / "Cargo.lock", *configurations, *toolchain_files(directory)), "contents")
    pending = [Path(name) for name in manifests]
    pending += [place / "Cargo.toml" for place in (directory, *directory.parents)]
    for path in configurations:
        found, more = _named_in(_read(path), path.parent.parent)
        places |= found
        pending += more
    while pending:
        manifest = pending.pop()
        if places.get(manifest) == "contents":
            continue
        places[manifest] = "contents"
        if regular.is_there(manifest):
            root = manifest.parent
            places |= {root / name: "name" for name in INFERRED} | {root / name: "sources" for name in LISTED}
            found, more = _named_in(_read(manifest), root)
            places |= {path: how for path, how in found.items() if path not in places}
            pending += [*more, *(place / "Cargo.toml" for place in root.parents)]
    return {str(path): f"{how} {HOW[how](path)}" for path, how in places.items()}


def weighed_files(roots: Iterable[str]) -> dict[str, str]:
    """Returns what stands for root files that were read for whether their crates are for bare metal."""
    return {root: f"freestanding {HOW['freestanding'](Path(root))}" for root in roots}


def is_as_watched(name: str, fact: str) -> bool:
    """Says whether what is at name is what watched_files found."""
    how, _, value = fact.partition(" ")
    return HOW[how](Path(name)) == value


def configuration_files(directory: Path, cargo_home: Path) -> list[Path]:
    """Returns the places where cargo looks for its configuration from directory, there or not, the nearest first."""
    places = [place / name for place in (directory, *directory.parents) for name in CONFIGURATIONS]
    places += [cargo_home / "config.toml", cargo_home / "config"]
    found = list(dict.fromkeys(places))
    for path in found:  # grows by what it includes
        found += [included for included in included_files(path, _read(path)) if included not in found]
    return found


def included_files(path: Path, values: dict[str, Any]) -> list[Path]:
    """Returns the files that the configuration at path includes, in its order: a later one beats an earlier one."""
    words = values.get("include", [])
    entries = words if isinstance(words, list) else [words]
    names = [entry.get("path") if isinstance(entry, dict) else entry for entry in entries]
    return [path.parent / name for name in names if isinstance(name, str)]


def toolchain_files(directory: Path) -> list[Path]:
    """Returns the places where a toolchain file may be, there or not."""
    return [place / name for place in (directory, *directory.parents) for name in TOOLCHAIN_FILES]


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # a plan that is remembered does not pay for it

    try:
        return tomllib.loads((read(path) or b"").decode())
    except (ValueError, RecursionError):
        return {}  # cargo says what is wrong with it


def _named_in(values: dict[str, Any], root: Path) -> tuple[dict[Path, str], list[Path]]:
    """Returns the places that a manifest or a configuration in root names, and the manifests among them."""
    places: dict[Path, str] = {}
    manifests: list[Path] = []
    for key, word in _strings(values, ""):
        path = Path(os.path.normpath(root / word))
        if key in ("path", "paths", "members", "default-members") and not GLOB & set(word):
            places[path] = "name"
            manifests.append(path / "Cargo.toml")
        elif key in ("members", "default-members"):
            places_of_members, members = _globbed(root, Path(word).parts)
            places |= dict.fromkeys(places_of_members, "packages")
            manifests += [member / "Cargo.toml" for member in sorted(set(members)) if member.is_dir()]
        elif key in ("directory", "local-registry"):
            places[path] = "packages"
        elif key == "build":
            places[path] = "name"
    return places, manifests


def _strings(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Yields each string in a value with the key that it, or the list with it, stands at."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _globbed(root: Path, parts: tuple[str, ...]) -> tuple[list[Path], list[Path]]:
    """Returns the directories in which cargo looks for what a pattern of members fits, and what fits it."""
    found, here = [], [root]
    for part in parts:
        if GLOB & set(part):
            found += here
            here = [inner for place in here if place.is_dir() for inner in matching(place, part) if inner.is_dir()]
        else:
            here = [place / part for place in here]
    return found, here
