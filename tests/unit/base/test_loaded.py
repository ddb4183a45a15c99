"""Python files of the build: old code never passes for new."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from bootwright.base import loaded


def test_a_file_that_was_written_since_is_another_one(tmp_path: Path) -> None:
    module = tmp_path / "pack" / "m.py"
    module.parent.mkdir()
    module.write_text("X = 1\n")
    loaded.note_sources(str(tmp_path))
    assert not loaded.changed(str(module))
    status = module.stat()
    module.write_text("X = 2\n")
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert loaded.changed(str(module))
    assert not loaded.changed(str(tmp_path / "never seen.py"))


def test_an_edit_that_restores_size_and_time_is_not_hidden_by_a_compiled_file(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text("print('old')\n")
    os.utime(module, ns=(10**18, 10**18))
    run = [sys.executable, "-c", "import m"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def said() -> str:
        return subprocess.run(run, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    assert said() == "old"
    compiled = Path(importlib.util.cache_from_source(str(module)))
    assert compiled.exists()
    module.write_text("print('new')\n")
    os.utime(module, ns=(10**18, 10**18))
    assert said() == "old", "Python itself trusts the file's time; the test has lost its point"
    loaded.note_sources(str(tmp_path))
    assert said() == "new"


def test_a_compiled_file_that_is_younger_than_its_source_stays(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text("")
    compiled = Path(importlib.util.cache_from_source(str(module)))
    compiled.parent.mkdir()
    compiled.touch()
    later = module.stat().st_ctime_ns + 10**9
    os.utime(compiled, ns=(later, later))
    loaded.note_sources(str(tmp_path))
    assert compiled.exists()


def test_a_program_that_is_exchanged_is_another_one_and_one_that_was_not_there_is_nobodys(tmp_path: Path) -> None:
    program = tmp_path / "program"
    loaded.note(str(program))
    program.write_text("one")
    assert not loaded.changed(str(program))
    loaded.note(str(program))
    assert not loaded.changed(str(program))
    program.unlink()
    assert loaded.changed(str(program))
