"""What every test of a real build starts from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import MINIMAL, Checkout, copy_checkout
from tests.build.installed import Environment, build_wheel, make_environment

STEPS = ["rustc libhello.rlib", "rustc hello.elf hello.map", "kernel hello.kernel", "image hello.img"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of this checkout, under a path with a blank."""
    return copy_checkout(tmp_path / "a checkout")


@pytest.fixture(scope="session")
def _once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, Path]:
    """A checkout in which the example was built, and a copy of it: the names of places are in what was made."""
    place = tmp_path_factory.mktemp("built")
    checkout = copy_checkout(place / "a checkout")
    assert set(STEPS) <= set(checkout.build())
    shutil.copytree(checkout.path, place / "copy")
    return checkout, place / "copy"


@pytest.fixture
def built(_once: tuple[Checkout, Path]) -> Checkout:
    """A copy of this checkout in which `scons` was called once: for what comes after, each time the same directory."""
    checkout, copy = _once
    shutil.rmtree(checkout.path)
    shutil.copytree(copy, checkout.path)
    return checkout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A reader's package outside the checkout."""
    root = tmp_path / "reader"
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text(
        '[package]\nname = "reader"\nversion = "0.1.0"\nedition = "2024"\n\n'
        '[profile.dev]\npanic = "abort"\n\n[profile.release]\npanic = "abort"\n'
    )
    (root / "src" / "main.rs").write_text(MINIMAL)
    return root


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = make_environment(tmp_path_factory.mktemp("an environment") / "venv")
    environment.pip("install", "--no-deps", "--no-index", str(wheel))
    environment.allow_writing(False)
    return environment
