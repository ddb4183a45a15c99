"""What the tests of a Cargo.toml share: a package, its reading, and the sentence of a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.manifest import Package, read_package

HEAD = '[package]\nname = "my-os"\nversion = "1.2.3-rc.1"\nauthors = ["A <a@b.c>", "D"]\nedition = "2021"\n'


def add(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def read(root: Path, text: str = "", head: str = HEAD) -> Package:
    (root / "Cargo.toml").write_text(head + text)
    return read_package(root)


def refusal(root: Path, text: str = "", head: str = HEAD) -> str:
    """Returns the sentence, without the file that it begins with."""
    with pytest.raises(BootwrightError) as caught:
        read(root, text, head)
    message = caught.value.message
    assert message.startswith(str(root / "Cargo.toml"))
    assert "\n" not in message
    return message.removeprefix(str(root / "Cargo.toml")).removeprefix(": ")
