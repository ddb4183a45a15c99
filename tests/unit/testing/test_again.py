"""A program of a kernel's tests that boots more than once: what becomes of its tests' results."""

from __future__ import annotations

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.testing.again import boot_again
from bootwright.testing.chosen import read_shard
from bootwright.testing.judge import Outcome, TestResult

WORDS = {"p": Outcome.PASSED, "F": Outcome.FAILED, "-": Outcome.NOT_REACHED}
LETTERS = {outcome: letter for letter, outcome in WORDS.items()}


def boots(*ends: str) -> tuple[list[int], object]:
    """Returns what counts the boots, and what boots: each end has a letter for each of the tests a, b, c."""
    done: list[int] = []

    def boot() -> list[TestResult]:
        done.append(1)
        end = ends[len(done) - 1]
        return [
            TestResult(name, WORDS[letter], None if letter == "-" else 1.0, "" if letter == "p" else f"said {name}")
            for name, letter in zip("abc", end, strict=True)
        ]

    return done, boot


@pytest.mark.parametrize(
    ("ends", "retries", "count", "letters", "tries"),
    [
        (["ppp"], 3, 1, "ppp", [0, 0, 0]),
        (["pF-", "ppp"], 3, 2, "ppp", [0, 2, 0]),
        (["pF-", "pF-", "ppF", "ppp"], 3, 4, "ppp", [0, 3, 4]),
        (["pF-", "F--", "ppF"], 2, 3, "ppF", [0, 3, 0]),
        (["pF-", "pF-"], 1, 2, "pF-", [0, 0, 0]),
    ],
    ids=["at once", "at the second", "one after the other", "what passed once", "never"],
)
def test_what_failed_is_tried_again_until_it_passes(
    ends: list[str], retries: int, count: int, letters: str, tries: list[int]
) -> None:
    done, boot = boots(*ends)
    results = boot_again(boot, retries, 0)  # type: ignore[arg-type]
    assert len(done) == count
    assert "".join(LETTERS[result.outcome] for result in results) == letters
    assert [result.tries for result in results] == tries


def test_rounds_end_with_the_first_failure() -> None:
    done, boot = boots("ppp", "ppp", "pF-", "ppp")
    results = boot_again(boot, 0, 4)  # type: ignore[arg-type]
    assert len(done) == 3
    assert [(result.outcome, result.seconds) for result in results] == [
        (Outcome.PASSED, 3.0), (Outcome.FAILED, 3.0), (Outcome.NOT_REACHED, None),
    ]  # fmt: skip
    assert results[1].message == "round 3 of 4: said b"
    done, boot = boots("ppp", "ppp")
    assert all(result.outcome is Outcome.PASSED for result in boot_again(boot, 0, 2))  # type: ignore[arg-type]
    assert len(done) == 2


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/2/3", "a/b", "-1/2", "1/0", " 1/2"])
def test_a_part_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(BootwrightError, match=f"SHARD={text} is no part k/n"):
        read_shard(text)


def test_a_part_is_two_numbers() -> None:
    assert read_shard("2/12") == (2, 12)
