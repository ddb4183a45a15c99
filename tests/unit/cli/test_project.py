"""What rust-project.json says of a crate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from bootwright.cli import project
from bootwright.rust.more import More


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["-Z", "unstable-options", "--test"], {"A": "b", "RUSTC_BOOTSTRAP": "1"}),
        (["-C", "panic=abort"], {"A": "b"}),
    ],
)
def test_a_stable_compiler_is_asked_with_what_allows_an_option_of_nightly(
    words: list[str], variables: dict[str, str]
) -> None:
    asked: list[tuple[list[str], dict[str, str]]] = []

    def ask(question: Sequence[str], environment: Mapping[str, str]) -> list[str]:
        asked.append(([*question], {**environment}))
        return ["unix"]

    assert project.cfgs(words, More(environment={"A": "b"}), ask) == ["unix"]
    assert asked == [(words, variables)]
