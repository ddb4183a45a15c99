"""How a run ends, in a real QEMU: boot sectors of a few bytes take the place of a kernel."""

from __future__ import annotations

import io
import os
import signal
import struct
import time
import zlib
from pathlib import Path

import pytest
from tests.boot.sectors import (
    HALT,
    POWER_OFF,
    RESET,
    RUN,
    SLEEP,
    SPIN,
    TRIPLE_FAULT,
    WRITE_DISK,
    Sector,
    child_that_runs,
    debug_exit,
    headless,
    is_alive,
    say,
    show,
    wait_until_gone,
)

from bootwright.base.errors import BootwrightError, Status
from bootwright.machine.display import Display
from bootwright.machine.machine import Machine
from bootwright.machine.verdict import Kind
from bootwright.run import run as run_module
from bootwright.run.config import RunConfig
from bootwright.run.run import run, screenshot


def test_a_halt_with_interrupts_off_ends_the_run_as_halted(sector: Sector) -> None:
    end, _ = headless(sector(HALT))
    assert (end.kind, end.status) == (Kind.HALTED, Status.DONE)
    assert "halted" in end.sentence and "RIP=0x7c02" in end.sentence


def test_a_halt_that_an_interrupt_can_end_is_still_running_at_the_time_out(sector: Sector) -> None:
    end, _ = headless(sector(SLEEP), timeout=1.5)
    assert (end.kind, end.status) == (Kind.STILL_RUNNING, Status.DONE)
    assert "still running at TIMEOUT=1.5" in end.sentence


def test_the_code_0x10_on_the_debug_exit_port_is_success(sector: Sector) -> None:
    end, _ = headless(sector(debug_exit(0x10)))
    assert (end.kind, end.status, end.exit_code) == (Kind.PASSED, 0, 33)


def test_another_code_is_returned_as_it_is(sector: Sector) -> None:
    end, _ = headless(sector(debug_exit(0x11)))
    assert (end.kind, end.status) == (Kind.EXITED, 35)
    assert end.sentence == "the kernel ended with code 35, with which it says that it failed (0x11); success is 33"
    assert headless(sector(debug_exit(0x12)))[0].sentence == "the kernel ended with code 37; success is 33"


def test_a_success_code_of_the_package_wins(sector: Sector) -> None:
    assert headless(sector(debug_exit(0x11)), success_exit_code=35)[0].status == 0
    assert headless(sector(debug_exit(0x10)), success_exit_code=35)[0].status == 33


def test_a_triple_fault_ends_at_once_with_status_3_and_the_registers(sector: Sector) -> None:
    end, _ = headless(sector(TRIPLE_FAULT))
    assert (end.kind, end.status) == (Kind.TRIPLE_FAULT, 3)
    assert "triple fault, RIP=0x7c06, CR2=0x0" in end.sentence


def test_a_reset_ends_with_status_3_and_does_not_loop(sector: Sector) -> None:
    end, _ = headless(sector(RESET))
    assert (end.kind, end.status) == (Kind.RESET, 3)
    assert "reset, RIP=0x7c0" in end.sentence


def test_a_kernel_that_switches_the_machine_off_is_told_so(sector: Sector) -> None:
    assert headless(sector(POWER_OFF))[0].kind is Kind.POWERED_OFF


def test_a_loader_failure_ends_at_once_with_status_4_and_its_sentence(sector: Sector) -> None:
    end, _ = headless(sector(say(0xE9, b"bootwright: KC bad sum\r\n") + HALT))
    assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4)
    assert end.sentence == "the loader failed: KC: bad sum"


def test_a_code_alone_is_a_loader_failure_whose_sentence_the_table_has(sector: Sector) -> None:
    end, _ = headless(sector(say(0xE9, b"bootwright: DS") + SPIN))
    assert end.sentence == "the loader failed: DS: the loader's stage cannot be read from the disk"


