"""What tests of several rooms start from."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SLOW = re.compile(r"cargo|clippy-driver|(rust-|ld\.)lld.*|clang.*|wine.*|qemu-.*|rustc")
ASKED = {"-vV", "-V", "--version", "--print"}  # rustc only says something
_slow: list[str] = []


def _note_slow(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen":
        return
    argv = [os.fsdecode(word) for word in arguments[1]] if isinstance(arguments[1], list | tuple) else [arguments[1]]
    program = Path(shutil.which(argv[0]) or argv[0])
    fake = program.is_relative_to(tempfile.gettempdir())
    if SLOW.fullmatch(program.name) and not fake and ASKED.isdisjoint(argv):
        _slow.append(str(program))


sys.addaudithook(_note_slow)


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Fails a test that compiles, links or emulates: those lie in tests/build and tests/boot."""
    _slow.clear()
    yield
    if _slow:
        pytest.fail(f"it ran {_slow[0]}: its place is tests/build or tests/boot", pytrace=False)


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away the width that pytest-xdist gives its workers: what a test's terminal is told is in lines of any."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def waits_for_nobody() -> Iterator[None]:
    """Ends a test that waits for a FIFO, which it would for ever."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
