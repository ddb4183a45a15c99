"""The kernel's own tests: which ones a program holds, and what became of them when it ran in the machine.

The protocol on the serial port is described in kernel/src/testing.rs. The names come from the ELF, so that a test
that the program never ran cannot go missing.
"""

from __future__ import annotations

import dataclasses
import io
import re
import struct
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.faults.subject import Subject
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.explained import run_and_report
from bootwright.run.run import RunConfig

SECTION = "bootwright_tests"
MARK = "[test] "
TEST_SECONDS = 30.0


class Outcome(StrEnum):
    """What became of a test."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class TestProgram:
    """One program of tests: it boots once. name is "src" for the modules' own tests, else the stem in tests/.

    image is what its machine starts from: the disk, in the fast lane the NAME.kernel, on a board the ELF.
    source is the package's directory, from which DWARF and panics name files. tests are what read_test_names found
    in the ELF; a program without any is one test, named for itself.
    """

    __test__ = False

    package: str
    name: str
    elf: Path
    image: Path
    source: Path = Path()
    tests: tuple[str, ...] = ()

    @property
    def printed_names(self) -> list[str]:
        """The names of its tests as they are printed."""
        return [printed_name(self.package, name) for name in self.tests or [self.name]]

    @property
    def subject(self) -> Subject:
        """What a report on this program is made of; index and picture lie beside the ELF."""
        return Subject(self.elf, self.elf.with_suffix(".symbols"), self.elf.with_suffix(".png"), self.source)

    @property
    def serial_log(self) -> Path:
        """Where all that the guest said lies after a run in which a test failed."""
        return self.elf.with_suffix(".serial.txt")


@dataclass(frozen=True)
class TestResult:
    """One test: its printed name, its outcome, its seconds, and the panic or verdict that failed it.

    The seconds are the guest's; the machine's, where the guest told none; None for a test that was not reached.
    """

    __test__ = False

    name: str
    outcome: Outcome
    seconds: float | None
    message: str


def printed_name(package: str, name: str) -> str:
    """Returns kernel/NAME/module::function; the crate's own name in front of a unit test's module is left out."""
    crate, _, rest = name.partition("::")
    return f"kernel/{package}/{rest if rest and crate == package.replace('-', '_') else name}"


def read_test_names(elf: Path) -> list[str]:
    """Returns the names in the tests' section of elf, in its order; none when there is no such section.

    An entry is {name: pointer and length, function: pointer}, three words of the ELF's class.
    """
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as file:
        image = ELFFile(file)
        section = image.get_section_by_name(SECTION)
        if section is None:
            return []
        data = section.data()
        entry = struct.Struct(("<" if image.little_endian else ">") + ("QQQ" if image.elfclass == 64 else "III"))
        if len(data) % entry.size:
            raise BootwrightError(f"{elf}: section {SECTION} is {len(data)} bytes; an entry has {entry.size}")
        names = []
        for address, length, _ in entry.iter_unpack(data):
            for segment in image.iter_segments("PT_LOAD"):
                offset = address - segment["p_vaddr"]
                if offset >= 0 and offset + length <= segment["p_filesz"]:
                    file.seek(segment["p_offset"] + offset)
                    names.append(file.read(length).decode())
                    break
            else:
                raise BootwrightError(f"{elf}: a test's name at {address:#x} is in no segment")
    for name in names:
        if names.count(name) > 1:
            raise BootwrightError(f"{elf}: {names.count(name)} tests are called {name}", "rename one of them")
    return names


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
    end, report = run_and_report(config, program.subject, io.StringIO(), io.StringIO(), in_test=True)
    seconds = time.monotonic() - start
    if end.status is Status.INTERRUPTED:
        raise KeyboardInterrupt  # no test has failed
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
        results[told] = dataclasses.replace(results[told], message=_with_output(message, _keep_evidence(program, end)))
    return results


def _keep_evidence(program: TestProgram, end: Verdict) -> str:
    """Writes what the guest said beside the program, and returns the lines that name it and the picture."""
    with atomic.new_directory(program.serial_log) as scratch:
        # As it was heard: a serial port ends its lines in its own way.
        (scratch / "log").write_text(end.serial, encoding="utf-8", newline="")
        (scratch / "log").replace(program.serial_log)
    picture = program.subject.picture
    seen = str(picture) if picture.exists() else "no picture: the machine ended with the guest"
    return f"serial log: {program.serial_log}\nscreen: {seen}"


def judge(program: TestProgram, end: Verdict, report: str = "") -> list[TestResult]:
    """Returns what became of each of program's tests in a run that ended with the verdict end, and a report."""
    names = program.tests
    if not names:
        outcome = Outcome.PASSED if end.kind is Kind.PASSED else Outcome.FAILED
        message = "" if outcome is Outcome.PASSED else _with_output(end.sentence, end.serial, report)
        return [TestResult(printed_name(program.package, program.name), outcome, None, message)]
    heard = parse_protocol(end.serial)
    culprit = next((name for name, told in heard.items() if told.outcome is not Outcome.PASSED), "")
    results = []
    for name in [*names, *(name for name in heard if name not in names)]:
        told = heard.get(name)
        if name not in names:
            told = _Told(Outcome.FAILED, None, f"the program ran {name}, which its ELF does not hold")
        elif told is None:
            why = f"after {culprit} failed" if culprit else end.sentence
            told = _Told(Outcome.NOT_REACHED, None, f"not reached: {why}")
        elif told.outcome is None:
            told = _Told(Outcome.FAILED, None, _with_output(end.sentence, told.message, report))
        assert told.outcome is not None
        results.append(TestResult(printed_name(program.package, name), told.outcome, told.seconds, told.message))
    if end.kind is not Kind.PASSED and all(result.outcome is Outcome.PASSED for result in results):
        # Every test said that it passed, and then the program came to another end than it should.
        last = results[-1]
        results[-1] = dataclasses.replace(
            last, outcome=Outcome.FAILED, message=_with_output(f"after the test: {end.sentence}", report)
        )
    return results


@dataclass(frozen=True)
class _Told:
    """What the serial port told about one test; outcome None: it began, and nothing more was heard."""

    outcome: Outcome | None
    seconds: float | None
    message: str


def parse_protocol(serial: str) -> dict[str, _Told]:
    """Returns what serial tells about each test that began, in their order; message is what came after its line."""
    told: dict[str, _Told] = {}
    running = ""
    for part in serial.replace("\r", "").split(MARK)[1:]:
        line, _, text = part.partition("\n")
        word, _, rest = line.partition(" ")
        if word == "start":
            running = rest
            told[running] = _Told(None, None, text)
        elif word in ("ok", "failed") and running:
            microseconds = re.match(r"(\d+) us", rest)
            seconds = int(microseconds[1]) / 1e6 if microseconds else None
            outcome = Outcome.PASSED if word == "ok" else Outcome.FAILED
            told[running] = _Told(outcome, seconds, text.strip() if outcome is Outcome.FAILED else "")
            running = ""
    return told


def _with_output(sentence: str, *texts: str) -> str:
    return "\n".join([sentence, *(text.strip() for text in texts if text.strip())])
