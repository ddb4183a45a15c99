"""The writing as root through sudo: it ends with the one that started it, and sudo's own failures are told as such."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.flash.rig import HOME, SECONDS, Loop, is_right, loop, make_backing, make_image

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]
# The program as somebody runs it who may not write; what it then starts does not come by here.
AS_A_PERSON = """
import os, sys
sys.path.insert(0, sys.argv[1])
from bootwright.flash import linux, program
linux.LinuxSystem.may_write = lambda self, device: False
os.geteuid = lambda: 1000
sys.exit(program.main(sys.argv[2:]))
"""
DROP_RIGHTS = """
from bootwright.flash import linux_medium, root
root.check_trusted = lambda: None
os.setgid(65534)
os.setuid(65534)
"""
SUDO = """#!/bin/sh
[ "$1" = -- ] || exit 1
shift
{}
"""


@contextmanager
def person(directory: Path, image: Path, device: Loop, sudo: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Starts the program with a sudo of the test's; yields it and the file that it says things in."""
    program = directory / "sudo"
    program.write_text(SUDO.format(sudo))
    program.chmod(0o755)
    said = directory / "said"
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    argv = [sys.executable, "-c", AS_A_PERSON, str(HOME / "site_scons"), str(image), *device.words()]
    with said.open("wb") as notes:
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stderr=notes)
    try:
        yield process, said
    finally:
        process.kill()
        process.wait()


def wait_until(said: Path, words: str) -> str:
    """Waits until the words were said; returns all that was."""
    deadline = time.monotonic() + SECONDS
    while words not in said.read_text():
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.002)
    return said.read_text()


def has_writer(device: Loop) -> bool:
    """Tells whether a program has the device open."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == device.path:  # noqa: PTH115  # of /proc
                return True
        except OSError:
            continue
    return False


def test_what_root_writes_is_right_and_its_status_is_the_persons(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        with person(tmp_path, small_image, device, 'exec "$@"') as (process, said):
            assert process.wait(SECONDS) == 0, said.read_text()
        assert is_right(device.data(), small_image)
        with person(tmp_path, small_image, device, 'losetup -d "$(cat "$0.device")"; exec "$@"') as (process, said):
            (tmp_path / "sudo.device").write_text(device.path)
            assert process.wait(SECONDS) == Status.NO_MEDIUM, said.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_the_writer_ends_with_the_one_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    image = make_image(tmp_path / "hello.img", 256 * MIB)
    with loop(make_backing(tmp_path / "disk", 4 * MIB)) as device:
        os.truncate(device.backing, 300 * MIB)
        subprocess.run(["losetup", "--set-capacity", device.path], check=True)
        with person(tmp_path, image, device, 'exec "$@"') as (process, said):
            wait_until(said, "writing ")
            process.send_signal(number)
            status = process.wait(SECONDS)
            text = wait_until(said, "does not boot now")
            deadline = time.monotonic() + SECONDS
            while has_writer(device):
                assert time.monotonic() < deadline, "it writes on"
                time.sleep(0.01)
        assert status == (-number if number == signal.SIGKILL else Status.INTERRUPTED)
        assert "interrupted; it does not boot now" in text
        assert "nothing was written" not in text
        with device.backing.open("rb") as stream:
            assert not any(stream.read(512))


def test_a_hangup_of_the_person_leaves_the_writer_alone(tmp_path: Path) -> None:
    image = make_image(tmp_path / "hello.img", 64 * MIB)
    with loop(make_backing(tmp_path / "disk", 80 * MIB)) as device:
        with person(tmp_path, image, device, 'exec "$@"') as (process, said):
            wait_until(said, "writing ")
            process.send_signal(signal.SIGHUP)
            assert process.wait(SECONDS) == 0, said.read_text()
        assert is_right(device.data(), image)


@pytest.mark.parametrize(
    ("sudo", "status", "words"),
    [
        ("echo 'a password is required' >&2; exit 1", Status.NO_PERMISSION, "sudo started nothing, and gave status 1"),
        ("exit 0", Status.NO_PERMISSION, "sudo started nothing, and gave status 0"),
        ("kill -9 $$", Status.NO_PERMISSION, "sudo started nothing"),
        ("echo started; exit 1", Status.INTERRUPTED, "the writer ended with status 1; nothing was written"),
        ("echo started; echo writes; kill -9 $$", Status.NOT_FINISHED, "the writer was ended by signal 9"),
        ("echo started; echo writes; exit 137", Status.NOT_FINISHED, "the writer ended with status 137"),
        ("echo started; echo writes; exit 36", Status.NOT_VERIFIED, ""),
    ],
    ids=["no password", "status 0 for nothing", "killed sudo", "died early", "killed", "killed below", "its own"],
)
def test_the_end_of_sudo_is_told_from_that_of_the_writer(
    tmp_path: Path, small_image: Path, sudo: str, status: Status, words: str
) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        with person(tmp_path, small_image, device, sudo) as (process, said):
            assert process.wait(SECONDS) == status, said.read_text()
        assert words in said.read_text()
        assert ("nothing was written" in said.read_text()) is (status in (Status.NO_PERMISSION, Status.INTERRUPTED))


def test_a_sudo_that_asks_is_left_when_the_person_is_told_to_end(tmp_path: Path, small_image: Path) -> None:
    # As sudo does at its prompt: it minds no signal of a person's, and starts the program later.
    asks = f"touch '{tmp_path}/asks'; until [ -e '{tmp_path}/password' ]; do sleep 0.1; done"
    sudo = f"trap '' TERM INT; {asks}; exec \"$@\""
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        before = device.data()
        with person(tmp_path, small_image, device, sudo) as (process, said):
            while not (tmp_path / "asks").exists():
                time.sleep(0.01)
            process.terminate()
            assert process.wait(SECONDS) == Status.INTERRUPTED
            assert "interrupted; nothing was written" in said.read_text()
            # Sudo is given its password now: what it starts finds nobody there.
            (tmp_path / "password").touch()
            wait_until(said, "nothing was written\nbootwright: interrupted")
            while has_writer(device):
                time.sleep(0.01)
        assert device.data() == before


@pytest.mark.needs("sudo")
def test_the_real_sudo_without_a_terminal_is_no_right_to_write(tmp_path: Path, small_image: Path) -> None:
    # What is needed is read before the rights are given up: this checkout may be for root's eyes alone.
    script = AS_A_PERSON.replace("os.geteuid = lambda: 1000\n", DROP_RIGHTS)
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device, small_image.open("rb") as stream:
        before = device.data()
        argv = [sys.executable, "-c", script, str(HOME / "site_scons"), f"/proc/self/fd/{stream.fileno()}"]
        done = subprocess.run(
            [*argv, *device.words()], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS,
            pass_fds=[stream.fileno()], start_new_session=True, check=False,
        )  # fmt: skip
        assert done.returncode == Status.NO_PERMISSION, done.stderr
        assert "sudo started nothing, and gave status 1" in done.stderr
        assert device.data() == before
