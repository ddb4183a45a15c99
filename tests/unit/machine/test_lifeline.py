"""What ends a process with its parent, and where the kernel cannot be asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scripts import write_script

from bootwright.machine import lifeline
from bootwright.machine.lifeline import Lifeline, find_guard

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    find_guard.cache_clear()
    yield
    find_guard.cache_clear()


def put_setpriv(directory: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a program that is the only setpriv on PATH."""
    directory.mkdir(exist_ok=True)
    write_script(directory / "setpriv", body)
    (directory / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(directory))


# What setpriv does with the option: it is asked for, and becomes the program.
KNOWS = "import os, sys; assert sys.argv[1:3] == ['--pdeathsig', 'KILL']; os.execv(sys.argv[3], sys.argv[3:])"


@linux_only
def test_a_setpriv_that_knows_the_option_is_the_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_setpriv(tmp_path / "bin", KNOWS, monkeypatch)
    assert find_guard()[:3] == (str(tmp_path / "bin" / "setpriv"), "--pdeathsig", "KILL")


@linux_only
def test_a_setpriv_that_does_not_know_it_is_no_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_setpriv(tmp_path / "bin", "import sys; sys.exit('setpriv: unrecognized option: pdeathsig')", monkeypatch)
    assert find_guard() == ()


def test_without_setpriv_or_linux_there_is_no_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert find_guard() == ()
    find_guard.cache_clear()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_guard() == ()


@linux_only
def test_a_program_whose_parent_died_before_the_signal_was_asked_for_never_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_setpriv(tmp_path / "bin", KNOWS, monkeypatch)
    started = tmp_path / "started"
    for parent, begins in ((os.getppid(), False), (os.getpid(), True)):
        words = [*find_guard(), str(parent), sys.executable, "-c", f"open({str(started)!r}, 'w')"]
        assert (subprocess.run(words, check=False).returncode == 0) is begins
        assert started.exists() is begins


def watched_by_a_process(arguments: list[str], tmp_path: Path) -> bool:
    """Starts arguments and tells whether a process of ours watches over them."""
    line = Lifeline()
    with (tmp_path / "output").open("wb") as output:
        process = line.start([sys.executable, "-c", "", *arguments], cwd=None, output=output, pass_fds=())
    line.watch(process.pid)
    watched = line._watchdog is not None
    process.wait()
    line.end()
    line.end()
    return watched


@linux_only
def test_a_process_watches_where_the_signal_would_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_setpriv(tmp_path / "bin", KNOWS, monkeypatch)
    assert not watched_by_a_process([], tmp_path)
    assert watched_by_a_process(["-runas", "nobody"], tmp_path), "the kernel forgets the signal with the user"
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(watched_by_a_process([], tmp_path)))
    thread.start()
    thread.join()
    assert told == [True], "the signal would come with the thread's end"
    monkeypatch.setattr(lifeline, "find_guard", lambda: ())
    assert watched_by_a_process([], tmp_path)
