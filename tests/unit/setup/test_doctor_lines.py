"""The doctor's report on a terminal."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from bootwright.setup import doctor, doctor_lines


class Terminal(io.StringIO):
    """A terminal of as many columns as COLUMNS says."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_private_programs_are_named_without_the_place_that_they_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = f"/store/programs/{'7' * 64}"
    brought = doctor.Finding("qemu", f"{place}/bin/qemu", "QEMU 7.2", "runs it", "run", True, origin="private")
    other = doctor.Finding("nginx", "/usr/sbin/nginx", "", "serves", "test", False, origin="system")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    doctor_lines.show(doctor.Report((brought, other), {"note 1": "long " * 20, doctor_lines.PRIVATE: place}, ()))
    rows = [row.rstrip() for row in re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue()).split("\n")]
    assert any(row.startswith("found  qemu     bin/qemu ") for row in rows), rows
    assert any("private: QEMU 7.2" in row for row in rows)
    assert "                system" in [row[:22] for row in rows], rows  # no colon before a version that nobody says
    assert rows[rows.index(f"note 1          {'long ' * 13}".rstrip()) + 1] == f"                {'long ' * 7}".rstrip()
    assert rows[rows.index(place) - 1] == "private"  # whole, since a person copies it


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_narrow_terminal_no_word_is_broken(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/usr/lib/rustlib/x86_64-unknown-linux-gnu/lib"
    found = doctor.Finding("qemu-system-x86_64", path, "QEMU 7.2 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "runs the kernel",
                           "run, screenshot, gdb", True, origin="system")  # fmt: skip
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    doctor_lines.show(doctor.Report((found,), {}, ()))
    words = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue()).split()
    wanted = f"found qemu-system-x86_64 {path} 1:7.2+dfsg-7+deb12u18+b3) screenshot,"
    assert [word for word in wanted.split() if word not in words] == [], screen.getvalue()


def test_a_program_that_begins_its_version_with_its_own_path_is_told_once(tmp_path: Path) -> None:
    program = tmp_path / "registry"
    program.write_text('#!/bin/sh\necho "$0 distribution 2.8.2"\n')
    program.chmod(0o755)
    assert doctor._version(program, {}) == "distribution 2.8.2"
