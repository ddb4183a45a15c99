"""The text screen: cells to rows, and which rows a terminal has not shown yet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootwright.machine import textscreen
from bootwright.machine.textscreen import COLUMNS, ROWS, LiveView, parse_words, read_rows, unsaid_rows


def memory(*rows: str) -> bytes:
    text = "".join(row.ljust(COLUMNS) for row in (*rows, *[""] * (ROWS - len(rows))))
    return b"".join(bytes([byte, 7]) for byte in text.encode("cp437"))


def screen(*rows: str) -> tuple[str, ...]:
    return (*rows, *[""] * (ROWS - len(rows)))


def test_rows_are_characters_without_colours_and_without_blanks_at_the_end() -> None:
    assert read_rows(memory("Hello World!", "  two")) == screen("Hello World!", "  two")


def test_zeroes_and_bytes_of_a_screen_that_is_not_there_are_blank() -> None:
    assert read_rows(bytes(textscreen.SIZE)) == screen()
    assert read_rows(b"\xff" * textscreen.SIZE) == screen()


def test_every_byte_has_one_glyph_of_code_page_437() -> None:
    first, second, third, fourth = read_rows(bytes(x for byte in range(256) for x in (byte, 7)).ljust(4000, b"\0"))[:4]
    assert first.startswith(" ☺☻") and "ABC" in first
    assert "abc" in second and "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" in second
    assert third.startswith("áíóú") and third.endswith("αßΓπΣσµτΦΘΩδ∞φε∩")
    assert fourth == "≡±≥≤⌠⌡÷≈°∙·√ⁿ²■"


def test_a_dump_of_the_monitor_is_turned_back_into_bytes() -> None:
    dump = "00000000000b8000: 0x07480720 0x12345678\n00000000000b8008: 0x000000ff\n"
    assert parse_words(dump) == bytes.fromhex("20074807785634 12ff000000")


def test_rows_that_were_said_or_come_from_the_firmware_are_not_news() -> None:
    rows = screen("SeaBIOS (version 1.16)", "Booting from Hard Disk...", "said", "  said", "not said")
    assert unsaid_rows(rows, "it was said\n") == ["not said"]


def test_a_row_is_printed_once_and_only_when_two_looks_agree() -> None:
    view = LiveView()
    assert view.look(screen("Hel")) == []
    assert view.look(screen("Hello")) == []
    assert view.look(screen("Hello")) == ["Hello"]
    assert view.look(screen("Hello")) == []
    assert view.finish(screen("Hello", "two")) == ["two"]


def test_a_screen_that_was_cleared_and_filled_anew_is_printed_again() -> None:
    view = LiveView()
    assert view.finish(screen("a", "b")) == ["a", "b"]
    assert view.finish(screen()) == []
    assert view.finish(screen("a")) == ["a"]


@given(st.lists(st.integers(1, 40), max_size=6))
def test_lines_that_scroll_by_come_out_once_and_in_order(steps: list[int]) -> None:
    """A kernel that prints numbered lines at the bottom; looks come after any number of lines."""
    view, shown, count = LiveView(), [], 0
    for step in steps:
        count += step
        lines = [f"line {number}" for number in range(count)][-ROWS:]
        shown += view.finish((*[""] * (ROWS - len(lines)), *lines))
    # More than a screenful between two looks is gone, as it is from the screen.
    assert shown == sorted(set(shown), key=lambda line: int(line.split()[1]))
    if all(step <= ROWS for step in steps):
        assert shown == [f"line {number}" for number in range(count)]
