"""Why a medium is refused: each cause as a context that makes it, on a medium that is accepted without it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.flash.rig import PROGRAM, SECONDS, Ended, Loop, flash, flash_at_terminal, mounted, run

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB


@dataclass
class Scene:
    """What a case plays with: the medium, the image, a directory of its own."""

    device: Loop
    image: Path
    directory: Path

    def flash(self, *words: str | Path) -> Ended:
        """Runs the flasher as a script does, with more words, which come last and so prevail."""
        return flash(self.image, *self.device.words(), *words)

    def flash_to(self, dev: str | Path, image: Path | None = None) -> Ended:
        """Runs the flasher with another DEV or image."""
        return flash(image or self.image, dev, "LOOP=1", f"YES={self.device.size}")

    def answer(self, answer: str, meanwhile: Callable[[], object] = lambda: None) -> Ended:
        """Runs the flasher at a terminal."""
        return flash_at_terminal(answer, self.image, self.device.path, "LOOP=1", meanwhile=meanwhile)


Cause = Callable[[Scene], AbstractContextManager[object]]
Attempt = Callable[[Scene], Ended]


@dataclass(frozen=True)
class Case:
    """One refusal: its status, words of its sentence, what makes it, and how the flasher is run."""

    name: str
    status: Status
    words: str
    cause: Cause = lambda scene: nullcontext()
    attempt: Attempt = Scene.flash


@contextmanager
def partition(scene: Scene) -> Iterator[str]:
    """Makes the kernel know a partition of the medium: 4 MiB from 1 MiB on."""
    run("addpart", scene.device.path, "1", "2048", "8192")
    try:
        yield f"{scene.device.path}p1"
    finally:
        run("delpart", scene.device.path, "1")


def file_system(device: str) -> None:
    """Makes a file system on a device."""
    run("mkfs.ext4", "-q", "-F", device)


@contextmanager
def mount(scene: Scene, *options: str) -> Iterator[None]:
    """Mounts the medium, which has a file system."""
    with mounted(scene.device.path, scene.directory / "a place", *options):
        yield


@contextmanager
def mount_partition(scene: Scene) -> Iterator[None]:
    """Mounts a partition."""
    with partition(scene) as path:
        file_system(path)
        with mounted(path, scene.directory / "place"):
            yield


@contextmanager
def swap(device: str) -> Iterator[None]:
    """Swaps to a device."""
    run("mkswap", device)
    run("swapon", device)
    try:
        yield
    finally:
        run("swapoff", device)


@contextmanager
def swap_partition(scene: Scene) -> Iterator[None]:
    """Swaps to a partition."""
    with partition(scene) as path, swap(path):
        yield


@contextmanager
def swap_file(scene: Scene) -> Iterator[None]:
    """Swaps to a file of the file system on the medium."""
    with mounted(scene.device.path, scene.directory / "place") as place:
        (place / "swap").write_bytes(bytes(MIB))
        (place / "swap").chmod(0o600)
        with swap(str(place / "swap")):
            yield


@contextmanager
def loop_above(scene: Scene) -> Iterator[None]:
    """Mounts a loop device that lies over the medium itself."""
    upper = Loop(Path(scene.device.path))
    try:
        with mounted(upper.path, scene.directory / "place"):
            yield
    finally:
        upper.detach()


@contextmanager
def attached_otherwise(scene: Scene, *options: str) -> Iterator[None]:
    """Attaches the same file with other options."""
    scene.device.detach()
    kept, scene.device.options = scene.device.options, ("--direct-io=off", *options)
    scene.device.attach()
    try:
        yield
    finally:
        scene.device.detach()
        scene.device.options = kept
        scene.device.attach()


@contextmanager
def set_read_only(scene: Scene) -> Iterator[None]:
    """Sets the kernel's flag."""
    run("blockdev", "--setro", scene.device.path)
    try:
        yield
    finally:
        run("blockdev", "--setrw", scene.device.path)


@contextmanager
def of_size(scene: Scene, size: int) -> Iterator[None]:
    """Makes the medium's file larger or smaller."""
    head, before = scene.device.backing.read_bytes(), scene.device.size
    os.truncate(scene.device.backing, size)
    run("losetup", "--set-capacity", scene.device.path)
    try:
        yield
    finally:
        os.truncate(scene.device.backing, before)
        with scene.device.backing.open("r+b") as file:
            file.write(head)
        run("losetup", "--set-capacity", scene.device.path)