def test_nothing_that_the_serial_port_said_last_is_lost(sector: Sector) -> None:
    # 40,000 bytes as fast as the port takes them (cx counts), and the exit right behind the last.
    loop = b"\xba\xf8\x03\xb9\x40\x9c\xb0x\xee\xe2\xfb"
    end, out = headless(sector(loop + say(0x3F8, b"\xc3\xa4!") + debug_exit(0x10)))
    assert end.serial == "x" * 40000 + "ä!"
    assert out == end.serial + "\n"


def test_a_pipe_that_qemu_has_closed_does_not_keep_us_awake(sector: Sector) -> None:
    with Machine(RunConfig(sector(SLEEP), accelerator="tcg")) as machine:
        machine.qmp.execute("chardev-change", {"id": "serial", "backend": {"type": "null", "data": {}}})
        machine.step(5)  # hears of it
        start = time.monotonic()
        machine.step(0.2)
        assert time.monotonic() - start >= 0.2


def test_rows_that_the_serial_port_did_not_say_are_printed_at_the_end(sector: Sector) -> None:
    _, out = headless(sector(say(0x3F8, b"both\n") + show(3, b"both") + show(4, b"screen only") + HALT))
    assert out == "both\nscreen only\n"


def test_the_text_view_prints_rows_as_they_appear_and_says_how_to_leave(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    out, notes = io.StringIO(), io.StringIO()
    image = sector(say(0x3F8, b"serial\n") + show(5, b"seen in the terminal") + SPIN)
    end = run(RunConfig(image, timeout=2), out, notes)
    assert out.getvalue() == "serial\nseen in the terminal\n"
    assert "Ctrl-C" in notes.getvalue()
    assert end.kind is Kind.STILL_RUNNING


def test_a_window_that_cannot_open_falls_back_to_the_terminal(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "find_display", lambda *_: Display("gtk", True))
    monkeypatch.setenv("DISPLAY", ":987")
    notes = io.StringIO()
    end = run(RunConfig(sector(debug_exit(0x10))), io.StringIO(), notes)
    assert end.kind is Kind.PASSED
    assert "no window" in notes.getvalue()


def test_a_window_stays_open_when_the_kernel_has_halted(sector: Sector) -> None:
    out, notes = io.StringIO(), io.StringIO()
    image = sector(say(0x3F8, b"serial") + show(5, b"in the window") + HALT)
    # A VNC display that nobody can reach is a window that no test has to look at.
    end = run(RunConfig(image, qemu_flags=("-vnc", "none"), timeout=2.5), out, notes)
    assert end.kind is Kind.HALTED and "halted" in end.sentence
    assert out.getvalue() == "serial\n"
    assert "close it or press Ctrl-C" in notes.getvalue()


def test_a_flag_that_qemu_refuses_is_status_5_with_its_words_and_the_command(sector: Sector) -> None:
    with pytest.raises(BootwrightError) as failure:
        run(RunConfig(sector(HALT), qemu_flags=("-no-such-flag",), headless=True), io.StringIO(), io.StringIO())
    assert failure.value.status == Status.QEMU_NOT_STARTED
    assert "-no-such-flag" in failure.value.message
    assert "qemu-system-x86_64 -nodefaults" in failure.value.hint


def test_the_guest_cannot_change_the_image(sector: Sector) -> None:
    image = sector(WRITE_DISK + debug_exit(0x10))
    before = image.read_bytes()
    assert headless(image)[0].kind is Kind.PASSED
    assert image.read_bytes() == before


def test_two_machines_can_share_an_image_and_each_is_gone_afterwards(sector: Sector) -> None:
    config = RunConfig(sector(SPIN), headless=True)
    with Machine(config) as one, Machine(config) as two:
        one.resume()
        two.resume()
        pids = (one.pid, two.pid)
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


def test_the_channels_of_a_system_without_posix_work_too(sector: Sector) -> None:
    with Machine(RunConfig(sector(say(0x3F8, b"over tcp") + SPIN)), posix=False) as machine:
        machine.resume()
        deadline = time.monotonic() + 5
        while "over tcp" not in machine.serial and time.monotonic() < deadline:
            machine.step(0.1)
        assert machine.serial == "over tcp"


def test_qemu_that_is_killed_is_status_5(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Machine.resume

    def resume_and_kill(machine: Machine) -> None:
        resume(machine)
        os.kill(machine.pid, signal.SIGKILL)

    monkeypatch.setattr(Machine, "resume", resume_and_kill)
    end, _ = headless(sector(SPIN))
    assert (end.kind, end.status) == (Kind.QEMU_FAILED, 5)
    assert "SIGKILL" in end.sentence


def test_ctrl_c_leaves_no_qemu_behind_and_says_so(sector: Sector) -> None:
    call = "sys.exit(fault_run.run_and_tell(config, subject, sys.stdout, sys.stderr))"
    with child_that_runs(sector(SPIN), call) as (child, pid):
        time.sleep(0.3)
        # A terminal sends the signal to every process of its foreground group.
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=10)
        assert not is_alive(pid)
    assert said == "bootwright: left by Ctrl-C\n"
    assert child.returncode == 130


WITH_A_WATCHDOG = f"""
from bootwright.machine import lifeline
lifeline.find_guard = lambda: ()
{RUN}
"""
# The thread that started QEMU is gone while the process lives on: that is no death.
FROM_A_THREAD = """
import threading, time
started = machine.Machine(config)
def start():
    started.__enter__().resume()
thread = threading.Thread(target=start)
thread.start()
thread.join()
print("joined", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("call", [RUN, WITH_A_WATCHDOG], ids=["by the kernel, where it can", "by a process"])
def test_a_killed_parent_takes_qemu_with_it(sector: Sector, call: str) -> None:
    with child_that_runs(sector(SPIN), call) as (child, pid):
        assert is_alive(pid)
        child.kill()
        assert wait_until_gone(pid)


def test_qemu_outlives_the_thread_that_started_it_and_not_the_process(sector: Sector) -> None:
    with child_that_runs(sector(SPIN), FROM_A_THREAD) as (child, pid):
        assert child.stdout is not None
        assert child.stdout.readline() == "joined\n"
        time.sleep(0.3)
        assert is_alive(pid)
        child.kill()
        assert wait_until_gone(pid)


def test_a_run_works_from_an_atexit_function(sector: Sector) -> None:
    # From Python 3.12 on neither a thread nor a preexec_fn may start there.
    call = """
import atexit, os
def start():
    status = fault_run.run_and_tell(config, subject, sys.stdout, sys.stderr)
    sys.stdout.flush()
    os._exit(status)
atexit.register(start)
"""
    with child_that_runs(sector(debug_exit(0x11)), call) as (child, _):
        child.communicate(timeout=20)
        assert child.returncode == 35


def png_pixels(png: bytes) -> tuple[int, int, bytes]:
    """Returns width, height and the inflated rows of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    data, offset = b"", 8
    while offset < len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        if kind == b"IDAT":
            data += png[offset + 8 : offset + 8 + length]
        offset += 12 + length
    return width, height, zlib.decompress(data)


def test_a_screenshot_shows_what_the_kernel_wrote(sector: Sector, tmp_path: Path) -> None:
    blank, written = tmp_path / "blank.png", tmp_path / "written.png"
    assert screenshot(RunConfig(sector(HALT)), blank).kind is Kind.HALTED
    screenshot(RunConfig(sector(show(12, b"Hello World!") + HALT)), written)
    assert png_pixels(written.read_bytes())[:2] == (720, 400)
    assert png_pixels(written.read_bytes())[2] != png_pixels(blank.read_bytes())[2]


def test_a_screen_that_stands_still_is_photographed_before_the_time_out(sector: Sector, tmp_path: Path) -> None:
    end = screenshot(RunConfig(sector(SPIN), timeout=60), tmp_path / "screen.png")
    assert (end.kind, end.sentence) == (Kind.STILL_RUNNING, "the screen has not changed for 2 s")


def test_a_kernel_that_leaves_has_no_screenshot_and_nothing_is_written(sector: Sector, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(BootwrightError, match="no screenshot: the kernel ended with code 35"):
        screenshot(RunConfig(sector(debug_exit(0x11))), folder / "screen.png")
    assert list(folder.iterdir()) == []
