"""When cargo's rustc is told more: for a bare target, by a compiler that lacks core or a linker for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.cli import rustc


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Returns the commands that it becomes, and has it find a sysroot and a linker."""
    commands: list[list[str]] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def become(program: str, words: list[str]) -> None:
        commands.append(words)
        raise SystemExit

    monkeypatch.setattr(os, "execvp", become)
    (tmp_path / "stamp").touch()
    monkeypatch.setattr(rustc, "_find", lambda program, target: ("/core", "/lld", [str(tmp_path / "stamp")]))
    return commands


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bootwright-rustc", *words])
    with pytest.raises(SystemExit):
        rustc.main()


BARE = ("rustc", "--crate-name", "k", "--target", "x86_64-unknown-none")


def test_for_a_bare_target_it_gets_core_and_linker(monkeypatch: pytest.MonkeyPatch, ran: list[list[str]]) -> None:
    run(monkeypatch, *BARE)
    assert ran[0] == [*BARE, "--sysroot=/core", "-Clinker=/lld"]
    monkeypatch.setattr(rustc, "_find", None)  # it is remembered
    run(monkeypatch, *BARE)
    assert ran[1] == ran[0]


@pytest.mark.parametrize(
    "words",
    [("rustc", "-vV"), ("rustc", "--target=x86_64-unknown-linux-gnu", "a.rs"), ("rustc", "--target", "mine.json")],
    ids=["a question", "the builder", "a specification"],
)
def test_for_anything_else_it_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, ran: list[list[str]], words: tuple[str, ...]
) -> None:
    run(monkeypatch, *words)
    assert ran[0] == list(words)


@pytest.mark.parametrize(
    ("spec", "gets"),
    [
        ('{"linker-flavor": "gnu-lld", "linker": "rust-lld"}', True),
        ('{"linker-flavor": "ld.lld"}', True),
        ('{"linker-flavor": "gnu-lld", "linker": "mine"}', False),
        ('{"linker-flavor": "gnu-cc"}', False),
        ("[", False),
    ],
)
def test_a_specification_that_names_rust_lld_gets_the_linker(
    monkeypatch: pytest.MonkeyPatch, ran: list[list[str]], tmp_path: Path, spec: str, gets: bool
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(spec)
    monkeypatch.setattr(rustc, "_find", lambda program, target: ("", "/lld", [str(path)]))
    run(monkeypatch, "rustc", "--target", str(path))
    assert ran[0][3:] == (["-Clinker=/lld"] if gets else [])


def test_where_nobody_has_a_home_it_says_so_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setenv("HOME", "mine")
    run(monkeypatch, *BARE)
    assert ran[0] == [*BARE] and sorted(tmp_path.iterdir()) == before
    assert "HOME=mine is no absolute path" in capsys.readouterr().err


def test_as_rustdoc_it_gives_the_same(monkeypatch: pytest.MonkeyPatch, ran: list[list[str]]) -> None:
    words = ("--edition=2024", "--test", "src/lib.rs", "--target", "x86_64-unknown-none")
    run(monkeypatch, *words)
    assert ran == [["rustdoc", *words, "--sysroot=/core", "-Clinker=/lld"]]


def test_a_program_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bootwright-rustc", "/no/rustc", "-vV"])
    assert rustc.main() == 2
    assert capsys.readouterr().err == "bootwright: /no/rustc cannot be started: No such file or directory\n"


def test_what_a_person_chose_stays(monkeypatch: pytest.MonkeyPatch, ran: list[list[str]]) -> None:
    run(monkeypatch, *BARE, "--sysroot", "/mine")
    run(monkeypatch, *BARE, "-Clinker=mine")
    run(monkeypatch, *BARE, "-C", "linker=rust-lld")  # as cargo says that of a configuration
    assert [command[len(BARE) :] for command in ran] == [
        ["--sysroot", "/mine", "-Clinker=/lld"], ["-Clinker=mine", "--sysroot=/core"],
        ["-C", "linker=rust-lld", "--sysroot=/core", "-Clinker=/lld"],
    ]  # fmt: skip
