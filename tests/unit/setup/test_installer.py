"""What is said when pip fails, and how an installer is watched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.setup import installer as watched
from bootwright.setup import venv as dotvenv

PIP_FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
PIP_OFFLINE = "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/scons/"
PIP_WRONG = "ERROR: Could not find a version that satisfies the requirement scons==4.11.9 (from versions: 4.11.1)"
PIP_LOCKED = "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (PIP_FULL, "MB left"),
        (PIP_OFFLINE, "no package index answers"),
        (PIP_WRONG, "failed with status 1"),
        (PIP_LOCKED, "cannot be written"),
    ],
    ids=["disk full", "offline", "no such version", "read-only"],
)
def test_a_failure_of_pip_is_a_sentence_with_its_last_words(tmp_path: Path, said: str, sentence: str) -> None:
    error = dotvenv.failure(watched.Ended(1, ("Collecting scons", said)), tmp_path)
    first, *tail = error.message.splitlines()
    assert sentence in first
    assert f"  | {said}"[: watched.WIDTH + 4] == tail[-1]
    assert "sconsw again" in error.hint


def test_the_last_words_are_kept_and_progress_is_not() -> None:
    script = "import sys; print('step 1'); print('why', file=sys.stderr); print(); sys.exit(3)"
    ended = watched.watch([sys.executable, "-c", script], os.environ, lambda line: "x" if line == "step 1" else None)
    assert ended == watched.Ended(3, ("why",))


def test_what_went_wrong_is_shown_although_much_was_said_after_it() -> None:
    ended = watched.Ended(
        100, ("fetched", "echo: I/O error", "dpkg: error processing x", *(f"y{n}" for n in range(20)))
    )
    assert ended.error("no", "cure").message.splitlines()[1:3] == [
        "  | echo: I/O error",
        "  | dpkg: error processing x",
    ]
    plain = watched.Ended(1, tuple(f"y{n}" for n in range(20)))
    assert plain.error("no", "cure").message.splitlines()[-1] == "  | y19"


def test_a_program_that_is_not_there_has_ended_badly() -> None:
    ended = watched.watch(["no-such-program"], os.environ, lambda line: None)
    assert ended.status == 127
    assert ended.said(("no such file", "cannot find"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows hands no descriptor on")
def test_an_installer_holds_the_lock_of_the_set_up_as_well(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        program = f"import os; print(os.fstat({lock.fileno()}).st_ino)"
        ended = watched.watch([sys.executable, "-c", program], os.environ, lambda line: None)
        assert (ended.status, ended.lines) == (0, (str(os.fstat(lock.fileno()).st_ino),))
