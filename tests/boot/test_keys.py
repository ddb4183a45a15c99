"""Keys that are typed in a terminal reach the guest, and the terminal is given back as it was, however the run ends."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.boot.sectors import SITE_SCONS, Sector, debug_exit

pytestmark = pytest.mark.needs("qemu-system-x86_64")

# cli; then for ever: while !(in 0x64 & 1) {}; out 0x3f8, in 0x60: what the keyboard says goes to the serial port.
ECHO = b"\xfa" + b"\xe4\x64\xa8\x01\x74\xfa\xe4\x60\xba\xf8\x03\xee\xeb\xf2"
PROGRAM = """
import os, sys
from pathlib import Path
from bootwright.faults.subject import Subject
from bootwright.run import explained
from bootwright.run.config import RunConfig
for name in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(name, None)
config = RunConfig(Path(sys.argv[1]), accelerator="tcg")
subject = Subject(Path("no.elf"), Path("no.png"), Path())
sys.exit(explained.run_and_tell(config, subject, sys.stdout, sys.stderr))
"""
A, SHIFT_B, UP = b"\x1e\x9e", b"\x2a\x30\xb0\xaa", b"\xe0\x48\xe0\xc8"  # make and break codes of set 1


@contextmanager
def terminal_that_runs(image: Path) -> Iterator[tuple[subprocess.Popen[Any], int, int]]:
    """Starts a run with a terminal of its own; gives it, the terminal's keyboard and the terminal."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(image)], env={**os.environ, "PYTHONPATH": str(SITE_SCONS)},
        stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # no thread of ours holds a lock
    ) as child:  # fmt: skip
        try:
            yield child, keyboard, terminal
        finally:
            child.kill()
            os.close(keyboard)
            os.close(terminal)


def hear(child: subprocess.Popen[Any], keyboard: int, typed: bytes, codes: bytes) -> bytes:
    """Types until the guest has heard the codes; returns what it heard."""
    heard, deadline = b"", time.monotonic() + 60
    os.set_blocking(child.stdout.fileno(), False)  # type: ignore[union-attr]  # it is a pipe
    while codes not in heard:
        assert time.monotonic() < deadline and child.poll() is None, heard
        os.write(keyboard, typed)
        time.sleep(0.5)
        heard += child.stdout.read() or b""  # type: ignore[union-attr]
    return heard


def test_keys_reach_the_guest_and_ctrl_c_leaves(sector: Sector) -> None:
    with terminal_that_runs(sector(ECHO)) as (child, keyboard, terminal):
        before = termios.tcgetattr(terminal)
        assert child.stderr is not None
        assert child.stderr.readline() == b"bootwright: the guest's screen follows; keys go to it; Ctrl-C leaves\n"
        hear(child, keyboard, b"a", A)
        hear(child, keyboard, b"B", SHIFT_B)
        hear(child, keyboard, b"\x1b[A", UP)
        during = termios.tcgetattr(terminal)
        assert not during[3] & (termios.ECHO | termios.ICANON) and during[3] & termios.ISIG
        os.write(keyboard, b"\x03")
        assert b"left by Ctrl-C" in child.stderr.read()
        assert child.wait(60) == 0
        assert termios.tcgetattr(terminal) == before


@pytest.mark.parametrize("how", ["terminated", "ended by the guest"])
def test_the_terminal_is_given_back_however_the_run_ends(sector: Sector, how: str) -> None:
    code = ECHO if how == "terminated" else debug_exit(0x10)
    with terminal_that_runs(sector(code)) as (child, keyboard, terminal):
        before = termios.tcgetattr(terminal)
        if how == "terminated":
            hear(child, keyboard, b"a", A)
            child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
        assert termios.tcgetattr(terminal) == before
        assert (child.returncode == 0) == (how == "ended by the guest")
