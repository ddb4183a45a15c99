"""Whose kernel is meant, and what an installation has no use for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.setup import needs, verbs


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("", ()), ("run", ()), ("test", ()), ("soak", ()), ("soak KERNEL=/mine", ()), ("TARGET=thumbv7m-none-eabi", ()),
        ("keys", ("openssl",)), ("hosts", verbs.HOSTED), ("HOST=linux", verbs.HOSTED),
        ("run KERNEL=/mine", verbs.RUN), ("test KERNEL=/mine", verbs.RUN),
    ],
)  # fmt: skip
def test_an_installation_brings_nothing_for_what_it_refuses(
    words: str, needed: tuple[str, ...], tmp_path: Path
) -> None:
    """It has no example and no tests of its own."""
    carried = tmp_path / "bootwright" / "carried"
    for place in (carried, carried.parent / "base"):
        place.mkdir(parents=True)
    (carried.parent / "base" / "home.py").touch()
    assert set(needs.needed_programs(words.split(), home=str(carried))) == set(needed)


def test_the_package_that_the_person_is_in_is_the_kernel(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, tmp_path = (tmp_path_factory.mktemp(name) for name in ("checkout", "elsewhere"))
    mine = tmp_path / "mine"
    (mine / "src").mkdir(parents=True)
    (mine / "Cargo.toml").write_text("")
    monkeypatch.chdir(mine / "src")
    assert needs.with_kernel(str(home), ["run"]) == [f"KERNEL={mine}", "run"]
    for name in ("mine", "kernel", "docs"):  # in the checkout itself
        place = home / name
        place.mkdir(exist_ok=True)
        if name != "docs":
            (place / "Cargo.toml").touch()
        monkeypatch.chdir(place)
        of = [f"KERNEL={place}"] if name == "mine" else []
        assert needs.with_kernel(str(home), ["run"]) == [*of, "run"]
    monkeypatch.chdir(mine / "src")
    assert needs.with_kernel(str(home), ["KERNEL=../other"]) == ["KERNEL=../other"]
    assert needs.with_kernel(str(home), ["KERNEL=", "-j"]) == [f"KERNEL={mine}", "-j"]
    monkeypatch.chdir(home)
    assert needs.with_kernel(str(home), ["run"]) == ["run"]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert needs.with_kernel(str(home), ["run"]) == ["run"]
