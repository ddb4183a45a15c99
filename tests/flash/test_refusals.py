"""Every refusal: its status and sentence, the medium unchanged, and the same medium accepted without the cause."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest
from tests.flash import causes
from tests.flash.causes import Case, Scene, attached_otherwise, held, of_size, partition
from tests.flash.rig import Ended, flash, is_right, loop, make_backing, make_image, run

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB

pytestmark = [pytest.mark.needs("losetup", "mkfs.ext4", "unshare"), pytest.mark.xdist_group("media")]
SIZE = 8 * MIB
IMAGE_SIZE = 4 * MIB


def with_link(target: str) -> causes.Attempt:
    """Runs the flasher with a link to target, which {} stands for the device in."""

    def attempt(scene: Scene) -> Ended:
        link = scene.directory / "by-id"
        link.symlink_to(target.format(scene.device.path))
        return scene.flash_to(link)

    return attempt


def on_partition(scene: Scene) -> Ended:
    """Runs the flasher with the partition as DEV."""
    return scene.flash_to(f"{scene.device.path}p1")


def spoilt_image(size: int, offset: int | None = None) -> causes.Attempt:
    """Runs the flasher with an image cut to size, or with one byte of its tables changed."""

    def attempt(scene: Scene) -> Ended:
        data = bytearray(scene.image.read_bytes()[:size])
        if offset is not None:
            data[offset] ^= 1
        spoilt = scene.directory / "spoilt.img"
        spoilt.write_bytes(data)
        return scene.flash_to(scene.device.path, spoilt)

    return attempt


CASES = [
    Case("nothing there", Status.NO_SUCH_DEVICE, "nothing at that path", attempt=lambda s: s.flash_to("/dev/no-such")),
    Case("a dangling link", Status.NO_SUCH_DEVICE, "nothing at that path", attempt=with_link("{}-gone")),
    Case("a file", Status.NOT_A_BLOCK_DEVICE, "not a block device", attempt=lambda s: s.flash_to(s.device.backing)),
    Case("a directory", Status.NOT_A_BLOCK_DEVICE, "not a block device", attempt=lambda s: s.flash_to(s.directory)),
    Case("a character device", Status.NOT_A_BLOCK_DEVICE, "not a block", attempt=lambda s: s.flash_to("/dev/null")),
    Case("a link to a file", Status.NOT_A_BLOCK_DEVICE, "not a block device", attempt=with_link("/dev/zero")),
    Case("a partition", Status.A_PARTITION, "is a partition of /dev/loop", partition, on_partition),
    Case("a link to a partition", Status.A_PARTITION, "is a partition of", partition, with_link("{}p1")),
    Case("a mount", Status.MOUNTED, "is mounted: /dev/loop", causes.mount),
    Case("a mount for reading", Status.MOUNTED, "a place", lambda s: causes.mount(s, "--read-only")),
    Case("a mounted partition", Status.MOUNTED, "p1 at ", causes.mount_partition),
    Case("a mounted loop device above", Status.MOUNTED, "is mounted", causes.loop_above),
    Case("a busy mount", Status.NOT_UNMOUNTED, "target is busy", causes.mounted_and_used,
         lambda s: s.flash("UNMOUNT=1")),
    Case("swap", Status.SWAP, "in use as swap", lambda s: causes.swap(s.device.path)),
    Case("swap on a partition", Status.SWAP, "p1", causes.swap_partition),
    Case("a swap file", Status.SWAP, "place/swap", causes.swap_file),
    *(Case(f"the system's {where}", Status.HOLDS_THE_SYSTEM, f"holds the running system: .* at {where}",
           attempt=causes.at_place(where)) for where in causes.PLACES),
    *(Case(f"a loop device over the system's {where}", Status.HOLDS_THE_SYSTEM, f"holds the running system: .* {where}",
           attempt=causes.at_place(where, through_loop=True)) for where in causes.PLACES[:1]),
    Case("a loop device over a mount", Status.MOUNTED, "is mounted: /dev/loop", causes.mount, causes.through_a_loop),
    Case("a loop device over a mounted partition", Status.MOUNTED, "p1 at ", causes.mount_partition,
         causes.through_a_loop),
    Case("a loop device over swap", Status.SWAP, "in use as swap", lambda s: causes.swap(s.device.path),
         causes.through_a_loop),
    Case("a second loop device over a mounted file", Status.MOUNTED, "is mounted", causes.mount,
         causes.through_a_second_loop),
    Case("a mount of another process", Status.MOUNTED, r"place \(of process \d+\)", causes.mounted_elsewhere),
    Case("a mount of another process, to be unmounted", Status.NOT_UNMOUNTED, r"is mounted for process \d+",
         causes.mounted_elsewhere, lambda s: s.flash("UNMOUNT=1")),
    Case("open for writing by another", Status.BUSY, r"python[\d.]* \(\d+\) has it open for writing",
         lambda s: held(s.device.path, "open")),
    Case("a file that another has open for writing", Status.BUSY, r"\(\d+\) has it open for writing",
         lambda s: held(s.device.backing, "open")),
    Case("open for writing below", Status.BUSY, "has it open for writing", lambda s: held(s.device.path, "open"),
         causes.through_a_loop),
    Case("a blank behind its name", Status.NO_SUCH_DEVICE, "DEV='/dev/loop[0-9]+ ': there is nothing",
         attempt=lambda s: s.flash_to(f"{s.device.path} ")),
    Case("a FIFO for an image", Status.BAD_IMAGE, "is no regular file", attempt=causes.with_fifo),
    Case("attached for reading", Status.READ_ONLY, "read-only", lambda s: attached_otherwise(s, "--read-only")),
    Case("set read-only", Status.READ_ONLY, "read-only", causes.set_read_only),
    Case("no medium", Status.NO_MEDIUM, "no medium", lambda s: of_size(s, 0)),
    Case("a sector too small", Status.TOO_SMALL, f"{IMAGE_SIZE - 512} bytes; the image needs {IMAGE_SIZE}",
         lambda s: of_size(s, IMAGE_SIZE - 512), lambda s: s.flash()),
    Case("far too small", Status.TOO_SMALL, "the image needs", lambda s: of_size(s, MIB)),
    Case("a sector too big", Status.TOO_BIG, "over 256 GiB", lambda s: of_size(s, (256 << 30) + 512)),
    Case("a terabyte", Status.TOO_BIG, "has 1 TiB; over 256 GiB", lambda s: of_size(s, 1 << 40)),
    Case("sectors of 4096", Status.SECTOR_SIZE, "4096 bytes", lambda s: attached_otherwise(s, "--sector-size=4096")),
    Case("sectors of 1024", Status.SECTOR_SIZE, "1024 bytes", lambda s: attached_otherwise(s, "--sector-size=1024")),
    Case("a loop device", Status.WRONG_BUS, "attached by loop", attempt=lambda s: s.flash("LOOP=0")),
    Case("opened for itself by another", Status.BUSY, "busy", lambda s: held(s.device.path, "excl")),
    Case("locked by another", Status.BUSY, "busy", lambda s: held(s.device.path, "flock")),
    Case("exchanged before the answer", Status.CHANGED, "not the device that was looked at", causes.back_again,
         lambda s: s.answer(f"{s.device.size}\n", lambda: causes.exchange(s))),
    Case("gone before the answer", Status.NO_MEDIUM, "no medium", causes.back_again,
         lambda s: s.answer(f"{s.device.size}\n", lambda: run("losetup", "--detach", s.device.path))),
    Case("mounted before the answer", Status.MOUNTED, "is mounted", lambda s: causes.unmounted_after(s),
         lambda s: s.answer(f"{s.device.size}\n", lambda: causes.mount_late(s))),
    Case("no terminal and no YES", Status.NO_TERMINAL, "no terminal", attempt=lambda s: s.flash("YES=")),
    Case("another YES", Status.NOT_CONFIRMED, "YES=4711 is not the size", attempt=lambda s: s.flash("YES=4711")),
    Case("YES=1", Status.NOT_CONFIRMED, "YES=1 is not", attempt=lambda s: s.flash("YES=1")),
    Case("YES with a serial", Status.NOT_CONFIRMED, "is not", attempt=lambda s: s.flash("YES=4C530001231120115142")),
    Case("a wrong answer", Status.NOT_CONFIRMED, "'y' is not the size", attempt=lambda s: s.answer("y\n")),
    Case("an empty answer", Status.NOT_CONFIRMED, "'' is not the size", attempt=lambda s: s.answer("\n")),
    Case("the end of input", Status.NOT_CONFIRMED, "'' is not the size", attempt=lambda s: s.answer("\x04")),
    Case("a person without rights", Status.NO_PERMISSION, "may not be written by you", attempt=causes.as_nobody),
    Case("no image", Status.BAD_IMAGE, "No such file",
         attempt=lambda s: s.flash_to(s.device.path, s.directory / "none.img")),
    Case("an empty image", Status.BAD_IMAGE, "no GPT", attempt=spoilt_image(0)),
    Case("an image cut short of a sector", Status.BAD_IMAGE, "no GPT", attempt=spoilt_image(IMAGE_SIZE - 100)),
    Case("an image with a spoilt header", Status.BAD_IMAGE, "no GPT", attempt=spoilt_image(IMAGE_SIZE, 600)),
    Case("an image with a spoilt entry", Status.BAD_IMAGE, "no valid GPT", attempt=spoilt_image(IMAGE_SIZE, 1030)),
]  # fmt: skip


def digest(path: Path) -> str:
    """Returns a hash of what a medium holds, of its first 64 MiB where it is huge and empty behind."""
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read(64 * MIB)).hexdigest()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_refuses(tmp_path: Path, case: Case) -> None:
    image = make_image(tmp_path / "hello.img", IMAGE_SIZE)
    with loop(make_backing(tmp_path / "disk", SIZE)) as device:
        run("mkfs.ext4", "-q", "-F", device.path)
        scene = Scene(device, image, tmp_path)
        with case.cause(scene):
            before = digest(device.backing)
            ended = case.attempt(scene)
            assert digest(device.backing) == before
        assert ended.status == case.status, ended.said
        assert re.search(case.words, sentence(ended.said)), ended.said
        assert "Traceback" not in ended.said
        accepted = flash(image, *device.words())
        for _ in range(40):
            # Another process that took a mount namespace meanwhile keeps the file system until it ends.
            if accepted.status not in (Status.BUSY, Status.MOUNTED, Status.HOLDS_THE_SYSTEM):
                break
            time.sleep(0.25)
            accepted = flash(image, *device.words())
        assert accepted.status == Status.DONE, accepted.said
        assert is_right(device.data(), image)


def sentence(said: str) -> str:
    """Returns the flasher's last sentence, without what it shows of the medium before."""
    return said.rpartition("bootwright: ")[2]


def test_every_status_of_a_refusal_is_shown_by_a_case() -> None:
    shown = {case.status for case in CASES}
    refusals = {status for status in Status if 10 <= status < 35}
    # Shown with a tree of sysfs in tests/unit, or by a medium that lies: no device of these can be made everywhere.
    assert refusals - shown == {Status.HELD, Status.NO_FLASHER, Status.UNREADABLE}
    assert len(CASES) >= 40


def test_big_allows_a_big_medium(tmp_path: Path) -> None:
    image = make_image(tmp_path / "hello.img", IMAGE_SIZE)
    with loop(make_backing(tmp_path / "disk", SIZE)) as device:
        scene = Scene(device, image, tmp_path)
        with of_size(scene, (256 << 30) + 512):
            ended = scene.flash("BIG=1", f"YES={(256 << 30) + 512}")
        assert ended.status == Status.DONE, ended.said
