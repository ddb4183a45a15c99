"""A medium that lies never counts as verified: dropped writes, flipped bytes, errors, no room, false capacity."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.flash.rig import SECONDS, Ended, Loop, flash, is_right, make_backing, make_image

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.content import Content, Image
from bootwright.flash.linux import LinuxSystem
from bootwright.flash.writer import Writer

pytestmark = [pytest.mark.needs("losetup", "fusermount3"), pytest.mark.xdist_group("media")]
SIZE = 16 * MIB
IMAGE_SIZE = 6 * MIB
SEED = 66
PER_KIND = 100  # of five kinds: 500 in all
SILENT = ("drop", "flip", "alias")


@dataclass
class Lying:
    """A loop device over the lying file, and the file's truth."""

    device: Loop
    mountpoint: Path
    backing: Path
    image: Path

    def set_fault(self, kind: str, offset: int = 0) -> None:
        """Sets what the medium does from now on."""
        with (self.mountpoint / "fault").open("wb", buffering=0) as control:
            control.write(json.dumps({"kind": kind, "offset": offset}).encode())

    def hits(self) -> int:
        """Returns how often the fault struck since it was set."""
        with (self.mountpoint / "fault").open("rb", buffering=0) as control:
            return int(control.read(20))

    def restore(self, seed: int) -> None:
        """Makes the truth a used medium again."""
        self.set_fault("none")
        make_backing(self.backing, SIZE, seed)

    def flash(self) -> Ended:
        """Runs the flasher on it."""
        return flash(self.image, self.device.path, "LOOP=1", f"YES={SIZE}")

    def write_without_verifying(self) -> None:
        """Does all that the flasher does but for reading back."""
        system = LinuxSystem()
        device = system.look(self.device.path)
        medium = system.open(device)
        try:
            with Image(self.image) as image:
                writer = Writer(device.path, medium, Content(image, device.size), lambda *_: None)
                compared = writer.carries(image.disk_guid)
                writer.invalidate(compared)
                writer.write_rest(compared)
                writer.write_start()
        finally:
            medium.close()


@contextmanager
def lying_medium(directory: Path) -> Iterator[Lying]:
    """Serves a lying medium in a process of its own; ended by pid, then the loop device, then the mount.

    A watchdog ends the server should a test stand still: whoever waits for its answer cannot be ended otherwise.
    """
    backing = make_backing(directory / "truth", SIZE)
    mountpoint = directory / "mount"
    mountpoint.mkdir()
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("lying_medium.py")), str(mountpoint), str(backing)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watchdog = threading.Timer(30 * 60, server.kill)
    watchdog.daemon = True
    watchdog.start()
    device = None
    try:
        deadline = time.monotonic() + SECONDS
        while not (mountpoint / "disk").exists():
            assert server.poll() is None and time.monotonic() < deadline, server.communicate()[1]
            time.sleep(0.02)
        device = Loop(mountpoint / "disk", "--direct-io=on")
        yield Lying(device, mountpoint, backing, make_image(directory / "hello.img", IMAGE_SIZE))
    finally:
        watchdog.cancel()
        server.kill()
        server.communicate()
        if device is not None:
            device.detach()
        subprocess.run(["umount", "--lazy", mountpoint], capture_output=True)


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lying]:
    """One lying medium for all tests of this file, which run in turn."""
    with lying_medium(tmp_path_factory.mktemp("lying")) as medium:
        yield medium


def places(kind: str, count: int, image: Path) -> list[int]:
    """Returns count random offsets: of bytes that are ours, or of capacities that the image does not fit in."""
    generator = random.Random(f"{SEED} {kind}")
    if kind == "alias":
        return [generator.randrange(MIB, IMAGE_SIZE - 4096, 512) for _ in range(count)]
    with Image(image) as opened:
        pieces = list(Content(opened, SIZE).pieces())
    # Not in the tables' padding, the empty part of the partition, where a lost write would change nothing.
    found: list[int] = []
    while len(found) < count:
        start, length = generator.choice(pieces)
        found.append(start + generator.randrange(length))
    return found


