"""The report on a kernel that died: what the kernel put into it commands no terminal and is not waited for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bootwright.elf.symbols import Place
from bootwright.faults.catalogue import Facts, What
from bootwright.faults.report import _Maker
from bootwright.faults.subject import Subject
from bootwright.faults.told import Report
from bootwright.machine.verdict import Kind, Verdict


def test_what_the_guest_said_and_its_symbols_are_called_is_written_out() -> None:
    where = Place("name\x1b[6n", "src/\x1b]0;t\x07.rs", 3)
    lines = (("serial", "\x1b]52;c;Y3VybA==\x07"), ("message", "a\x9b6n"), ("calls", "\x1bc"))
    text = Report(None, Facts(What.PANIC), where, lines, None).text()
    assert not set(text) & set("\x1b\x07\x9b")
    assert "\\x1b]52;c;Y3VybA==\\x07" in text and "name\\x1b[6n" in text


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "picture.rs"])
def test_a_panic_that_names_no_source_is_not_read_to_its_end(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "picture.rs").open("wb") as stream:
        stream.truncate(1 << 40)
    subject = Subject(Path("no.elf"), Path("no.png"), tmp_path)
    machine: Any = None
    maker = _Maker(machine, Verdict(Kind.STOPPED, 3, "it panicked"), subject, None)
    assert maker._source_line(Place("f", name, 1)) == ""
    (tmp_path / "main.rs").write_text("first\n  second\n")
    assert maker._source_line(Place("f", "main.rs", 2)) == "second"
