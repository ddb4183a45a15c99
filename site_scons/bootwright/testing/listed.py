"""The list of a kernel's programs of tests, and of the machine that they run in: scons writes it, pytest reads it.

It holds the tests' names too, so that neither reads an ELF while nothing changes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootwright.run.run import RunConfig
from bootwright.testing.judge import TestProgram

FILE_NAME = "kernel-tests.json"
PATHS = ("elf", "image", "source", "loader", "directory", "serial")


def write_programs(path: Path, programs: Sequence[TestProgram], config: RunConfig) -> None:
    """Writes the list that pytest collects from; path's name is kernel-tests.json. config.image is not used."""
    assert path.name == FILE_NAME, path
    settings = dataclasses.asdict(config)
    del settings["image"]
    listed = {"config": settings, "programs": [dataclasses.asdict(program) for program in programs]}
    path.write_text(json.dumps(listed, indent=1, sort_keys=True, default=os.fspath) + "\n")


def read_programs(path: Path) -> tuple[list[TestProgram], RunConfig]:
    """Returns what write_programs wrote; paths that are not absolute are seen from the current directory."""
    listed = json.loads(path.read_text())
    programs = [TestProgram(**_typed(entry)) for entry in listed["programs"]]
    return programs, RunConfig(image=Path(), **_typed(listed["config"]))


def _typed(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns entry with paths and tuples where JSON has strings and lists."""
    typed = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    return typed | {name: Path(entry[name]) for name in PATHS if entry.get(name) is not None}
