"""What is said when a run ends, where nobody may listen any more."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from bootwright.base.home import SITE
from bootwright.graph import sentences
from bootwright.graph.sentences import print_command, tell

REFUSED = """
import sys
sys.path.insert(0, {place!r})
from bootwright.base.errors import BootwrightError
from bootwright.graph.sentences import sentences_at_exit
with sentences_at_exit():
    raise BootwrightError("no", status=37)
"""


@pytest.mark.parametrize("listens", [True, False], ids=["read", "closed"])
def test_a_refusal_at_the_end_has_its_status_whether_somebody_reads_it_or_not(listens: bool) -> None:
    reading, writing = os.pipe()
    if not listens:
        os.close(reading)
    words = [sys.executable, "-c", REFUSED.format(place=str(SITE))]
    ended = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=writing, check=False)
    os.close(writing)
    assert ended.returncode == 37
    if listens:
        assert os.read(reading, 100) == b"bootwright: no\n"
        os.close(reading)


ENDED = """
import signal
import sys
sys.path.insert(0, {place!r})
from bootwright.base.interrupts import interruptible
from bootwright.graph.sentences import sentences_at_exit
with sentences_at_exit(), interruptible():
    signal.raise_signal(signal.{name})
"""


@pytest.mark.parametrize(
    ("name", "ended"),
    [("SIGINT", (130, "")), ("SIGTERM", (143, "bootwright: ended by SIGTERM\n"))],
)
def test_who_is_ended_says_by_what_with_the_status_that_a_shell_has_for_it(name: str, ended: tuple[int, str]) -> None:
    words = [sys.executable, "-c", ENDED.format(place=str(SITE), name=name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == ended


def test_a_step_begins_a_line_of_its_own_though_a_line_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden: list[bool] = []
    monkeypatch.setattr("bootwright.base.counting.hide_all", lambda: hidden.append(True))
    monkeypatch.setattr(sentences, "GetOption", lambda _: False)
    print_command("rustc    build/debug/hello.elf")
    tell("a line")
    assert capsys.readouterr() == ("rustc    build/debug/hello.elf\n", "bootwright: a line\n")
    assert hidden == [True, True]
    monkeypatch.setattr(sentences, "GetOption", lambda name: name == "list")
    print_command("rustc    build/debug/hello.elf")
    assert capsys.readouterr() == ("", "rustc    build/debug/hello.elf\n"), "a program reads stdout"


def test_a_line_is_printed_while_another_thread_imports_what_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "bootwright.base.counting"
    monkeypatch.setattr(sentences, "GetOption", lambda _: False)
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    print_command("rustc    a.rlib")
    tell("something is so")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("rustc    a.rlib\n", "bootwright: something is so\n")
