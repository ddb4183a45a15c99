"""Starting a build script that was written a moment ago."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.units import OUT, Unit
from bootwright.rust import script
from bootwright.rust.more import Room


def run(tmp_path: Path, program: Path) -> script.Ran:
    words = (f"{OUT}/{program.name}",)
    unit = Unit("build/k-1/out", "run", str(tmp_path), words, {}, "k", "0.1.0", str(tmp_path), local=True)
    return script.run_script(unit, Room(tmp_path), os.environ, print)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "build_script"
    path.write_text("#!/bin/sh\necho cargo:rustc-cfg=ran\n")
    path.chmod(0o755)
    return path


def test_a_program_that_is_open_for_writing_is_started_once_it_is_not(tmp_path: Path, program: Path) -> None:
    stream = program.open("a")
    threading.Timer(0.3, stream.close).start()
    assert run(tmp_path, program).said == "cargo:rustc-cfg=ran\n"


def test_one_that_stays_open_is_told(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "BUSY_ATTEMPTS", 3)
    with program.open("a"), pytest.raises(BootwrightError, match=r"build_script cannot be run: Text file busy"):
        run(tmp_path, program)
