"""What rustc keeps: used by who left it, by one at a time, and only as it was left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base.records import replace
from bootwright.cargo.units import OUT, Unit
from bootwright.rust.incremental import Kept, held_for
from bootwright.rust.more import Room


def kept(tmp_path: Path, key: str = "rustc 1.96") -> Kept:
    return Kept(tmp_path / "kept", tmp_path / "kept" / "products", key)


def leave(tmp_path: Path) -> Path:
    """Leaves what a compiler keeps; returns one of its files."""
    (tmp_path / "scratch").mkdir()
    with kept(tmp_path).held() as held:
        assert held
        assert not held.is_warm
        session = held.state / "crate" / "s-1"
        session.mkdir(parents=True)
        (session / "a.o").write_bytes(b"object")
        (session / "empty").touch()
        (held.products / "libk.rlib").write_bytes(b"library")
        held.keep(tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["libk.rlib"]
    return session / "a.o"


def is_warm(tmp_path: Path, key: str = "rustc 1.96") -> bool:
    with kept(tmp_path, key).held() as held:
        assert held
        assert list(held.products.iterdir()) == []
        assert held.is_warm == any(held.state.iterdir()), "what is not proven is gone"
        return held.is_warm


def test_what_a_compiler_left_is_used_by_the_same_one(tmp_path: Path) -> None:
    leave(tmp_path)
    assert is_warm(tmp_path)
    assert not is_warm(tmp_path, "rustc 1.97")
    assert not is_warm(tmp_path), "it is gone"


def test_a_byte_a_name_a_file_more_or_less_and_a_link_make_it_nothing(tmp_path: Path) -> None:
    def flip(path: Path) -> None:
        path.write_bytes(b"0bject")

    def rename(path: Path) -> None:
        path.rename(path.with_name("b.o"))

    def move_up(path: Path) -> None:
        path.rename(path.parent.parent / "a.o")

    def link(path: Path) -> None:
        path.rename(tmp_path / "a.o")
        path.symlink_to(tmp_path / "a.o")

    def pipe(path: Path) -> None:
        path.unlink()
        os.mkfifo(path)

    spoils: list[Callable[[Path], object]] = [
        flip,
        rename,
        move_up,
        link,
        pipe,
        lambda path: path.unlink(),
        lambda path: path.with_name("c.o").touch(),
    ]
    for number, spoil in enumerate(spoils):
        place = tmp_path / str(number)
        place.mkdir()
        path = leave(place)
        spoil(path)
        assert not is_warm(place), spoil


def test_a_proof_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    leave(tmp_path)
    (tmp_path / "kept" / "proof").unlink()
    os.mkfifo(tmp_path / "kept" / "proof")
    assert not is_warm(tmp_path)


def test_what_a_killed_compiler_left_is_not_used(tmp_path: Path) -> None:
    leave(tmp_path)
    with kept(tmp_path).held() as held:
        assert held
        (held.state / "crate" / "s-2-working").mkdir()
    assert not is_warm(tmp_path)


def test_while_a_compiler_has_it_another_does_without(tmp_path: Path) -> None:
    leave(tmp_path)
    with kept(tmp_path).held() as held:
        assert held
        inherited = os.dup(held.lock)
    with kept(tmp_path).held() as other:
        assert other is None, "the compiler of a build that was killed may have it yet"
    os.close(inherited)
    assert is_warm(tmp_path)


@pytest.mark.parametrize("part", [".", "lock", "products", "proof", "state"])
def test_what_cannot_be_had_is_done_without(tmp_path: Path, part: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").touch()
    place = tmp_path / "kept"
    if part != ".":
        place.mkdir()
    (place / part).symlink_to(elsewhere)
    with kept(tmp_path).held() as held:
        assert (held is None) == (part in {".", "lock"})
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


class Writer:
    """A cache into which a build writes, or not."""

    def __init__(self, writes: bool) -> None:
        self.writes = writes


def test_it_is_for_programs_as_rustc_makes_them_alike_and_for_this_machine_alone(tmp_path: Path) -> None:
    words = ("--crate-name", "k", "--crate-type", "bin", "-C", f"incremental={OUT}/incremental")
    unit = Unit(
        "debug/deps/k-1", "bin", str(tmp_path), words, {}, "k", "0.1.0", str(tmp_path), "src/main.rs", local=True
    )
    room = Room(tmp_path / "out")

    def has(unit: Unit, cache: Writer | None = None) -> bool:
        with held_for(unit, room, "rustc", cache) as held:  # type: ignore[arg-type]
            return held is not None

    assert has(unit)
    assert (room.kept_of(unit), room.products_of(unit)) == (
        tmp_path / "out/incremental/k-1", tmp_path / "out/incremental/k-1/products",
    )  # fmt: skip
    assert has(unit, Writer(False))
    assert not has(unit, Writer(True))
    assert not has(replace(unit, argv=words[:4])), "incremental = false"
    assert has(replace(unit, argv=(*words, "-C", "opt-level=0")))
    assert not has(replace(unit, argv=(*words, "-C", "opt-level=1")))
    assert not has(replace(unit, argv=(*words, "-Copt-level=s")))
    assert not has(replace(unit, argv=("--crate-type", "lib", *words[4:])))