HOLD = """
import fcntl, os, sys
device = os.open(sys.argv[1], os.O_RDWR | (os.O_EXCL if sys.argv[2] == "excl" else 0))
fcntl.flock(device, fcntl.LOCK_EX) if sys.argv[2] == "flock" else None
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: str | Path, how: str) -> Iterator[None]:
    """Lets another process have a device or a file open."""
    argv = [sys.executable, "-c", HOLD, str(path), how]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.stdin.close()


@contextmanager
def mounted_and_used(scene: Scene) -> Iterator[None]:
    """Mounts the medium and keeps a file on it open."""
    with mounted(scene.device.path, scene.directory / "place") as place:
        (place / "file").write_text("")
        with held(place / "file", "open"):
            yield


def exchange(scene: Scene) -> None:
    """Puts another medium of the same size where the first one was."""
    path, other = scene.device.path, scene.directory / "other"
    other.write_bytes(bytes(scene.device.size))
    run("losetup", "--detach", path)
    run("losetup", path, other)


@contextmanager
def back_again(scene: Scene) -> Iterator[None]:
    """Puts the first medium back afterwards."""
    try:
        yield
    finally:
        subprocess.run(["losetup", "--detach", scene.device.path], capture_output=True)
        run("losetup", "--direct-io=on", scene.device.path, scene.device.backing)


# The system's places, but for one that this checkout or its Python lies below: a mount there would hide them.
NEEDED = (__file__, sys.executable, sys.base_prefix, tempfile.gettempdir())
PLACES = [
    where for where in ("/boot", "/home", "/srv", "/opt", "/usr/local")
    if not any(Path(path).resolve().is_relative_to(where) for path in NEEDED)
]  # fmt: skip


@contextmanager
def loop_over(scene: Scene) -> Iterator[Loop]:
    """Attaches a loop device over the medium itself."""
    upper = Loop(Path(scene.device.path))
    try:
        yield upper
    finally:
        upper.detach()


def through_a_loop(scene: Scene) -> Ended:
    """Runs the flasher on a loop device over the medium: what is written to it goes to the medium."""
    with loop_over(scene) as upper:
        return scene.flash_to(upper.path)


def through_a_second_loop(scene: Scene) -> Ended:
    """Runs the flasher on another loop device over the medium's own file."""
    second = Loop(scene.device.backing)
    try:
        return scene.flash_to(second.path)
    finally:
        second.detach()


@contextmanager
def mounted_elsewhere(scene: Scene) -> Iterator[None]:
    """Mounts the medium where one other process alone sees it."""
    place = scene.directory / "place"
    place.mkdir()
    script = 'mount --make-rprivate / && mount "$1" "$2" && echo held && read -r end; umount "$2"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", scene.device.path, str(place)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.stdin.close()


def at_place(where: str, through_loop: bool = False) -> Attempt:
    """Runs the flasher where the medium is mounted at a place of the system, in a mount namespace of its own.

    through_loop: DEV is a loop device over the medium.

    In a chroot, whose root is no mount, there is none to be had: there the place is the chroot's, and is given back.
    """

    def attempt(scene: Scene) -> Ended:
        with loop_over(scene) if through_loop else nullcontext(scene.device) as medium:
            return run_there(scene, medium)

    def run_there(scene: Scene, medium: Loop) -> Ended:
        words = [*PROGRAM, str(scene.image), medium.path, "LOOP=1", f"YES={scene.device.size}", "UNMOUNT=1"]
        mounts = f'own=$1; mount --bind "$own" "$own" && mount -o ro,noload "$2" {where} || exit 77; shift 2'
        script = f'{mounts}; "$@"; status=$?; umount {where}; umount "$own"; exit $status'
        has_namespace = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
        unshare = ["unshare", "--mount"] if has_namespace else []
        argv = [*unshare, "sh", "-c", script, "sh", str(scene.directory), scene.device.path, *words]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
        return Ended(done.returncode, done.stderr)

    return attempt


AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from bootwright.flash import linux, linux_medium, program
os.environ["PATH"] = "/nowhere"
os.setgid(65534)
os.setuid(65534)
sys.exit(program.main(sys.argv[2:]))
"""


def as_nobody(scene: Scene) -> Ended:
    """Runs the flasher as a person who may not write to disks, without sudo."""
    package = str(Path(PROGRAM[1]).parents[1] / "site_scons")
    image = scene.directory / "readable.img"
    # The directories of a test are its own: the image comes through a descriptor that anybody may read.
    image.write_bytes(scene.image.read_bytes())
    with image.open("rb") as stream:
        words = [f"/proc/self/fd/{stream.fileno()}", *scene.device.words()]
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, package, *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS, pass_fds=[stream.fileno()],
        )  # fmt: skip
    return Ended(done.returncode, done.stderr)


def with_fifo(scene: Scene) -> Ended:
    """Runs the flasher with an image that is a FIFO, which nobody writes to."""
    fifo = scene.directory / "fifo.img"
    os.mkfifo(fifo)
    return scene.flash_to(scene.device.path, fifo)


@contextmanager
def unmounted_after(scene: Scene) -> Iterator[None]:
    """Unmounts what a case mounts late."""
    place = scene.directory / "late"
    place.mkdir()
    try:
        yield
    finally:
        subprocess.run(["umount", place], capture_output=True)


def mount_late(scene: Scene) -> None:
    """Mounts the medium, which changes nothing on it."""
    run("mount", "-oro,noload", scene.device.path, scene.directory / "late")
