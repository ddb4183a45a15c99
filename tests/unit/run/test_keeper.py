"""The process that keeps a labgrid place: what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bootwright.base.scratch import scratch_directory
from bootwright.run import keeper

HOLDS = """
import sys, time
from bootwright.run.keeper import Keeper
class Holds(Keeper):
    def _keep(self):
        print("held", flush=True)
        sys.stdin.read()
Holds("pc1", 0, "labgrid-client").run()
"""


def served(place: Path) -> list[str]:
    return [path.name for path in place.iterdir() if path.name.startswith("bootwright-served-")]


@pytest.mark.parametrize("killed", [False, True], ids=["the input ends", "SIGKILL"])
def test_nothing_of_it_stays(killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(keeper.__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert child.stdin is not None and child.stdout is not None
    with child:
        assert child.stdout.readline() == b"held\n"
        with scratch_directory():
            assert len(served(tmp_path)) == 1, "it is in use"
        if killed:
            child.send_signal(signal.SIGKILL)
        child.stdin.close()
    assert len(served(tmp_path)) == killed
    with scratch_directory():
        assert served(tmp_path) == []
