"""The catalogue of errors: every wording is known, one line explains it, and other errors have none."""

from __future__ import annotations

import pytest
from tests.unit.rust.wordings import QUOTES, Quote, quote

from bootwright.rust import explain, explanations
from bootwright.rust.explain import Situation
from bootwright.rust.explanations import CATALOGUE
from bootwright.rust.rustc import Diagnostic


@pytest.mark.parametrize("quoted", QUOTES, ids=[f"{n}_{q.entry.replace(' ', '_')}" for n, q in enumerate(QUOTES)])
def test_a_known_wording_has_its_entry_in_one_line(quoted: Quote) -> None:
    name, line = explanations.find([quoted.said], quoted.situation)
    assert name == quoted.entry
    assert line
    assert "\n" not in line
    assert "{" not in line.replace("{ loop {} }", "").replace("{ ... }", "")


@pytest.mark.parametrize("entry", CATALOGUE, ids=[entry.name.replace(" ", "_") for entry in CATALOGUE])
def test_every_wording_of_an_entry_is_quoted_from_somewhere(entry: explain.Explanation) -> None:
    quotes = [quoted.said for quoted in QUOTES if quoted.entry == entry.name]
    unquoted = [wording.pattern for wording in entry.wordings if not any(wording.match(said) for said in quotes)]
    assert unquoted == []


@pytest.mark.parametrize(
    "said",
    [
        Diagnostic("E0308", "mismatched types"),
        Diagnostic("E0425", "cannot find function `missing` in this scope"),
        Diagnostic("E0433", "cannot find type `Mutex` in this scope"),
        Diagnostic("E0152", "found duplicate lang item `sized`", ("first defined in the local crate",)),
        Diagnostic("", "linking with `cc` failed: exit status: 1", ('"cc" "undefined symbol: main"', "ld: odd")),
    ],
    ids=["types", "function", "type", "another_item", "the_linkers_command"],
)
def test_another_error_has_no_line(said: Diagnostic) -> None:
    assert explanations.find([said], Situation()) == ("", "")


def test_a_wording_counts_with_its_code_alone() -> None:
    assert explanations.find([Diagnostic("E0999", "can't find crate for `core`")], Situation())[0] == ""


def test_of_several_errors_the_one_to_mend_first_is_explained() -> None:
    handler, unwinding = "`#[panic_handler]` function required, but not found", "unwinding panics are not supported"
    said = [Diagnostic("", f"{unwinding} without std"), Diagnostic("", handler)]
    assert explanations.find(said, Situation(lacking=("[profile.dev]",)))[0] == "no panic handler"


def test_the_spelling_of_no_mangle_is_that_of_the_edition() -> None:
    said = [quote("", "", "using `fn main` requires the standard library").said]
    assert "write #[no_mangle] pub" in explanations.find(said, Situation("2021"))[1]
    assert "write #[unsafe(no_mangle)] pub" in explanations.find(said, Situation("2024"))[1]


def test_the_profiles_that_lack_abort_are_named() -> None:
    said = [quote("", "", "language item required, but not found: `eh_personality`").said]
    assert "(missing in [profile.release])" in explanations.find(said, Situation(lacking=("[profile.release]",)))[1]
    both = Situation(lacking=("[profile.dev]", "[profile.release]"))
    assert "(missing in [profile.dev] and [profile.release])" in explanations.find(said, both)[1]


def test_the_link_errors_name_each_hosts_arguments_and_variable() -> None:
    lines = {q.entry: explanations.find([q.said], q.situation)[1] for q in QUOTES}
    assert "-nostartfiles" in lines["start-up code of C"]
    assert "HOST=linux" in lines["start-up code of C"]
    assert "/ENTRY:_start /SUBSYSTEM:console" in lines["start-up code of Windows"]
    assert "HOST=windows" in lines["start-up code of Windows"]
    assert "-e __start -static -nostartfiles" in lines["start-up code of macOS"]
    assert "HOST=macos" in lines["start-up code of macOS"]


def test_names_of_entries_are_all_different() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)
