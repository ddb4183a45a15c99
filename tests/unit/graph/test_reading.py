"""A page of docs/ on a terminal: no word of it is broken, and what a person copies stays whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.graph.pages import page, subjects
from bootwright.graph.reading import fit_page
from bootwright.setup.verbs import BY_WORD

DOCS = Path(__file__).resolve().parents[3] / "docs"
COMMAND = "    "
TABLE = """| status | why | written |
|---|---|---|
| 10, 11 | nothing is there; no block device | no |
"""


@pytest.mark.parametrize("width", [40, 80])
def test_no_row_of_a_page_is_wider_than_the_terminal_but_for_one_word_or_a_command(width: int) -> None:
    pages = sorted(DOCS.glob("*.md"))
    assert len(pages) > 15
    for path in pages:
        rows = fit_page(path.read_text(encoding="utf-8"), width).splitlines()
        wide = [row for row in rows if len(row) > width and not row.startswith(COMMAND)]
        assert not [row for row in wide if max(map(len, row.split())) < width - len(COMMAND)], path.name


def test_every_word_of_a_page_is_there_at_every_width() -> None:
    for path in DOCS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        if "|" not in text and "](" not in text:
            assert fit_page(text, 40).split() == text.split(), path.name


def test_what_is_no_terminal_gets_the_page_as_it_is_written() -> None:
    text = (DOCS / "sticks.md").read_text(encoding="utf-8")
    assert fit_page(text, 0) == text


def test_a_row_of_a_table_is_one_where_it_fits_and_else_several_under_their_headings() -> None:
    assert fit_page(TABLE, 100).splitlines()[1] == "10, 11  nothing is there; no block device  no"
    assert fit_page(TABLE, 40).splitlines() == [
        "10, 11", "    why: nothing is there; no block", "      device", "    written: no"
    ]  # fmt: skip


def test_a_remark_stands_below_its_command_where_it_does_not_fit_beside() -> None:
    line = "    ./sconsw usb DEV=/dev/sdX      builds, shows what will be lost, writes\n"
    assert fit_page(line, 80) == line
    assert fit_page(line, 40).splitlines() == [
        "    ./sconsw usb DEV=/dev/sdX", "        builds, shows what will be lost,", "        writes"
    ]  # fmt: skip


def test_lines_of_a_paragraph_and_of_an_item_are_filled_together() -> None:
    assert fit_page("A [link](x.md) and\nmore.\n\n- **one**: it\n  goes on\n- two\n", 40).splitlines() == [
        "A link and more.", "", "- **one**: it goes on", "- two"
    ]  # fmt: skip


def test_a_word_without_a_page_gets_its_row_and_the_page_that_shows_its_use_where_one_does() -> None:
    assert page(["help", "usb"], DOCS) == f"scons usb: {BY_WORD['usb'].help_line}\nscons help sticks shows its use.\n"
    assert page(["help", "size"], DOCS) == f"scons size: {BY_WORD['size'].help_line}\n", "a mention tells little"
    for word in ("FIRMWARE", "firmware"):
        said = page(["help", word], DOCS)
        assert "(bios|uefi|secure)\nscons help variables has all of them.\n" in said and said.startswith("FIRMWARE=: ")
    assert "sticks" in subjects(DOCS)


def test_what_is_no_subject_gets_the_one_that_is_like_it_or_all() -> None:
    near = {"stick": "sticks", "memry": "MEMORY", "sizes": "size"}
    hints = {word: f"did you mean scons help {meant}?" for word, meant in near.items()} | {
        "xyzzy": "there are adding, "
    }
    for word, hint in hints.items():
        with pytest.raises(BootwrightError) as caught:
            page(["help", word], DOCS)
        assert caught.value.message == f"there is no page on {word}" and caught.value.hint.startswith(hint)
