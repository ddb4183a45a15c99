"""An opened medium on a Unix: all is written and read where it belongs, and one that is refused is not held."""

from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash.device import Device

if sys.platform == "win32":
    pytest.skip("the media of Unix", allow_module_level=True)

from bootwright.flash.posix_medium import BUFFER_SIZE, PosixMedium

SIZE = 3 * BUFFER_SIZE
SECTOR = 512


class InAFile(PosixMedium):
    """A medium that is a file; what is done with it besides reading and writing is noted."""

    def __init__(self, path: Path, wrong: Exception | None = None) -> None:
        self.did: list[str] = []
        self.wrong = wrong
        super().__init__(Device(str(path), "usb", SIZE))

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def _open_device(self, path: str) -> int:
        self.opened = os.open(path, os.O_RDWR)
        return self.opened

    def _check(self) -> None:
        self.did.append("check")
        if self.wrong:
            raise self.wrong

    def sync(self) -> None:
        self.did.append("sync")

    def _drop_caches(self) -> None:
        self.did.append("drop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "medium"
    path.write_bytes(bytes(SIZE))
    return path


@pytest.mark.parametrize("most", [SIZE, 7 * SECTOR], ids=["whole", "a part each time"])
def test_all_is_written_where_it_belongs_and_read_back(most: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, read = os.pwritev, os.preadv
    monkeypatch.setattr(os, "pwritev", lambda fd, buffers, offset: write(fd, [buffers[0][:most]], offset))
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, offset: read(fd, [buffers[0][:most]], offset))
    data = random.Random(13).randbytes(2 * BUFFER_SIZE + 3 * SECTOR)
    medium = InAFile(path)
    medium.write(5 * SECTOR, data)
    rest = bytes(SIZE - 5 * SECTOR - len(data))
    assert path.read_bytes() == bytes(5 * SECTOR) + data + rest, "and nothing beside it is changed"
    got = [bytes(medium.read(5 * SECTOR + at, BUFFER_SIZE)) for at in (0, BUFFER_SIZE)]
    assert b"".join(got) == data[: 2 * BUFFER_SIZE]
    assert bytes(medium.read(5 * SECTOR + 2 * BUFFER_SIZE, 3 * SECTOR)) == data[-3 * SECTOR :]
    medium.close()


def test_a_medium_that_ends_too_early_is_an_error_and_no_endless_reading(path: Path) -> None:
    medium = InAFile(path)
    os.truncate(path, 4 * SECTOR)
    with pytest.raises(OSError, match="the medium ends at offset 2048") as ended:
        medium.read(3 * SECTOR, 2 * SECTOR)
    assert ended.value.errno == errno.EIO
    medium.close()


@pytest.mark.parametrize("wrong", [BootwrightError("another"), OSError(errno.EIO, "failed"), KeyboardInterrupt()])
def test_one_that_is_not_the_one_is_let_go(wrong: Exception, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def refuse(medium: InAFile) -> None:
        opened.append(medium.opened)
        raise wrong

    monkeypatch.setattr(InAFile, "_check", refuse)
    with pytest.raises(BootwrightError if isinstance(wrong, OSError) else type(wrong)):
        InAFile(path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_what_is_read_after_a_refresh_is_the_mediums_own_and_of_the_same_medium(path: Path) -> None:
    medium = InAFile(path)
    medium.refresh()
    assert medium.did == ["check", "sync", "drop", "check"]
    medium.wrong = BootwrightError("another")
    with pytest.raises(BootwrightError, match="another"):
        medium.refresh()
    medium.close()


def test_it_is_closed_once_however_often_and_whatever_the_system_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, closed = InAFile(path), []

    def close(descriptor: int) -> None:
        closed.append(descriptor)
        raise OSError(errno.EIO, "failed")

    with monkeypatch.context() as failing:
        failing.setattr(os, "close", close)
        medium.close()
        medium.close()
    assert (closed, medium.descriptor) == ([medium.opened], -1)
    os.close(medium.opened)


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [(errno.EBUSY, Status.BUSY, "is busy"), (errno.EWOULDBLOCK, Status.BUSY, "is busy"),
     (errno.EROFS, Status.READ_ONLY, "is read-only"), (errno.EACCES, Status.NO_PERMISSION, "may not be written by you"),
     (errno.EPERM, Status.NO_PERMISSION, "may not be written by you"), (errno.ENOENT, Status.CHANGED, "it is gone"),
     (errno.ENXIO, Status.CHANGED, "it is gone"), (errno.ENODEV, Status.CHANGED, "it is gone"),
     (getattr(errno, "ENOMEDIUM", 123), Status.NO_MEDIUM, "has no medium in it"),
     (errno.EIO, Status.BUSY, "cannot be opened: failed")],
)  # fmt: skip
def test_each_reason_not_to_open_it_has_its_status(number: int, status: Status, words: str, path: Path) -> None:
    with pytest.raises(BootwrightError, match=words) as refused:
        InAFile(path, OSError(number, "failed"))
    assert (refused.value.status, str(path) in refused.value.message) == (status, True)
