"""What cargo and rustup would wait for is told before they are started, in the package and above it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.config import read_configuration
from bootwright.cargo.watched import check_files, check_toolchain_files, is_as_watched, watched_files
from bootwright.rust.rustup import active_toolchain

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs"),
    pytest.mark.usefixtures("waits_for_nobody"),
]
OF_THE_TOOLCHAIN = ("rust-toolchain", "rust-toolchain.toml")
OF_THE_CONFIGURATION = (".cargo/config", ".cargo/config.toml")
ABOVE = (*OF_THE_TOOLCHAIN, *OF_THE_CONFIGURATION, "Cargo.toml")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A CARGO_HOME with nothing in it."""
    return tmp_path / "cargo home"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package, a directory below tmp_path."""
    root = tmp_path / "package"
    root.mkdir()
    (root / "Cargo.toml").write_text('[package]\nname = "a"\n')
    return root


def put_fifo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("name", [*ABOVE, *(f"../{name}" for name in ABOVE), "Cargo.lock"])
def test_each_file_that_cargo_or_rustup_reads_by_its_name_is_looked_at(package: Path, home: Path, name: str) -> None:
    check_files(package, home)
    before = watched_files(package, package, [], home)
    path = Path(os.path.normpath(package / name))
    put_fifo(path)
    with pytest.raises(BootwrightError, match=f"{path} is a FIFO, no regular file"):
        check_files(package, home)
    with pytest.raises(BootwrightError, match=f"{path} is a FIFO, no regular file"):  # and of a plan that is remembered
        for place, fact in before.items():
            is_as_watched(place, fact)


@pytest.mark.parametrize("place", ["", "..", "home"])
@pytest.mark.parametrize("name", OF_THE_CONFIGURATION)
def test_a_configuration_is_looked_at_before_it_is_read(package: Path, home: Path, place: str, name: str) -> None:
    path = Path(os.path.normpath(package / place / name)) if place != "home" else home / Path(name).name
    put_fifo(path)
    with pytest.raises(BootwrightError, match=f"{path} is a FIFO, no regular file"):
        read_configuration(package, {"CARGO_HOME": str(home)})


def test_a_file_that_a_configuration_includes_is_looked_at(package: Path, home: Path) -> None:
    (package / ".cargo").mkdir()
    (package / ".cargo" / "config.toml").write_text('include = "more.toml"\n')
    put_fifo(package / ".cargo" / "more.toml")
    for read in (lambda: read_configuration(package, {"CARGO_HOME": str(home)}), lambda: check_files(package, home)):
        with pytest.raises(BootwrightError, match=r"more\.toml is a FIFO, no regular file"):
            read()


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ('[dependencies]\nd = { path = "../d" }', "../d/Cargo.toml"),
        ('[workspace]\nmembers = ["inner/*"]', "inner/d/Cargo.toml"),
        ('[patch.crates-io]\nd = { path = "d" }', "d/Cargo.toml"),
    ],
    ids=["dependency", "member", "patch"],
)
def test_the_manifests_that_one_names_are_looked_at(package: Path, home: Path, text: str, odd: str) -> None:
    (package / "Cargo.toml").write_text(f'[package]\nname = "a"\n{text}\n')
    put_fifo(package / odd)
    with pytest.raises(BootwrightError, match=r"d/Cargo\.toml is a FIFO, no regular file"):
        check_files(package, home)


@pytest.mark.parametrize("name", ["Cargo.toml", ".cargo-checksum.json"])
def test_vendored_packages_are_looked_at(package: Path, home: Path, name: str) -> None:
    (package / ".cargo").mkdir()
    (package / ".cargo" / "config.toml").write_text('[source.v]\ndirectory = "vendor"\n')
    put_fifo(package / "vendor" / "d" / name)
    with pytest.raises(BootwrightError, match=f"d/{name} is a FIFO, no regular file"):
        check_files(package, home)


@pytest.mark.parametrize("name", OF_THE_TOOLCHAIN)
def test_rustup_is_not_started_where_it_would_wait(package: Path, tmp_path: Path, name: str) -> None:
    rustup = tmp_path / "rustup"
    rustup.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    rustup.chmod(0o755)
    put_fifo(tmp_path / name)
    with pytest.raises(BootwrightError, match=f"{name} is a FIFO, no regular file"):
        active_toolchain(rustup, package, {"PATH": os.environ["PATH"]})
    assert not (tmp_path / "started").exists()


def test_a_directory_that_is_called_rust_toolchain_is_passed_over_as_rustup_does(package: Path, home: Path) -> None:
    (package.parent / "rust-toolchain").mkdir()
    check_toolchain_files(package)
    check_files(package, home)
