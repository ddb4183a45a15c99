"""The recipes for CI servers and the devcontainer are what their readers take, by the schemas that these publish."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.setup.taken import TAKEN

HOME = Path(__file__).resolve().parents[2]
RECIPES = {"github.yml": "vendor.github-workflows", "gitlab.yml": "vendor.gitlab-ci"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_of_its_servers_schema(name: str) -> None:
    words = ["--builtin-schema", RECIPES[name], str(HOME / "docs" / "ci" / name)]
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_recipe_has_a_schema() -> None:
    assert sorted(path.name for path in (HOME / "docs" / "ci").iterdir()) == sorted(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_words_that_there_are(name: str) -> None:
    text = (HOME / "docs" / "ci" / name).read_text(encoding="utf-8")
    commands = re.findall(r"sconsw test (.*?)\n(?:\s{6}-|\s{2}artifacts)", text, re.DOTALL)
    assert len(commands) == 1
    said = re.findall(r'(?:^|[\s"])(--[a-z]+|[A-Z_]+)(?==)', commands[0])
    assert {"KERNEL", "SHARD", "CACHE", "--retries", "--junit"} <= set(said) <= {*TAKEN, "CACHE", "CACHE_WRITE"}


def test_the_devcontainer_starts_what_is_here() -> None:
    settings = json.loads((HOME / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert (HOME / settings["postCreateCommand"]).is_file()
