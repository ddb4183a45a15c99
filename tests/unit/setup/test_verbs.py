"""The words of the command line: README, the Tools and the programs agree with the rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootwright.setup.programs import PROGRAMS
from bootwright.setup.verbs import BUILD, VERBS, Verb

HOME = Path(__file__).resolve().parents[3]
BY_WORD = {verb.word: verb for verb in VERBS}
NOT_WORDS = {"-c", "-h"}


def test_readme_has_a_line_for_each_word_and_no_other() -> None:
    table = (HOME / "README.md").read_text().partition("## Targets")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `scons ([\w-]+)", table, re.MULTILINE))
    assert told - NOT_WORDS == set(BY_WORD) - {"image"}  # which scons makes without a word
    assert "| `scons` |" in table


def test_each_word_has_a_method_that_one_tool_adds() -> None:
    tools = "".join(path.read_text() for path in (HOME / "site_scons" / "site_tools").glob("*.py"))
    added = re.findall(r'AddMethod\(\w+, "(\w+)"\)', tools)
    for verb in VERBS:
        assert added.count(verb.method) == (1 if verb.method else 0), verb.word


def test_what_a_word_needs_is_known_to_set_up() -> None:
    assert {name for verb in VERBS for name in verb.needs} <= PROGRAMS.keys()


@pytest.mark.parametrize(("word", "given", "idle"), [
    ("run", [], False), ("usb", [], True), ("usb", ["DEV"], False), ("doctor", ["DEV"], True), ("image", [], False),
])  # fmt: skip
def test_a_word_is_idle_without_kernels_or_without_its_variable(word: str, given: list[str], idle: bool) -> None:
    assert BY_WORD[word].is_idle(given) is idle


def test_a_word_needs_nothing_without_its_variable() -> None:
    verb = Verb("print", "", only_with="PRINTER")
    assert verb.needed([]) == ()
    assert verb.needed(["PRINTER"]) == BUILD
