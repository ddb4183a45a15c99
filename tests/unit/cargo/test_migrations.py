"""A crate that the compiler cannot take as it is loses the words that the catalogue names, and nothing else does."""

from __future__ import annotations

import pytest

from bootwright.cargo.migrations import migrate, what_helps
from bootwright.cargo.units import Plan, Unit

WORDS = ("--crate-name", "x86_64", "--cfg", 'feature="default"', "--cfg", 'feature="step_trait"', "-C", "opt-level=1")


def unit(version: str, package: str = "x86_64", checksum: str = "ab") -> Unit:
    return Unit(f"deps/{package}", "lib", "/r", WORDS, {}, package, version, "/r", checksum=checksum)


def test_the_words_go_and_a_line_tells_it_once() -> None:
    plan, told = migrate(Plan((unit("0.15.5"), unit("0.15.5"))), (1, 96))
    assert [u.argv for u in plan.units] == [(*WORDS[:4], *WORDS[6:])] * 2
    assert len(told) == 1 and told[0].startswith(
        'x86_64 0.15.5 is compiled without --cfg feature="step_trait": rustc 1.96'
    )


@pytest.mark.parametrize("version", ["0.14.9", "0.14.12", "0.15.0", "0.15.1"])
def test_a_crate_from_before_todays_traits_loses_what_uses_them(version: str) -> None:
    plan, told = migrate(Plan((unit(version),)), (1, 96))
    assert plan.units[0].argv == (*WORDS[:4], *WORDS[6:])
    assert len(told) == 1 and "1.96 is newer than it was written for, its Step has another steps_between" in told[0]


@pytest.mark.parametrize(
    ("one", "release"),
    [
        (unit("0.15.4"), (1, 96)),
        (unit("0.14.13"), (1, 96)),
        (unit("0.14.8"), (1, 96)),
        (unit("0.15.2"), (1, 96)),
        (unit("0.15.5"), (1, 97)),
        (unit("0.15.5", "other"), (1, 96)),
        (unit("0.15.5", checksum=""), (1, 96)),
    ],
    ids=["older", "much older", "oldest", "between", "newer rustc", "other crate", "a person's own"],
)
def test_what_it_is_not_about_stays_as_it_is(one: Unit, release: tuple[int, int]) -> None:
    plan, told = migrate(Plan((one,)), release)
    assert (plan.units[0].argv, told) == (WORDS, [])


@pytest.mark.parametrize(
    ("package", "version", "says"),
    [
        ("x86_64", "0.14.6", "`cargo update -p x86_64` takes a newer one"),
        (
            "x86_64",
            "0.13.5",
            "no release of 0.13 is one that it does, 0.14 has some: Cargo.toml is to name a newer one",
        ),
        ("lock_api", "0.3.4", "no release of 0.3 is one that it does, 0.4 has some"),
        ("acpi", "2.3.1", "no release of 2 is one that it does, 3 has some"),
        ("unheard-of", "1.2.3-rc.1", "`cargo update -p unheard-of` takes a newer one"),
    ],
)
def test_what_is_said_of_a_crate_that_no_argument_cures_is_what_helps(package: str, version: str, says: str) -> None:
    said = what_helps(package, version)
    assert said.startswith(says) and f"`cargo tree -i {package}` says what asks for it" in said
