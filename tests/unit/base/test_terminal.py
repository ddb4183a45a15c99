"""What a guest says reaches a terminal as text and colours; what would command the terminal does not."""

from __future__ import annotations

import pytest

from bootwright.base.terminal import TerminalFilter, printable


def shown(data: bytes) -> tuple[str, int]:
    """Returns what is let through of data, and how much was dropped; the same in one piece and byte by byte."""
    whole, pieces = TerminalFilter(), TerminalFilter()
    text = whole.feed(data)
    assert "".join(pieces.feed(bytes([byte])) for byte in data) == text
    assert pieces.dropped == whole.dropped
    return text, whole.dropped


@pytest.mark.parametrize(
    "data",
    [
        b"Hello\r\n",
        b"a\tb\b",
        b"\x1b[1;38;5;196mred\x1b[0m",
        b"\r\x1b[K50 %",
        b"\x1b[3D\x1b[2C\x1b[8G",
        "ä €\n".encode(),
    ],
    ids=["line", "tab", "colour", "erase-line", "along-the-line", "letters"],
)
def test_text_colours_and_what_stays_in_its_line_pass(data: bytes) -> None:
    assert shown(data) == (data.decode(), 0)


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b]0;title\x07",
        b"\x1b]52;c;Y3VybA==\x1b\\",
        b"\x1b[?1049h",
        b"\x1b[6n",
        b"\x1b[c",
        b"\x1bc",
        b"\x1b(0",
        b"\x1b[2J",
        b"\x1b[1;1H",
        b"\x1b[5A",
        b"\x1bP+q544e\x1b\\",
        b"\xc2\x9b6n",
        b"\xc2\x9d0;t\xc2\x9c",
        b"\x07",
        b"\x0e",
        b"\x1b[>4;2m",
        b"\x1b[21t",
        b"\x1b]8;;http://x\x1b\\",
    ],
    ids=[
        "title",
        "clipboard",
        "alternate-screen",
        "asks-where",
        "asks-who",
        "reset",
        "character-set",
        "clear",
        "home",
        "up",
        "DCS",
        "C1-CSI",
        "C1-OSC",
        "bell",
        "shift-out",
        "xterm-modifiers",
        "asks-title",
        "link",
    ],
)
def test_what_commands_the_terminal_is_dropped_and_counted(sequence: bytes) -> None:
    assert shown(b"a" + sequence + b"b") == ("ab", 1)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert shown(b"\xff\xfe\xc3.") == ("\ufffd\ufffd\ufffd.", 0)


def test_a_string_that_never_ends_silences_its_line_alone() -> None:
    assert shown(b"\x1b]0;never\nnext") == ("\nnext", 1)
    assert shown(b"\x1bP" + b"x" * 10_000)[0].endswith("xxx")


def test_an_escape_within_a_sequence_begins_a_new_one() -> None:
    assert shown(b"\x1b[\x1b[31mx") == ("\x1b[31mx", 1)
    assert shown(b"\x1b\x1b[6nx") == ("x", 2)


def test_a_guest_that_coloured_the_terminal_does_not_leave_it_so() -> None:
    plain, coloured = TerminalFilter(), TerminalFilter()
    plain.feed(b"x")
    coloured.feed(b"\x1b[31mx")
    assert (plain.end(), coloured.end()) == ("", "\x1b[m")


def test_in_our_own_lines_controls_are_written_out() -> None:
    assert printable("a\x1b]0;t\x07\x9b6n\r\tä\n") == "a\\x1b]0;t\\x07\\x9b6n\\x0d\tä\n"
