"""The pytest plugin for the kernel's own tests: each is a test of its own, and each program of them boots once.

`pytest -p bootwright.testing.plugin build/VARIANT/kernel-tests.json` runs what that list (kernel_test_list) holds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.machine.machine import look_around
from bootwright.run.config import RunConfig
from bootwright.setup.told import add_cure
from bootwright.testing.boot import run_test_program
from bootwright.testing.chosen import is_chosen, may_hold, without_names
from bootwright.testing.forks import ForkedMachines
from bootwright.testing.judge import Outcome, TestProgram, TestResult
from bootwright.testing.listed import FILE_NAME, read_programs
from bootwright.testing.written import never_told

if TYPE_CHECKING:
    from bootwright.testing.pool import Pool


RUNS = pytest.StashKey[list["_Run"]]()  # of the chosen tests


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark of pytest-xdist's, which need not be installed."""
    config.addinivalue_line("markers", "xdist_group(name): tests that stay with one worker")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --machines."""
    text = "how many machines run at once in this very process; 0: one, when its test comes"
    group = parser.getgroup("bootwright")
    group.addoption("--machines", type=int, default=0, metavar="N", help=text)
    group.addoption("--pool", default="", metavar="URL", help="the scheduler of a Dask pool, whose workers boot")
    group.addoption("--pool-ca", default="", metavar="FILE", help="the certificates that its members are trusted by")
    group.addoption("--pool-cert", default="", metavar="FILE", help="our own certificate, and its key")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Has the programs of the chosen tests boot beside each other, as many as --machines says."""
    limit = session.config.getoption("--machines")
    runs = list(dict.fromkeys(item.run for item in session.items if isinstance(item, KernelTest)))
    session.config.stash[RUNS] = runs
    if session.config.getoption("--pool") and runs:
        return (yield from _in_pool(session.config, runs))
    if not limit or not runs:
        return (yield)
    with contextlib.suppress(BootwrightError):  # the first machine says it
        look_around(runs[0].config)
    machines = ForkedMachines([run.boot for run in runs], limit)
    for run in runs:
        run.machines = machines
    try:
        return (yield)
    finally:
        machines.close()


