"""What others do meanwhile decides nothing: a lock, an image that is made anew or cut, a medium that shrinks.

Each fault strikes at a random moment of a writing, and what is then told is compared with the medium's bytes.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.flash.rig import Ended, Loop, is_right, loop, make_backing, make_image
from tests.flash.test_killed import wait, wait_for_progress

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash import linux_medium
from bootwright.flash.linux import LinuxSystem
from bootwright.flash.order import Order
from bootwright.flash.program import flash
from bootwright.flash.refusals import Wish
from bootwright.flash.voice import Terminal

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]
SIZE = 24 * MIB
IMAGE_SIZE = 16 * MIB
PER_KIND = 40  # of five kinds: 200 in all
WAITS = 0.4  # seconds for which the flasher waits for a lock here, so that one which is kept costs little
Fault = Callable[[Loop, Path, random.Random], object]


@contextmanager
def locked(device: Loop) -> Iterator[None]:
    """Holds the lock that udev takes of a device which was closed after writing."""
    descriptor = os.open(device.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # the flasher has it, and then udev leaves the device alone
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def lock_for_a_moment(device: Loop, image: Path, generator: random.Random) -> None:
    """Takes the lock again and again for less time than the flasher waits."""
    for _ in range(5):
        with locked(device):
            time.sleep(generator.uniform(0, WAITS / 4))
        time.sleep(generator.uniform(0, WAITS / 4))


def keep_the_lock(device: Loop, image: Path, generator: random.Random) -> None:
    """Takes the lock as soon as it is free, and keeps it for longer than the flasher waits."""
    descriptor = os.open(device.path, os.O_RDONLY | os.O_CLOEXEC)
    end = time.monotonic() + 3 * WAITS
    try:
        while time.monotonic() < end:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            time.sleep(0.0005)
    finally:
        os.close(descriptor)


def rewrite_the_image(device: Loop, image: Path, generator: random.Random) -> None:
    """Changes a byte of the image where it lies, as another build does that writes in place."""
    with image.open("r+b") as file:
        file.seek(generator.randrange(IMAGE_SIZE))
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def cut_the_image(device: Loop, image: Path, generator: random.Random) -> None:
    """Makes the image shorter, as a build does that begins to write it anew."""
    os.truncate(image, generator.randrange(IMAGE_SIZE))


def shrink_the_medium(device: Loop, image: Path, generator: random.Random) -> None:
    """Takes away the end of the medium: what is read or written there is an error from now on."""
    os.truncate(device.backing, generator.randrange(MIB, SIZE, 4096))


def flash_meanwhile(image: Path, device: Loop, directory: Path, strike: Callable[[], object]) -> Ended:
    """Runs the flasher in a process of its own, with strike beside it; returns how it ended and what it said."""
    said = directory / "said"
    said.write_text("")
    pid = os.fork()
    if not pid:
        status = 1
        try:
            linux_medium.WAIT_SECONDS = WAITS
            with said.open("w") as notes:
                try:
                    status = flash(
                        Order(image, device.path, Wish(loop=True), str(SIZE)), Terminal(None, notes), LinuxSystem()
                    )
                except BootwrightError as error:
                    notes.write(f"{error}\n")
                    status = error.status
        finally:
            os._exit(status)
    beside = threading.Thread(target=strike)
    beside.start()
    status = wait(pid)
    beside.join()
    return Ended(status, said.read_text())


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (lock_for_a_moment, {Status.DONE}),
        (keep_the_lock, {Status.DONE, Status.BUSY, Status.NOT_FINISHED}),
        (rewrite_the_image, {Status.DONE, Status.BAD_IMAGE, Status.NOT_FINISHED}),
        (cut_the_image, {Status.DONE, Status.BAD_IMAGE, Status.NOT_FINISHED}),
        (shrink_the_medium, {Status.DONE, Status.UNREADABLE, Status.WRITE_FAILED, Status.NOT_VERIFIED}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_told_is_what_the_medium_holds(tmp_path: Path, soak: bool, fault: Fault, wanted: set[int]) -> None:
    generator = random.Random(fault.__name__)
    count = PER_KIND if soak else PER_KIND // 10
    image, backing = tmp_path / "hello.img", tmp_path / "disk"
    told: list[int] = []
    longest = 0.0
    for n in range(count + 1):
        make_image(image, IMAGE_SIZE, n)
        written = tmp_path / "written.img"
        written.write_bytes(image.read_bytes())
        with loop(make_backing(backing, SIZE, n)) as device:
            before = device.data()
            began = time.monotonic()
            if n == 0:  # nothing strikes: how long one takes on this machine
                ended = flash_meanwhile(image, device, tmp_path, lambda: None)
                longest = time.monotonic() - began
                assert ended.status == Status.DONE, ended.said
                continue

            while_writing = bool(n % 2)  # half of them at any moment
            delay = generator.uniform(0, longest / (3 if while_writing else 1))

            def strike(device: Loop = device, while_writing: bool = while_writing, delay: float = delay) -> None:
                if while_writing:
                    wait_for_progress(tmp_path / "said")
                time.sleep(delay)
                fault(device, image, generator)

            ended = flash_meanwhile(image, device, tmp_path, strike)
            after = device.data()
        assert ended.status in wanted, ended
        told.append(ended.status)
        check_words(ended, before, after, written, image)
    print(f"{fault.__name__}: {count} faults, statuses {sorted(set(told))}")


def check_words(ended: Ended, before: bytes, after: bytes, *images: Path) -> None:
    """Compares what was said with the bytes of the medium, which may be shorter than it was."""
    if ended.status == Status.DONE:
        assert "read back and is right" in ended.said
        # Of what a change came too late for there may be less now, but nothing else.
        assert len(after) < SIZE or is_one_of(after, images), "a false verified"
    elif "nothing was written" in ended.said or ended.status < Status.WRITE_FAILED:
        assert after == before[: len(after)], "a wrong 'nothing was written'"
    else:
        assert "read back and is right" not in ended.said
        assert "does not boot" in ended.said or "not known" in ended.said, ended.said
        assert "not known" in ended.said or not any(after[:512]), "a wrong 'does not boot'"


def is_one_of(data: bytes, images: tuple[Path, ...]) -> bool:
    """Tells whether data is what one of the images gives; one may have been cut meanwhile."""
    for image in images:
        with suppress(BootwrightError):
            if is_right(data, image):
                return True
    return False


def test_a_lock_that_is_never_given_back_is_a_refusal_before_the_first_byte(tmp_path: Path) -> None:
    image = make_image(tmp_path / "hello.img", 4 * MIB)
    with loop(make_backing(tmp_path / "disk", SIZE)) as device:
        before = device.data()
        with locked(device):
            ended = flash_meanwhile(image, device, tmp_path, lambda: None)
        assert device.data() == before
    assert ended.status == Status.BUSY, ended.said
