"""What is remembered under a stamp: it holds while that is the same, and a file that is no such one holds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootwright.base.atomic import is_leftover
from bootwright.base.remembered import Memory


def kept(path: Path) -> Memory:
    memory = Memory(path, "letters 1")
    memory.keep("a", ("stamp", 1), {"answer": [1, 2]})
    memory.write()
    return memory


def test_an_answer_holds_while_its_stamp_is_the_same(tmp_path: Path) -> None:
    kept(tmp_path / "memory.json")
    again = Memory(tmp_path / "memory.json", "letters 1")
    assert again.answer("a") == {"answer": [1, 2]}
    assert again.holds("a", ("stamp", 1))
    assert not again.holds("a", ("stamp", 2))
    assert not again.holds("b", None)
    assert again.answer("b") is None


def test_another_format_holds_nothing(tmp_path: Path) -> None:
    kept(tmp_path / "memory.json")
    assert Memory(tmp_path / "memory.json", "letters 2").questions() == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": "letters 1"}', '{"format": "letters 1", "entries": {"a": {"stamp": 1}}}'],
)
def test_a_file_that_is_no_memory_holds_nothing_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.json").write_text(text)
    assert kept(tmp_path / "memory.json").questions() == ["a"]
    assert Memory(tmp_path / "memory.json", "letters 1").questions() == ["a"]


def test_the_answers_kept_first_go_where_there_are_too_many(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "memory.json", "letters 1", most=2)
    for question in ("a", "b", "a", "c"):
        memory.keep(question, 0, question)
    memory.write()
    assert Memory(tmp_path / "memory.json", "letters 1").questions() == ["a", "c"]


def test_what_cannot_be_written_stays_as_it_was_and_leaves_nothing(tmp_path: Path) -> None:
    kept(tmp_path / "memory.json")
    before = (tmp_path / "memory.json").read_text()
    memory = Memory(tmp_path / "memory.json", "letters 1")
    memory.keep("b", 0, 0)
    (tmp_path / "memory.json").unlink()
    (tmp_path / "memory.json").mkdir()  # what is renamed cannot take its place
    memory.write()
    assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]
    assert json.loads(before)["entries"]["a"]["stamp"] == ["stamp", 1]


def test_an_answer_is_forgotten(tmp_path: Path) -> None:
    memory = kept(tmp_path / "memory.json")
    assert memory.forget("a")
    assert not memory.forget("a")
    memory.write()
    assert Memory(tmp_path / "memory.json", "letters 1").questions() == []


def test_what_a_killed_process_was_writing_is_known_for_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    replace = Path.replace

    def note(path: Path, target: Path) -> Path:
        names.append(path.name)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", note)
    memory = Memory(tmp_path / "memory.json", "letters 1")
    memory.keep("a", 1, "A")
    memory.write()
    assert [is_leftover(name) for name in names] == [True]
