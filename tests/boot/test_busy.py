"""Kernels that are busy: which are called dead, at once or when their time is over, and which are healthy for all that
is known.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Workshop

from bootwright.base.errors import Status
from bootwright.faults.subject import Subject
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.explained import run_and_report

FAULTS = SMALL_KERNELS / "faults"
HEALTHY = {
    "polls_tasks": "(run|poll|wake)",
    "waits_for_a_key": "cause",
    "polls_a_port": "(cause|read_status)",
    "reads_a_device": "cause",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has `--soak` compile each kernel with and without optimisation, and else one way."""
    if "level" in metafunc.fixturenames:
        pairs = [(how, level) for how in [*HEALTHY, "takes_a_lock_twice"] for level in ("0", "2")]
        chosen = pairs if metafunc.config.getoption("--soak") else [pairs[n] for n in (0, 3, 4, 7, 8)]
        metafunc.parametrize(("how", "level"), chosen)


def test_only_a_kernel_that_can_never_go_on_is_called_dead(workshop: Workshop, how: str, level: str) -> None:
    source = SMALL_KERNELS / "busy.rs"
    built = workshop.build(source, f"{how}{level}", tests=False, flags=("--cfg", how, f"-Copt-level={level}"))
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=1.5)
    end, report = run_and_report(config, subject, io.StringIO(), io.StringIO())
    assert end.kind is Kind.STILL_RUNNING
    if how in HEALTHY:
        assert end.status == Status.DONE, report
        assert re.match(rf"  where    (busy::({HEALTHY[how]})|\S*(core|hello)::\S+|tick)\b", report), report
    else:
        assert end.status == Status.GUEST_DIED
        assert report.startswith(f"fault: deadlock in busy::cause, {source}:"), report


def test_a_kernel_that_spins_at_the_time_out_is_told_with_function_and_line(workshop: Workshop) -> None:
    source = workshop.directory / "idle.rs"
    text = (FAULTS / "hang.rs").read_text().replace('"frame.inc"', f'"{FAULTS / "frame.inc"}"')
    source.write_text(text[: text.index("    let flag")] + "    loop {}\n}\n")
    line = source.read_text().count("\n") - 1
    built = workshop.build(source, tests=False)
    config = RunConfig(built.image, headless=True, timeout=2)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    verdict, where = run_and_report(config, subject, io.StringIO(), io.StringIO())
    assert where == f"  where    idle::cause, {source}:{line}\n"
    assert (verdict.kind, verdict.status) == (Kind.STILL_RUNNING, Status.DONE)


@pytest.mark.parametrize("how", ["loops", "spins", "is_interrupted", "counts_down"])
def test_a_kernel_that_panicked_and_has_nothing_more_to_do_is_not_waited_for(workshop: Workshop, how: str) -> None:
    source = SMALL_KERNELS / "after_panic.rs"
    built = workshop.build(source, f"after_panic_{how}", tests=False, flags=("--cfg", how))
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=600)
    end, report = run_and_report(config, subject, io.StringIO(), io.StringIO(), in_test=True)
    if how in ("loops", "spins"):
        assert (end.kind, end.status) == (Kind.STILL_RUNNING, Status.GUEST_DIED)
        assert end.sentence.startswith("the kernel comes no further, RIP=0x")
    else:  # an interrupt or the end of its loop makes it go on
        assert (end.kind, end.exit_code) == (Kind.EXITED, 2 * 0x14 + 1)
    assert report.startswith(f"fault: panic in after_panic::cause, {source}:"), report
    assert "  message  assertion `left == right` failed: the answer\n" in report