@pytest.mark.parametrize("kind", [*SILENT, "error", "full"])
def test_no_false_verified_and_without_reading_back_there_is_one(lying: Lying, soak: bool, kind: str) -> None:
    count = PER_KIND if soak else PER_KIND // 20
    told: list[int] = []
    for n, offset in enumerate(places(kind, count, lying.image)):
        fault = ("read-error", "write-error")[n % 2] if kind == "error" else kind
        lying.restore(n)
        if kind in SILENT:
            lying.set_fault(fault, offset)
            lying.write_without_verifying()
            assert not is_right(lying.backing.read_bytes(), lying.image), f"{fault} at {offset} did no harm"
            lying.restore(n)
        lying.set_fault(fault, offset)
        ended = lying.flash()
        told.append(ended.status)
        assert kind == "alias" or lying.hits() > 0, f"{fault} at {offset} never struck"
        assert ended.status in wanted_statuses(kind), (fault, offset, ended.said)
        assert "read back and is right" not in ended.said
        assert "does not boot" in ended.said
        if kind not in ("drop", "flip", "error", "full") or offset >= 512:
            assert not any(lying.backing.read_bytes()[:512]), f"{fault} at {offset} left LBA 0"
    print(f"{kind}: {count} faults, statuses {sorted(set(told))}, no false verified")


def wanted_statuses(kind: str) -> set[Status]:
    """Returns the statuses that tell a fault of this kind for what it is."""
    return {
        "drop": {Status.NOT_VERIFIED},
        "flip": {Status.NOT_VERIFIED},
        "alias": {Status.FALSE_CAPACITY},
        "error": {Status.WRITE_FAILED},
        "full": {Status.WRITE_FAILED},
    }[kind]


def test_the_first_wrong_offset_is_named(lying: Lying) -> None:
    lying.restore(1)
    lying.set_fault("flip", 2 * MIB + 77)
    ended = lying.flash()
    assert ended.status == Status.NOT_VERIFIED
    assert f"at offset {2 * MIB + 77}" in ended.said


@pytest.mark.parametrize("real", [8 * MIB, 12 * MIB], ids=["8 MiB", "12 MiB"])
def test_a_false_capacity_that_the_image_fits_in_is_recognised_too(lying: Lying, real: int) -> None:
    lying.restore(2)
    lying.set_fault("alias", real)
    ended = lying.flash()
    assert ended.status == Status.FALSE_CAPACITY
    assert f"it holds {real // MIB} MiB at most, not 16 MiB" in ended.said


def test_the_same_medium_is_right_once_it_does_not_lie(lying: Lying) -> None:
    lying.restore(3)
    ended = lying.flash()
    assert ended.status == Status.DONE, ended.said
    assert is_right(lying.backing.read_bytes(), lying.image)


@pytest.mark.parametrize("kind", ["flip", "drop"])
def test_a_lie_while_only_what_differs_is_written_is_found(lying: Lying, kind: str) -> None:
    lying.restore(4)
    assert lying.flash().status == Status.DONE
    spoilt = bytearray(lying.backing.read_bytes())
    spoilt[3 * MIB : 3 * MIB + 8192] = bytes(8192)
    lying.backing.write_bytes(spoilt)
    lying.set_fault(kind, 3 * MIB + 5000)
    ended = lying.flash()
    assert ended.status == Status.NOT_VERIFIED, ended.said
    lying.set_fault("none")
    assert lying.flash().status == Status.DONE


def test_an_error_of_the_medium_is_a_sentence_with_its_offset(lying: Lying) -> None:
    lying.restore(5)
    lying.set_fault("write-error", 4 * MIB + 9)
    with pytest.raises(BootwrightError, match=f"writing at offset {4 * MIB} failed: Input/output error"):
        lying.write_without_verifying()
