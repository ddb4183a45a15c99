"""A run whose bad end is explained: the machine is looked at while it still stands, if need be in a second run."""

from __future__ import annotations

import contextlib

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.records import replace
from bootwright.base.terminal import printable
from bootwright.machine.boards import board_named
from bootwright.machine.options import names
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.voice import Silence, note

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO

AGAIN_SECONDS = 30.0
# How many nanoseconds of the machine's time an instruction takes, as a power of two. A firmware of UEFI waits by that
# clock for most of a boot: at one nanosecond it took 50 s, as long as it may, and at 32 a few.
SHIFT, UEFI_SHIFT = 0, 5

if TYPE_CHECKING:  # a run that ends well has no use for them
    from bootwright.faults.known import Facts
    from bootwright.faults.subject import Subject
    from bootwright.faults.told import Report
    from bootwright.machine.machine import Machine


def run_and_report(
    config: RunConfig, subject: Subject, out: TextIO, notes: TextIO, in_test: bool = False
) -> tuple[Verdict, str]:
    """Runs the image like run, and returns the verdict and the report: "" where there is nothing to report.

    in_test says that a halt is a fault too. What another accelerator than TCG, or a log of the person's own, kept from
    us is looked up in a second run. Who watches is told of a guest that comes no further when it is seen.
    """
    if config.place:
        from bootwright.run.place import run_on_place  # most have no rack

        return run_on_place(config, out, notes), ""
    if config.program:
        from bootwright.run.command import run_program  # a machine of ours does without, and this without a machine

        return run_program(config, out, in_test), ""
    from bootwright.run.run import run

    seen = _Seen(subject, notes, in_test)
    end = run(config, out, notes, seen.at_end, seen.is_over if config.headless else seen.midway)
    report = seen.report
    is_pc = board_named(config.board).is_pc
    if report is None:
        stands = not is_pc or (end.kind is Kind.STILL_RUNNING and not in_test)
        return _placed(end, subject) if stands else (end, "")
    if report.alive:
        return end, report.text()
    if not is_pc:
        pass  # a board's run is not repeated: it told all, or QEMU ended with the guest
    elif not report.complete:
        report, end = _second_run(config, subject, report, end)
    elif _can_be_stopped(config, end):
        report = _at_exit(config, subject, report, end, in_test)
    if end.status in (Status.DONE, Status.INTERRUPTED):
        sentence = f"{end.sentence}; the fault is told above" if seen.is_told else end.sentence
        end = replace(end, status=Status.GUEST_DIED, sentence=sentence)
    return end, "" if seen.is_told else report.text()


def _placed(end: Verdict, subject: Subject) -> tuple[Verdict, str]:
    """Returns the verdict on a run without a report, and where it stood; in a panic, it died of that."""
    from bootwright.faults.board_log import PANICKING, places_at_end, told

    try:
        places = places_at_end(end, subject)
    except BootwrightError as error:
        return end, f"  where    {error.message}\n"
    if end.kind is not Kind.DIED and any(place.function.startswith(PANICKING) for place in places):
        end = replace(end, status=Status.GUEST_DIED, sentence=f"{end.sentence}: it panicked")
    return end, told(places)


def _can_be_stopped(config: RunConfig, end: Verdict) -> bool:
    """Tells whether a run that ended by isa-debug-exit would stand still there: its code is value * 2 + 1."""
    return end.kind is Kind.EXITED and not names(config.flags, "-icount") and ((end.exit_code or 0) >> 1) % 2 == 1


def _at_exit(config: RunConfig, subject: Subject, first: Report, end: Verdict, in_test: bool) -> Report:
    """Runs it again with a device that stops the guest where it left, and returns that run's report.

    The first run's is returned where the second one ends in another way.
    """
    from bootwright.machine.arguments import with_tcg

    # With -icount an instruction for a device is the last of its block, so that none follows before the guest stops.
    shift = SHIFT if config.firmware == "bios" else UEFI_SHIFT
    config = with_tcg(config, "-icount", f"shift={shift},sleep=off")
    # The first run ended by itself, so this one is waited for, however slow -icount is here.
    timeout = max(config.timeout or 0.0, AGAIN_SECONDS)
    config = replace(config, stop_at_exit=True, timeout=timeout)
    again, report = _run_again(config, subject, in_test, first.facts)
    if report is None or again.kind is not Kind.STOPPED:
        return first
    lines = [("what", end.sentence) if keyword == "what" else (keyword, text) for keyword, text in report.lines]
    note = "where the kernel left was looked up in a second run"
    return replace(report, lines=(*lines, ("again", note)))


