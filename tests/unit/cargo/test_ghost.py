"""The ghost records each call whole, whichever program runs it, and prints ids where a build script is asked."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from bootwright.cargo.ghost import ENVIRON, LOG, Call, read_calls, source, write_ghost

STRANGE = {
    "CARGO_BIN_EXE_my-kernel": "/a b/c",
    "call": "1_2",
    "name": "x",
    "IFS": "o",
    "LINES": "one\ntwo=2\n",
    "E": "",
}
WORDS = [
    "--crate-name", "my_kernel", "a b.rs", "--crate-type", "bin", "-C", "extra-filename=-1f", "$(id)", "'", "new\nline",
    "", "*", os.fsdecode(b"\xff\\0%s"),
]  # fmt: skip


@pytest.fixture(params=[pytest.param(True, id="shell"), pytest.param(False, id="python")])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A ghost in a directory whose name needs quotes; log/ and out/ lie beside it."""
    if request.param and not ENVIRON.exists():
        pytest.skip("there is no /proc, which the shell's reads")
    place = tmp_path / "it's a $place"
    for name in ("log", "out", "cwd"):
        (place / name).mkdir(parents=True)
    path = place / "ghost"
    path.write_text(source(path, shell=request.param), encoding="utf-8")
    path.chmod(0o755)
    return path


def environment(program: Path, **more: str) -> dict[str, str]:
    """Returns the variables of a call; PWD is that of another directory, as cargo leaves it."""
    return {
        "PATH": os.environ["PATH"],
        "PWD": "/",
        "LC_ALL": "C.UTF-8",
        LOG: str(program.parent / "log"),
        **STRANGE,
        **more,
    }


def call(program: Path, *words: str, ghost: Path | None = None, **more: str) -> str:
    """Calls program, the ghost or what it made, in cwd/ and returns what it prints."""
    variables = environment(ghost or program, **more)
    cwd = (ghost or program).parent / "cwd"
    return subprocess.run(
        [program, *words], cwd=cwd, env=variables, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def recorded(program: Path) -> list[Call]:
    return read_calls(program.parent / "log")


def test_a_call_is_recorded_with_its_words_its_directory_and_all_variables(program: Path) -> None:
    out = str(program.parent / "out")
    assert call(program, "/usr/bin/rustc", *WORDS, "--out-dir", out, "--target", "bare") == ""
    (one,) = recorded(program)
    assert (one.kind, one.product_of, one.cwd) == ("rustc", "", str((program.parent / "cwd").resolve()))
    assert one.argv == (*WORDS, "--out-dir", out, "--target", "bare")
    assert one.environment == environment(program)
    assert not any(Path(out).iterdir()), "cargo wants nothing but build scripts"


def test_a_wrapper_for_a_workspace_is_no_argument(program: Path) -> None:
    call(program, "/wrapper", "/rustc", "--crate-name", "a", "--out-dir", "/", RUSTC="/rustc")
    assert [one.argv for one in recorded(program)] == [("--crate-name", "a", "--out-dir", "/")]


def test_a_build_script_is_compiled_to_what_prints_the_id_of_its_run(program: Path) -> None:
    out = program.parent / "out"
    call(program, "/rustc", *WORDS, "--out-dir", str(out))
    script = out / "my_kernel-1f"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    said = call(script, ghost=program, OUT_DIR="/there").splitlines()
    compiled, run = sorted(recorded(program), key=lambda one: one.kind)
    assert (run.kind, run.argv, run.product_of) == ("script", (str(script),), compiled.name)
    assert run.environment["OUT_DIR"] == "/there"
    mark = run.mark
    assert re.fullmatch(r"\w+", mark)
    assert said == [
        f"cargo:rustc-cfg={mark}", f"cargo:rustc-check-cfg=cfg({mark})", f"cargo:rustc-link-search=native=/{mark}",
        f"cargo:rustc-link-lib={mark}", f"cargo:rustc-link-arg={mark}", f"cargo:rustc-env={mark}=", f"cargo:{mark}=",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["--test", "--target"])
def test_what_cargo_does_not_run_while_it_plans_is_not_made(program: Path, word: str) -> None:
    out = program.parent / "out"
    call(program, "/rustc", *WORDS, "--out-dir", str(out), word)
    assert not any(out.iterdir())


def test_a_question_is_answered_by_the_compiler_itself(program: Path) -> None:
    real = program.parent / "rustc"
    real.write_text('#!/bin/sh\nprintf "%s|" "$@" "$RUSTC_BOOTSTRAP"\n')
    real.chmod(0o755)
    assert call(program, str(real), "-vV") == "-vV||"
    words = ("-", "--crate-name", "___", "--print=cfg", "--target", "bare.json")
    assert call(program, str(real), *words) == "".join(f"{word}|" for word in (*words, "1"))
    assert recorded(program) == []


def test_a_ghost_that_cannot_record_fails(program: Path) -> None:
    (program.parent / "log").rmdir()
    done = subprocess.run(
        [program, "/rustc", "--crate-name", "a", "--out-dir", "/"], env=environment(program), capture_output=True
    )
    assert done.returncode != 0


def test_a_ghost_that_is_there_stays_since_cargo_takes_another_one_for_another_compiler(tmp_path: Path) -> None:
    path = tmp_path / "ghost"
    write_ghost(path)
    before = path.stat().st_mtime_ns
    write_ghost(path)
    assert (path.stat().st_mtime_ns, path.stat().st_mode & 0o777) == (before, 0o755)
    path.write_text("of another bootwright")
    write_ghost(path)
    assert path.read_text() == source(path)
