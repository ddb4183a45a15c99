"""The flasher under a real kernel with udev, on a USB stick that can be pulled, with a desktop that mounts.

The guest is emulated, so each flash takes seconds: a few are made here, all with --soak.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.flash import guest_system
from tests.flash.guest import STICK, Guest, guest
from tests.flash.rig import is_right, make_image

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB

pytestmark = [pytest.mark.needs("qemu-system-x86_64"), pytest.mark.xdist_group("guest")]
SIZE = 24 * MIB
SEED = 12


@dataclass
class Scene:
    """The guest, the file that its stick is, and the images that it has."""

    guest: Guest
    stick: Path
    images: dict[str, Path]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One guest for all tests of this file, which run in turn."""
    directory = tmp_path_factory.mktemp("guest")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bootwright-tests"
    try:
        kernel, initrd = guest_system.build(directory, cache)
    except guest_system.Missing as missing:
        pytest.skip(str(missing))
    images = {
        "a.img": make_image(directory / "a.img", 4 * MIB, 1),
        "b.img": make_image(directory / "b.img", 12 * MIB, 2),
    }
    stick = directory / "stick"
    stick.write_bytes(random.Random(SEED).randbytes(SIZE))
    with guest(directory, kernel, initrd, stick, images) as running:
        yield Scene(running, stick, images)


def flash_right(scene: Scene, name: str, *words: str) -> str:
    """Writes an image, which must be right to an outsider; returns what the flasher said."""
    status, said = scene.guest.flash(f"/{name}", *words)
    assert status == 0, said
    assert is_right(scene.stick.read_bytes(), scene.images[name])
    return said


def test_one_flash_after_the_other_is_right(scene: Scene, soak: bool) -> None:
    for n in range(100 if soak else 3):
        flash_right(scene, ("a.img", "b.img")[n % 2])


def test_a_flashed_stick_is_no_file_system_to_udev_and_a_desktop_mounts_nothing(scene: Scene) -> None:
    flash_right(scene, "a.img")
    scene.guest.pull()
    scene.guest.put_in()
    facts = scene.guest.check("/bin/udevadm", "info", "--query=property", STICK).splitlines()
    assert "ID_PART_TABLE_TYPE=gpt" in facts
    assert not [fact for fact in facts if fact.startswith("ID_FS_")]
    assert scene.guest.mounts() == []
    assert is_right(scene.stick.read_bytes(), scene.images["a.img"])
    assert "a kernel that bootwright wrote  'hello'" in flash_right(scene, "a.img")


def test_what_a_desktop_has_mounted_is_refused_and_unmounted_when_it_is_asked_for(scene: Scene) -> None:
    scene.guest.check("/bin/mkfs.ext4", "-q", "-F", STICK)
    scene.guest.pull()
    scene.guest.put_in()
    assert [line.split()[1] for line in scene.guest.mounts()] == ["/media/sda"]
    status, said = scene.guest.flash("/a.img")
    assert (status, "is mounted: /dev/sda at /media/sda" in said) == (Status.MOUNTED, True), said
    flash_right(scene, "a.img", "UNMOUNT=1")
    scene.guest.settle()
    assert scene.guest.mounts() == []


def test_a_stick_that_is_pulled_was_begun_and_not_finished_and_the_same_command_completes_it(
    scene: Scene, soak: bool
) -> None:
    generator = random.Random(SEED)
    for _ in range(20 if soak else 1):
        flash_right(scene, "a.img")
        pid = scene.guest.start(*scene.guest.flasher("/b.img"))
        while "writing" not in scene.guest.poll(pid)[1]:
            assert scene.guest.poll(pid)[0] is None, scene.guest.poll(pid)[1]
        for _ in range(generator.randrange(4)):
            scene.guest.poll(pid)
        scene.guest.pull()
        status, said = scene.guest.wait(pid)
        assert "Traceback" not in said
        if status == 0:  # it was over before
            assert is_right(scene.stick.read_bytes(), scene.images["b.img"])
        else:
            assert status in (Status.WRITE_FAILED, Status.NOT_FINISHED), said
            assert "nothing was written" not in said
            assert "read back and is right" not in said
            assert not any(scene.stick.read_bytes()[:512]) or "is not known" in said
        scene.guest.put_in()
        flash_right(scene, "b.img")


def test_a_system_on_a_mapping_is_found_through_a_loop_device_too(scene: Scene) -> None:
    flash_right(scene, "a.img")
    check = scene.guest.check
    alone = ("--noudevsync", "--noudevrules")
    check("/bin/dmsetup", "create", *alone, "system", "--table", f"0 {16 * MIB // 512} linear {STICK} 0")
    check("/bin/mkfs.ext4", "-q", "-F", "/dev/dm-0")
    check("/bin/sh", "-c", "mkdir -p /srv && mount -o ro,noload /dev/dm-0 /srv")
    for backing in ("/dev/dm-0", STICK):
        loop = check("/bin/losetup", "--find", "--show", backing).strip()
        before = scene.stick.read_bytes()
        size = (16 if backing != STICK else 24) * MIB
        status, said = scene.guest.flash("/a.img", "LOOP=1", f"YES={size}", "UNMOUNT=1", dev=loop)
        assert (status, "at /srv" in said) == (Status.HOLDS_THE_SYSTEM, True), said
        assert scene.stick.read_bytes() == before
        check("/bin/losetup", "--detach", loop)
    status, said = scene.guest.flash("/a.img", "UNMOUNT=1")
    assert status == Status.HOLDS_THE_SYSTEM, said
    check("/bin/umount", "/srv")
    status, said = scene.guest.flash("/a.img")
    assert (status, "is claimed by system" in said) == (Status.HELD, True), said
    check("/bin/dmsetup", "remove", *alone, "system")
    flash_right(scene, "a.img")