class _Seen:
    """What is seen of one run of the image; what keeps a report from being made is told, and the verdict stands."""

    def __init__(self, subject: Subject, notes: TextIO, in_test: bool, first: Facts | None = None) -> None:
        self.report: Report | None = None
        self.is_told = False  # the report, midway
        self._subject = subject
        self._notes = notes
        self._in_test = in_test
        self._first = first

    def at_end(self, machine: Machine, end: Verdict) -> None:
        """Makes the report, where the end was none that a kernel should come to."""
        if end.kind is Kind.PASSED or (self._in_test and end.kind is Kind.LEFT):
            return
        if self.is_told and end.kind in (Kind.LEFT, Kind.STILL_RUNNING, Kind.HALTED):
            return
        self.report, self.is_told = self._look(machine, end), False
        if self._in_test and not self.report and not machine.gone:
            from bootwright.machine.qmp import QemuGone, QmpError

            with contextlib.suppress(QmpError, QemuGone, OSError):
                machine.screendump(self._subject.picture)

    def is_over(self, machine: Machine, seen: Verdict, sure: bool = True) -> bool:
        """Tells whether a guest that nobody watches panicked and does nothing more: TIMEOUT need not be waited for."""
        from bootwright.machine.qmp import QemuGone

        if machine.board.is_pc:
            from bootwright.faults.looks import is_over
        else:
            from bootwright.faults.board_report import is_over
        try:
            return is_over(machine, self._subject)
        except (BootwrightError, QemuGone):
            return False  # the end will tell

    def midway(self, machine: Machine, seen: Verdict, sure: bool = True) -> bool:
        """Tells of a guest that somebody watches, and that stands in the handler of a panic or of an exception.

        It runs on: who watches it leaves.
        """
        from bootwright.machine.qmp import QemuGone, QmpError

        try:
            if self.is_told or not _is_dead_end(machine, self._subject, sure):
                return False
        except (BootwrightError, QemuGone):
            return False  # the end will tell
        report = self._look(machine, seen)
        with contextlib.suppress(QmpError, QemuGone):
            machine.qmp.execute("cont")
        if report:
            self.report, self.is_told = report, True
            note(self._notes, printable(f"bootwright: {seen.sentence}\n{report.text()}"))
        return False

    def _look(self, machine: Machine, end: Verdict) -> Report | None:
        try:
            if not machine.board.is_pc:
                from bootwright.faults.board_report import make_board_report

                return make_board_report(machine, end, self._subject, self._in_test)
            from bootwright.faults.report import make_report

            return make_report(machine, end, self._subject, self._in_test, self._first)
        except BootwrightError as error:
            if self._in_test or end.kind not in (Kind.HALTED, Kind.LEFT):  # which are mostly no fault
                note(self._notes, printable(f"bootwright: no report: {error}\n"))
            return None


def _is_dead_end(machine: Machine, subject: Subject, sure: bool) -> bool:
    if machine.board.is_pc:
        from bootwright.faults.looks import is_dead_end
    else:
        from bootwright.faults.board_report import is_dead_end
    return is_dead_end(machine, subject, sure)


def _run_again(
    config: RunConfig, subject: Subject, in_test: bool, first: Facts | None = None
) -> tuple[Verdict, Report | None]:
    """Runs the image once more, without a word; returns that run's verdict and report."""
    from bootwright.run.run import run

    config = replace(config, headless=True, serial=None)
    seen = _Seen(subject, Silence(), in_test, first)
    return run(config, Silence(), Silence(), seen.at_end), seen.report


def run_and_tell(config: RunConfig, subject: Subject, out: TextIO, notes: TextIO) -> int:
    """Runs the image, writes the verdict's sentence and any report to notes, and returns the status for sys.exit."""
    end, report = run_and_report(config, subject, out, notes)
    note(notes, printable(f"bootwright: {end.sentence}\n{report}"))
    return end.status


def _second_run(config: RunConfig, subject: Subject, first: Report, end: Verdict) -> tuple[Report, Verdict]:
    """Runs it again under TCG with a log of ours; returns that run's report if it died too, and how they differ."""
    from bootwright.machine.arguments import with_tcg

    again, report = _run_again(with_tcg(config), subject, False)
    if report is None or report.facts.vector is None:
        note = f"under TCG, to learn vector and error code: {again.sentence}"
        return replace(first, lines=(*first.lines, ("again", note))), end
    note = "vector and error code come from a second run, under TCG"
    if report.rip != first.rip:
        note += f"; it died at another place than the first, RIP={first.rip or 0:#x}"
    return replace(report, lines=(*report.lines, ("again", note))), again
