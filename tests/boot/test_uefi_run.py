"""What a person does with a machine that has UEFI: the report on a dead kernel, gdb, a picture, a kernel's tests."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.kernels import KERNEL, SMALL_KERNELS, Built, Workshop
from tests.boot.loader_rig import UEFI_SECONDS
from tests.boot.test_faults import FAULTS, kill
from tests.boot.test_gdb import gdb

from bootwright.machine.config import MachineConfig
from bootwright.machine.machine import Machine
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import screenshot
from bootwright.testing.boot import run_test_program
from bootwright.testing.judge import Outcome

pytestmark = pytest.mark.needs("ovmf")
SECONDS = 60.0


def test_a_dead_kernel_is_reported_with_cause_function_and_line(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "null_pointer.rs", firmware="uefi")
    dead.expect("null pointer", "null_pointer")
    assert dead.said("serial")[0] == "before the fault"


@pytest.mark.needs("gdb")
def test_gdb_stops_at_the_kernels_entry_and_the_serial_file_holds_the_kernels_words(
    hello: Built, tmp_path: Path
) -> None:
    serial = tmp_path / "serial.txt"
    done = gdb(hello, KERNEL, serial, "info symbol $rip", "break hello::cpu::halt", "continue", firmware="uefi")
    assert done.returncode == 0, done.stderr
    assert "_start in section .text" in done.stdout, done.stdout
    assert "Breakpoint 2, hello::cpu::halt ()" in done.stdout
    assert serial.read_text() == "Hello World!\n"


def test_the_picture_is_that_of_a_machine_with_a_bios(hello: Built, tmp_path: Path) -> None:
    for firmware in ("bios", "uefi"):
        end = screenshot(RunConfig(hello.image, firmware=firmware, timeout=SECONDS), tmp_path / f"{firmware}.png")
        assert end.kind is Kind.HALTED
    assert (tmp_path / "uefi.png").read_bytes() == (tmp_path / "bios.png").read_bytes()


def test_a_kernels_tests_run_and_one_that_fails_is_told(workshop: Workshop) -> None:
    program = workshop.program(SMALL_KERNELS / "failing_test.rs")
    config = RunConfig(program.image, firmware="uefi", timeout=UEFI_SECONDS)
    results = run_test_program(program, replace(config, headless=True))
    outcomes = {result.outcome for result in results}
    assert Outcome.FAILED in outcomes and outcomes <= {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_REACHED}
    # The machine ended with the guest: its screen is that of a second run, where instructions are counted, and a
    # firmware that waits by the clock must not take longer than it may.
    assert f"screen: {program.subject.picture}" in "".join(result.message for result in results)


def test_a_disk_without_a_loader_shows_what_the_firmware_says_of_it(tmp_path: Path) -> None:
    empty = tmp_path / "empty.img"
    empty.write_bytes(bytes(1 << 20))
    with Machine(MachineConfig(empty, firmware="uefi")) as guest:
        guest.resume()
        deadline = time.monotonic() + 2 * SECONDS
        while b"BdsDxe" not in guest._firmware_text._kept and time.monotonic() < deadline:
            guest.step(0.1)
        assert guest.in_firmware and guest.serial == "" and guest.rows() == ()
    assert "BdsDxe" in guest.serial and "\x1b" not in guest.serial
