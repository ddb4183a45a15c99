"""The loader that a wheel carries: when it is taken, and what else about it would be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.loader import crates, prebuilt

COMPILER = prebuilt.compiler_words("rustc 1.99.0\nLLVM version: 30\n", "LLD 30\n")
TOOL = Path(__file__).parents[3] / "site_scons" / "site_tools" / "loader.py"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in crates.FILES:
        (tmp_path / name).write_bytes(name.encode())
    prebuilt.write_list(tmp_path, COMPILER)
    return tmp_path


def test_it_is_taken_by_the_compiler_that_made_it_and_by_who_asks_for_none(place: Path) -> None:
    assert prebuilt.find_prebuilt(COMPILER, place) == place
    assert prebuilt.find_prebuilt(None, place) == place
    assert prebuilt.find_prebuilt(COMPILER.replace("1.99.0", "1.99.1"), place) is None
    assert prebuilt.find_prebuilt(COMPILER, place / "nothing") is None


@pytest.mark.parametrize("name", crates.FILES)
def test_a_file_that_is_not_the_one_that_was_stored_is_not_taken(place: Path, name: str) -> None:
    data = (place / name).read_bytes()
    (place / name).write_bytes(data[:-1] + b"?")
    assert prebuilt.damage(place) == f"{place / name} is not what was installed"
    assert prebuilt.find_prebuilt(None, place) is None
    (place / name).unlink()
    assert prebuilt.find_prebuilt(None, place) is None


def test_the_loader_of_other_sources_is_not_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prebuilt, "OTHERS", prebuilt.OTHERS[:-1])
    assert prebuilt.find_prebuilt(COMPILER, place) is None
    assert prebuilt.find_prebuilt(None, place) == place


@pytest.mark.parametrize("text", ["", "[]", "{", '{"compiler": 1}'])
def test_a_list_that_is_none_stands_for_no_loader(place: Path, text: str) -> None:
    (place / prebuilt.LIST).write_text(text)
    assert prebuilt.find_prebuilt(None, place) is None


def test_all_modules_that_make_a_loader_are_among_its_sources() -> None:
    modules = TOOL.read_text().partition("MODULES = (")[2].partition(")")[0]
    named = {word for word in modules.replace(",", " ").split() if "/" in word}
    rest = {name.strip('"') for name in named} - set(prebuilt.OTHERS)
    assert rest and {name.partition("/")[0] for name in rest} <= set(prebuilt.ROOMS)
