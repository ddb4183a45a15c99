"""What a terminal sends, as keys of QEMU's."""

from __future__ import annotations

import io
import os
import pty
from pathlib import Path

import pytest

from bootwright.run.keys import Chord, chords, find_keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"a1 ", [("a",), ("1",), ("spc",)]),
        (b"Z!", [("shift", "z"), ("shift", "1")]),
        (b"\r\x7f\t", [("ret",), ("backspace",), ("tab",)]),
        (b'"_?|', [("shift", "apostrophe"), ("shift", "minus"), ("shift", "slash"), ("shift", "backslash")]),
        (b"\x01\x1a", [("ctrl", "a"), ("ctrl", "z")]),
        (b"\x1b", [("esc",)]),
        (b"\x1b[A\x1bOD\x1b[3~\x1b[5;2~\x1bOP", [("up",), ("left",), ("delete",), ("pgup",), ("f1",)]),
        (b"\x1b[200~x", [("x",)]),
        ("\u00e9b".encode(), [("b",)]),
    ],
    ids=["plain", "shifted", "named", "signs", "ctrl", "escape", "sequences", "an unknown sequence", "no such key"],
)
def test_what_a_terminal_sends_is_keys(typed: bytes, keys: list[Chord]) -> None:
    assert list(chords(typed)) == keys


def test_what_is_no_terminal_or_another_ones_gives_no_keys() -> None:
    assert find_keys(io.StringIO()) is None
    with Path(os.devnull).open() as nothing:
        assert find_keys(nothing) is None
    master, slave = pty.openpty()
    with os.fdopen(slave) as stream:  # a terminal, but not the one that controls this process
        assert find_keys(stream) is None
    os.close(master)
