"""What is remembered of a toolchain: it survives JSON, and its stamp changes with all that the choice depended on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.fake_toolchains import Machine, add_core, add_source, empty_debian_12, find, write_rustc

from bootwright.rust.toolchain import Toolchain


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A Debian 12 with nothing on it."""
    return empty_debian_12(tmp_path, monkeypatch)


def test_the_toolchain_survives_json(machine: Machine) -> None:
    import json

    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"))
    write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    found = find(machine)
    assert Toolchain.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("facts", [{}, {"verbose": ""}, None])
def test_json_that_is_something_else_is_refused(machine: Machine, facts: dict[str, object] | None) -> None:
    with pytest.raises((KeyError, TypeError)):
        Toolchain.from_json(facts)  # type: ignore[arg-type]


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: _touch(m.kernel / "rust-toolchain.toml"), id="a toolchain file in the package"),
        pytest.param(lambda m: _touch(m.kernel.parent / "rust-toolchain"), id="a toolchain file above it"),
        pytest.param(lambda m: _touch(m.root / "home/.rustup/settings.toml"), id="rustup's settings"),
        pytest.param(lambda m: add_core(m.toolchain("stable")), id="core for the one passed over"),
        pytest.param(lambda m: add_source(m.toolchain("stable")), id="sources for the one passed over"),
        pytest.param(lambda m: write_rustc(m.root / "usr", "1.99.0"), id="another compiler in its place"),
        pytest.param(lambda m: (m.root / "usr/bin/rustc").unlink(), id="no compiler in its place"),
        pytest.param(lambda m: write_rustc(m.root / "first"), id="a compiler earlier on PATH"),
    ],
)
def test_the_stamp_changes_with(machine: Machine, change: object) -> None:
    machine.path.insert(0, str(machine.root / "first" / "bin"))
    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"), "1.95.0")
    write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    found = find(machine)
    before = found.stamp(machine.environ)
    assert found.stamp(machine.environ) == before
    assert callable(change)
    change(machine)
    assert found.stamp(machine.environ) != before


@pytest.mark.parametrize("name", ["PATH", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO_HOME", "HOME"])
def test_the_stamp_changes_with_the_environment(machine: Machine, name: str) -> None:
    write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    found = find(machine)
    assert found.stamp({**machine.environ, name: "else"}) != found.stamp(machine.environ)
    assert found.stamp({**machine.environ, "TERM": "else"}) == found.stamp(machine.environ)


def test_the_stamp_starts_no_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    found = find(machine)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    environ = {**machine.environ, "PATH": os.pathsep.join([machine.environ["PATH"], *os.defpath.split(os.pathsep)])}
    assert found.stamp(environ) == found.stamp(environ)
