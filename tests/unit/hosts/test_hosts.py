"""The table of hosts, which of its rows links, what runs a program, and the table that `scons hosts` prints."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.hosts import run
from bootwright.hosts.report import Built, report
from bootwright.hosts.run import Ending, Runner, find_runner, run_and_tell, run_program
from bootwright.hosts.table import (
    Builder,
    Row,
    choose_row,
    filter_rows,
    find_wanted,
    linker_arguments,
    obstacle,
    read_rows,
)

HOME = Path(__file__).resolve().parents[3]
ROWS = read_rows(HOME / "linker" / "hosts.toml")
PC = Builder("linux", "x86_64")

TABLE = """[plan9]
triple = "{arch}-plan9"
format = "ELF"
entry = "_main"
[plan9.ld]
programs = ["9ld"]
flavour = "gcc"
arguments = ["-n"]
build = ["-m={map}"]
"""


def program(directory: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    """Makes an executable script."""
    path = directory / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def row(name: str, linker: str) -> Row:
    """Returns a row of the real table."""
    return next(row for row in ROWS if row.name == name and row.linker == linker)


def test_the_table_holds_three_hosts_with_two_architectures_and_two_linkers_each() -> None:
    assert len(ROWS) == len({(r.host, r.arch, r.linker) for r in ROWS}) == 12
    assert {r.host for r in ROWS} == {"linux", "windows", "macos"}


def test_the_arguments_are_those_of_the_book() -> None:
    assert row("linux-x86_64", "cc").arguments == ("-nostartfiles",)
    assert row("windows-x86_64", "link.exe").arguments == ("/ENTRY:_start", "/SUBSYSTEM:console")
    assert row("macos-x86_64", "clang").arguments == ("-e", "__start", "-static", "-nostartfiles")


def test_a_new_host_is_a_new_table(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(TABLE)
    rows = read_rows(path)
    assert [(r.name, r.triple, r.support) for r in rows] == [
        ("plan9-x86_64", "x86_64-plan9", False), ("plan9-aarch64", "aarch64-plan9", False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('flavour = "gcc"\n', "", "[plan9.ld] flavour is missing"),
        ('"gcc"', '"gnu"', '[plan9.ld] flavour is "gnu", none of gcc, ld, ld.lld, ld64.lld, lld-link, msvc'),
        ('entry = "_main"\n', "", "[plan9] entry is missing"),
        ('"ELF"', '"elf"', '[plan9] format is "elf", none of ELF, PE, Mach-O'),
        ('flavour = "gcc"', 'flavor = "gcc"', "[plan9.ld] flavor is no key that is known here"),
        ("triple", "tripel", "[plan9] tripel is no key that is known here"),
        ('["-n"]', '["-n"]\nallows = ["PT_INTREP"]', '[plan9.ld] allows holds "PT_INTREP", none of PT_INTERP, '),
        ('["-n"]', '"-n"', '[plan9.ld] arguments is "-n", not a list'),
        ('["9ld"]', "[9]", "[plan9.ld] programs holds 9, not a string"),
        ('"-m={map}"', '"-m={mapp}"', '[plan9.ld] build holds "-m={mapp}": {mapp} is none of {map}, {dependencies}'),
        ('"-m={map}"', '"-m"', "[plan9.ld] build asks for no {map}, which the check of the product reads"),
        ('"_main"', '"_main"\nsuffix = ".map"', '[plan9] suffix is ".map", not a dot and letters'),
        ('"_main"', '"_main"\nsuffix = "../x"', '[plan9] suffix is "../x", not a dot and letters'),
        ('"gcc"', '"gcc"\nbuilder = "linx"', '[plan9.ld] builder is "linx", none of linux, macos, windows'),
        (TABLE, "", "has no row"),
        (TABLE, "linux = 1\n", 'linux is 1, not a table'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_table_is_a_sentence_with_the_key(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    assert old in TABLE
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(BootwrightError) as caught:
        read_rows(path)
    assert str(path) in caught.value.message
    assert words in caught.value.message


def test_HOST_and_ARCH_choose_the_rows_and_native_is_the_builder() -> None:
    assert [str(r) for r in find_wanted(ROWS, "windows", "aarch64", "", PC)] == [
        "windows-aarch64 by link.exe", "windows-aarch64 by lld"
    ]  # fmt: skip
    assert find_wanted(ROWS, "native", "", "", PC) == find_wanted(ROWS, "linux", "x86_64", "", Builder("macos", "?"))
    assert {r.name for r in find_wanted(ROWS, "macos", "", "", PC)} == {"macos-x86_64"}


def test_a_triple_with_std_is_its_row_and_another_has_none() -> None:
    assert {r.name for r in find_wanted(ROWS, "", "", "aarch64-apple-darwin", PC)} == {"macos-aarch64"}
    assert find_wanted(ROWS, "", "", "x86_64-unknown-uefi", PC) == ()


@pytest.mark.parametrize(
    ("host", "arch", "target", "words"),
    [
        ("", "aarch64", "x86_64-unknown-none", "ARCH=aarch64 belongs to HOST="),
        ("linux", "", "x86_64-apple-darwin", "HOST=linux is x86_64-unknown-linux-gnu, and TARGET=x86_64-apple-darwin"),
        ("linux", "", "x86_64-unknown-none", "and TARGET=x86_64-unknown-none is not"),
    ],
)
def test_words_that_contradict_each_other_are_refused(host: str, arch: str, target: str, words: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        find_wanted(ROWS, host, arch, target, PC)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("host", "arch", "target", "left"),
    [
        ("", "", "", {row.name for row in ROWS}),
        ("native", "", "", {"linux-x86_64", "linux-aarch64"}),
        ("windows", "", "", {"windows-x86_64", "windows-aarch64"}),
        ("", "aarch64", "", {"linux-aarch64", "windows-aarch64", "macos-aarch64"}),
        ("", "", "x86_64-apple-darwin", {"macos-x86_64"}),
        ("windows", "aarch64", "aarch64-pc-windows-msvc", {"windows-aarch64"}),
    ],
)
def test_each_of_three_words_leaves_its_rows(host: str, arch: str, target: str, left: set[str]) -> None:
    assert {row.name for row in filter_rows(ROWS, host, arch, target, PC)} == left


def test_a_target_that_is_no_row_or_not_that_hosts_leaves_none() -> None:
    for host, target in (("", "x86_64-unknown-none"), ("linux", "x86_64-apple-darwin")):
        with pytest.raises(BootwrightError, match=f"TARGET={target} is no triple of linker/hosts.toml that HOST= and"):
            filter_rows(ROWS, host, "", target, PC)


def test_native_on_a_builder_without_a_row_is_a_sentence() -> None:
    with pytest.raises(
        BootwrightError, match=r"HOST=native is freebsd13-x86_64, which linker/hosts\.toml has no row for"
    ):
        find_wanted(ROWS, "native", "", "", Builder("freebsd13", "x86_64"))


def test_the_platforms_own_linker_serves_a_native_build_and_lld_a_cross_build(tmp_path: Path) -> None:
    program(tmp_path, "gcc")
    environ = {"PATH": str(tmp_path)}
    chosen = {
        (host, arch): choose_row(find_wanted(ROWS, host, arch, "", PC), PC, environ)
        for host in ("linux", "windows", "macos")
        for arch in ("x86_64", "aarch64")
    }
    assert chosen.pop(("linux", "x86_64")) == (row("linux-x86_64", "cc"), "")
    assert {(r.linker, lack) for r, lack in chosen.values()} == {("lld", "")}
    mac = Builder("macos", "aarch64")
    program(tmp_path, "clang")
    assert choose_row(find_wanted(ROWS, "macos", "", "", mac), mac, environ)[0].linker == "clang"
    pc = Builder("windows", "x86_64")
    assert choose_row(find_wanted(ROWS, "native", "", "", pc), pc, environ)[0].linker == "link.exe"


def test_without_a_compiler_driver_lld_links_and_what_is_missing_is_said(tmp_path: Path) -> None:
    found = choose_row(find_wanted(ROWS, "native", "", "", PC), PC, {"PATH": str(tmp_path)})
    assert found == (row("linux-x86_64", "lld"), "cc or gcc or clang is not on PATH")


def test_a_host_that_nothing_here_links_for_names_each_reason() -> None:
    with pytest.raises(
        BootwrightError, match=r"nothing here links for that host: link\.exe: needs a builder with windows"
    ):
        choose_row([row("windows-x86_64", "link.exe")], PC, os.environ)
    assert obstacle(row("linux-aarch64", "cc"), PC, os.environ) == "needs a builder with aarch64"


def test_the_arguments_for_rustc_name_the_files_that_the_build_reads() -> None:
    words = linker_arguments(row("linux-x86_64", "lld"), "/scratch", "hello")
    assert words[:4] == ["-C", "linker-flavor=ld.lld", "-C", "relocation-model=static"]
    assert words[4:] == [
        "-C", "link-arg=-static", "-C", "link-arg=-e", "-C", "link-arg=_start",
        "-C", "link-arg=-Map=/scratch/hello.map", "-C", "link-arg=--dependency-file=/scratch/link.d",
    ]  # fmt: skip


def test_what_runs_a_program_depends_on_the_builder(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    assert find_runner(row("linux-x86_64", "cc"), PC, environ) == Runner("")
    assert find_runner(row("linux-aarch64", "lld"), PC, environ) == "qemu-aarch64 is not on PATH"
    static = program(tmp_path, "qemu-aarch64-static")
    assert find_runner(row("linux-aarch64", "lld"), PC, environ) == Runner(static.name, (str(static),))
    wine = program(tmp_path, "wine64")
    assert find_runner(row("windows-x86_64", "lld"), PC, environ) == Runner("wine64", (str(wine),))
    assert find_runner(row("windows-aarch64", "lld"), PC, environ) == "no windows-aarch64 here"
    assert find_runner(row("windows-x86_64", "lld"), Builder("windows", "x86_64"), environ) == Runner("")
    assert find_runner(row("macos-x86_64", "lld"), PC, environ) == "a Mac alone runs it"


@pytest.mark.parametrize(
    ("script", "said"), [("exit 42", "status 42"), ("kill -SEGV $$", "killed by SIGSEGV")], ids=["status", "signal"]
)
def test_how_a_program_ended_is_told(script: str, said: str, tmp_path: Path) -> None:
    assert str(run_program(program(tmp_path, "p", f"#!/bin/sh\n{script}\n"), Runner(""))) == said


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    path = program(tmp_path, "p", f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 1000\n")
    assert run_program(path, Runner(""), timeout=0.5) == Ending(None)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_program_that_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    path = program(tmp_path, "p")
    path.chmod(0o644)
    with pytest.raises(BootwrightError, match="cannot be run: "):
        run_program(path, Runner(""))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., tuple[int, list[list[str]]]]:
    """Prints the report on a native program that ends with a status, and a row that was not made."""

    def print_report(ends_with: int, expected: int | None) -> tuple[int, list[list[str]]]:
        made = [
            Built(row("linux-x86_64", "cc"), program(tmp_path, "hello", f"#!/bin/sh\nexit {ends_with}\n")),
            Built(row("macos-x86_64", "clang"), None, "needs a builder with macos"),
        ]
        out = io.StringIO()
        status = report(made, expected, PC, os.environ, out)
        return status, [line.split("\t") for line in out.getvalue().splitlines()]

    return print_report


def test_the_report_has_a_line_for_each_row(table: Callable[..., tuple[int, list[list[str]]]]) -> None:
    status, lines = table(42, 42)
    assert (status, lines[0]) == (0, ["host", "linker", "arguments", "file", "size", "verdict"])
    assert [*lines[1][:3], *lines[1][4:]] == ["linux-x86_64", "cc", "-nostartfiles", "18", "ran: status 42"]
    assert lines[2][3:] == ["-", "-", "needs a builder with macos"]


def test_a_program_that_ends_otherwise_fails_the_report(table: Callable[..., tuple[int, list[list[str]]]]) -> None:
    status, lines = table(7, 42)
    assert (status, lines[1][5]) == (2, "FAILED: status 7, not 42")


def test_a_program_that_says_no_status_is_not_run(table: Callable[..., tuple[int, list[list[str]]]]) -> None:
    status, lines = table(7, None)
    assert (status, lines[1][5]) == (0, "checked")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_report_is_a_table(tmp_path: Path) -> None:
    out = Terminal()
    path = program(tmp_path, "hello", "#!/bin/sh\nexit 1\n")
    made = [Built(row("linux-x86_64", "cc"), path), Built(dataclasses.replace(row("linux-x86_64", "lld")), path)]
    assert report(made, 42, PC, os.environ, out) == 2
    assert "FAILED" in out.getvalue()
    assert "─" in out.getvalue()


@pytest.mark.parametrize("columns", [30, 40, 80])
def test_on_a_narrow_terminal_the_report_breaks_no_word(
    tmp_path: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = program(tmp_path, "hello", "#!/bin/sh\nexit 42\n")
    made = [Built(row(host, linker), ended) for host in ("linux-x86_64", "windows-aarch64") for linker in ("cc", "lld")
            if host == "linux-x86_64" or linker == "lld"]  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    assert report(made, 42, PC, os.environ, out) == 0
    words = re.sub(r"\x1b\[[\d;]*m", " ", out.getvalue()).split()
    told = "linux-x86_64 windows-aarch64 cc lld 18 status 42 checked; no here -nostartfiles -static /SUBSYSTEM:console"
    assert [word for word in told.split() if word not in words] == [], out.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("script", "status"), [("exit 7", 7), ("kill -SEGV $$", 139), ("kill -KILL $$", 137), ("exit 0", 0)]
)
def test_the_status_of_a_program_is_its_own_or_128_and_its_signal(tmp_path: Path, script: str, status: int) -> None:
    program, told = tmp_path / "program", list[str]()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert run_and_tell(program, Runner(""), 60, told.append) == status
    assert len(told) == 1


def test_a_program_that_goes_on_is_said_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RUNS_SECONDS", 0.1)
    told: list[str] = []
    loop = program(tmp_path, "loop", "#!/bin/sh\nexec sleep 60\n")
    assert run_and_tell(loop, Runner(""), 1.5, told.append) == 0  # it did not end by itself, as a kernel at TIMEOUT
    assert told == ["loop runs; Ctrl-C or TIMEOUT=1.5 ends it", "loop is still running after 1.5 s, and was ended"]
