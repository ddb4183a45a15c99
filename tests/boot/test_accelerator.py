"""The probe of the accelerator in real machines."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from tests.boot.kernels import Built

from bootwright.base.errors import BootwrightError
from bootwright.machine import accelerator
from bootwright.machine.accelerator import boot_once, choose_accelerator, find_rival
from bootwright.machine.options import TCG
from bootwright.machine.qemu import find_qemu
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.run.started import started


def test_the_sector_boots_and_ends_its_machine_by_itself() -> None:
    assert boot_once(find_qemu(None), TCG, 60.0) > 0


def test_an_accelerator_that_qemu_does_not_have_is_told_in_its_own_words() -> None:
    with pytest.raises(BootwrightError, match="invalid accelerator no-such"):
        boot_once(find_qemu(None), "no-such", 60.0)


def test_a_boot_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "BOOT_SECTOR", b"\xeb\xfe")  # jmp to itself
    with pytest.raises(BootwrightError, match=r"not through after 0\.5 s"):
        boot_once(find_qemu(None), TCG, 0.5)


def test_a_run_tells_of_a_choice_when_it_was_made_and_not_again(
    hello: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME" if sys.platform != "win32" else "LOCALAPPDATA", str(tmp_path))
    told = []
    for _ in range(2):
        notes = io.StringIO()
        run(RunConfig(hello.image, headless=True), io.StringIO(), notes)
        told.append("from now on the machine runs with" in notes.getvalue())
    # Where TCG has no rival there is nothing to choose.
    assert told == [bool(find_rival()[0]), False]


def test_a_machine_runs_with_what_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hello: Built) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME" if os.name != "nt" else "LOCALAPPDATA", str(tmp_path))
    choice = choose_accelerator(find_qemu(None))
    with started(RunConfig(hello.image)) as machine:
        assert ["-accel", choice.name] == machine.arguments[machine.arguments.index("-accel") :][:2]
        enabled = machine.qmp.execute("query-kvm")["enabled"]
        assert enabled is (choice.name == "kvm")
