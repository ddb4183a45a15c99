"""A TOML file that anybody may have written: where it cannot be read, one sentence says which, and where in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.toml import read_toml, show


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 3000 + "]" * 3000, ": is nested too deeply to be read"),
        ("a = 1" + "0" * 5000, ": is no TOML: a number in it has too many digits"),
        ("a = 1\nb = \n", ":2:5: is no TOML: invalid value"),
        ("a = '", ": is no TOML at its end: "),
    ],
    ids=["deep", "digits", "value", "end"],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "Cargo.toml"
    path.write_text(text)
    with pytest.raises(BootwrightError) as raised:
        read_toml(path)
    assert raised.value.message.startswith(f"{path}{words}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'[package]\nname = "a\u0000b"', "package.name"),
        (r'[[bin]]\nname = "a"\n[[bin]]\nname = "\u0000"', "bin.name"),
        (r'[env]\n"A\u0000" = "1"', "a key of env"),
        (r'[package.metadata.bootimage]\nrun-args = ["-m", "\u0000"]', "package.metadata.bootimage.run-args"),
    ],
)
def test_a_character_that_no_program_can_be_given_is_told_with_its_key(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "Cargo.toml"
    path.write_text(text.replace(r"\n", "\n"))
    with pytest.raises(BootwrightError) as raised:
        read_toml(path)
    assert raised.value.message.startswith(f"{path}: {place} holds a NUL character")


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [{"a": value}]
    return value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 10**5000}, "{a = a number of more than 60 digits}"),
        ([{"a": True, "b": "x"}], '[{a = true, b = "x"}]'),
        (nested(2000), "[{a = [{a = ...}]}]"),
        (
            {str(number): number for number in range(10_000)},
            "{0 = 0, 1 = 1, 2 = 2, 3 = 3, 4 = 4, 5 = 5, 6 = 6, 7 = 7, ...",
        ),
    ],
    ids=["digits", "table", "deep", "long"],
)
def test_a_value_of_any_size_is_shown_in_a_few_words(value: object, shown: str) -> None:
    assert show(value) == shown
