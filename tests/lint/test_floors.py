"""The house stands on floors: import-linter over the rooms of bootwright, lazy imports included."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.lint.sources import HOME

SITE = HOME / "site_scons"
RUN = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command(sys.argv[1:])"


def lint(site: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter with our contracts over the package bootwright in the directory site."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    argv = [sys.executable, "-c", RUN, "--no-logo", "--no-cache", str(HOME / "pyproject.toml")]
    return subprocess.run(argv, cwd=site, env=environment, capture_output=True, text=True, check=False)


def contracts() -> list[dict[str, Any]]:
    """Returns what pyproject.toml holds of import-linter's contracts."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["tool"]["importlinter"]["contracts"])


def test_imports_go_down_only_and_in_no_circle() -> None:
    ended = lint(SITE)
    if ended.returncode:
        pytest.fail(ended.stdout + ended.stderr, pytrace=False)


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("base/digests", "from bootwright.storage import store", "Rooms stand on floors"),
        ("machine/display", "def f() -> None:\n    from bootwright.setup import cures", "Rooms stand on floors"),
        ("rust/rustup", "def f() -> None:\n    from bootwright.rust import search", "No circle"),
        ("elf/sizes", "from SCons.Node import FS", "SCons is the graph's alone"),
        ("flash/content", "def f() -> None:\n    from bootwright.rust import rustup", "The flasher runs as root"),
    ],
    ids=["upward", "upward and lazy", "a lazy circle", "SCons", "the flasher"],
)
def test_one_import_that_goes_another_way_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copytree(SITE / "bootwright", tmp_path / "bootwright", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "bootwright" / f"{module}.py").open("a") as source:
        source.write(f"\n\n{line}\n")
    ended = lint(tmp_path)
    assert ended.returncode == 1
    assert any(row.startswith(broken) and row.endswith("BROKEN") for row in ended.stdout.splitlines())


def test_every_room_but_the_graph_keeps_away_from_scons() -> None:
    (scons,) = (contract for contract in contracts() if contract.get("forbidden_modules") == ["SCons"])
    rooms = {f"bootwright.{path.parent.name}" for path in (SITE / "bootwright").glob("*/__init__.py")}
    assert rooms - {"bootwright.graph"} == set(scons["source_modules"])


def test_no_exception_is_listed() -> None:
    assert [key for contract in contracts() for key in contract if key.startswith("ignore")] == []


def test_every_room_says_what_it_knows() -> None:
    without = [path.parent.name for path in (SITE / "bootwright").glob("*/__init__.py")
               if not (path.parent / "README.md").is_file()]  # fmt: skip
    assert without == []


def test_one_module_knows_where_bootwright_lies() -> None:
    asking = re.compile(r"\b__file__\b")
    found = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.py") if asking.search(path.read_text())}
    # The second asks where the library of Python lies, the third what starts pytest.
    assert found == {"bootwright/base/home.py", "bootwright/flash/trust.py", "site_tools/tests.py"}
