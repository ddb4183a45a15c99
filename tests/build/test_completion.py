"""What the wheel installs for shells, in bash, zsh and fish themselves; and the manual page."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.build.installed import Environment

from bootwright.setup.verbs import VERBS
from bootwright.setup.words import SWITCHES, VARIABLES

pytestmark = [pytest.mark.needs("zsh", "fish"), pytest.mark.xdist_group("wheel")]
LINES = {
    "bootwright scr": ["screenshot"],
    "bootwright run FIRMWARE=": ["FIRMWARE=bios", "FIRMWARE=secure", "FIRMWARE=uefi"],
    "bootwright image LDSCRIPT=": ["LDSCRIPT=a script.ld"],
    "bootwright test --str": ["--stress="],
    "bootwright runner a": ["a script.ld"],
    "bootwright completion ": ["bash", "fish", "zsh"],
}
BASH = """source "$1"
COMP_LINE="$2" COMP_POINT=${#2} COMP_WORDBREAKS="$3"
_bootwright 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """zmodload zsh/zpty
zpty z 'zsh -f -i'
zpty -w z "autoload -U compinit; compinit -D -u; source '$1'; bindkey '^I' list-choices; echo re''ady"
zpty -r z text '*ready*'
zpty -w -n z "$2"$'\\t'
zpty -r z text "*$3*"
print -r -- $text
"""


def share(installed: Environment) -> Path:
    """Returns where the files for other programs lie."""
    return installed.path / "share"


def run(command: list[str], installed: Environment, place: Path) -> list[str]:
    """Returns the lines that a shell prints, with the program on its PATH, in the directory place."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "PATH": f"{installed.path / 'bin'}:{os.environ['PATH']}", "TERM": "xterm"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "a script.ld").write_text("")
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_bash_and_fish_complete_words_variables_and_values(installed: Environment, place: Path, line: str) -> None:
    script = str(share(installed) / "bash-completion/completions/bootwright")
    whole = run(["bash", "-c", BASH, "bash", script, line, ""], installed, place)
    assert sorted(whole) == LINES[line]
    # As bash does unless told otherwise, where what stands behind an equals sign is a word of its own.
    rest = line.rpartition(" ")[2].partition("=")
    parts = run(["bash", "-c", BASH, "bash", script, line, "="], installed, place)
    assert sorted(parts) == [word.removeprefix(f"{rest[0]}=" if rest[1] else "") for word in LINES[line]]
    said = f"source '{share(installed)}/fish/vendor_completions.d/bootwright.fish'; complete -C'{line}'"
    assert (
        sorted(text.partition("\t")[0] for text in run(["fish", "--no-config", "-c", said], installed, place))
        == LINES[line]
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("bootwright scr", "screenshot *-- build/VARIANT/NAME.png"),
        ("bootwright run FIRMWARE=", "FIRMWARE=bios*FIRMWARE=uefi*FIRMWARE=secure"),
        ("bootwright image LDSCRIPT=", "script.ld"),
    ],
)
def test_zsh_completes_them_and_shows_what_they_are(installed: Environment, place: Path, line: str, shown: str) -> None:
    script = str(share(installed) / "zsh/site-functions/_bootwright")
    assert run(["zsh", "-f", "-c", ZSH, "zsh", script, line, shown], installed, place)


def test_the_program_prints_the_same_and_the_manual_page_has_each_row(installed: Environment, tmp_path: Path) -> None:
    for shell, name in (("bash", "bash-completion/completions/bootwright"), ("zsh", "zsh/site-functions/_bootwright"),
                        ("fish", "fish/vendor_completions.d/bootwright.fish")):  # fmt: skip
        assert installed.do("completion", shell, cwd=tmp_path) == (share(installed) / name).read_text()
    path = f"/one:{os.environ['PATH']}"
    assert installed.do("path", cwd=tmp_path, PATH=path).startswith(path)
    refused = installed.run("completion", "ksh", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "bootwright: usage: bootwright completion bash|zsh|fish\n")
    page = (share(installed) / "man/man1/bootwright.1").read_text()
    rows = [*(verb.word for verb in VERBS), *(row.name for row in VARIABLES), *(name for name, _ in SWITCHES)]
    shown = page.replace("\\-", "-").splitlines()
    assert [name for name in rows if f"\\fB{name}\\fR" not in shown] == []
    assert [
        line for line in shown if line.startswith(".") and line.split(" ")[0] not in (".TH", ".SH", ".TP", ".B")
    ] == [".PP"]
    assert "`scons" not in page and "new NAME" in page
