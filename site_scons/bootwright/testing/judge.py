"""What a program of tests told, judged against the tests that its ELF holds."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bootwright.base.terminal import printable
from bootwright.faults.subject import Subject
from bootwright.machine import verdict
from bootwright.machine.verdict import Kind, Verdict
from bootwright.testing.chosen import WHOLE

MARK = "[test] "


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
    in the ELF; a program without any is one test, named for itself. crate is its crate's name; written are the test
    functions in its sources, as `name (file)`, where the ELF does not hold their names.
    """

    __test__ = False

    package: str
    name: str
    elf: Path
    image: Path
    source: Path = Path()
    tests: tuple[str, ...] = ()
    crate: str = ""
    written: tuple[str, ...] = ()

    @property
    def printed_names(self) -> list[str]:
        """The names of its tests as they are printed."""
        return [self.printed(name) for name in self.tests or [self.name]]

    def printed(self, name: str) -> str:
        """Returns a test's name as it is printed; a unit test's module stands without its crate, whatever that is."""
        crate, _, rest = name.partition("::")
        is_unit_test = rest and self.name in WHOLE and crate == self.crate
        return printed_name(self.package, f"{self.package.replace('-', '_')}::{rest}" if is_unit_test else name)

    @property
    def subject(self) -> Subject:
        """What a report on this program is made of; index and picture lie beside the ELF."""
        return Subject(self.elf, self.elf.with_suffix(".png"), self.source)

    @property
    def serial_log(self) -> Path:
        """Where all that the guest said lies after a run in which a test failed."""
        return self.elf.with_suffix(".serial.txt")


@dataclass(frozen=True)
class TestResult:
    """One test: its printed name, its outcome, its seconds, and the panic or verdict that failed it.

    The seconds are the guest's; the machine's, where the guest told none; None for a test that was not reached. tries
    is, of one that had failed before, the boot at which it passed.
    """

    __test__ = False

    name: str
    outcome: Outcome
    seconds: float | None
    message: str
    tries: int = 0


def printed_name(package: str, name: str) -> str:
    """Returns kernel/NAME/module::function; the crate's own name in front of a unit test's module is left out."""
    crate, _, rest = name.partition("::")
    return f"kernel/{package}/{rest if rest and crate == package.replace('-', '_') else name}"


def judge(program: TestProgram, end: Verdict, report: str = "") -> list[TestResult]:
    """Returns what became of each of program's tests in a run that ended with the verdict end, and a report."""
    names = program.tests
    told_by_name = parse_lines(end.serial, program.written) if not names else {}
    says_which = len(told_by_name) == 1 or any(told.outcome for told in told_by_name.values())
    if told_by_name and (says_which or end.kind is Kind.PASSED):
        return _judge_lines(program, end, report, told_by_name)
    if not names:
        outcome = Outcome.PASSED if end.kind is Kind.PASSED else Outcome.FAILED
        message = "" if outcome is Outcome.PASSED else _with_output(end.sentence, end.serial, report, _untold(program))
        return [TestResult(program.printed(program.name), outcome, None, message)]
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
        results.append(TestResult(program.printed(name), told.outcome, told.seconds, printable(told.message)))
    if not any(result.outcome is Outcome.FAILED for result in results):
        # No test is why this one was never begun: that is the program's own failure, told once.
        first = next((number for number, result in enumerate(results) if result.outcome is Outcome.NOT_REACHED), None)
        if first is not None:
            message = _with_output(f"never begun: {end.sentence}", report)
            results[first] = dataclasses.replace(results[first], outcome=Outcome.FAILED, message=message)
    if end.kind is not Kind.PASSED and all(result.outcome is Outcome.PASSED for result in results):
        # Every test said that it passed, and then the program came to another end than it should.
        last = results[-1]
        results[-1] = dataclasses.replace(
            last, outcome=Outcome.FAILED, message=_with_output(f"after the test: {end.sentence}", report)
        )
    return results


def told_end(serial: str) -> Verdict | None:
    """Returns what serial, all that is known of a board in a rack, says of the end of a program; None: it goes on.

    It is as if it had written to the port that ends QEMU, which a board has not.
    """
    text = serial.replace("\r", "")
    if text.count(f"{MARK}plan ") > 1:
        return verdict.reset(None, False)
    if f"{MARK}end\n" in text:
        passed = all(told.outcome is Outcome.PASSED for told in parse_protocol(text).values())
    else:
        said, told = RUNNING.search(text), parse_lines(text)
        if not said or len(told) < int(said[1]) or any(one.outcome is None for one in told.values()):
            return None
        passed = all(one.outcome is Outcome.PASSED for one in told.values())
    return verdict.exited(verdict.SUCCESS_EXIT_CODE if passed else verdict.FAILURE_EXIT_CODE, None)


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
            microseconds = re.match(r"(\d{1,15}) us", rest)
            seconds = int(microseconds[1]) / 1e6 if microseconds else None
            outcome = Outcome.PASSED if word == "ok" else Outcome.FAILED
            told[running] = _Told(outcome, seconds, text.strip() if outcome is Outcome.FAILED else "")
            running = ""
    return told


