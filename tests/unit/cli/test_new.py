"""What `bootwright new` takes, and what it writes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cli import new
from bootwright.machine.boards import BOARDS
from bootwright.rust.library import is_bare


@pytest.mark.parametrize("name", ["hello", "my-kernel", "os_2", "_x"])
def test_a_name_of_a_package_is_one(name: str) -> None:
    new.check_name(name)


@pytest.mark.parametrize("name", ["2os", "a b", "ä", "", "..", "fn", "test", "core", "deps", "NUL", "com1", "a.b"])
def test_a_name_that_cargo_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(BootwrightError):
        new.check_name(name)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "wants a name"),
        ([""], "wants a name"),
        (["a", "b"], "takes one name"),
        (["a", "--bord=x"], "has no switch --bord"),
        (["a", "--board"], "--board wants a value"),
        (["a", "--cargo=no"], "--cargo takes no value, and was given no"),
        (["a", "--board=microbit", "--board", "pc"], "--board was said twice: microbit and pc"),
        (["a", "--board=x"], "--board=x is none of pc, mps2-an386"),
        (["a", "--handover=0.10"], "--handover=0.10 is none of"),
        (["a", "--board=riscv64-virt", "--cargo"], "--cargo is for the PC, not for riscv64-virt"),
        (["a", "--board=riscv64-virt", "--handover=0.9"], "--handover is for the PC"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(BootwrightError, match=sentence):
        new.read_wish(words)


def test_a_value_may_stand_behind_an_equals_sign_or_a_blank() -> None:
    for words in (["--board=microbit", "a"], ["--board", "microbit", "a"], ["a", "--board", "microbit"]):
        wish = new.read_wish(words)
        assert (wish.name, wish.board.name, wish.cargo) == ("a", "microbit", False)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.parametrize("handover", ["0.9", "0.11"])
def test_each_kernel_has_its_name_its_target_and_nothing_of_the_pattern(
    tmp_path: Path, board: object, handover: str
) -> None:
    wish = new.Wish(tmp_path / "my-os", board, handover, False)  # type: ignore[arg-type]  # of the parametrization
    made = new.files(wish, {"PATH": ""})
    assert not any("REST" in text for text in made.values())
    manifest, config = (tomllib.loads(made[name]) for name in ("Cargo.toml", ".cargo/config.toml"))
    assert manifest["package"]["name"] == manifest["bin"][0]["name"] == "my-os"
    assert not any("my_os" in text for name, text in made.items() if name.endswith(".rs"))  # it may get another name
    assert is_bare(config["build"]["target"]) and config["build"]["rustc-wrapper"] == "bootwright-rustc"
    if wish.board.is_pc:
        screen = "0xb8000" in made["src/board.rs"]
        assert (screen, "entry_point!" in made["src/main.rs"]) == (handover == "0.9", handover == "0.11")
        assert ('extern "C" fn _start' in made["tests/boots.rs"]) == (handover == "0.9")
    for name in ("enable_fpu", "put", "exit"):
        assert f"pub fn {name}(" in made["src/board.rs"]


def test_a_place_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wish = new.read_wish([str(tmp_path / "file" / "os")])
    with pytest.raises(BootwrightError, match="cannot be made: "):
        new.make(wish, {"PATH": ""})
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(BootwrightError, match="link exists already"):
        new.make(new.read_wish([str(tmp_path / "link")]), {"PATH": ""})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
