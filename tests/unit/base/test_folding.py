"""Sentences on a terminal: folded between words, while what a person copies stays whole."""

from __future__ import annotations

import io
import os
import pty
import struct
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bootwright.base.folding import columns, fit, fold

LONG = "bootwright: the compiler changed from rustc 1.96.0 with LLD 22 to rustc 1.97.0 with LLD 22: all is built again"
LISTED = "not /dev/vda (0x1af4, serial overlayblk, 256 GiB (274877906944 bytes), virtio): holds the running system"
REPORT = "  usually  a pointer that was never set, or one that stands for failure and was not checked for that"


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("line", [LONG, LISTED, REPORT], ids=["sentence", "list", "report"])
def test_a_line_is_folded_between_its_words(line: str, width: int) -> None:
    rows = fold(line, width).split("\n")
    assert max(map(len, rows)) <= width
    assert " ".join(row.strip() for row in rows) == line.strip()
    assert all(len(row) + 1 + len(following.split()[0]) > width for row, following in pairwise(rows))


def test_what_follows_stands_under_what_the_label_leads_to() -> None:
    assert fold(REPORT, 60).split("\n")[1] == "           for failure and was not checked for that"
    assert fold("  hint: " + "word " * 20, 40).split("\n")[1].startswith("        word")
    assert fold(LONG, 80).split("\n")[1] == "  with LLD 22: all is built again"


@pytest.mark.parametrize(
    "line",
    [
        "  hint: sudo apt-get install --no-install-recommends rustc rust-src cargo lld llvm qemu-system-x86 gdb",
        "  to write to it: scons usb DEV=/dev/sdx LOOP=1 KERNEL=/somewhere/that/has/a/long/name VARIANT=release",
        "  hint: the command was: /usr/bin/qemu-system-x86_64 -nodefaults -machine q35 -m 128M -name hello -accel tcg",
        "  hint: RUSTUP_TOOLCHAIN=stable ../bootwright/sconsw run KERNEL=/somewhere/that/has/a/long/name --headless",
        "           15 | println!(\"Hello World!\"); let v = [1, 2, 3]; let i = core::hint::black_box(7); print(v[i]);",
        "a line that fits",
        "",
    ],
)  # fmt: skip
def test_what_a_person_copies_stays_whole(line: str) -> None:
    assert fold(line, 80) == line


def test_a_symbol_that_is_wider_than_its_column_is_folded_where_its_path_is_joined() -> None:
    name = "<&mut W as core::fmt::Write::write_fmt::SpecWriteFmt>::spec_write_fmt"
    for label in ("         1,658              ", "         1,658       -14  "):
        rows = fold(f"{label}{name}", 80).split("\n")
        assert rows[0].startswith(f"{label}<&mut W as") and len(rows) == 2
        assert max(map(len, rows)) <= 80 and rows[0].endswith("::")
        assert rows[1].startswith(" " * len(label)) and rows[0][len(label) :] + rows[1].strip() == name
    long = "core::char::methods::encode_utf8_raw::do_panic::runtime"
    assert fold(f"           286              {long}", 80).split("\n") == [
        "           286              core::char::methods::encode_utf8_raw::do_panic::",
        "                            runtime",
    ]


def test_the_files_of_a_step_stand_below_each_other() -> None:
    assert fold("rustc    build/hosts/hello-host build/hosts/hello-host.map", 40, 9).split("\n") == [
        "rustc    build/hosts/hello-host",
        "         build/hosts/hello-host.map",
    ]


def test_a_word_and_what_backquotes_hold_stay_whole() -> None:
    path = "/a/path/" + "longer/" * 12
    assert fold(f"bootwright: the file {path} is not there", 40) == f"bootwright: the file {path}\n  is not there"
    assert "`cargo new --bin NAME`" in fold(
        "KERNEL= names the directory of a package; `cargo new --bin NAME` makes", 60
    )


def test_a_file_gets_the_line_as_it_is() -> None:
    assert fit(LONG, io.StringIO()) == LONG


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_the_terminal_itself_says_how_wide_it_is_unless_COLUMNS_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert columns(terminal) == 0
        assert fit(LONG, terminal) == LONG
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
        assert fit(LONG, terminal) == fold(LONG, 50) != LONG
        monkeypatch.setenv("COLUMNS", "70")
        assert columns(terminal) == 70
    os.close(master)
    assert columns(io.StringIO()) == 70
    monkeypatch.delenv("COLUMNS")
    with Path(os.devnull).open("w") as nowhere:
        assert columns(nowhere) == 0
