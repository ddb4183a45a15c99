"""A plan is remembered, with all that cargo read for it: while nothing of that changes no cargo is started.

What cargo reads are the manifests of the packages that have no registry's checksum, the lock file, the configuration
from the package's directory up to / and in CARGO_HOME with what it includes, the toolchain files, the variables whose
names begin with CARGO_ or RUST, and, since it infers targets from them, the names of some files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bootwright.base import atomic
from bootwright.cargo.command import NAMES
from bootwright.cargo.units import FORMAT, Plan

CONFIGURATIONS = (".cargo/config.toml", ".cargo/config")
TOOLCHAIN_FILES = ("rust-toolchain.toml", "rust-toolchain")
INFERRED = ("build.rs", "src/lib.rs", "src/main.rs")
LISTED = ("src/bin", "tests", "examples", "benches")
ABSENT = "-"


def configuration_files(directory: Path, cargo_home: Path) -> list[Path]:
    """Returns the places where cargo looks for its configuration from directory, there or not, the nearest first."""
    places = [place / name for place in (directory, *directory.parents) for name in CONFIGURATIONS]
    places += [cargo_home / "config.toml", cargo_home / "config"]
    found = list(dict.fromkeys(places))
    for path in found:  # grows by what it includes
        found += [included for included in _included(path) if included not in found]
    return found


def _included(path: Path) -> list[Path]:
    import tomllib  # a plan that is remembered does not pay for it

    try:
        words = tomllib.loads(path.read_text(encoding="utf-8")).get("include", [])
    except (OSError, ValueError):
        return []  # cargo says what is wrong with it
    entries = words if isinstance(words, list) else [words]
    names = [entry.get("path") if isinstance(entry, dict) else entry for entry in entries]
    return [path.parent / name for name in names if isinstance(name, str)]


def toolchain_files(directory: Path) -> list[Path]:
    """Returns the places where a toolchain file may be, there or not."""
    return [place / name for place in (directory, *directory.parents) for name in TOOLCHAIN_FILES]


def watched_files(directory: Path, workspace: Path, manifests: Iterable[str], cargo_home: Path) -> dict[str, str]:
    """Returns every file that a plan for the package in directory depends on, with its SHA-256, ABSENT without one.

    A directory stands for the names in it.
    """
    files = [Path(name) for name in manifests]
    files += [workspace / "Cargo.lock", *configuration_files(directory, cargo_home), *toolchain_files(directory)]
    for manifest in manifests:
        files += [Path(manifest).parent / name for name in (*INFERRED, *LISTED)]
    names_alone = {Path(manifest).parent / name for manifest in manifests for name in INFERRED}
    return {str(path): _fact(path, path in names_alone) for path in dict.fromkeys(files)}


def _fact(path: Path, name_alone: bool = False) -> str:
    """Returns what stands for the contents of path; of a file whose name alone counts, whether it is there."""
    try:
        if name_alone:
            return "file" if path.is_file() else ABSENT
        if path.is_dir():
            inner = sorted(f"{name}/main.rs" for name in os.listdir(path) if (path / name / "main.rs").is_file())  # noqa: PTH208
            text = "\n".join([*sorted(name for name in os.listdir(path) if name.endswith(".rs")), *inner])  # noqa: PTH208
            return hashlib.sha256(text.encode()).hexdigest()
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ABSENT


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns what of environ cargo reads."""
    return {name: value for name, value in sorted(environ.items()) if NAMES.match(name)}


def recall(path: Path, question: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]] | None:
    """Returns the plan at path and what was remembered with it, if it answers question and nothing it read changed."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["question"] != question:
            return None
        names_alone = ("/build.rs", "/src/lib.rs", "/src/main.rs")
        for name, fact in facts["watched"].items():
            if _fact(Path(name), name.replace(os.sep, "/").endswith(names_alone)) != fact:
                return None
        return Plan.from_json(facts["plan"]), facts["more"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember(
    path: Path, question: Mapping[str, Any], watched: Mapping[str, str], plan: Plan, more: Mapping[str, Any]
) -> None:
    """Writes the plan that answers question at path, with what it depends on and what else is to be remembered."""
    facts = {"format": FORMAT, "question": question, "watched": watched, "plan": plan.to_json(), "more": more}
    with atomic.new_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
