"""Running programs: the allow-list, what comes back, and failures that can be pasted."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import allowed_environment, attempt, find_on_path, pasteable, run

SHOW = "import os; print(sorted(n for n in os.environ if n in {'PATH', 'RUSTC_BOOTSTRAP', 'RUSTFLAGS', 'EXTRA'}))"


def test_stdout_comes_back() -> None:
    assert run([sys.executable, "-c", "print('out'); import sys; print('err', file=sys.stderr)"]) == "out\n"


def test_only_what_is_allowed_and_what_is_added_reaches_the_program() -> None:
    environ = {**os.environ, "RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": "-g"}
    assert run([sys.executable, "-c", SHOW], env=environ) == "['PATH']\n"
    assert run([sys.executable, "-c", SHOW], env=environ, extra={"EXTRA": "1"}) == "['EXTRA', 'PATH']\n"


def test_what_is_added_does_not_reach_the_next_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUSTC_BOOTSTRAP", raising=False)
    run([sys.executable, "-c", SHOW], extra={"RUSTC_BOOTSTRAP": "1"})
    assert "RUSTC_BOOTSTRAP" not in os.environ
    assert "RUSTC_BOOTSTRAP" not in run([sys.executable, "-c", SHOW])


def test_rustups_own_variables_are_allowed() -> None:
    assert allowed_environment({"RUSTUP_TOOLCHAIN": "nightly", "CARGO_TARGET_DIR": "t"}) == {
        "RUSTUP_TOOLCHAIN": "nightly"
    }


def test_stdin_and_directory_are_the_callers(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd(), sys.stdin.read())"
    assert run([sys.executable, "-c", script], cwd=tmp_path, stdin="text") == f"{tmp_path} text\n"


def test_a_failure_shows_the_command_to_paste_and_what_was_said() -> None:
    argv = [sys.executable, "-c", "import sys; print('a b', file=sys.stderr); sys.exit(3)"]
    with pytest.raises(BootwrightError) as caught:
        run(argv)
    assert caught.value.message == f"{Path(sys.executable).name} ended with status 3"
    command, said = caught.value.hint.splitlines()
    assert shlex.split(command.removeprefix("the command was: ")) == argv
    assert said.strip() == "a b"


@pytest.mark.skipif(os.name == "nt", reason="signals are Unix's")
def test_a_program_that_a_signal_killed_is_said_to_be() -> None:
    ended = attempt([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert (ended.status, "was killed by signal 9" in ended.error().message) == (-9, True)


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="cannot be run: No such file"):
        attempt([str(tmp_path / "none")])


@pytest.mark.skipif(os.name == "nt", reason="quoting is the shell's")
def test_a_command_line_is_quoted_for_the_shell() -> None:
    assert pasteable(["rustc", "a b", "$x"]) == "rustc 'a b' '$x'"


@pytest.mark.parametrize(
    ("argv", "environ"), [(["a\0b"], {}), ([sys.executable, "a\0b"], {}), ([sys.executable], {"PATH": "\0"})]
)
def test_a_nul_that_no_program_can_be_given_is_one_sentence(argv: list[str], environ: dict[str, str]) -> None:
    with pytest.raises(BootwrightError, match=r"cannot be run: .*null"):
        attempt(argv, env=environ)


@pytest.mark.skipif(os.name == "nt", reason="there PATHEXT says what can be run")
def test_the_first_program_on_path_is_found_and_sbin_is_looked_in_last(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("not_executable", "first", "second")]
    for place in places:
        place.mkdir()
        (place / "mkfs").write_text("#!/bin/sh\n")
        (place / "mkfs").chmod(0o644 if place.name == "not_executable" else 0o755)
    path = os.pathsep.join(map(str, places))
    assert find_on_path("mkfs", {"PATH": path}) == places[1] / "mkfs"
    assert find_on_path("no-such-program", {"PATH": path}) is None
    found = find_on_path("nologin", {"PATH": path})  # which a system of any kind has, there
    assert found is not None and found.parent.name == "sbin"
