"""A writing that ends at any moment, by SIGKILL or Ctrl-C, leaves a medium that boots whole or not at all."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.flash.rig import Loop, is_right, is_whole_or_dead, loop, make_backing, make_image

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.linux import LinuxSystem
from bootwright.flash.order import Order
from bootwright.flash.program import flash
from bootwright.flash.refusals import Wish
from bootwright.flash.voice import Terminal

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]
SIZE = 24 * MIB
SEED = 6


def start(image: Path, device: Loop, said: Path) -> int:
    """Starts the flasher in a process of its own, which is busy at once, and returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with said.open("w") as notes:
            terminal = Terminal(None, notes)
            try:
                order = Order(image, device.path, Wish(loop=True), str(device.size))
                status = flash(order, terminal, LinuxSystem())
            except BootwrightError as error:
                terminal.tell(str(error))
                status = error.status
    finally:
        os._exit(status)


def wait_for_progress(said: Path) -> None:
    """Waits until the flasher says that it writes."""
    deadline = time.monotonic() + 60
    while "writing" not in said.read_text() and time.monotonic() < deadline:
        time.sleep(0.001)


def wait(pid: int) -> int:
    """Returns how the process ended: its status, or a negative signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_medium_is_never_half_bootable_and_a_rerun_completes_it(tmp_path: Path, soak: bool, number: int) -> None:
    generator = random.Random(SEED)
    rounds = 200 if soak else 20
    old, image = make_image(tmp_path / "old.img", 12 * MIB, 3), make_image(tmp_path / "hello.img", 16 * MIB, 4)
    said = tmp_path / "said"
    dead = untouched = whole = 0
    with loop(make_backing(tmp_path / "disk", SIZE)) as device:
        began = time.monotonic()
        assert wait(start(image, device, said)) == Status.DONE
        longest = time.monotonic() - began
        for n in range(rounds):
            # What was there: a stick of somebody else's, or the last image, of which only differing blocks are sent.
            if n % 2:
                make_backing(device.backing, SIZE, n)
            else:
                assert wait(start(old, device, said)) == Status.DONE
            before = device.data()
            said.write_text("")
            pid = start(image, device, said)
            if n % 4 < 2:  # half of them at any moment, half while it writes or verifies
                time.sleep(generator.uniform(0, longest))
            else:
                wait_for_progress(said)
                time.sleep(generator.uniform(0, longest / 3))
            os.kill(pid, number)
            status = wait(pid)
            after = device.data()
            if number == signal.SIGINT:
                check_words(status, said.read_text(), after, image)
            if after == before and status != Status.DONE:
                untouched += 1
            else:
                assert is_whole_or_dead(after, image), f"round {n}"
                dead += not any(after[:512])
                whole += any(after[:512])
            assert wait(start(image, device, said)) == Status.DONE, said.read_text()
            assert is_right(device.data(), image), f"round {n}"
    print(f"{rounds} rounds: {dead} left dead, {untouched} not yet touched, {whole} already whole")
    assert dead > rounds // 5, "too few ended while they wrote to show anything"


def check_words(status: int, said: str, data: bytes, image: Path) -> None:
    """Checks that what the person is told is what the medium is."""
    if status == Status.INTERRUPTED and "nothing was written" not in said:
        assert "does not boot" in said
        assert not any(data[:512])
    elif status == Status.DONE:
        assert is_right(data, image)
    else:
        # The signal came before or after the flasher minded it.
        assert status in (Status.INTERRUPTED, -signal.SIGINT, 1), (status, said)
