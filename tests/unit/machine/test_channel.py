"""What QEMU writes is taken without waiting, and what it writes last is not lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.machine.channel import PIPE_SIZE, OutputChannel

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems' pipes have a size of theirs"
)


@linux_only
def test_a_guest_that_is_not_listened_to_can_say_a_mebibyte(tmp_path: Path) -> None:
    channel = OutputChannel("serial", tmp_path)
    writer = os.open(tmp_path / "serial.out", os.O_WRONLY | os.O_NONBLOCK)
    said = os.urandom(PIPE_SIZE)
    assert os.write(writer, said) == PIPE_SIZE
    os.close(writer)
    heard = b""
    while more := channel.read():
        heard += more
    assert heard == said
    assert channel.ended
    channel.close()


@linux_only
def test_where_nothing_was_written_nobody_waits(tmp_path: Path) -> None:
    channel = OutputChannel("serial", tmp_path)
    writer = os.open(tmp_path / "serial.out", os.O_WRONLY)
    assert (channel.read(), channel.ended) == (b"", False)
    os.close(writer)
    assert (channel.read(), channel.ended) == (b"", True)
    channel.close()
