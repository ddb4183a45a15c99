"""The report on a kernel that died: what the kernel put into it commands no terminal and is not waited for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bootwright.elf.symbols import Place
from bootwright.faults import facts, report
from bootwright.faults.facts import Guest
from bootwright.faults.known import Facts, What
from bootwright.faults.processor import parse_processors
from bootwright.faults.report import _Maker, find_dead
from bootwright.faults.subject import Subject
from bootwright.faults.told import Report
from bootwright.faults.unwind import Frame
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


DUMP = """CPU#0
RAX=0 RIP=0000000000001000 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CPU#1
RAX=0 RIP=0000000000002000 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CPU#2
RAX=0 RIP=0000000000003000 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
"""


@pytest.mark.parametrize(
    ("panicking", "processors", "dead"), [(0x3000, 3, 2), (0x1000, 3, 0), (None, 3, 1), (None, 1, 0), (None, 0, None)]
)
def test_of_several_processors_the_one_that_panicked_is_meant_or_the_first_that_is_busy(
    monkeypatch: pytest.MonkeyPatch, panicking: int | None, processors: int, dead: int | None
) -> None:
    def frames(guest: Guest) -> list[Frame]:
        name = "core::panicking::panic_fmt" if guest.registers["RIP"] == panicking else "work"
        return [Frame(guest.registers["RIP"], (Place(name),))]

    monkeypatch.setattr(report, "frames_of", frames)
    monkeypatch.setattr(facts, "is_idle", lambda guest, _: guest.registers["HLT"] == 1)
    guests = [Guest(registers, None, None) for registers in parse_processors(DUMP)[:processors]]  # type: ignore[arg-type]  # neither is read
    assert find_dead(guests) == dead
