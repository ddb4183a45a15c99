"""Digests of programs: remembered, and never for another file than the one that was read."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from bootwright.base import digests


def whole(*texts: str) -> str:
    return hashlib.sha256("".join(hashlib.sha256(t.encode()).hexdigest() for t in texts).encode()).hexdigest()


def test_a_digest_is_of_all_files_in_their_order(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("one")
    two.write_text("two")
    memory = tmp_path / "place" / "memory.json"
    assert digests.digest_of_all([one, two], memory) == whole("one", "two")
    assert digests.digest_of_all([two, one], memory) == whole("two", "one")


def test_a_file_is_read_once_until_it_is_written_though_size_and_time_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, memory = tmp_path / "p", tmp_path / "m"
    program.write_text("old")
    os.utime(program, ns=(10**18, 10**18))
    read: list[Path] = []
    original = digests.file_digest

    def counted(path: Path) -> str:
        read.append(path)
        return original(path)

    monkeypatch.setattr(digests, "file_digest", counted)
    digests.digest_of_all([program], memory)
    assert digests.digest_of_all([program], memory) == whole("old")
    assert read == [program]
    program.write_text("new")
    os.utime(program, ns=(10**18, 10**18))
    assert digests.digest_of_all([program], memory) == whole("new")


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_memory_that_is_no_memory_is_written_anew(tmp_path: Path, text: str) -> None:
    program, memory = tmp_path / "p", tmp_path / "m"
    program.write_text("x")
    memory.write_text(text)
    assert digests.digest_of_all([program], memory) == whole("x")
    assert str(program) in memory.read_text()


def test_a_memory_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_text("x")
    assert digests.digest_of_all([program], program / "m") == whole("x")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ldd is Linux's")
def test_shared_objects_are_files_that_the_program_loads(tmp_path: Path) -> None:
    found = digests.shared_objects(Path("/bin/sh"), os.environ)
    assert found
    assert all(path.is_file() for path in found)
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert digests.shared_objects(script, os.environ) == []
    assert digests.shared_objects(Path("/bin/sh"), {"PATH": str(tmp_path)}) == []
