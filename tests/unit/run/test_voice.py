"""A guest's bytes go to a file as they are, and to a terminal as text."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from bootwright.run.voice import Silence, Voice

NASTY = b"\xff\xfe\xc3 a\x1b]0;title\x07\x1b[6n\x1b[31mred\x1b[0m"


def passed(path: Path, raw: bool = False) -> bytes:
    with path.open("w", encoding="utf-8") as out:
        voice = Voice(out, raw)
        voice.say(NASTY[:7])
        voice.say(NASTY[7:])
        voice.tell("a row of the screen")
        assert voice.end() == ""
    return path.read_bytes()


@pytest.mark.parametrize("raw", [False, True])
def test_a_file_gets_each_byte(tmp_path: Path, raw: bool) -> None:
    assert passed(tmp_path / "out", raw) == NASTY + b"\na row of the screen\n"


def on_terminal(raw: bool) -> tuple[bytes, str]:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as out:
        voice = Voice(out, raw)
        voice.say(NASTY)
        remark = voice.end()
        seen = b""
        while not seen.endswith(b"\r\n"):  # a terminal hands on what it has, in as many pieces as it likes
            seen += os.read(ours, 1000)
    os.close(ours)
    return seen, remark


def test_a_terminal_gets_text_and_colours_and_one_line_tells_of_the_rest() -> None:
    seen, remark = on_terminal(raw=False)
    assert seen == "\ufffd\ufffd\ufffd a\x1b[31mred\x1b[0m\x1b[m\r\n".encode()
    assert (
        remark == "2 controls of the guest's did not reach the terminal, which would have obeyed; RAW=1 passes all on"
    )


def test_a_terminal_gets_all_of_it_where_the_person_says_so() -> None:
    assert on_terminal(raw=True) == (NASTY + b"\r\n", "")


def test_a_copy_gets_the_serial_ports_bytes_and_no_row_of_the_screen() -> None:
    copy = io.BytesIO()
    voice = Voice(Silence(), copy=copy)
    voice.say(NASTY)
    voice.tell("row")
    voice.end()
    assert copy.getvalue() == NASTY


def test_what_nobody_reads_is_not_kept() -> None:
    out = Silence()
    Voice(out).say(b"x" * 1000)
    assert out.getvalue() == ""


def test_half_a_character_waits_for_its_other_half() -> None:
    out = io.StringIO()
    voice = Voice(out)
    for byte in "Grüße, 世界".encode():
        voice.say(bytes([byte]))
    assert out.getvalue() == "Grüße, 世界"
