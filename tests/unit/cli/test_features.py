"""Which features of bootloader 0.9 a manifest asks for, and when cargo has to be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cli.features import bootloader_features, read_manifest

HEAD = '[package]\nname = "k"\nversion = "0.1.0"\n'
CARGO = """#!/bin/sh
echo "$@" > asked
cat answer
"""


def ask(tmp_path: Path, text: str) -> tuple[set[str], bool]:
    """Returns the features of the manifest, and whether cargo was asked; that one says of them `sse`."""
    manifest = tmp_path / "Cargo.toml"
    manifest.write_text(HEAD + text)
    (tmp_path / "cargo").write_text(CARGO)
    (tmp_path / "cargo").chmod(0o755)
    packages = [{"id": "b", "name": "bootloader", "version": "0.9.35"}, {"id": "k", "name": "k", "version": "0.1.0"}]
    nodes = [{"id": "k", "features": []}, {"id": "b", "features": ["sse"]}]
    (tmp_path / "answer").write_text(json.dumps({"packages": packages, "resolve": {"nodes": nodes}}))
    found = bootloader_features(manifest, read_manifest(manifest), {"CARGO": str(tmp_path / "cargo")})
    return found, (tmp_path / "asked").exists()


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("", set()),
        ('[dependencies]\nspin = "0.9"\n', set()),
        ('[dependencies]\nbootloader = "0.9.23"\n', set()),
        ('[dependencies.bootloader]\nversion = "0.9"\nfeatures = ["map_physical_memory"]\n', {"map_physical_memory"}),
        ('[dependencies]\nloader = { package = "bootloader", version = "=0.9.8", features = ["sse"] }\n', {"sse"}),
        ('[dependencies]\nbootloader = { version = "0.11", features = ["uefi"] }\n', set()),
        ('[target."cfg(x)".dependencies]\nbootloader = { version = "^0.9", features = ["sse"] }\n', {"sse"}),
    ],
    ids=["no table", "another crate", "a version", "a table", "renamed", "0.11", "of a target"],
)
def test_a_manifest_that_alone_can_ask_for_features_is_read(tmp_path: Path, text: str, features: set[str]) -> None:
    assert ask(tmp_path, text) == (features, False)


@pytest.mark.parametrize(
    "text",
    [
        "[dependencies]\nbootloader.workspace = true\n",
        '[dependencies]\nbootloader = { version = "0.9", optional = true }\n',
        '[dependencies]\nbootloader = "0.9"\n[features]\nmem = ["bootloader/map_physical_memory"]\n',
        '[dependencies]\nbootloader = "0.9"\nmine = { path = "../mine" }\n',
        '[dependencies]\nmine = { path = "../mine" }\n',
    ],
    ids=["inherited", "optional", "by a feature", "a crate beside", "a crate beside alone"],
)
def test_where_another_manifest_or_a_switch_may_ask_for_them_cargo_says(tmp_path: Path, text: str) -> None:
    assert ask(tmp_path, text) == ({"sse"}, True)


def test_a_manifest_that_changed_is_read_again(tmp_path: Path) -> None:
    manifest = tmp_path / "Cargo.toml"
    for name in ("one", "other"):
        manifest.write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\nmetadata.day = 2026-01-01\n')
        for _ in range(2):
            assert read_manifest(manifest)["package"]["name"] == name
        manifest.unlink()
    with pytest.raises(BootwrightError, match="cannot be read: No such file"):
        read_manifest(manifest)
    manifest.write_text("name = ")
    with pytest.raises(BootwrightError, match=r"Cargo\.toml: "):
        read_manifest(manifest)
