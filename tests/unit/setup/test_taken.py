"""What was said with a word that does not take it is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.setup.taken import ANY, SWITCHES, TAKEN, check_doubled, check_taken, check_together, check_untouched
from bootwright.setup.verbs import BY_WORD

HOME = Path(__file__).resolve().parents[3]
COMMAND_LINE = (HOME / "site_scons" / "bootwright" / "setup" / "words.py").read_text()


def test_the_table_names_variables_switches_and_words_that_there_are() -> None:
    variables = set(re.findall(r'^    Variable\("(\w+)"', COMMAND_LINE, re.MULTILINE))
    switches = set(re.findall(r'^    \("(--\w+)', COMMAND_LINE, re.MULTILINE))
    assert set(SWITCHES) == switches and len(switches) > 8
    assert {name for name in TAKEN if name not in SWITCHES} < variables
    assert {word for words in TAKEN.values() for word in words} <= {*BY_WORD, "", ANY}


@pytest.mark.parametrize(
    ("wanted", "given", "told"),
    [
        ([], {"DEV": "/dev/sdx"}, "DEV=/dev/sdx is for `scons usb`"),
        (["run"], {"DEV": "/dev/sdx"}, "DEV=/dev/sdx is for `scons usb`"),
        (["build/debug/hello.elf"], {"TIMEOUT": "3"},
         "TIMEOUT=3 is for `scons run`, `scons screenshot`, `scons test`, `scons hosts` and `scons matrix`"),
        (["gdb"], {"TIMEOUT": "3"}, "TIMEOUT=3 is for "),
        (["run"], {"TESTS": "a*"}, "TESTS=a* is for `scons test`"),
        (["usb"], {"PRUNE": "all"}, "PRUNE=all is for `scons store`"),
        (["gdb"], {"SERIAL": "f"}, "SERIAL=f is for `scons run`"),
        (["usb"], {"FIRMWARE": "uefi"}, "FIRMWARE=uefi is for `scons run`, `scons screenshot`, `scons gdb` and"),
        (["verify"], {"VARIANT": "release"}, "VARIANT=release is for words that build a kernel"),
        (["hosts"], {"RAMDISK": "f"}, "RAMDISK=f is for words that build a kernel"),
        (["store"], {"--headless": ""}, "--headless is for `scons run`, "),
        (["verify"], {"--cargo": ""}, "--cargo is for words that build a kernel"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, (list, dict)) else "",
)  # fmt: skip
def test_what_a_word_does_not_take_is_refused(wanted: list[str], given: dict[str, str], told: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        check_taken(wanted, given, clean=False)
    assert caught.value.message.startswith(told)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"YES": "123"}, "YES=123 goes with DEV="),
        ({"PRUNE": "all", "--check": ""}, "PRUNE=all and --check: one of them"),
        ({"--explain": ""}, "--explain is about a shared cache"),
        ({"SIGN": "1", "SIGN_KEY": "k", "SIGN_CERT": "c"}, "SIGN=1 and SIGN_KEY=k: one of them"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        check_together([], given)
    assert caught.value.message.startswith(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "MEMORY=64M", "MEMORY=1G"], "MEMORY=64M and MEMORY=1G: one of them"),
        (["usb", "DEV=/dev/sda", "YES=1", "DEV="], "DEV=/dev/sda and DEV=: one of them"),
        (["test", "--retries=1", "--retries", "2"], "--retries=1 and --retries=2: one of them"),
        (["doctor", "--json=file", "--json"], "--json=file and --json=: one of them"),
    ],
)
def test_two_values_for_one_word_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        check_doubled(words)
    assert caught.value.message.startswith(told)


@pytest.mark.parametrize("words", [["--junit="], ["--junit", ""], ["test", "--stress"], ["--json="]], ids=" ".join)
def test_a_switch_without_its_value_is_refused(words: list[str]) -> None:
    with pytest.raises(BootwrightError, match=r"^--[a-z]+=? is without its value"):
        check_doubled(words)
    check_doubled(["--json", "--junit", "a.xml", "--stress=2"])


def test_a_word_that_is_said_twice_alike_is_no_contradiction() -> None:
    check_doubled(
        [
            "run",
            "run",
            "KERNEL=k",
            "KERNEL=k",
            "--headless",
            "--headless",
            "-j2",
            "QEMUFLAGS=-a=1 -a=2",
            "TIMEOUT=",
            "TIMEOUT=3",
        ]
    )


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ([], {"VARIANT": "all", "FEATURES": "a", "--cargo": "", "--verbose": "", "KERNEL": "k", "TARGET": "t"}),
        (["build/debug/hello.elf", "run"], {"TIMEOUT": "3", "--headless": ""}),
        (["doctor"], {"RUSTC": "r", "KERNEL": "k", "TARGET": "t", "--json": ""}),
        (["verify"], {"KERNEL": "k", "TARGET": "t", "--private": ""}),  # which sconsw adds
        (["usb"], {"DEV": "d", "YES": "1", "LOOP": "1", "VARIANT": "release"}),
        (["hosts"], {"HOST": "linux", "TIMEOUT": "3", "VARIANT": "release"}),
    ],
)
def test_what_a_word_takes_is_taken(wanted: list[str], given: dict[str, str]) -> None:
    check_taken(wanted, given, clean=False)


@pytest.mark.parametrize(
    ("wanted", "given", "told"),
    [
        ([], {"VARIANT": "release"}, "VARIANT=release: `scons -c` removes all that was made"),
        (["run"], {}, "scons -c run: `scons -c` removes all that was made, and takes no word"),
    ],
)
def test_what_would_seem_to_bound_what_is_removed_is_refused(
    wanted: list[str], given: dict[str, str], told: str
) -> None:
    with pytest.raises(BootwrightError) as caught:
        check_taken(wanted, given, clean=True)
    assert caught.value.message.startswith(told)
    check_taken([], {"KERNEL": "k", "TARGET": "t"}, clean=True)


def test_what_is_built_may_have_no_use_for_a_variable() -> None:
    check_untouched(("RAMDISK", "ACTIVE"), {"RAMDISK": "", "VARIANT": "release"}, "x86-64 kernels")
    with pytest.raises(BootwrightError, match=r"^RAMDISK=f is for x86-64 kernels$"):
        check_untouched(("RAMDISK", "ACTIVE"), {"RAMDISK": "f"}, "x86-64 kernels")
