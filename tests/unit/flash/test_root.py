"""What is told of a writing by root: the writer's own status, and where it had none, whether the stick was touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import SITE
from bootwright.flash import root
from bootwright.flash.device import Device
from bootwright.flash.order import Order
from bootwright.flash.refusals import Wish
from bootwright.flash.root import root_command, write_as_root

if os.name != "posix":
    pytest.skip("sudo is Unix's", allow_module_level=True)

STICK = Device("/dev/sdx", "usb", 1 << 30, serial="4C53", identity=("8:16", "9"))
ORDER = Order(Path("kernel.img"), "/dev/sdx", Wish())
STARTED, WRITES = "echo started", "echo started; echo writes"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Gives back what a writing takes for itself; Ctrl-C comes up also where a shell has it ignored, behind `&`."""
    before = [signal.signal(signal.SIGHUP, signal.SIG_DFL), signal.signal(signal.SIGINT, signal.default_int_handler)]
    yield
    for number, handler in zip((signal.SIGHUP, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Has a person write through a sudo that is this script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    def write(script: str) -> int:
        (tmp_path / "sudo").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "sudo").chmod(0o755)
        return write_as_root(ORDER, STICK)

    return write


@pytest.mark.parametrize("status", [Status.DONE, Status.NO_SUCH_DEVICE, Status.NOT_FINISHED, Status.INTERRUPTED])
def test_a_status_of_the_writers_own_is_handed_on(status: Status, sudo: Callable[[str], int]) -> None:
    assert sudo(f"{WRITES}; exit {int(status)}") == status
    assert sudo(f"{STARTED}; exit {int(status)}") == status


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [("exit 1", Status.NO_PERMISSION, "sudo started nothing, and gave status 1"),
     ("exit 0", Status.NO_PERMISSION, "sudo started nothing, and gave status 0"),
     (f"{STARTED}; exit 1", Status.INTERRUPTED, "the writer ended with status 1; nothing was written"),
     (f"{STARTED}; kill -9 $$", Status.INTERRUPTED, "the writer was ended by signal 9; nothing was written"),
     (f"{WRITES}; exit 1", Status.NOT_FINISHED, "was begun and could not be finished: the writer ended with status 1"),
     (f"{WRITES}; kill -9 $$", Status.NOT_FINISHED, "could not be finished: the writer was ended by signal 9")],
)  # fmt: skip
def test_where_the_writer_has_none_it_is_told_whether_the_stick_was_touched(
    script: str, status: Status, words: str, sudo: Callable[[str], int]
) -> None:
    with pytest.raises(BootwrightError) as raised:
        sudo(script)
    assert (raised.value.status, words in raised.value.message) == (status, True), raised.value.message


def test_what_others_could_change_is_not_run_by_root(
    tmp_path: Path, sudo: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def distrust() -> None:
        raise BootwrightError("root would run what others may write", status=Status.NO_PERMISSION)

    monkeypatch.setattr(root, "check_trusted", distrust)
    with pytest.raises(BootwrightError, match="root would run"):
        sudo(f"touch {tmp_path}/ran")
    assert not (tmp_path / "ran").exists()


def test_a_closing_terminal_is_heard_until_the_stick_is_touched(sudo: Callable[[str], int]) -> None:
    sudo(f"{STARTED}; exit 0")
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    sudo(f"{WRITES}; exit 0")
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_sudo_that_asks_for_a_password_is_ended_by_an_interrupt(tmp_path: Path, sudo: Callable[[str], int]) -> None:
    with pytest.raises(BootwrightError, match="interrupted; nothing was written") as raised:
        sudo(f"echo $$ > {tmp_path}/pid; trap '' INT; sleep 0.1; kill -INT $PPID; exec sleep 60 > /dev/null")
    assert raised.value.status == Status.INTERRUPTED
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_writer_is_waited_for_though_it_was_interrupted_and_is_told_by_the_end_of_its_input(
    sudo: Callable[[str], int],
) -> None:
    waits = "trap '' INT; sleep 0.1; kill -INT $PPID; timeout 20 cat; exit 130"
    assert sudo(f"{WRITES}; {waits}") == Status.INTERRUPTED


def test_root_sees_nothing_of_the_persons_directory_and_the_switches_as_they_were_given() -> None:
    words = root_command(Order(Path("a b/kernel.img"), "disk", Wish(loop=True, unmount=True)), STICK)
    here = Path.cwd()
    assert words[-6:] == [
        str(here / "a b/kernel.img"), str(here / "disk"), "YES=4C53", "IDENTITY=8:16/9", "LOOP=1", "UNMOUNT=1",
    ]  # fmt: skip


LEASH = """
import os, signal
os.environ["LD_PRELOAD"] = "the person's"
from bootwright.flash.root import Leash
leash = Leash()
print(sorted(set(os.environ) - {"LC_CTYPE"}), flush=True)
try:
    signal.pause()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    try:
        leash.tell("writes")
    except KeyboardInterrupt:
        print("and writes nothing", flush=True)
"""


def test_the_writer_is_interrupted_when_who_started_it_is_gone_and_then_tells_no_stage() -> None:
    environ = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONWARNINGS": "ignore"}
    argv = [sys.executable, "-c", LEASH]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        assert writer.stdout.readline() == b"started\n"
        seen = writer.stdout.readline().decode()
        assert "PATH" in seen and "LD_PRELOAD" not in seen and "HOME" not in seen
        writer.stdin.close()
        assert writer.stdout.read() == b"interrupted\nand writes nothing\n"
