"""ruff and mypy over all the Python there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.lint.sources import HOME, is_python, tracked


def python_files() -> list[str]:
    """Returns every Python file, the SConstruct with it."""
    return [str(path.relative_to(HOME)) for path in tracked() if is_python(path) or path.name in ("SConstruct",)]


def run(*argv: str) -> None:
    """Runs a linter of .venv in the checkout; what it prints is the failure."""
    ended = subprocess.run([sys.executable, "-m", *argv], cwd=HOME, capture_output=True, text=True)
    if ended.returncode:
        pytest.fail(ended.stdout + ended.stderr, pytrace=False)


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "--no-cache", *python_files())


def test_ruff_would_format_nothing() -> None:
    run("ruff", "format", "--no-cache", "--check", *python_files())


def test_mypy_is_content() -> None:
    names = [name for name in python_files() if Path(name).name != "SConstruct"]
    run("mypy", "--scripts-are-modules", *names)