# module::name... [ok], as the books on kernels in Rust have it; whatever a test prints stands between the two.
TEST_LINE = re.compile(
    r"^(?P<before>[^\n]{0,99}?)(?<![\w:>])(?P<name>(?:\w+|<[^>\n]{0,199}>)(?:::[\w{}#]+)+)"
    r"[ \t]*(?:\.\.\.|\u2026)[ \t]*",
    re.MULTILINE,
)
BEFORE = re.compile(r"[ \t]*(?:\[?tests?(?:ing)?\]?:?[ \t]+)?", re.IGNORECASE)  # which a line may begin with
# The word at the end, in brackets or alone on a line: a sum like "3 passed; 0 failed" is no test's.
WORD = re.compile(
    r"\[[ \t]*(?:(?P<ok>ok|pass|passed|success)|(?:fail|failed|failure))[ \t]*\]"
    r"|^[ \t]*(?:(?P<alone>ok|passed)|failed)[.!]?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
COLOUR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


def parse_lines(serial: str, written: tuple[str, ...] = ()) -> dict[str, _Told]:
    """Returns what serial tells about each test, in their order, where it has lines `module::name... [ok]`.

    What stands before the name may be anything where written, `name (file)`, has its function. The outcome is None
    where no word follows.
    """
    text = COLOUR.sub("", serial.replace("\r", ""))
    functions = {one.partition(" ")[0] for one in written}
    lines = [
        line
        for line in TEST_LINE.finditer(text)
        if BEFORE.fullmatch(line["before"]) or line["name"].rpartition("::")[2] in functions
    ]
    starts = [*(line.start() for line in lines), len(text)]
    told: dict[str, _Told] = {}
    for line, end in zip(lines, starts[1:], strict=True):
        said = text[line.end() : end]
        outcome = None
        for word in WORD.finditer(said):
            outcome = Outcome.PASSED if word["ok"] or word["alone"] else Outcome.FAILED
        earlier = told.get(line["name"])
        if earlier is None or earlier.outcome is not Outcome.FAILED:  # closures share one name
            told[line["name"]] = _Told(outcome, None, "" if outcome is Outcome.PASSED else said.strip())
    return told


def _judge_lines(program: TestProgram, end: Verdict, report: str, told: dict[str, _Told]) -> list[TestResult]:
    """Returns the results of a program whose tests' names are known from its lines alone."""
    results = []
    for number, (name, one) in enumerate(told.items()):
        last = number == len(told) - 1
        passed = one.outcome is Outcome.PASSED or (one.outcome is None and end.kind is Kind.PASSED)
        message = "" if passed else _with_output(end.sentence, one.message, report)
        outcome = Outcome.PASSED if passed else Outcome.FAILED
        if passed and last and end.kind is not Kind.PASSED:
            outcome, message = Outcome.FAILED, _with_output(f"after the test: {end.sentence}", report)
        results.append(TestResult(program.printed(name), outcome, None, message))
    failed = [number for number, result in enumerate(results) if result.outcome is Outcome.FAILED]
    left = _not_reached(program, list(told), end.serial) if failed else ""
    if left:
        result = results[failed[-1]]
        results[failed[-1]] = dataclasses.replace(result, message=_with_output(result.message, left))
    return results


RUNNING = re.compile(r"^running (\d{1,6}) tests?\b", re.MULTILINE | re.IGNORECASE)  # as the books' runners say it


def _not_reached(program: TestProgram, told: list[str], serial: str) -> str:
    """Returns the line that counts the tests which a failure kept from running; it names them where that is certain.

    How many there are the runner says (`Running 4 tests`), else the sources, in which a cfg may hide one.
    """
    left = list(program.written)
    for name in told:
        function = name.rpartition("::")[2]
        known = next((one for one in left if one.startswith(f"{function} (")), None)
        if known:
            left.remove(known)
    said = RUNNING.search(serial)
    count = int(said[1]) - len(told) if said else len(left)
    if count <= 0:
        return ""
    names = f": {', '.join(left)}" if len(left) == count else ""
    tests = "test of this program was" if count == 1 else "tests of this program were"
    return f"{count} more {tests} not reached{names}"


def _untold(program: TestProgram) -> str:
    """Returns the line that says which tests a program has that does not tell which of them failed."""
    return f"it does not say which of its tests failed: {', '.join(program.written)}" if program.written[1:] else ""


def _with_output(sentence: str, *texts: str) -> str:
    parts = (text.replace("\r\n", "\n").strip() for text in (sentence, *texts))
    return printable("\n".join(part for part in parts if part))
