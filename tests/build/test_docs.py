"""The pages: each command in them is one that scons takes, and `scons help` prints them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

PAGES = sorted((HOME / "docs").glob("*.md"))
COMMAND = re.compile(r"^    \./sconsw\b(.*?)(?:   .*)?$", re.MULTILINE)
COMMANDS = sorted(
    {found.strip() for page in (HOME / "README.md", *PAGES) for found in COMMAND.findall(page.read_text())}
)


@pytest.fixture
def stocked(checkout: Checkout, package: Path) -> Checkout:
    """A checkout with what the pages' commands name beside it."""
    for kernel in (HOME / "tests" / "kernels").glob("hello-*"):
        shutil.copytree(kernel, checkout.path / "tests" / "kernels" / kernel.name, dirs_exist_ok=True)
    shutil.copytree(package, checkout.path.parent / "my-kernel")
    shutil.copytree(HOME / "tests" / "kernels" / "hello-host", checkout.path.parent / "my-crate")
    return checkout


def test_there_are_pages_with_commands_and_the_front_page_is_short() -> None:
    assert len(PAGES) > 8 and len(COMMANDS) > 12
    front = (HOME / "README.md").read_text()
    assert len(front.splitlines()) <= 120
    assert [page.name for page in PAGES if f"(docs/{page.name})" not in front] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command or "without words")
def test_scons_takes_each_command_of_the_pages(stocked: Checkout, command: str) -> None:
    words = [word.replace("=../", f"={stocked.path.parent}/") for word in shlex.split(command)]
    config = {"XDG_CONFIG_HOME": str(stocked.path.parent / "config")}
    if "SIGN=1" in words:  # after the page's first command
        assert stocked.scons("keys", environment=config).status == 0
    planned = stocked.scons("-n", *words, environment=config)
    assert planned.status == 0, planned.output


def test_help_prints_a_page_as_it_is_written_and_names_the_others(checkout: Checkout) -> None:
    shutil.copytree(HOME / "docs", checkout.path / "docs")
    listed = checkout.scons("help")
    assert (listed.status, [page.stem for page in PAGES if f"scons help {page.stem}" not in listed.output]) == (0, [])
    assert max(map(len, listed.output.splitlines())) < 80
    narrow = checkout.scons("help", environment={"COLUMNS": "40"}).output
    assert max(map(len, narrow.splitlines())) <= 40 and "  scons help sticks\n      A stick\n" in narrow
    assert checkout.scons("help", "sticks").output == (HOME / "docs" / "sticks.md").read_text()
    assert "there is no page on stick\n  hint: did you mean scons help sticks?" in checkout.refuse("help", "stick")
    assert not (checkout.path / "build").exists()
