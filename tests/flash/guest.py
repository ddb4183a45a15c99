"""A machine with a USB stick, a real kernel and udev, in which commands are run from here."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.flash.guest_system import HOME, Archive, python

from bootwright.machine.channel import SocketChannel
from bootwright.machine.qmp import QmpClient, QmpError

SERIAL = "4711"
STICK = "/dev/sda"
SECONDS = 300  # for one command, on a machine that emulates the guest and has other work
MEMORY = "768M"


class Guest:
    """The machine, once it has said that it is ready."""

    def __init__(self, agent: SocketChannel, qmp: QmpClient) -> None:
        self._stream = agent.socket.makefile("rwb")
        self._qmp = qmp
        assert self._stream.readline() == b"ready\n"

    def ask(self, **order: object) -> Any:
        """Sends an order to the first process of the guest; returns its answer."""
        self._stream.write(json.dumps(order).encode() + b"\n")
        self._stream.flush()
        return json.loads(self._stream.readline())

    def run(self, *argv: str) -> tuple[int, str]:
        """Runs a program; returns its status and what it said."""
        answer = self.ask(argv=argv)
        return int(answer["status"]), str(answer["said"])

    def check(self, *argv: str) -> str:
        """Runs a program that must succeed; returns what it said."""
        status, said = self.run(*argv)
        assert status == 0, f"{argv}: {said}"
        return said

    def flasher(self, image: str, *words: str, dev: str = STICK) -> list[str]:
        """Returns the command that writes an image of the guest to the stick."""
        start = "from bootwright.flash.program import main; sys.exit(main())"
        program = f"import sys; sys.path.insert(0, {str(HOME / 'site_scons')!r}); {start}"
        return [python(), "-I", "-S", "-B", "-c", program, image, dev, f"YES={SERIAL}", *words]

    def flash(self, image: str, *words: str, dev: str = STICK) -> tuple[int, str]:
        """Writes an image to the stick; returns the flasher's status and what it said."""
        return self.run(*self.flasher(image, *words, dev=dev))

    def start(self, *argv: str) -> int:
        """Starts a program; returns its pid."""
        return int(self.ask(argv=argv, background=True)["pid"])

    def poll(self, pid: int) -> tuple[int | None, str]:
        """Returns the status of a program that was started, None while it runs, and what it said so far."""
        answer = self.ask(poll=pid)
        return answer["status"], str(answer["said"])

    def wait(self, pid: int) -> tuple[int, str]:
        """Waits for a program that was started."""
        deadline = time.monotonic() + SECONDS
        while (found := self.poll(pid))[0] is None:
            assert time.monotonic() < deadline, found[1]
            time.sleep(0.1)
        return int(found[0]), found[1]

    def settle(self) -> None:
        """Waits until udev has done what it has to."""
        self.check("/bin/udevadm", "settle")

    def mounts(self) -> list[str]:
        """Returns what is mounted of the stick, and where."""
        return [
            line for line in self.check("/bin/sh", "-c", READ, "sh", "/proc/mounts").splitlines() if "/dev/sd" in line
        ]

    def pull(self) -> None:
        """Takes the stick out, whatever is done with it."""
        self._qmp.execute("device_del", {"id": "stick"})
        deadline = time.monotonic() + SECONDS
        # The disk inside of the stick says so too, and before.
        while not any(name == "DEVICE_DELETED" and data.get("device") == "stick" for name, data in self._qmp.events):
            assert time.monotonic() < deadline
            self._qmp.receive(0.1)
        self._qmp.events.clear()

    def put_in(self) -> None:
        """Puts the stick in again, and waits until it is there under its name."""
        stick = {"driver": "usb-storage", "id": "stick", "drive": "medium", "serial": SERIAL}
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self._qmp.execute("device_add", stick)
                break
            except QmpError:  # the one that was pulled still holds the medium for a moment
                assert time.monotonic() < deadline
                time.sleep(0.1)
        while self.run("/bin/sh", "-c", f"[ -b {STICK} ] && [ -e /run/udev/data/b8:0 ]")[0]:
            assert time.monotonic() < deadline, "the stick has another name"
            time.sleep(0.2)
        self.settle()


READ = 'while read -r line; do echo "$line"; done < "$1"'


@contextmanager
def guest(directory: Path, kernel: Path, initrd: Path, stick: Path, images: dict[str, Path]) -> Iterator[Guest]:
    """Runs a machine with the stick and, in its root, the images, while the context lasts. No accelerator is used."""
    more = Archive()
    for name, path in images.items():
        more.file(path, f"/{name}", 0o100644)
    whole = directory / "initrd-and-images"
    whole.write_bytes(initrd.read_bytes() + more.end())
    agent, control = SocketChannel("agent"), SocketChannel("qmp")
    argv = ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", MEMORY]
    argv += ["-nodefaults", "-display", "none", "-no-reboot", "-kernel", str(kernel), "-initrd", str(whole)]
    argv += ["-append", "console=ttyS0 quiet panic=-1", "-serial", f"file:{directory}/console"]
    argv += [
        "-chardev",
        agent.option,
        "-serial",
        "chardev:agent",
        "-chardev",
        control.option,
        "-mon",
        "qmp,mode=control",
    ]
    argv += ["-blockdev", f"raw,node-name=medium,file.driver=file,file.filename={stick},file.locking=off"]
    argv += ["-device", "qemu-xhci", "-device", f"usb-storage,id=stick,drive=medium,serial={SERIAL}"]
    with subprocess.Popen(argv, pass_fds=[*agent.descriptors, *control.descriptors]) as process:
        try:
            assert agent.connect(SECONDS)
            assert control.connect(SECONDS)
            agent.socket.settimeout(SECONDS)
            qmp = QmpClient(control.socket)
            qmp.handshake(SECONDS)
            yield Guest(agent, qmp)
        finally:
            process.kill()
            agent.close()
            control.close()
