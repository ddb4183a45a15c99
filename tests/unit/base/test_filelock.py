"""One at a time holds a lock; who waits says so once; the file keeps what it says, and has the rights asked for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootwright.base.filelock import lock_file, try_lock
from bootwright.base.home import SITE


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_one_is_refused_until_the_first_lets_go_or_fails(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_file(path, None), pytest.raises(BlockingIOError, match="lock is locked"), lock_file(path, None):
        pytest.fail("two hold it")
    with pytest.raises(ValueError, match="inside"), lock_file(path, None):
        raise ValueError("inside")
    with lock_file(path, None):
        pass


def test_the_system_frees_it_when_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import pathlib, sys; from bootwright.base.filelock import lock_file\n"
        "with lock_file(pathlib.Path(sys.argv[1]), None): print('held', flush=True); sys.stdin.read()"
    )
    environ = {**os.environ, "PYTHONPATH": str(SITE)}
    argv = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError), lock_file(path, None):
            pytest.fail("two hold it")
        holder.kill()
    with lock_file(path, None):
        pass


def test_who_waits_says_so_once_and_has_it_once_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said, naps = tmp_path / "lock", [], []
    with ExitStack() as holder:
        holder.enter_context(lock_file(path, None))

        def nap(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 3:
                holder.close()

        monkeypatch.setattr("bootwright.base.filelock.time.sleep", nap)
        with lock_file(path, lambda: said.append("waiting")):
            assert (said, len(naps)) == (["waiting"], 3)
            with pytest.raises(BlockingIOError), lock_file(path, None):
                pytest.fail("two hold it")
    with lock_file(path, lambda: said.append("waiting")):
        assert said == ["waiting"], "nobody has it, and nobody is waited for"


def test_the_file_that_is_locked_is_made_and_keeps_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_file(path, None):
        path.write_text("who holds it")
    with lock_file(path, None):
        assert path.read_text() == "who holds it"


def test_a_group_may_lock_what_is_made_for_it_whatever_the_umask_says(tmp_path: Path, no_umask: None) -> None:
    os.umask(0o077)
    for mode, has in ((0o644, 0o600), (0o664, 0o664), (0o660, 0o660)):
        with lock_file(tmp_path / f"{mode}", None, mode):
            assert rights(tmp_path / f"{mode}") == has


def test_rights_of_another_ones_file_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    path.touch(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with lock_file(path, None, 0o664):
        assert rights(path) == 0o600


def test_another_opening_of_one_process_counts_as_another(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open("w") as other:
        assert [try_lock(one.fileno()), try_lock(one.fileno()), try_lock(other.fileno())] == [True, True, False]
