"""Making .venv: while it is not whole a mark lies in it, and one that has the mark is made anew."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.setup import installer, stamp
from bootwright.setup import venv as dotvenv


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout with a list of packages."""
    (tmp_path / "requirements.txt").write_text("scons==4.11.1\n")
    return tmp_path


def filled(monkeypatch: pytest.MonkeyPatch, status: int) -> list[bool]:
    """Plays the installer, which ends with status; the list gets whether the mark was there while it worked."""
    seen: list[bool] = []

    def fill(venv: Path, *ignored: object) -> installer.Ended:
        seen.append((venv / dotvenv.UNFINISHED).exists())
        return installer.Ended(status, ("ERROR: no",))

    monkeypatch.setattr(dotvenv, "_fill", fill)
    return seen


def test_the_mark_lies_there_until_all_is_installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = filled(monkeypatch, 0)
    dotvenv.make(home, os.environ)
    assert seen == [True]
    assert not (home / ".venv" / dotvenv.UNFINISHED).exists()


def test_the_mark_stays_where_installing_failed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(monkeypatch, 1)
    with pytest.raises(BootwrightError):
        dotvenv.make(home, os.environ)
    assert (home / ".venv" / dotvenv.UNFINISHED).exists()


def test_a_venv_with_the_mark_is_made_anew_and_its_stamp_is_gone_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = home / ".venv"
    venv.mkdir()
    for name in (dotvenv.UNFINISHED, "half of a package"):
        (venv / name).touch()
    Path(stamp.stamp_path(str(home))).touch()
    filled(monkeypatch, 1)
    with pytest.raises(BootwrightError):
        dotvenv.make(home, os.environ)
    assert {path.name for path in venv.iterdir()} == {dotvenv.UNFINISHED}


def test_our_modules_are_compiled_where_python_is_told_to_compile_nothing(home: Path) -> None:
    module = home / "site_scons" / "bootwright" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("FACT = 1\n")
    dotvenv.compile_modules(home, Path(sys.executable), {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    compiled = [path.name for path in (module.parent / "__pycache__").iterdir()]
    assert compiled == [f"module.{sys.implementation.cache_tag}.pyc"]
