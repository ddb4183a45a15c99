"""Many hostile inputs, tried where they can do no harm: in a process that may write one directory and nothing else.

Each case may raise what its test says, else nothing; it may take a second of the processor; and what lies beside the
directory it works in must be as it was. The process has a mount namespace of its own, in which all but the test's own
directory is read-only, so that a write to any other place is an error that shows. That directory lies in memory: what
the cases write and sync is none of this machine's disk's business, for which they would wait longer than they compute.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

SHORT, WHOLE = 150, 100_000  # cases of a test in CI, and with --soak
AT_ONCE = 5000  # of one seed: hypothesis keeps what it tried, and takes twice as long for a case by the 100,000th
CPU_SECONDS = 1.0  # of the process, which other work on the machine does not use up
HANG_SECONDS = 60.0  # for what waits and uses no processor, on however busy a machine

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000  # <linux/sched.h>
MS_REC, MS_PRIVATE = 0x4000, 0x40000  # <linux/mount.h>
MOUNT_SETATTR = 442  # the same number on every architecture, since Linux 5.12
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1
CANNOT = 77  # the child's status where it may make no namespace


class Hang(Exception):
    """A case took longer than it may."""


class Room:
    """Where the cases of a test work: place, and beside it the person's own files, which must stay as they are."""

    def __init__(self, directory: Path) -> None:
        self.place = directory / "place"
        self.mine = directory / "mine"
        self.place.mkdir()
        self._write()

    def _write(self) -> None:
        self.mine.mkdir()
        (self.mine / "letter").write_text("dear")
        (self.mine / "deep").mkdir()
        (self.mine / "deep" / "er").write_text("x")
        self._watched = [str(path) for path in (self.place.parent, self.mine, *self.mine.rglob("*"))]
        self._facts = self._look()

    def check(self) -> None:
        """Raises if a file of the person's is another one now. A file more or less is a change of its directory."""
        try:
            is_same = self._look() == self._facts
        except OSError:
            is_same = False
        if not is_same:  # so that the next case is judged by what it does
            shutil.rmtree(self.mine, ignore_errors=True)
            self._write()
        assert is_same, "a file outside was changed"

    def _look(self) -> list[tuple[int, int, int, int]]:
        return [(s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in map(os.lstat, self._watched)]


def attack(
    config: pytest.Config, directory: Path, cases: SearchStrategy[Any], attempt: Callable[[Room, Any], None]
) -> None:
    """Has attempt take each of many cases, in a sealed process; fails with the least case that breaks a promise."""
    count = WHOLE if config.getoption("--soak") else SHORT

    @settings(max_examples=min(count, AT_ONCE), database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def take(room: Room, case: Any) -> None:
        with limited():
            attempt(room, case)
        room.check()

    def take_all(room: Room) -> None:
        for number in range(max(1, count // AT_ONCE)):
            seed(number)(take)(room)

    status, said = in_sealed_process(directory, take_all)
    if status == CANNOT:
        pytest.skip(f"no mount namespace may be made here: {said}")
    assert status == 0, said


def in_sealed_process(directory: Path, run: Callable[[Room], None]) -> tuple[int, str]:
    """Runs it in a fork that may write to a room in directory alone; returns its status and what it raised."""
    log = directory / "said"
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), log.read_text(errors="replace")
    status = 1
    try:
        said = log.open("w", errors="backslashreplace")
        try:
            seal(directory)
        except OSError as error:
            said.write(str(error))
            status = CANNOT
        else:
            room = Room(directory)
            os.chdir(room.place)
            run(room)
            status = 0
    except BaseException:
        said.write(traceback.format_exc())
    finally:
        said.close()
        os._exit(status)


def seal(directory: Path) -> None:
    """Makes every file system read-only for this process, but for directory, which is an empty one in memory."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int, what: str) -> None:
        if result:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")

    user, group = os.geteuid(), os.getegid()
    call(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    path = os.fsencode(directory)
    call(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    call(libc.mount(b"sealed", path, b"tmpfs", 0, None), "mount")
    for place, flags, set_bits, clear_bits in (
        (b"/", AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0),
        (path, 0, 0, MOUNT_ATTR_RDONLY),
    ):
        attributes = struct.pack("=QQQQ", set_bits, clear_bits, 0, 0)
        words = (MOUNT_SETATTR, AT_FDCWD, place, flags, attributes, ctypes.c_size_t(len(attributes)))
        call(libc.syscall(*words), "mount_setattr")


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raises Hang in what takes a second of the processor, or waits for long."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise Hang(f"{signal.Signals(number).name}: a case takes too long")

    for name, timer, seconds in (
        ("SIGVTALRM", signal.ITIMER_VIRTUAL, CPU_SECONDS),
        ("SIGALRM", signal.ITIMER_REAL, HANG_SECONDS),
    ):
        signal.signal(getattr(signal, name), give_up)
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


IS_SERVED = sys.platform == "linux" and platform.python_implementation() == "CPython"
