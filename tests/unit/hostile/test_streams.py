"""Streams that a guest, or a QEMU that is none, writes: the monitor's lines, the serial port, the debug console."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.unit.hostile.sealed import IS_SERVED, Room, attack
from tests.unit.hostile.test_files import VALUES, written

from bootwright.base.terminal import TerminalFilter, printable
from bootwright.faults.processor import parse_log, parse_processor
from bootwright.machine import textscreen, verdict
from bootwright.machine.qmp import QemuGone, QmpClient, QmpError
from bootwright.machine.transcript import Transcript
from bootwright.testing.judge import TestProgram, judge

pytestmark = pytest.mark.skipif(not IS_SERVED, reason="mount namespaces are Linux's")

MARK = "[test] "
GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}}}
ANSWERS = st.one_of(
    st.sampled_from(
        [GREETING, {"return": {}}, {"event": "RESET"}, {"error": {"desc": "no"}}, {"error": 1}, {"QMP": []}]
    ),
    VALUES,
    st.dictionaries(st.sampled_from(["return", "event", "error", "data", "QMP", "timestamp"]), VALUES, max_size=3),
)
LINES = st.one_of(
    ANSWERS.map(lambda value: written(value).encode("utf-8", "replace")), st.binary(max_size=20), st.just(b"[" * 5000)
)


def test_a_monitor_that_says_anything_is_an_answer_or_gone(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def attempt(room: Room, lines: list[bytes]) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                theirs.sendall(b"".join(line.replace(b"\n", b"") + b"\n" for line in lines))
            theirs.shutdown(socket.SHUT_WR)
            client = QmpClient(ours)
            try:
                client.handshake(0.5)
                for _ in range(4):
                    with contextlib.suppress(QmpError):
                        client.monitor("info registers")
            except (QemuGone, QmpError):
                pass
            for name, data in client.events:
                assert isinstance(name, str) and isinstance(data, dict)

    attack(
        pytestconfig,
        tmp_path,
        st.lists(LINES, max_size=6).map(lambda lines: [json.dumps(GREETING).encode(), *lines]),
        attempt,
    )
    # The first line is a good one: else no case comes further than that.


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"\x1b",
            b"\x1b[",
            b"\x1b]",
            b"\x07",
            b"\x1b\\",
            b"m",
            b"\x1bP",
            b"\xc2\x9b",
            b"\xc2\x9d",
            b"31m",
            b"\n",
            b"[test] ",
            b"[test] start a\n",
            b"[test] failed\n\x1b]0;t\x07",
            b"[test] start b\x1b[6n\n",
            b"[test] ok " + b"9" * 400 + b" us\n",
            b"start a\n",
            b"ok 12 us\n",
            b"failed\n",
            b"bootwright: KC x\n",
            b"panicked at /dev/zero:1:1:\n",
            "ä".encode()[:1],
            b"x" * 3000,
            b"ok " + b"9" * 400 + b" us\n",
        ]
    ),
)


def test_a_serial_port_that_says_anything_harms_nobody(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    program = TestProgram("k", "src", Path("k.elf"), Path("k.img"), tests=("a",))

    def attempt(room: Room, pieces: list[bytes]) -> None:
        whole, heard = TerminalFilter(), Transcript(MARK, limit=2000)
        shown = "".join(whole.feed(piece) for piece in pieces)
        assert TerminalFilter().feed(b"".join(pieces)) == shown
        left = shown
        for number in range(shown.count("\x1b")):
            assert number < 10**6
            before, _, rest = left.partition("\x1b")
            sequence, final = rest[0], rest[1:].lstrip("0123456789;:")[:1]
            assert sequence == "[" and final in set("mKCDG")
            left = before + rest
        assert not set(left) & {chr(c) for c in (*range(8), 11, 12, *range(14, 32), *range(127, 160))}
        for piece in pieces:
            heard.add(piece)
        assert heard.total == sum(map(len, pieces)) and len(heard.text) < 2 * 2000 + 3100 + 2000
        assert heard.marks == b"".join(pieces).count(MARK.encode())
        text = heard.text
        end = verdict.find_loader_failure(text, True, {}) or verdict.still_running(1, None)
        for result in judge(program, verdict.still_running(1, None, text)):
            assert result.message == printable(result.message)
        for reader in (parse_log, parse_processor, verdict.parse_registers, verdict.parse_program_counters):
            reader(text)
        textscreen.unsaid_rows([end.sentence], text)

    attack(pytestconfig, tmp_path, st.lists(PIECES, max_size=12), attempt)


def test_a_screen_that_holds_anything_is_25_rows(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def attempt(room: Room, case: Any) -> None:
        rows = textscreen.read_rows(case.ljust(textscreen.SIZE, b"\0"))
        assert len(rows) == textscreen.ROWS
        assert all(row == printable(row) for row in rows)

    attack(pytestconfig, tmp_path, st.binary(max_size=400), attempt)
