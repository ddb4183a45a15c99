"""What cargo's runner is asked for, and the status that it gives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks, Status
from bootwright.cli import program, runner, rustc
from bootwright.cli.runner import Request, _status
from bootwright.machine import verdict
from bootwright.machine.verdict import Registers, Verdict
from bootwright.setup import stamp, told

STANDS = Registers(0x1000, 0, 0, halted=True)


@pytest.mark.parametrize(
    ("exe", "is_test"),
    [
        ("target/x/debug/deps/boots-12", True), ("/x/rustdoctestAb12/rust_out", True), ("target/x/debug/hello", False),
        ("target/x/debug/build/k/0f12/out/boots", True), ("target/x/out/hello", False), ("/hello", False),
    ],
)  # fmt: skip
def test_a_test_is_known_by_where_it_lies(exe: str, is_test: bool) -> None:
    request = Request([exe], {})
    assert (request.in_test, request.line().headless) == (is_test, is_test)


def test_words_before_the_program_are_the_runners_and_those_behind_are_qemus() -> None:
    request = Request(["--headless", "MEMORY=256M", "TIMEOUT=1.5", "k", "--full", "-s"], {})
    line = request.line()
    assert (request.full, request.arguments, line.flags) == (False, ("--full", "-s"), ("--full", "-s"))
    assert (line.headless, line.memory, line.memory_given, line.timeout) == (True, "256M", True, 1.5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "was given no program"), (["--fast", "k"], "has no switch --fast"),
        (["TIMEOUT=x", "k"], "TIMEOUT=x is no"), (["TIMEOUT=0", "k"], "TIMEOUT=0 is no positive number"),
        (["--headless=1", "k"], "no switch --headless=1"), (["QEMUFLAGS=-s", "k"], "takes no QEMUFLAGS="),
    ],
)  # fmt: skip
def test_what_it_does_not_know_is_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(BootwrightError, match=sentence):
        Request(words, {}).line()


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_its_help_is_shown(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([word]) == 0
    assert capsys.readouterr().out == f"{runner.USAGE}\n"


def test_what_the_projects_files_say_is_obeyed_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bootwright.toml"
    file.write_text('SERIAL = "heard"\nRAW = true\nFEATURES = ["a", "b"]\nVARIANT = "debug"\nBOARD = "place"\n')
    exe = tmp_path / "target" / "debug" / "hello"
    request = Request([str(exe)], {})
    request.read_files(tmp_path)
    assert (request.line().serial, request.line().raw) == (tmp_path / "heard", True)
    told = f"FEATURES=a,b, BOARD=place of {file} have no effect on what cargo starts; `bootwright run` obeys"
    assert capsys.readouterr().err == f"bootwright: {told}\n"
    of_a_test = Request([str(tmp_path / "deps" / "boots")], {})
    of_a_test.read_files(tmp_path)
    assert (of_a_test.line().serial, of_a_test.line().raw) == (None, False)
    file.write_text("TIMEOUT = 0\n")
    with pytest.raises(BootwrightError, match=rf"TIMEOUT=0 .* \({file} says TIMEOUT\)"):
        request.read_files(tmp_path)
        request.line()


@pytest.mark.parametrize("ask", ["runner", "path", "rustc"])
def test_programs_that_came_privately_are_found(
    ask: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private = tmp_path / "programs" / "key" / "bin"
    private.mkdir(parents=True)
    monkeypatch.setattr(stamp, "private_programs", lambda home: str(private))
    monkeypatch.setenv("PATH", "/usr/bin")
    expected = f"/usr/bin{os.pathsep}{private}"
    if ask == "rustc":
        with pytest.raises(BootwrightError):  # there is no such compiler; by then PATH is asked
            rustc._find(str(tmp_path / "rustc"), "x86_64-unknown-none")
    else:
        monkeypatch.setattr(sys, "argv", ["bootwright", ask, *([str(tmp_path / "k")] if ask == "runner" else [])])
        assert program.main() == (2 if ask == "runner" else 0)
        assert ask == "runner" or capsys.readouterr().out == f"{expected}\n"
    assert os.environ["PATH"] == expected


def test_what_is_lacking_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(request: Request, exe: Path) -> int:
        raise Lacks("no QEMU", LackOfProgram("qemu-system-x86_64"), "", Status.QEMU_NOT_STARTED)

    cured = list[BootwrightError]()
    monkeypatch.setattr(runner, "_boot", lack)
    monkeypatch.setattr(told, "add_cure", lambda error, environ: cured.append(error))
    assert runner.main([str(tmp_path / "k")]) == Status.QEMU_NOT_STARTED
    assert [error.message for error in cured] == ["no QEMU"]


def test_nothing_unsigned_is_started_as_signed(tmp_path: Path) -> None:
    (tmp_path / "bootwright.toml").write_text('FIRMWARE = "secure"\n')
    with pytest.raises(BootwrightError, match="FIRMWARE=secure starts what is signed, and the runner signs nothing"):
        Request([str(tmp_path / "k")], {}).read_files(tmp_path)


@pytest.mark.parametrize("word", ["run", "runner", "path"])
def test_where_nobody_has_a_home_it_is_a_sentence(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(sys, "argv", ["bootwright", word])
    assert program.main() == 2
    said = capsys.readouterr().err
    assert ": HOME is not set, and bootwright, cargo and rustc keep files there\n  hint: " in said
    assert not [*tmp_path.iterdir()]


def test_the_package_is_the_one_that_cargo_names_else_the_one_around(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "target").mkdir(parents=True)
        (tmp_path / name / "Cargo.toml").touch()
    exe = str(tmp_path / "one" / "target" / "k")
    assert Request([exe], {"CARGO_MANIFEST_DIR": str(tmp_path / "other")}).manifest().parent.name == "other"
    assert Request([exe], {}).manifest().parent.name == "one"


@pytest.mark.parametrize(
    ("end", "success", "of_a_test", "of_a_run"),
    [
        (verdict.exited(33, None), None, 0, 33),
        (verdict.exited(35, None), None, 35, 35),
        (verdict.exited(35, 35), 35, 0, 35),
        (verdict.exited(33, 35), 35, 33, 33),
        (verdict.powered_off(), None, 0, 0),
        (verdict.powered_off(), 33, 1, 0),
        (verdict.reset(STANDS, True), 33, 3, 3),
        (verdict.halted(STANDS), 33, 6, 0),
        (verdict.still_running(300, STANDS), 33, 6, 0),
        (verdict.program_ended(0, 33, True, "x"), 33, 1, 0),
        (verdict.program_ended(-9, 33, True, "x"), 33, 1, 1),
        (verdict.qemu_failed(-11, "", "x"), None, 1, 1),
        (verdict.qemu_failed(None, "", "x"), None, 5, 5),
    ],
    ids=[
        "33",
        "35",
        "the code",
        "not the code",
        "off",
        "off, and a code",
        "reset",
        "halted",
        "time-out",
        "command",
        "killed",
        "QEMU killed",
        "no QEMU",
    ],
)
def test_a_test_passes_by_its_code_alone(end: Verdict, success: int | None, of_a_test: int, of_a_run: int) -> None:
    assert (_status(end, True, success), _status(end, False, success)) == (of_a_test, of_a_run)


def test_a_word_that_path_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bootwright", "path", "mine"])
    assert program.main() == 2
    assert capsys.readouterr() == ("", "bootwright: `bootwright path` takes no word: mine\n")
