"""When a machine is known to have ended: by a clock and a guest that are played."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bootwright.base.errors import Status
from bootwright.machine.boards import PC
from bootwright.machine.display import Display
from bootwright.machine.machine import Machine
from bootwright.machine.transcript import Transcript
from bootwright.machine.verdict import Kind, Registers, Verdict
from bootwright.run import watch as watching
from bootwright.run.config import RunConfig
from bootwright.run.voice import Voice
from bootwright.run.watch import Watch

RUNS, STANDS = Registers(0x1000, 0, 0x202, False), Registers(0x2000, 0, 0x2, True)
MARK = "[ok]"


class Guest:
    """A machine that says, or whose processor does, something at the seconds of script; step() lets time pass."""

    unset = PC.unset
    board, gone, exit_code, stderr, console, command, in_firmware = PC, False, None, "", "", "qemu", False
    screen: tuple[str, ...] = ()
    refused = False

    def __init__(self, script: Mapping[float, bytes | Registers]) -> None:
        self.now = 0.0
        self.heard = {"serial": Transcript(), "console": Transcript()}
        self.qmp = SimpleNamespace(events=deque[Any]())
        self._script = dict(sorted(script.items()))
        self._processor = RUNS

    @property
    def serial(self) -> str:
        return self.heard["serial"].text

    def step(self, seconds: float) -> None:
        self.now += max(seconds, 0.01)
        for when in [when for when in self._script if when <= self.now]:
            happens = self._script.pop(when)
            if isinstance(happens, bytes):
                self.heard["serial"].add(happens)
            else:
                self._processor = happens

    def registers(self) -> list[Registers]:
        return [self._processor]

    def rows(self) -> tuple[str, ...]:
        return () if self.gone else self.screen

    def tend_log(self, now: float) -> None:
        """There is none."""


def watched(
    monkeypatch: pytest.MonkeyPatch, script: Mapping[float, bytes | Registers], mark: str = ""
) -> tuple[Verdict, float]:
    """Returns the verdict on a guest with 10 s for a test, and when it came."""
    guest = Guest(script)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: guest.now))
    config = RunConfig(Path("/x.img"), headless=True, timeout=10.0, restart_mark=mark)
    watch = Watch(cast(Machine, guest), config, Display(None, False), Voice(io.StringIO()))
    return watch.until_verdict(), guest.now


def test_each_mark_of_a_test_gives_the_next_one_the_whole_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    script = {8.0: b"a::b... [ok]\n", 16.0: b"a::c... [o", 16.5: b"k]\n", 24.0: b"a::d... "}
    end, seconds = watched(monkeypatch, script, MARK)
    assert end.kind is Kind.STILL_RUNNING
    assert 26.5 <= seconds < 27


def test_without_a_mark_the_time_out_holds_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    end, seconds = watched(monkeypatch, {8.0: b"a::b... [ok]\n"})
    assert (end.kind, round(seconds)) == (Kind.STILL_RUNNING, 10)


def test_a_firmware_that_found_no_disk_is_no_kernel_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guest, "screen", ("Boot failed: could not read the boot disk", "No bootable device.", ""))
    end, _ = watched(monkeypatch, {})
    assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4)
    assert end.sentence == "the firmware did not start the loader: no bootable device"


def test_a_processor_that_nothing_wakes_ends_the_run_after_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    end, seconds = watched(monkeypatch, {3.0: STANDS})
    assert end.kind is Kind.HALTED
    assert 3.5 <= seconds < 3.8


def test_one_that_goes_on_before_that_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    end, _ = watched(monkeypatch, {3.0: STANDS, 3.3: RUNS, 5.0: STANDS, 5.4: RUNS})
    assert end.kind is Kind.STILL_RUNNING


@pytest.mark.parametrize("pieces", [["bootwright: KC the k", "ernel is damaged\r\n"], list("bootwright: KC x\r\n"), []])
def test_a_loader_that_fails_says_it_to_the_end(monkeypatch: pytest.MonkeyPatch, pieces: list[str]) -> None:
    guest = Guest({1.2 + 0.1 * count: piece.encode() for count, piece in enumerate(pieces)})
    guest.console = "bootwright: KC the kernel is damaged\n"
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: guest.now))
    watch = Watch(
        cast(Machine, guest), RunConfig(Path("/x.img"), headless=True), Display(None, False), Voice(io.StringIO())
    )
    guest.now = 1.0
    assert watch.until_verdict().kind is Kind.LOADER_FAILED
    assert guest.serial == "".join(pieces)
    assert guest.now < 1.7 + 0.1 * len(pieces)


def test_a_loader_that_never_ends_to_fail_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest({1.0 + 0.1 * count: b"again " for count in range(200)})
    guest.console = "bootwright: KC the kernel is damaged\n"
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: guest.now))
    watch = Watch(
        cast(Machine, guest), RunConfig(Path("/x.img"), headless=True), Display(None, False), Voice(io.StringIO())
    )
    assert watch.until_verdict().kind is Kind.LOADER_FAILED
    assert guest.now < 5


def test_a_guest_that_stands_is_looked_at_soon_for_a_panic_and_later_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest({})
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: guest.now))
    config = RunConfig(Path("/x.img"), timeout=10.0)
    watch = Watch(cast(Machine, guest), config, Display("gtk", True), Voice(io.StringIO()))
    seen: list[tuple[float, bool]] = []
    over = False

    def look(machine: Machine, verdict: Verdict, sure: bool) -> bool:
        seen.append((guest.now, sure))
        return over

    watch.midway = look
    assert watch.until_verdict().sentence.startswith("the kernel was still running at TIMEOUT=10")
    assert [sure for _, sure in seen] == [False, True]
    assert seen[0][0] < 0.8 and 1.4 < seen[1][0] < 2
    # Whoever looks may know that it is the end.
    over, watch = True, Watch(cast(Machine, guest), config, Display(None, False), Voice(io.StringIO()))
    watch.midway = look
    end = watch.until_verdict()
    assert (end.kind, end.status, len(seen)) == (Kind.STILL_RUNNING, Status.GUEST_DIED, 3)
    assert end.sentence.startswith("the kernel comes no further, ")


def test_of_a_window_that_was_closed_the_last_screen_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    guest, out = Guest({}), io.StringIO()
    guest.screen = ("panicked at src/main.rs:3:5:",)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: guest.now))
    config = RunConfig(Path("/x.img"), timeout=1.0)
    watch = Watch(cast(Machine, guest), config, Display("gtk", True), Voice(out))
    watch.until_verdict()
    guest.gone = True
    assert watch.screen == guest.screen
    watch.finish()
    assert out.getvalue() == ""  # the window showed it