def _in_pool(config: pytest.Config, runs: Sequence[_Run]) -> Generator[None, object, object]:
    """Has the programs boot on a pool: all of them, unless xdist's workers, which share out the tests, ask for each."""
    from bootwright.testing.pool import Pool  # most do without

    pool = Pool(*map(config.getoption, ("--pool", "--pool-ca", "--pool-cert")))
    for run in runs:
        run.pool = pool
    try:
        if not hasattr(config, "workerinput"):
            with contextlib.suppress(BootwrightError):  # the test itself says it
                for run in runs:
                    run.begin()
        return (yield)
    finally:
        pool.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists the programs that ran again, since a worker of the pool died under them, and tests that nobody ran."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    for report in reports:
        count = getattr(report, "lost", 0)
        if count:
            again = "once" if count == 1 else f"{count} times"
            terminalreporter.write_line(f"ran again {again}, as its worker died: {report.printed_name}", yellow=True)
    config = terminalreporter.config
    runs = config.stash.get(RUNS, []) if config.getoption("tests") == "*" else []
    for one in never_told([run.told for run in runs if run.told[1]]):
        why = "no program told of this #[test_case]; a cfg hides it, or its runner passes it over"
        terminalreporter.write_line(f"not run: {one}: {why}", yellow=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects from the list, which is no Python file."""
    if file_path.name == FILE_NAME:
        return KernelTests.from_parent(parent, path=file_path)
    return None


class KernelTests(pytest.File):
    """The list: its programs' tests, by their printed names."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yields an item for each test of each program; nothing boots yet."""
        programs, config = read_programs(self.path)
        self.names = [name for program in programs for name in program.printed_names]
        for program in programs:
            run = _Run(program, config, self.config)
            # With pytest-xdist the tests of one program stay with one worker, which boots it.
            group = pytest.mark.xdist_group(f"kernel/{program.package}/{program.name}")
            for name in program.printed_names:
                item = KernelTest.from_parent(self, name=name, run=run)
                item.add_marker(group)
                yield item


class _Run:
    """The one boot of a program, made when the first of its tests is asked for, or before, beside others."""

    def __init__(self, program: TestProgram, config: RunConfig, options: pytest.Config) -> None:
        self._program = program
        self._retries, self._stress = (options.getoption(name, 0) for name in ("--retries", "--stress"))
        self.config = config
        self._results: dict[str, TestResult] | None = None
        self.machines: ForkedMachines | None = None
        self.pool: Pool | None = None
        self.lost = 0  # workers of the pool that died while it ran, and that no test has told of

    @property
    def knows_names(self) -> bool:
        """Says whether the tests' names are known before the program runs."""
        return bool(self._program.tests)

    @property
    def told(self) -> tuple[Sequence[str], Sequence[str]]:
        """The test functions in its sources, and the names that it told where it ran and all of them passed."""
        results = (self._results or {}).values()
        passed = all(result.outcome is Outcome.PASSED for result in results)
        names = [result.name for result in results if result.name != self._program.printed(self._program.name)]
        return self._program.written, names if passed else []

    def begin(self) -> None:
        """Has the pool boot it as soon as a machine is free."""
        assert self.pool is not None, "it is given before"
        self.pool.begin(self._program, self.config)

    def _boot_once(self) -> list[TestResult]:
        if self.pool is None:
            return run_test_program(self._program, self.config)
        results, lost = self.pool.boot(self._program, self.config)
        self.lost += lost
        return results

    def boot(self) -> list[TestResult]:
        try:
            if self._retries or self._stress:
                from bootwright.testing.again import boot_again  # most boot once

                return boot_again(self._boot_once, self._retries, self._stress)
            return self._boot_once()
        except BootwrightError as error:
            raise add_cure(error, os.environ) from None

    def results(self, name: str) -> list[TestResult]:
        """Returns the result of the test of that name; all there are, where the ELF does not hold the tests' names."""
        if self._results is None:
            results = self.machines.result(self.boot) if self.machines else self.boot()
            self._results = {result.name: result for result in results}
        if not self._program.tests:
            return list(self._results.values())
        if strangers := set(self._results) - set(self._program.printed_names):
            raise KernelTestFailure(self._results[min(strangers)].message)
        return [self._results[name]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Reports the tests that a guest told of before the last one, which is the item's own report."""
    report = yield
    if call.when == "call" and isinstance(item, KernelTest):
        report.passed_over = item.passed_over  # type: ignore[attr-defined]  # reports are open for such things
        report.tries = item.tries  # type: ignore[attr-defined]  # reports are open for such things
        report.lost, item.run.lost = item.run.lost, 0  # type: ignore[attr-defined]  # reports are open for such things
        report.not_reached = item.not_reached  # type: ignore[attr-defined]  # reports are open for such things
        for result in item.others:
            passed = result.outcome is Outcome.PASSED
            extra = pytest.TestReport(
                f"{item.path}::{result.name}", (str(item.path), None, result.name), {},
                "passed" if passed else "failed", None if passed else result.message, "call",
                duration=result.seconds or 0.0,
            )  # fmt: skip
            extra.tries = result.tries  # type: ignore[attr-defined]  # reports are open for such things
            extra.printed_name = result.name  # type: ignore[attr-defined]  # reports are open for such things
            item.ihook.pytest_runtest_logreport(report=extra)
        item.others = []
    return report


class KernelTestFailure(Exception):
    """A test failed in the machine; the text is what the guest said."""


class KernelTest(pytest.Item):
    """One test in the machine."""

    def __init__(self, *, name: str, parent: KernelTests, run: _Run, **rest: object) -> None:
        super().__init__(name, parent)
        self.run = run
        self.seconds: float | None = None  # what it took, which pytest, having waited for several at once, cannot know
        self.tries = 0
        self.told_name = ""  # of the last test that the guest told of, where its names are not in the ELF
        self.others: list[TestResult] = []  # those before it
        self.not_reached = False  # since another one failed before it
        self.passed_over: list[str] = []  # those that TESTS= does not choose, where it chooses none of what was told

    def may_hold(self, patterns: str) -> bool:
        """Tells whether the guest may name a test that patterns choose: then the program is run to see."""
        assert isinstance(self.parent, KernelTests)
        return not self.run.knows_names and may_hold(self.name, without_names(patterns, self.parent.names))

    def runtest(self) -> None:
        """Passes or fails as the guest said; its own time goes into the report."""
        results = self.run.results(self.name)
        patterns = self.config.getoption("tests")
        if not is_chosen(self.name, patterns):
            # A test that failed may be why a chosen one was not reached.
            wanted = [r for r in results if is_chosen(r.name, patterns) or r.outcome is not Outcome.PASSED]
            if not wanted:
                self.passed_over = [result.name for result in results]
                return
            results = wanted
        *self.others, result = results
        self.told_name, self.tries = result.name, result.tries
        self.seconds = result.seconds
        if result.outcome is Outcome.NOT_REACHED:
            self.not_reached = True
            raise pytest.skip.Exception(result.message)
        if result.outcome is not Outcome.PASSED:
            raise KernelTestFailure(result.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Returns what the guest said; a fault of ours keeps its traceback."""
        if isinstance(excinfo.value, KernelTestFailure | BootwrightError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Returns the name that is printed."""
        return self.path, None, self.name
