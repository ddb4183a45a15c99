"""The Tool for rustc by itself, with a tiny fake compiler: SCons's conventions hold."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import HOME
from tests.scripts import write_script

# Writes what it was asked to emit, with its own arguments in it, and says one thing in colour.
FAKE = """import json, sys
emit = next(word for word in sys.argv if word.startswith("--emit="))[7:]
for part in emit.split(","):
    kind, path = part.split("=", 1)
    with open(path, "w") as out:
        if kind == "dep-info":
            out.write("x: src/lib.rs\\n\\nsrc/lib.rs:\\n")
        else:
            out.write(" ".join(word for word in sys.argv[1:] if "/" not in word))
    if path.endswith(".elf"):
        open(path[:-4] + ".map", "w").write("map")
print(json.dumps({"rendered": "\\x1b[33mwarning\\x1b[0m: hm\\n", "level": "warning"}), file=sys.stderr)
"""

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {site!r})
import door
door.open_session(Path("build").absolute())
SConsignFile("build/.sconsign")
env = Environment(tools=["rustc"], toolpath=[{site!r} + "/site_tools"], ENV={{}}, RUSTC=[{rustc!r}], RUSTCWD=[{cwd!r}],
                  **ARGUMENTS)
env.RustLibrary("build/libone", "src/lib.rs")
env.RustObject("build/two", "src/lib.rs")
env.RustProgram("build/three", "src/lib.rs", RUSTFLAGS=["--cfg", "a word"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own that uses the Tool."""
    fake = tmp_path / "fake rustc"
    write_script(fake, FAKE)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("")
    site = str(HOME / "site_scons")
    (tmp_path / "SConstruct").write_text(SCRIPT.format(site=site, rustc=str(fake), cwd=str(tmp_path)))
    return tmp_path


def scons(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "SCons", "-Q", *arguments, "build"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_each_builder_gives_its_kind_of_file(project: Path) -> None:
    scons(project)
    made = sorted(path.name for path in (project / "build").iterdir() if path.suffix)
    assert made == [".sconsign.dblite", "libone.rlib", "three.elf", "three.map", "two.o"]
    assert "--crate-type lib" in (project / "build/libone.rlib").read_text()
    assert "--crate-type bin" in (project / "build/three.elf").read_text()
    assert "--cfg a word" in (project / "build/three.elf").read_text()
    assert scons(project) == "scons: `build' is up to date.\n"


def test_rustflags_reach_the_command_and_rebuild(project: Path) -> None:
    scons(project)
    assert "-Copt-level=3" in scons(project, "RUSTFLAGS=-Copt-level=3")
    assert "-Copt-level=3" in (project / "build/two.o").read_text()


def test_rustcom_can_be_replaced_and_rustcomstr_shortens_what_is_shown(project: Path) -> None:
    shown = scons(project, "RUSTCOMSTR=compiling $TARGET", "RUSTCOM=$RUSTC --mine --emit=$RUSTEMIT $RUSTROOT")
    assert "compiling build/libone.rlib\n" in shown
    assert "--mine" not in shown
    assert "--mine" in (project / "build/libone.rlib").read_text()


def test_diagnostics_reach_a_terminal_in_colour_and_a_log_without(project: Path) -> None:
    assert "warning: hm\n" in scons(project)
    for path in (project / "build").iterdir():
        path.unlink()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "SCons", "-Q", "-j1", "build"],
        cwd=project, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:  # Linux ends a terminal that nobody holds any more with EIO
        pass
    assert process.wait() == 0
    assert b"\x1b[33mwarning\x1b[0m: hm" in said
