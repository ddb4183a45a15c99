"""Text that a person wrote, in whatever an editor saved it as."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_bytes, read_text
from bootwright.rust.toolchain_file import read_toolchain_file
from bootwright.setup import needs, verbs


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-sig"])
def test_a_text_in_utf16_is_named_with_the_cure(tmp_path: Path, encoding: str) -> None:
    for name, read in (("spec.json", read_text), ("rust-toolchain", read_toolchain_file)):
        path = tmp_path / name
        mark = b"\xfe\xff" if encoding == "utf-16-be-sig" else b""
        path.write_bytes(mark + "nightly".encode(encoding.removesuffix("-sig")))
        with pytest.raises(BootwrightError) as raised:
            read(path)
        assert str(raised.value) == f"{path} is UTF-16\n  hint: save it as UTF-8"


def test_a_text_that_is_no_utf8_is_named_with_the_byte(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_bytes(b"{\xff}")
    with pytest.raises(BootwrightError, match="is not UTF-8: byte 1"):
        read_text(tmp_path / "spec.json")


def test_the_set_up_leaves_such_a_specification_to_scons_to_name(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"llvm-target": "aarch64-none"}', encoding="utf-16")
    assert needs.needed_programs(["run", f"TARGET={tmp_path / 'spec.json'}"]) == verbs.RUN


def test_a_directory_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="is a directory, no regular file"):
        read_text(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
def test_nobody_waits_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BootwrightError, match="is a FIFO, no regular file"):
        read_text(tmp_path / "fifo")


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(BootwrightError, match="is 5 bytes; the limit is 4"):
        read_bytes(path, 4)


def test_of_a_file_that_grows_meanwhile_no_more_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123")
    before = path.stat()
    path.write_bytes(b"123456789")
    monkeypatch.setattr(Path, "stat", lambda self: before)
    assert read_bytes(path, 5) == b"12345"
