"""What every test of a real build starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.build.checkouts import MINIMAL, Checkout, copy_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of this checkout, under a path with a blank."""
    return copy_checkout(tmp_path / "a checkout")


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
