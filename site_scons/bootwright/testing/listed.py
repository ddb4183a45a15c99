"""The list of a kernel's programs of tests, and of the machine that they run in: scons writes it, pytest reads it.

It holds the tests' names too, so that neither reads an ELF while nothing changes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from bootwright.base.errors import BootwrightError
from bootwright.run.config import RunConfig
from bootwright.testing.judge import TestProgram

FILE_NAME = "kernel-tests.json"
Facts = TypeVar("Facts", TestProgram, RunConfig)


def write_programs(path: Path, programs: Sequence[TestProgram], config: RunConfig) -> None:
    """Writes the list that pytest collects from; path's name is kernel-tests.json. config.image is not used."""
    assert path.name == FILE_NAME, path
    listed = {"config": _fields(config), "programs": [_fields(program) for program in programs]}
    path.write_text(json.dumps(listed, indent=1, sort_keys=True, default=os.fspath) + "\n")


def read_programs(path: Path) -> tuple[list[TestProgram], RunConfig]:
    """Returns what write_programs wrote; paths that are not absolute are seen from the current directory.

    Raises BootwrightError where path is the list of another bootwright, which has other fields.
    """
    try:
        listed = json.loads(path.read_text())
        programs = [_read(TestProgram, entry) for entry in listed["programs"]]
        return programs, _read(RunConfig, listed["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise BootwrightError(f"{path} is no list of tests of this bootwright", "`scons test` writes it") from error


def _fields(facts: TestProgram | RunConfig) -> dict[str, object]:
    return {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}


def _read(kind: type[Facts], entry: dict[str, Any]) -> Facts:
    """Returns the facts that entry holds, each of its fields, with paths and tuples where JSON has texts and lists."""
    names = [field.name for field in dataclasses.fields(kind)]
    if set(names) != set(entry):
        raise KeyError(f"{kind.__name__} has other fields")
    values: dict[str, Any] = {n: tuple(entry[n]) if isinstance(entry[n], list) else entry[n] for n in names}
    values |= {n: Path(values[n]) for n in _paths(kind) if values[n] is not None}
    return kind(**values)


def _paths(kind: type[object]) -> list[str]:
    """Returns which fields of kind are paths, or None."""
    return [name for name, hint in get_type_hints(kind).items() if Path in (hint, *get_args(hint))]
