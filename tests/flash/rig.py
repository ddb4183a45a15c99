"""Media for the flasher's tests: loop devices that a test makes itself, images, and the program as it is run."""

from __future__ import annotations

import os
import pty
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.flash.images import write_small_image

from bootwright.base.sizes import MIB
from bootwright.flash.content import Content, Image
from bootwright.image import kernel_file, layout

HOME = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(HOME / "tools" / "flash")]
SECONDS = 120  # after which a program of a test is ended; no test waits for it


def run(*argv: str | Path) -> str:
    """Runs a program, which must succeed, and returns what it says."""
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Ended:
    """How the flasher ended and what it said on stderr."""

    status: int
    said: str

    @property
    def unfolded(self) -> str:
        """What it said with one space wherever the terminal's width, and so the length of a path, broke a line."""
        return " ".join(self.said.split())


def flash(*words: str | Path, prefix: Sequence[str | Path] = ()) -> Ended:
    """Runs tools/flash with words and without a terminal; prefix is a program that starts it."""
    done = subprocess.run(
        [*prefix, *PROGRAM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS
    )
    return Ended(done.returncode, done.stderr)


def flash_at_terminal(answer: str, *words: str | Path, meanwhile: Callable[[], object] = lambda: None) -> Ended:
    """Runs tools/flash with a terminal; when it asks, calls meanwhile and then types answer."""
    with at_terminal([*PROGRAM, *words]) as (process, master):
        said = read_until(master, b"to go on: ")
        if said.endswith(b"to go on: "):
            meanwhile()
            os.write(master, answer.encode())
            said += read_until(master, b"")
        return Ended(process.wait(SECONDS), said.decode().replace("\r\n", "\n"))


@contextmanager
def at_terminal(
    argv: Sequence[str | Path], stderr: int | None = None, *, stdout: bool = False, **options: Any
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Runs a program at a terminal of its own, its stderr elsewhere where that is given; yields it and our end.

    Its stdout goes to the terminal too where stdout says so, else nowhere. options are Popen's.
    """
    master, slave = pty.openpty()
    errors = slave if stderr is None else stderr
    output = slave if stdout else subprocess.DEVNULL
    process = subprocess.Popen(argv, stdin=slave, stdout=output, stderr=errors, **options)
    os.close(slave)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):  # a test may have closed it
            os.close(master)


def read_until(master: int, end: bytes) -> bytes:
    """Returns what a terminal shows until it ends with end, or until nobody has it open any more."""
    said = b""
    while not end or not said.endswith(end):
        try:
            piece = os.read(master, 4096)
        except OSError:  # EIO: the last program closed it
            return said
        if not piece:
            return said
        said += piece
    return said


class Loop:
    """A loop device over a file of its own."""

    def __init__(self, backing: Path, *options: str) -> None:
        self.backing = backing
        self.options = options
        self.path = ""
        self.attach()

    def attach(self) -> None:
        """Attaches the file; another process may take the free device in between, then the next one is taken."""
        for _ in range(50):
            done = subprocess.run(
                ["losetup", "--find", "--show", *self.options, self.backing], capture_output=True, text=True
            )
            if done.returncode == 0:
                self.path = done.stdout.strip()
                return
            time.sleep(0.1)
        raise AssertionError(done.stderr)

    def detach(self) -> None:
        """Detaches the file; safe to call twice."""
        if self.path:
            subprocess.run(["losetup", "--detach", self.path], capture_output=True, timeout=SECONDS)
            self.path = ""

    @property
    def name(self) -> str:
        """The name in sysfs."""
        return Path(self.path).name

    @property
    def size(self) -> int:
        """The size of the file."""
        return self.backing.stat().st_size

    def words(self) -> list[str]:
        """What a script says to write here."""
        return [self.path, "LOOP=1", f"YES={self.size}"]

    def data(self) -> bytes:
        """Returns what the device holds: its file's bytes."""
        return self.backing.read_bytes()


def make_backing(path: Path, size: int, seed: int = 1) -> Path:
    """Makes a file of size bytes that look used."""
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


@contextmanager
def loop(backing: Path, *options: str) -> Iterator[Loop]:
    """Attaches a file as a loop device while the context lasts; direct I/O, so that nothing hides what it holds."""
    device = Loop(backing, "--direct-io=on", *options)
    try:
        yield device
    finally:
        device.detach()


@contextmanager
def mounted(source: str, place: Path, *options: str) -> Iterator[Path]:
    """Mounts a device while the context lasts."""
    place.mkdir(exist_ok=True)
    run("mount", *options, source, place)
    try:
        yield place
    finally:
        with suppress(AssertionError):
            run("umount", place)


def make_image(path: Path, size: int, seed: int = 2, name: str = "hello") -> Path:
    """Writes an image of size bytes (whole MiB) whose kernel is random bytes."""
    generator = random.Random(seed)
    piece = generator.randbytes(min(size, 16 * MIB))
    kernel = (piece * (size // len(piece) + 1))[: size - 2 * MIB - layout.KERNEL_HEADER_SIZE]
    write_small_image(
        path, name, generator.randbytes(512), generator.randbytes(9216), kernel_file.write_kernel_file(kernel)
    )
    assert path.stat().st_size == size
    return path


def is_right(data: bytes, source: Path) -> bool:
    """Tells whether a medium's bytes are what the image gives on a medium of that size."""
    with Image(source) as opened:
        content = Content(opened, len(data))
        return all(data[start : start + length] == content.read(start, length) for start, length in content.pieces())


def is_whole_or_dead(data: bytes, source: Path) -> bool:
    """Tells whether a medium either has no LBA 0 or all of the image."""
    return not any(data[:512]) or is_right(data, source)
