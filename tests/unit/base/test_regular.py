"""Text that a person wrote, in whatever an editor saved it as."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base import regular
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import is_there, opened, read_bytes, read_if_there, read_text
from bootwright.rust.toolchain_file import read_toolchain_file
from bootwright.rust.unit_reads import ABSENT, SPECIAL, digest_or_absent
from bootwright.setup import needs, verbs


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-sig", "utf-16-le", "utf-16-be"])
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
@pytest.mark.usefixtures("waits_for_nobody")
def test_nobody_waits_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BootwrightError, match="is a FIFO, no regular file"):
        read_text(tmp_path / "fifo")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
@pytest.mark.usefixtures("waits_for_nobody")
@pytest.mark.parametrize("read", [read_bytes, lambda path: opened(path).read()], ids=["read_bytes", "opened"])
def test_what_became_a_fifo_after_it_was_looked_at_is_not_waited_for(
    read: Callable[[Path], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(regular, "kind", lambda mode: "")
    assert read(tmp_path / "fifo") == b""


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


def put_socket(path: Path) -> None:
    # Named from there: the system takes no name of more than 107 bytes.
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
        listener.bind(path.name)


def put_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)  # bytes, of which the disk holds none


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (lambda path: os.mkfifo(path), "is a FIFO, no regular file"),
    "socket": (put_socket, "is a socket, no regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device, no regular file"),
    "directory": (lambda path: path.mkdir(), "is a directory, no regular file"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "is a link to nowhere, where nothing is"),
    "cyclic": (lambda path: path.symlink_to(path.name), "is a link to {name} that leads back to itself"),
    "huge": (put_huge, "is 1099511627776 bytes; the limit is 16777216"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
@pytest.mark.parametrize("what", ODD)
def test_what_a_program_would_wait_for_or_pass_over_is_a_sentence_with_its_cure(tmp_path: Path, what: str) -> None:
    path = tmp_path / "file"
    put, words = ODD[what]
    put(path)
    for read in (is_there, read_if_there):
        with pytest.raises(BootwrightError) as raised:
            read(path)
        assert str(raised.value) == f"{path} {words.format(name='file')}\n  hint: remove or rename it"


def test_where_nothing_is_there_is_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for place in (tmp_path / "none", tmp_path / "file" / "below"):
        assert not is_there(place)
        assert read_if_there(place) is None
    assert is_there(tmp_path / "file")
    assert read_if_there(tmp_path / "file") == b"x"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="root alone may become somebody else")
def test_a_file_of_somebody_elses_cannot_be_read_and_one_behind_a_closed_door_is_none() -> None:
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    (directory / "closed").mkdir(mode=0o700)
    (directory / "closed" / "file").touch()
    (directory / "file").touch(mode=0o600)
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setresuid(65534, 65534, 65534)
            is_behind = is_there(directory / "closed" / "file")
            try:
                is_there(directory / "file")
            except BootwrightError as error:
                status = 1 if is_behind or error.message != f"{directory}/file cannot be read: Permission denied" else 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    shutil.rmtree(directory)
    assert status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
@pytest.mark.usefixtures("waits_for_nobody")
def test_of_what_is_hashed_none_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BootwrightError, match="is a FIFO, no regular file"):
        file_digest(tmp_path / "fifo")
    assert digest_or_absent(tmp_path / "fifo") == SPECIAL
    assert digest_or_absent(tmp_path / "none") == ABSENT


def test_a_pattern_that_nothing_can_match_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    assert regular.matching(tmp_path, "*/b") == [tmp_path / "a" / "b"]
    assert regular.matching(tmp_path, "./.") == [tmp_path]
    for pattern in ("n" * 300, "a**b", "/a/*", "c*"):
        assert regular.matching(tmp_path, pattern) == []
