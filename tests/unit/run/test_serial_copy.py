"""The file of SERIAL=: a FIFO is waited for in a sentence, and its reader sees one writer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.run.serial_copy import open_copy


def write_to(path: Path) -> list[str]:
    told: list[str] = []
    with open_copy(path, told.append) as stream:
        stream.write(b"said")
    return told


def test_a_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "serial").write_bytes(b"something longer")
    assert write_to(tmp_path / "serial") == []
    assert (tmp_path / "serial").read_bytes() == b"said"


@pytest.mark.parametrize("is_read", [True, False])
def test_a_fifo_that_nobody_reads_is_told_and_waited_for(tmp_path: Path, is_read: bool) -> None:
    path, got = tmp_path / "serial", []
    os.mkfifo(path)
    early = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if is_read else None
    reader = threading.Timer(0.2, lambda: got.append(path.read_bytes()))
    if early is None:
        reader.start()
    told = write_to(path)
    if early is None:
        reader.join()
        words = "is a FIFO that nobody reads: the machine starts when somebody does; Ctrl-C leaves"
        assert told == [f"SERIAL={path} {words}"]
    else:
        got.append(os.read(early, 16))
        os.close(early)
        assert told == []
    assert got == [b"said"]


def test_what_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="cannot be written: Is a directory"):
        write_to(tmp_path)
