"""A medium that was opened is the one that was looked at: the kernel is asked by the descriptor, then sysfs again."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import Device

if sys.platform != "linux":
    pytest.skip("the media of Linux", allow_module_level=True)

from bootwright.flash import linux_medium
from bootwright.flash.linux_medium import BLKFLSBUF, BLKGETDISKSEQ, LinuxMedium

IDENTITY = ("8:16", "77", "131072", "1234")
STICK = Device("/dev/sdx", "usb", 64 * MIB, identity=IDENTITY)


class Opened(LinuxMedium):
    """A medium whose descriptor is of no device: what the kernel answers is given."""

    def __init__(self, number: str, diskseq: int, size: int, identity: tuple[str, ...]) -> None:
        self._device, self._descriptor, self._number = STICK, 0, number
        self._diskseq, self._size, self._identity = diskseq, size, lambda: identity

    def _ask(self, request: int) -> int:
        return self._diskseq if request == BLKGETDISKSEQ else self._size

    def check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        major, minor = map(int, self._number.split(":"))
        with monkeypatch.context() as kernel:  # pytest needs the real one
            kernel.setattr(os, "fstat", lambda _: SimpleNamespace(st_rdev=os.makedev(major, minor)))
            self._check()


def test_the_one_that_was_looked_at_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Opened("8:16", 77, 64 * MIB, IDENTITY).check(monkeypatch)


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (("8:32", 77, 64 * MIB, IDENTITY), "its number is 8:32, not 8:16"),
        (("8:16", 78, 64 * MIB, IDENTITY), "its sequence number is 78, not 77"),
        (("8:16", 77, 32 * MIB, IDENTITY), "it has 33554432 bytes, not 67108864"),
        (("8:16", 77, 64 * MIB, ("", "", "", "")), "it is gone"),
        (("8:16", 77, 64 * MIB, ("8:16", "77", "131072", "99")), "it is 8:16/77/131072/99, not 8:16/77/131072/1234"),
    ],
    ids=["number", "sequence", "size", "gone", "serial"],
)
def test_another_one_is_refused(
    opened: tuple[str, int, int, tuple[str, ...]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BootwrightError, match=words) as refusal:
        Opened(*opened).check(monkeypatch)
    assert refusal.value.status == Status.CHANGED


class Held(LinuxMedium):
    """A medium that somebody else has for a while: each try to open it takes one of the answers, the last again."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.tries = list(answers), 0

    def _open_alone(self, path: str) -> int:
        self.tries += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            raise OSError(answer, os.strerror(answer))
        return 7


@pytest.mark.parametrize("error", [errno.EBUSY, errno.EWOULDBLOCK], ids=["opened", "locked"])
def test_one_that_udev_looks_at_for_a_moment_is_waited_for(error: int) -> None:
    held = Held(error, error, 0)
    assert (held._open_device("/dev/sdx"), held.tries) == (7, 3)


def test_one_that_is_kept_is_waited_for_no_longer_than_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux_medium, "WAIT_SECONDS", 0.2)
    held = Held(errno.EBUSY)
    with pytest.raises(OSError, match="busy"):
        held._open_device("/dev/sdx")
    assert held.tries > 1


def test_another_error_is_told_at_once() -> None:
    held = Held(errno.ENOMEDIUM)
    with pytest.raises(OSError, match="No medium"):
        held._open_device("/dev/sdx")
    assert held.tries == 1


class Unchecked(LinuxMedium):
    """A medium that a file stands for, which has no number of a device."""

    def _check(self) -> None:
        pass


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How each is opened; a file of /tmp, which stands for a device, may know nothing of O_DIRECT."""
    (tmp_path / "disk").touch()
    seen: list[int] = []
    real = os.open

    def opened(path: str, flags: int) -> int:
        seen.append(flags)
        return real(path, flags & ~os.O_DIRECT)

    monkeypatch.setattr(os, "open", opened)
    return seen


def test_it_is_opened_for_this_process_alone_and_past_the_page_cache(
    tmp_path: Path, flags: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux_medium, "WAIT_SECONDS", 0.0)
    stick = Device(str(tmp_path / "disk"), "usb", 64 * MIB, identity=IDENTITY)
    medium = Unchecked(stick, lambda: IDENTITY)
    assert flags == [os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC]
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    with pytest.raises(BootwrightError, match="is busy") as refused:
        Unchecked(stick, lambda: IDENTITY)
    assert refused.value.status == Status.BUSY
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before, "what was not had is not held"
    medium.close()
    Unchecked(stick, lambda: IDENTITY).close()


def test_what_is_read_back_comes_from_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: did.append(("fsync", descriptor, 0)))
    monkeypatch.setattr(fcntl, "ioctl", lambda descriptor, what, _: did.append(("ioctl", descriptor, what)))
    opened = Opened("8:16", 77, 64 * MIB, IDENTITY)
    opened.sync()
    opened._drop_caches()
    assert did == [("fsync", 0, 0), ("ioctl", 0, BLKFLSBUF)]
