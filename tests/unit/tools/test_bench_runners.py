"""The bench of cargo's runners: both are asked for the same program, which is new to them where the row says so."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tools.benchmark import runners as module
from tools.benchmark.runners import LIMIT, STARTED, Runners, measure_runners
from tools.benchmark.stopwatch import Taken

HOME = Path(__file__).resolve().parents[3]


@pytest.fixture
def peer(tmp_path: Path) -> Any:
    """A peer whose bootimage starts what the manifest names, and notes the program's size."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\n')
    (tmp_path / "elf").write_bytes(b"program")
    (tmp_path / "bin").mkdir()
    bootimage = tmp_path / "bin" / "bootimage"
    bootimage.write_text(f'#!/bin/sh\nwc -c < "$2" >> "{tmp_path}/sizes"\nexec "{tmp_path}/machine"\n')
    bootimage.chmod(0o755)
    return SimpleNamespace(
        place=tmp_path, elf=tmp_path / "elf", package=SimpleNamespace(directory=package), build=lambda: None,
        environment=lambda: {"PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_the_peers_runner_starts_what_the_manifest_names(peer: Any) -> None:
    runners = Runners(HOME, peer)
    runners.set_up()
    assert f'run-command = ["{peer.place / "machine"}", "{{}}"]' in (peer.package.directory / "Cargo.toml").read_text()
    assert STARTED in runners.peers().output
    runners.change()
    assert STARTED in runners.peers().output
    assert (peer.place / "sizes").read_text().split() == ["7", "8"]


def test_ours_finds_the_programs_that_a_person_finds(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The peer's rustc names a sysroot by itself, and rustc takes one: no loader could be compiled.
    taken = list[Any]()
    monkeypatch.setattr(module, "take", lambda *words: taken.append(words))
    monkeypatch.setenv("PATH", "/mine")
    Runners(HOME, peer).ours()
    ((_, _, environment, _),) = taken
    assert environment["PATH"] == "/mine"


def test_a_program_is_changed_for_the_row_about_new_ones_alone(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runners, done, seconds = Runners(HOME, peer), list[str](), count(1)

    def note(name: str) -> Taken:
        done.append(name)
        return Taken(next(seconds), "")

    for name in ("change", "ours", "peers"):
        monkeypatch.setattr(runners, name, partial(note, name))
    rows = list(measure_runners(runners, lambda taken: taken.seconds, 2, lambda line: None))
    assert done == ["ours", *["change", "ours", "peers"] * 2, *["ours", "peers"] * 2]
    assert [(row.name, row.limit, len(row.ours), len(row.peer)) for row in rows] == [
        ("runner, a program just built", LIMIT, 2, 2),
        ("runner, the same program again", LIMIT, 2, 2),
    ]
