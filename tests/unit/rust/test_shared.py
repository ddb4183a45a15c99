"""Units of registry packages in the store: which of them another place may take, and which not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.units import OUT, Unit
from bootwright.rust.compile import Room
from bootwright.rust.more import More
from bootwright.rust.shared import key_in, take_unit, unit_keys
from bootwright.storage.store import Store


def generated(place: Path, text: str, kind: str = "lib") -> tuple[Unit, Room, dict[Path, str]]:
    """Returns a unit whose build script made files, the room it is built in, and what it is made of."""
    room = Room(place)
    stem = f"{place}/build/net/out"
    Path(stem).parent.mkdir(parents=True)
    Path(f"{stem}.stdout").write_text(f"cargo:rustc-env=AT={place}/x\n")
    Path(f"{stem}.files").write_text(text)
    words = ("--crate-name", "net", "--crate-type", kind, "--emit=link", "--out-dir", f"{OUT}/deps")
    environment = {"OUT_DIR": f"{OUT}/build/net/out"}
    unit = Unit("deps/net-1", kind, "/registry/net", words, environment, "net", "1.0.0", "/registry/net", checksum="c")
    return unit, room, {Path(f"{stem}.stdout"): "by its text", Path(f"{stem}.files"): text}


def build(store: Store, place: Path, says: str, kind: str = "lib", files: str = "digest  config.rs\n") -> bool:
    """Has the unit taken at a place; returns whether it was compiled for that."""
    unit, room, made_of = generated(place, files, kind)
    keys = unit_keys(unit, room, More(), made_of, "rustc")
    assert len(keys) == 2
    name = unit.products[0].rpartition("/")[2]
    compiled: list[Path] = []

    def compile_into(out: Path) -> None:
        compiled.append(out)
        (out / name).write_bytes(b"\x7fELF" + says.format(place=place).encode())
        (out / "net.d").write_text("")

    out = place / "scratch"
    out.mkdir()
    take_unit(unit, keys, [name], compile_into, out, room, store)
    assert key_in(store, keys)
    assert (out / name).read_bytes()[4:].decode() == says.format(place=place)
    return bool(compiled)


def test_what_a_build_script_made_is_shared_where_its_place_is_not_in_the_bytes(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert build(store, tmp_path / "one", "three addresses")
    assert not build(store, tmp_path / "another", "three addresses")


@pytest.mark.parametrize(("says", "kind"), [("made in {place}/build", "lib"), ("who knows", "proc-macro")])
def test_what_may_name_its_place_is_compiled_for_each(tmp_path: Path, says: str, kind: str) -> None:
    store = Store(tmp_path / "store")
    assert build(store, tmp_path / "one", says, kind)
    assert build(store, tmp_path / "another", says, kind)


def test_other_files_of_a_build_script_are_another_unit(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert build(store, tmp_path / "one", "three addresses")
    assert build(store, tmp_path / "another", "four addresses", files="another  config.rs\n")
