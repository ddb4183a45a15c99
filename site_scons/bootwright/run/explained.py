"""A run whose bad end is explained: the machine is looked at while it still stands, if need be in a second run."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, TextIO

from bootwright.base.errors import BootwrightError
from bootwright.base.terminal import printable
from bootwright.faults.board_log import place
from bootwright.faults.subject import Subject
from bootwright.machine.arguments import with_tcg
from bootwright.machine.boards import board_named
from bootwright.machine.machine import Machine
from bootwright.machine.options import names
from bootwright.machine.qmp import QemuGone, QmpError
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.command import run_program
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.run.voice import Silence, write

if TYPE_CHECKING:  # a run that ends well has no use for them
    from bootwright.faults.catalogue import What
    from bootwright.faults.report import Report


def run_and_report(
    config: RunConfig, subject: Subject, out: TextIO, notes: TextIO, in_test: bool = False
) -> tuple[Verdict, str]:
    """Runs the image like run, and returns the verdict and the report: "" where there is nothing to report.

    in_test says that a halt is a fault too. What another accelerator than TCG, or a log of the person's own, kept from
    us is looked up in a second run.
    """
    if config.program:
        return run_program(config, out, in_test), ""
    if not board_named(config.board).is_pc:
        end = run(config, out, notes)
        return end, place(end, subject)  # reports read x86-64 registers
    end, report = _watched_run(config, subject, out, notes, in_test)
    if report is not None and not report.complete:
        report, end = _second_run(config, subject, report, end)
    elif report is not None and _can_be_stopped(config, end):
        report = _at_exit(config, subject, report, end, in_test)
    return end, report.text() if report else ""


def _can_be_stopped(config: RunConfig, end: Verdict) -> bool:
    """Tells whether a run that ended by isa-debug-exit would stand still there: its code is value * 2 + 1."""
    return end.kind is Kind.EXITED and not names(config.flags, "-icount") and ((end.exit_code or 0) >> 1) % 2 == 1


def _at_exit(config: RunConfig, subject: Subject, first: Report, end: Verdict, in_test: bool) -> Report:
    """Runs it again with a device that stops the guest where it left, and returns that run's report.

    The first run's is returned where the second one ends in another way.
    """
    # With -icount an instruction for a device is the last of its block, so that none follows before the guest stops.
    config = with_tcg(config, "-icount", "shift=0,sleep=off")
    config = dataclasses.replace(config, stop_at_exit=True, headless=True, serial=None)
    again, report = _watched_run(config, subject, Silence(), Silence(), in_test, first.facts.what)
    if report is None or again.kind is not Kind.STOPPED:
        return first
    lines = [("what", end.sentence) if keyword == "what" else (keyword, text) for keyword, text in report.lines]
    note = "where the kernel left was looked up in a second run"
    return dataclasses.replace(report, lines=(*lines, ("again", note)))


def _watched_run(
    config: RunConfig, subject: Subject, out: TextIO, notes: TextIO, in_test: bool, what: What | None = None
) -> tuple[Verdict, Report | None]:
    """Runs the image once; what keeps a report from being made is told, and the verdict stands."""
    reports: list[Report] = []

    def look(machine: Machine, end: Verdict) -> None:
        if end.kind is Kind.PASSED:
            return
        from bootwright.faults.report import make_report

        try:
            report = make_report(machine, end, subject, in_test, what)
        except BootwrightError as error:
            write(notes, printable(f"bootwright: no report: {error}\n"))
        else:
            reports.extend([report] if report else [])
            if in_test and not report and not machine.gone:
                with contextlib.suppress(QmpError, QemuGone, OSError):
                    machine.screendump(subject.picture)

    end = run(config, out, notes, look)
    return end, reports[0] if reports else None


def run_and_tell(config: RunConfig, subject: Subject, out: TextIO, notes: TextIO) -> int:
    """Runs the image, writes the verdict's sentence and any report to notes, and returns the status for sys.exit."""
    end, report = run_and_report(config, subject, out, notes)
    write(notes, printable(f"bootwright: {end.sentence}\n{report}"))
    return end.status


def _second_run(config: RunConfig, subject: Subject, first: Report, end: Verdict) -> tuple[Report, Verdict]:
    """Runs it again under TCG with a log of ours; returns that run's report if it died too, and how they differ."""
    config = dataclasses.replace(with_tcg(config), headless=True, serial=None)
    again, report = _watched_run(config, subject, Silence(), Silence(), False)
    if report is None or report.facts.vector is None:
        note = f"under TCG, to learn vector and error code: {again.sentence}"
        return dataclasses.replace(first, lines=(*first.lines, ("again", note))), end
    note = "vector and error code come from a second run, under TCG"
    if report.rip != first.rip:
        note += f"; it died at another place than the first, RIP={first.rip or 0:#x}"
    return dataclasses.replace(report, lines=(*report.lines, ("again", note))), again
