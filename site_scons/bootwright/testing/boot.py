"""The kernel's own tests: which ones a program holds, and what became of them when it ran in the machine.

The protocol on the serial port is described in kernel/src/testing.rs. The names come from the ELF, so that a test
that the program never ran cannot go missing.
"""

from __future__ import annotations

import dataclasses
import time

from bootwright.base import atomic
from bootwright.base.errors import Status
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.explained import run_and_report
from bootwright.run.voice import Silence
from bootwright.testing.judge import MARK, Outcome, TestProgram, TestResult, _with_output, judge, told_end

TEST_SECONDS = 30.0
UNTOLD = "on a board in a rack a program passes by what its serial port says, `[test] end` or lines `name... [ok]`"


def run_test_program(program: TestProgram, config: RunConfig) -> list[TestResult]:
    """Boots program once and returns a result for each of its tests; config gives the machine and the time-out.

    timeout (30 s when None) holds for each test. Where one fails, the serial log and a picture of the screen are left
    beside the ELF and named in its message; they go when all pass.
    """
    for old in (program.serial_log, program.subject.picture):
        old.unlink(missing_ok=True)
    config = dataclasses.replace(
        config,
        image=program.image,
        headless=True,
        timeout=config.timeout or TEST_SECONDS,
        restart_mark=MARK,
    )
    start = time.monotonic()
    if config.place:
        from bootwright.run.place import boot_test  # most have no rack

        end, report = boot_test(config, told_end), ""
    else:
        end, report = run_and_report(config, program.subject, Silence(), Silence(), in_test=True)
    seconds = time.monotonic() - start
    if end.status is Status.INTERRUPTED:
        raise KeyboardInterrupt  # no test has failed
    if config.place and end.kind is Kind.STILL_RUNNING and MARK not in end.serial:
        end = dataclasses.replace(end, sentence=f"{end.sentence}; {UNTOLD}")
    if end.kind is Kind.POWERED_OFF and config.success_exit_code is None:
        # QEMU's status is 0 then, which is success where the manifest names no other.
        end = dataclasses.replace(end, kind=Kind.PASSED)
    results = [
        dataclasses.replace(result, seconds=seconds)
        if result.seconds is None and result.outcome is not Outcome.NOT_REACHED else result
        for result in judge(program, end, report)
    ]  # fmt: skip
    bad = [number for number, result in enumerate(results) if result.outcome is not Outcome.PASSED]
    if bad:
        # One failed, and what was not reached is so by its fault; a program that never began has none that failed.
        told = next((number for number in bad if results[number].outcome is Outcome.FAILED), bad[0])
        message = results[told].message
        evidence = _keep_evidence(program, end, config)
        results[told] = dataclasses.replace(results[told], message=_with_output(message, evidence))
    return results


def _keep_evidence(program: TestProgram, end: Verdict, config: RunConfig) -> str:
    """Writes what the guest said beside the program, and returns the lines that name it and the picture."""
    with atomic.new_directory(program.serial_log) as scratch:
        # As it was heard: a serial port ends its lines in its own way.
        (scratch / "log").write_text(end.serial, encoding="utf-8", newline="")
        (scratch / "log").replace(program.serial_log)
    picture = program.subject.picture
    missing = "the machine ended with the guest" if not config.place else "of a board its serial port alone is heard"
    seen = str(picture) if picture.exists() else f"no picture: {missing}"
    return f"serial log: {program.serial_log}\nscreen: {seen}"
