"""What the READMEs say of the files: each name stands for something, and no part of the checkout is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
SITE = HOME / "site_scons"
ROOMS = sorted((SITE / "bootwright").glob("*/README.md"))
OTHERS = [SITE / "README.md", *(HOME / f"{name}.md" for name in ("docs/adding", "linker/README", "tests/README"))]
OF_THE_HOUSE = {"README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "clippy.toml", "conftest.py",
                "pyproject.toml", "requirements.txt", "build"}  # fmt: skip
FILE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|rs|s|ld|toml|inc))`")
NAME_IN_FILE = re.compile(r"`(\w+)` (?:\([^)]*\) )?(?:of|in)\s+`((?:[\w-]+/)*[\w-]+\.py)`")


def listed(heading: str) -> list[str]:
    """Returns the first cell of each row of the table under a heading of README."""
    section = (HOME / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


def places(readme: Path, name: str) -> list[Path]:
    """Returns where a file that readme names may lie: beside it, or from a directory above, or from the rooms on."""
    roots = (readme.parent, SITE / "bootwright", SITE, HOME)
    return [root / name for root in roots if (root / name).is_file()]


def test_files_names_each_part_of_the_checkout() -> None:
    parts = {path.name for path in HOME.iterdir() if path.name[0] != "." and path.name != "__pycache__"}
    assert {name.rstrip("/") for name in listed("Files")} - {"build"} == parts - OF_THE_HOUSE


@pytest.mark.parametrize("readme", [*ROOMS, *OTHERS], ids=lambda path: path.parent.name)
def test_a_readme_names_files_that_there_are(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    named = [name for name in FILE.findall(text) if "NAME" not in name]
    assert [name for name in named if not places(readme, name)] == []


@pytest.mark.parametrize("readme", [SITE / "README.md", *ROOMS], ids=lambda path: path.parent.name)
def test_what_a_readme_says_to_stand_in_a_file_stands_there(readme: Path) -> None:
    for name, file in NAME_IN_FILE.findall(readme.read_text(encoding="utf-8")):
        found = places(readme, file)
        defined = re.compile(rf"^(?:def|class) {name}\b|^{name}\b.*=", re.MULTILINE)
        assert found and any(defined.search(path.read_text(encoding="utf-8")) for path in found), f"{name} in {file}"
