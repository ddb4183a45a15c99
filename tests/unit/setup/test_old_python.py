"""What sconsw says to a Python that is too old: the package of a newer one, as this machine's packager names it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCONSW = Path(__file__).parents[3] / "sconsw"


@pytest.fixture
def sconsw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as a module, on a machine without any program."""
    loader = importlib.machinery.SourceFileLoader("sconsw", str(SCONSW))
    spec = importlib.util.spec_from_loader("sconsw", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("PYTHONPATH", "PYTHONHOME"):  # which it takes out of its own process, here the tests'
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    loader.exec_module(module)
    return module


def add(place: Path, name: str, says: str) -> None:
    (place / name).write_text(f"#!/bin/sh\nprintf '{says}'\n")
    (place / name).chmod(0o755)


@pytest.mark.parametrize(
    ("packager", "says", "hint"),
    [
        ("apt-cache", "python3.9\\npython3.11-venv\\npython3.11\\n", "sudo apt-get install python3.11 python3.11-venv"),
        ("apt-cache", "python3.10\\npython3.12\\n", "sudo apt-get install python3.12 python3.12-venv"),
        ("dnf", "python3.12.x86_64  3.12.1-1  appstream\\n", "sudo dnf install python3.12"),
        ("apt-cache", "python3.9\\n", "python3.12, or uv"),
    ],
    ids=["Debian", "Ubuntu", "Fedora", "none"],
)
def test_the_package_of_a_newer_python_is_named(
    sconsw: ModuleType, tmp_path: Path, packager: str, says: str, hint: str
) -> None:
    add(tmp_path, packager, says)
    assert hint in sconsw.newer_python_hint()


def test_a_python_that_is_too_old_says_so_in_one_sentence(
    sconsw: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "apt-cache", "python3.11\\n")
    monkeypatch.setattr(sconsw, "OLDEST_PYTHON", (3, 99))
    assert sconsw.main(["run"]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.endswith("; the oldest supported is 3.99")
    assert hint.startswith("  hint: ")
