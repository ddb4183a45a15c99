"""Nothing of ours stays in TMPDIR: dead directories go when the next one is made, others stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bootwright.base.scratch import scratch_directory

HOLD = """
import sys, time
from bootwright.base.interrupts import interruptible
from bootwright.base.scratch import scratch_directory
with interruptible(), scratch_directory("held") as path:
    (path / "file").write_text("x")
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def hold() -> tuple[subprocess.Popen[str], Path]:
    """Starts a process that has a directory."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", HOLD]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_directory_is_empty_and_gone_afterwards(place: Path) -> None:
    with scratch_directory("x") as path:
        assert path.parent == place and path.name.startswith("bootwright-x-")
        assert [entry.name for entry in path.iterdir()] == [".lock"]
        (path / "deep").mkdir()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_at_the_next_start_and_not_before_it_is_dead(place: Path) -> None:
    process, path = hold()
    with scratch_directory():
        assert (path / "file").exists()
    process.kill()
    process.wait()
    assert path.exists()
    with scratch_directory() as own:
        assert list(place.iterdir()) == [own]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_takes_the_directory_away(place: Path, number: signal.Signals) -> None:
    process, _ = hold()
    process.send_signal(number)
    process.wait(30)
    assert list(place.iterdir()) == []


def test_two_of_one_process_are_both_held(place: Path) -> None:
    with scratch_directory() as first, scratch_directory() as second:
        assert sorted(place.iterdir()) == sorted([first, second])


def left(path: Path) -> Path:
    """Makes what a killed process leaves."""
    path.mkdir()
    (path / ".lock").touch()
    return path


def test_a_persons_own_directory_stays_and_one_that_is_just_being_made(place: Path) -> None:
    (place / "bootwright-notes").mkdir()
    target = left(place / "notes")  # a lock of that name is others' as well
    (place / "bootwright-link").symlink_to(target)
    left(place / ".bootwright-begun")
    left(place / "bootwright-dead")
    with scratch_directory():
        pass
    stays = [".bootwright-begun", "bootwright-link", "bootwright-notes", "notes"]
    assert sorted(path.name for path in place.iterdir()) == stays
    assert (target / ".lock").exists()


def test_another_persons_directory_is_left_to_that_person(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = left(place / "bootwright-dead")
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with scratch_directory():
        assert dead.exists()
