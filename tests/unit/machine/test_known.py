"""What programs said of themselves is asked once; what was not there is asked for again."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from tests.scripts import write_script

from bootwright.machine import known, lifeline, qemu
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.config import MachineConfig
from bootwright.machine.display import Display, find_display, forget_display

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are scripts")


@pytest.fixture(autouse=True)
def in_new_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))


def forget_what_this_process_knows() -> None:
    for function in (qemu.data_directories, qemu.has_firmware, lifeline.find_guard):
        function.cache_clear()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A QEMU that notes each start; it has the windows that the file windows names."""
    (tmp_path / "windows").write_text("gtk")
    path = tmp_path / "qemu-system-x86_64"
    write_script(
        path,
        f"""
import pathlib, sys
with open({str(tmp_path / "starts")!r}, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
print({str(tmp_path)!r} if sys.argv[1] == "-L" else pathlib.Path({str(tmp_path / "windows")!r}).read_text())
""",
    )
    return path


def starts(tmp_path: Path) -> list[str]:
    return (tmp_path / "starts").read_text().splitlines()


def test_the_fast_lanes_firmware_is_looked_for_anew_and_qemu_asked_once(tmp_path: Path, program: Path) -> None:
    lane = MachineConfig(Path("/b/hello.kernel"), qemu=str(program), loader=Path("/b/pvh.elf"))
    forget_what_this_process_knows()
    assert "-bios" not in machine_arguments(lane, None)
    (tmp_path / "qboot.rom").touch()
    for _ in range(2):
        forget_what_this_process_knows()
        assert ("-bios", "qboot.rom") in itertools.pairwise(machine_arguments(lane, None))
    assert starts(tmp_path) == ["-L help"]
    program.write_text(program.read_text() + "\n")
    forget_what_this_process_knows()
    machine_arguments(lane, None)
    assert starts(tmp_path) == ["-L help"] * 2
    forget_what_this_process_knows()


def test_a_window_that_is_there_is_asked_for_once_until_qemu_does_not_start_with_it(
    tmp_path: Path, program: Path
) -> None:
    def find() -> Display:
        return find_display(program, (), {"DISPLAY": ":0"}, "linux")

    (tmp_path / "windows").write_text("none")
    assert not find().window and not find().window and len(starts(tmp_path)) == 2
    (tmp_path / "windows").write_text("gtk")
    assert find() == find() == Display("gtk", True) and len(starts(tmp_path)) == 3
    forget_display(program)
    assert find() == Display("gtk", True) and len(starts(tmp_path)) == 4


def test_a_machine_that_shares_the_home_is_asked_itself(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask() -> list[str]:
        asked.append("")
        return ["yes"]

    assert known.answer("q", [program], ask) == known.answer("q", [program], ask) == ["yes"] and len(asked) == 1
    monkeypatch.setattr(known, "this_computer", lambda: ("Linux", "another"))
    assert known.answer("q", [program], ask) == ["yes"] and len(asked) == 2
