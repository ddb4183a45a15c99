"""Words that are none here get the word that was meant."""

from __future__ import annotations

import signal

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.home import HOME
from bootwright.setup import needs, prepare, start
from bootwright.setup.meant import ELSEWHERE, check_early, check_places, check_switches, meant_target, meant_triple

TARGETS = ["image", "run", "screenshot", "gdb", "size", "test", "hosts", "verify", "soak", "usb", "doctor", "store"]
OURS = ["--headless", "--fast", "--full", "--json", "--junit", "--check", "--verbose", "--list"]
SCONS = ["--help", "--jobs", "--keep-going", "--debug", "--tree", "--touch", "--dry-run"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("rum", "did you mean run?"),
        ("clean", "did you mean `scons -c`?"),
        ("claen", "did you mean `scons -c`?"),
        ("build", "did you mean `scons`?"),
        ("release", "did you mean `scons VARIANT=release`?"),
        ("flash", "did you mean `scons usb DEV=`?"),
        ("debug", "did you mean `scons VARIANT=debug` or `scons gdb`?"),
        ("clippy", "did you mean `cargo clippy`?"),
        ("launch", "did you mean `scons run`?"),
        ("sticks", "`scons help sticks` prints a page on it"),
        ("install", "did you mean `./sconsw` or `scons usb DEV=`?"),
        ("Doctor", "did you mean doctor?"),
        ("tets", "did you mean test?"),
        ("xyzzy", "scons -h lists them"),
    ],
)
def test_a_target_that_is_none_gets_the_word_that_was_meant(word: str, hint: str) -> None:
    assert meant_target(word, TARGETS, ["sticks", "run", "install", "tests"]) == hint


def test_no_word_of_another_program_is_one_of_ours() -> None:
    assert not set(ELSEWHERE) & set(TARGETS)


@pytest.mark.parametrize(
    ("word", "sentence", "hint"),
    [
        ("--fsat", "there is no switch --fsat", "did you mean --fast?"),
        ("--headles-", "there is no switch --headles-", "did you mean --headless?"),
        ("--jsn=x", "there is no switch --jsn", "did you mean --json?"),
        ("--xyzzy", "there is no switch --xyzzy", "scons -h lists them"),
        ("-headless", "-headless is several switches of one letter each", "did you mean --headless?"),
        ("-fast", "-fast is several switches of one letter each", "did you mean --fast?"),
        ("-nographic", "-nographic is several switches of one letter each", "did you mean --headless?"),
        ("-timeout=5", "-timeout=5 is several switches of one letter each", "did you mean TIMEOUT=5?"),
        ("--release", "there is no switch --release", "did you mean VARIANT=release?"),
        ("--timeout=5", "there is no switch --timeout", "did you mean TIMEOUT=5?"),
        ("--no-default-features", "there is no switch --no-default-features", "did you mean NO_DEFAULT_FEATURES=?"),
        ("--kernal=../k", "there is no switch --kernal", "did you mean KERNEL=../k?"),
        ("--no-window", "there is no switch --no-window", "did you mean --headless?"),
        ("--head", "there is no switch --head", "did you mean --headless?"),
        ("--verbos", "there is no switch --verbos", "did you mean --verbose?"),
        ("--dry", "there is no switch --dry", "did you mean --dry-run?"),
    ],
)
def test_a_switch_that_is_none_gets_the_one_that_was_meant(word: str, sentence: str, hint: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        check_switches(["run", word], OURS, SCONS)
    assert (caught.value.message, caught.value.hint) == (sentence, hint)


@pytest.mark.parametrize(
    "word", ["-C", "-C..", "-f", "-D", "-u", "--directory=x", "--srcdir=x", "--site-dir", "-headless", "--up"]
)
def test_what_would_read_another_sconstruct_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert start.start("/", ["run", word]) == 2
    said = "is several switches" if word == "-headless" else "has SCons look elsewhere for what bootwright brings"
    assert capsys.readouterr().err.startswith(f"sconsw: {word} {said}")


@pytest.mark.parametrize(
    "word", ["-Qc", "-j2", "-j", "-k", "--headless", "--junit=a.xml", "--debug=time", "-sQ", "KERNEL=-fast", "-"]
)
def test_switches_are_taken(word: str) -> None:
    check_places([word], start.PLACES)
    check_switches(["run", word], OURS, SCONS)
    check_early(["run", word], OURS, TARGETS, [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["test", "--lsit"], "there is no switch --lsit"),
        (["run", "--timeout=5"], "there is no switch --timeout"),
        (["run", "KERNAL=x"], "KERNAL=x: there is no variable KERNAL"),
        (["run", "=x"], "=x: a variable has a name before the ="),
        (["-Q", "--headless", "rnu"], ""),
        (["-j", "4", "run"], ""),
        (["--junit", "report", "test"], ""),
        (["claen"], "there is no target claen"),
        (["build/debug/hello.img"], ""),
        (["--keep-going", "--tree=all"], ""),
        (["help", "nothing"], ""),
    ],
)
def test_a_slip_is_told_before_anything_is_installed_for_it(words: list[str], sentence: str) -> None:
    try:
        check_early(words, OURS, [*TARGETS, "help"], [])
        told = ""
    except BootwrightError as error:
        told = error.message
    assert told == sentence


@pytest.mark.parametrize(
    ("word", "triple"),
    [
        ("x86_64", "x86_64-unknown-none"),
        ("AMD64", "x86_64-unknown-none"),
        ("x86_64-unkown-none", "x86_64-unknown-none"),
        ("aarch46", "aarch64-unknown-none"),
        ("x86_64-unknown-linux-gnu", ""),
        ("x86_64-unknown-linux-gun", "x86_64-unknown-linux-gnu"),
        ("wasm32-wasip1", ""),
    ],
)
def test_a_target_that_is_no_triple_gets_the_one_that_was_meant(word: str, triple: str) -> None:
    assert meant_triple(word, ["x86_64-unknown-linux-gnu"]) == triple


def test_a_machine_that_lacks_something_gets_nothing_for_a_slip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "are_met", lambda _: False)
    monkeypatch.setattr(prepare, "prepare", lambda _: pytest.fail("something is installed"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert start.start(str(HOME), ["claen"]) == 2
    assert "there is no target claen" in capsys.readouterr().err
