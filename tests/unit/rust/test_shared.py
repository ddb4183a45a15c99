"""What the store keeps of a unit: one entry for each environment that it read, and one for all where it read none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.units import OUT, Unit
from bootwright.rust import shared
from bootwright.rust.more import More, Room
from bootwright.rust.roots import Roots, roots_of
from bootwright.rust.shared import take_unit
from bootwright.rust.unit_reads import Reads
from bootwright.storage.store import Store

PLAIN = "rust\0\0\0\n\x10n\0\0\0\0\0\0rust\0\0\0\n"
UNIT = Unit("deps/k", "lib", "/", (), {}, "k", "0.1.0", "/", checksum="1")


def test_who_has_other_values_of_what_a_unit_read_gets_another_product(tmp_path: Path) -> None:
    made: list[str] = []

    def take(person: dict[str, str], *reads: str) -> str:
        def compile_into(place: Path) -> Reads:
            made.append(person.get("LEVEL", "none"))
            (place / "libk.rlib").write_text(made[-1])
            (place / "libk.d").write_text("")
            return Reads(variables={name: person.get(name) for name in reads})

        found = take_unit(
            UNIT, "ab", ["libk.rlib"], compile_into, person, tmp_path, Store(tmp_path / "store"), Roots(())
        )
        assert found.variables == {name: person.get(name) for name in reads}
        return (tmp_path / "libk.rlib").read_text()

    for level in ("low", "high", "low", "high"):
        assert take({"LEVEL": level, "OTHER": f"{len(made)}"}, "LEVEL") == level
    assert take({}, "LEVEL") == "none"
    assert made == ["low", "high", "none"]


def test_a_unit_that_read_none_is_one_for_all(tmp_path: Path) -> None:
    made: list[Path] = []

    def compile_into(place: Path) -> Reads:
        made.append(place)
        (place / "libk.rlib").write_text("")
        return Reads()

    for person in ({}, {"LEVEL": "low"}):
        take_unit(UNIT, "ab", ["libk.rlib"], compile_into, person, tmp_path, Store(tmp_path / "store"), Roots(()))
    assert len(made) == 1


@pytest.mark.parametrize(
    ("kind", "says", "out_dir", "compiled"),
    [
        ("lib", "three addresses", True, 1),
        ("lib", "made in {place}/build", True, 2),
        ("lib", "made in {place}/build", False, 1),  # it is told no place, so that this is another's
        ("proc-macro", "three addresses", True, 2),  # whose metadata is compressed
        ("proc-macro", f"{PLAIN}three addresses", True, 1),
        ("proc-macro", f"{PLAIN}made in {{place}}/build", True, 2),
    ],
    ids=["no place", "its place", "no script", "a macro", "a plain macro", "a macro and its place"],
)
def test_what_a_build_script_made_is_shared_where_no_place_is_in_the_bytes(
    tmp_path: Path, kind: str, says: str, out_dir: bool, compiled: int
) -> None:
    made: list[str] = []
    environment = {"OUT_DIR": f"{OUT}/build/k/out"} if out_dir else {}
    unit = Unit("deps/k", kind, "/", (), environment, "k", "0.1.0", "/", checksum="1")
    for place in (tmp_path / "one", tmp_path / "another", tmp_path / "one"):

        def compile_into(directory: Path, text: str = says.format(place=place)) -> Reads:
            made.append(text)
            (directory / "libk.rlib").write_text(text)
            return Reads()

        place.mkdir(exist_ok=True)
        store = Store(tmp_path / "store")
        take_unit(unit, "ab", ["libk.rlib"], compile_into, {}, place, store, roots_of((("out", place),)))
        assert (place / "libk.rlib").read_text() == (says.format(place=place) if compiled == 2 else made[0])
    assert len(made) == compiled


def test_what_another_recipe_compiled_is_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(out: str) -> str:
        return shared.unit_key(UNIT, Room(Path(out)), More(), {}, "rustc 1.96", False)

    before = key("/out")
    assert key("/elsewhere") == before
    monkeypatch.setattr(shared, "RECIPE", 1000)
    assert key("/out") != before


def test_where_checkout_and_cargo_lie_is_in_no_key() -> None:
    def key(home: str, flag: str = "") -> str:
        unit = Unit(
            "deps/k", "lib", f"{home}/registry/src/k", ("--crate-name", "k", f"{home}/registry/src/k/lib.rs", flag),
            {"CARGO_MANIFEST_DIR": f"{home}/registry/src/k", "PATH": f"/{len(home)}"}, "k", "0.1.0", "/", checksum="1",
        )  # fmt: skip
        return shared.unit_key(unit, Room(Path("/out"), places=(("cargo", Path(home)),)), More(), {}, "rustc", False)

    assert key("/people/one/.cargo") == key("/cargo")
    assert key("/cargo") != key("/cargo", "-O")
    # Another's path is no place of this one's, though it begins alike.
    assert key("/cargo", "/cargo-too/x") != key("/people/one/.cargo", "/people/one/.cargo/x")


def test_roots_are_named_where_their_paths_end() -> None:
    roots = roots_of((("home", Path("/a/b")), ("inner", Path("/a/b/c")), ("nothing", None), ("root", Path("/"))))
    text = "/a/b /a/b/c/d -L/a/b/c /a/bc /a/b.c x=/a/b:/a/b/c"
    assert roots.free(text) == "@home@ @inner@/d -L@inner@ /a/bc /a/b.c x=@home@:@inner@"
    assert [roots.full(word) for word in ("@home@", "@inner@/d", "@home@x", "/a")] == [
        "/a/b",
        "/a/b/c/d",
        "@home@x",
        "/a",
    ]
