"""How tests are named, chosen, printed and counted: one line each, and what cannot run here is said and counts in CI.

A printed name is rooms, module and sentence: unit/elf/checks::refuses_a_truncated_file. A kernel's own tests
bring theirs along (kernel/NAME/module::function, from bootwright.testing.plugin); nothing is imported here that those
do not need, since they are over in the time of a few imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.junitxml import xml_key  # what the plugin junitxml offers others, which pytest itself does not export
from _pytest.nodeid import coerce_node_id  # of what xdist reads, which pytest does not export either

from bootwright.base.counting import Counting
from bootwright.setup import stamp
from bootwright.testing.chosen import is_chosen, may_be_chosen, module_name, names_in, near_names

HOME = Path(__file__).parent
stamp.add_private_programs(str(HOME))
TESTS = HOME / "tests"
HOLDS_SIGNALS = hasattr(signal, "pthread_sigmask")
INTERRUPTED = 130
NOT_REACHED = "not reached"  # a kernel's test, since one before it failed and took its program along
FLAKY = "flaky"  # it failed, and passed when it was run again
COUNTED = ("passed", "failed", "error", "skipped", NOT_REACHED, FLAKY)
ROOMS = ("lint", "unit", "build", "boot", "flash")
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
NAME = pytest.StashKey[str]()
NEAR = pytest.StashKey[str]()  # where TESTS= chose nothing: what it may have meant
LEFT = pytest.StashKey[list[Path]]()  # files that were not looked into


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --tests."""
    group = parser.getgroup("bootwright")
    group.addoption("--tests", default="*", metavar="GLOB", help="which tests, as a pattern over their printed names")
    group.addoption("--list-tests", default="", metavar="HOW", help="print names, one a line, or as json; run nothing")
    group.addoption("--soak", action="store_true", help="long tests in full, each of them; else a seeded part")


def is_worker(config: pytest.Config) -> bool:
    """Tells whether this process is a worker of xdist's, which need not be loaded."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks."""
    config.stash[LEFT] = []
    if is_worker(config) and HOLDS_SIGNALS:
        # Ctrl-C was held back while Python and pytest came up, where it would have been a traceback.
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for room in (*ROOMS, "kernel"):
        config.addinivalue_line("markers", f"{room}: lies in tests/{room}, or is a kernel's own")
    config.addinivalue_line("markers", "needs(*programs): is not run where one of these programs is missing")


def printed_name(item: pytest.Item) -> str:
    """Returns the name that is printed and that TESTS= matches."""
    if item.name.startswith("kernel/"):
        return item.name
    return f"{module_name(item.path, TESTS)}::{item.name.removeprefix('test_')}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out a file of which TESTS= can choose nothing: importing all of them takes half a minute."""
    if not (collection_path.name.startswith("test_") and collection_path.suffix == ".py"):
        return None  # pytest's own rules hold
    if may_be_chosen(f"{module_name(collection_path, TESTS)}::", config.getoption("tests")):
        return None
    config.stash[LEFT].append(collection_path)
    return True


@pytest.hookimpl(tryfirst=True)  # before xdist takes the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Names and marks the tests, and leaves those that TESTS= chooses."""
    chosen: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        name = item.stash[NAME] = printed_name(item)
        room = name.split("/")[0]
        item.add_marker(room)
        if room == "kernel":  # a program boots once for all of its tests: one worker has them
            item.add_marker(pytest.mark.xdist_group(name.rpartition("::")[0].rpartition("/")[0] or name))
        patterns = config.getoption("tests")
        may_hold = getattr(item, "may_hold", None)  # a kernel's program, whose tests the guest alone names
        (chosen if is_chosen(name, patterns) or (may_hold and may_hold(patterns)) else left).append(item)
    if not chosen:
        names = [item.stash[NAME] for item in left]
        names += [name for path in config.stash[LEFT] for name in names_in(path, TESTS)]
        config.stash[NEAR] = near_names(config.getoption("tests"), names)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = chosen
    # One process has all tests that write to media, two minutes of them: near the end the others would wait for it.
    items.sort(key=lambda item: not item.stash[NAME].startswith("flash/"))
    if is_worker(config) and config.getoption("loadgroup", False):
        for item in items:
            _keep_together(item)


def _keep_together(item: pytest.Item) -> None:
    """Has one of xdist's workers take all tests of a group, whose name it looks for behind the node's.

    xdist 3.8 puts it into _nodeid, where pytest 9.2 no longer looks.
    """
    groups = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
    if groups:
        item._id = coerce_node_id(f"{item.nodeid}@{'_'.join(sorted(groups))}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Gives the report the printed name, and the seconds of a kernel's test; xdist carries it to whoever prints."""
    report = yield
    report.printed_name = getattr(item, "told_name", "") or item.stash[NAME]  # type: ignore[attr-defined]  # reports are open for such things
    seconds = getattr(item, "seconds", None)
    if report.when == "call" and seconds is not None:
        report.duration = seconds
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves out a test whose programs are missing, with the command that brings them."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            why = missing(program)
            if why:
                raise pytest.skip.Exception(why, _use_item_location=True)


_known: dict[str, str] = {}


def missing(program: str) -> str:
    """Returns why a test that needs the program cannot run here, with the cure; empty when it can."""
    if program not in _known:
        from bootwright.setup import doctor, lookup

        search = lookup.find_programs([program], HOME / "kernel", os.environ)
        error = search.missing.get(program)
        _known[program] = f"{error.message}; {doctor.cure([program], search, os.environ)}" if error else ""
    return _known[program]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Lets pytest count, and print nothing: the line is ours."""
    if not hasattr(report, "printed_name"):
        return None
    if getattr(report, "passed_over", []):
        return "", "", ""
    if getattr(report, "not_reached", False):
        return NOT_REACHED, "", ""
    if report.when == "call" and report.passed and report.__dict__.get("tries", 0):
        return FLAKY, "", ""
    if report.when == "call" or not report.passed:
        category = "error" if report.failed and report.when != "call" else report.outcome
        return category, "", ""
    return "", "", ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Prints the names in place of running the tests, where that is asked for."""
    how = session.config.getoption("list_tests")
    if not how:
        return None
    names = sorted(item.stash[NAME] for item in session.items)
    sys.stdout.write(
        json.dumps({"tests": names}, indent=2) + "\n" if how == "json" else "".join(f"{n}\n" for n in names)
    )
    if not names:
        near = session.config.stash.get(NEAR, "there are none")
        sys.stderr.write(f"no test's name matches TESTS={session.config.getoption('tests')}; {near}\n")
    return True


def name_of_begun(nodeid: str, location: tuple[str, int | None, str]) -> str:
    """Returns the printed name of a test that begins, of which a process without it knows this alone."""
    path, _, name = location
    if name.startswith("kernel/"):
        return name
    return f"{module_name(HOME / path, TESTS)}::{name.rpartition('.')[2].removeprefix('test_')}"


class JUnitNames:
    """Has the report for a CI server group the tests by the modules of their printed names."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Names the test before pytest does by its file."""
        junit = self._config.stash.get(xml_key, None)
        if junit is not None:
            printed = getattr(report, "printed_name", report.nodeid)
            module, _, name = printed.rpartition("::" if "::" in printed else "/")  # of a program without modules
            case = junit.node_reporter(report)
            case.add_attribute("classname", module.replace("/", "."))
            case.add_attribute("name", name)
            if report.__dict__.get("tries", 0):
                case.add_property(FLAKY, f"passed at try {report.tries}")


class Lines:
    """Prints a line for each test as it ends; lives where pytest's own reporter does, not in the workers."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._passed_over: list[str] = []  # tests of which the guest told, and which TESTS= does not choose
        config, terminal = reporter.config, reporter._tw
        # Where pytest holds a test's output back, it would hold this back too.
        free = config.getoption("capture") == "no" or bool(config.getoption("numprocesses", None))
        stream = terminal._file if reporter.isatty and free else None
        self._running = Counting(stream)

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Notes that a test begins, here or in a worker."""
        self._running.begin(name_of_begun(nodeid, location))

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Notes that it ended."""
        self._running.end(name_of_begun(nodeid, location))

    @pytest.hookimpl(trylast=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Has the last words name what ran, where pytest names the line of its own or of Python's that waited."""
        words = self._running.words()
        self._running.close()
        memo = self._reporter._keyboardinterrupt_memo
        if memo is not None and memo.reprcrash is not None:
            memo.reprcrash.message = f"interrupted{words and f' while running {words}'}"

    def pytest_sessionfinish(self) -> None:
        """Counts no more."""
        self._running.close()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Prints how it ended, its seconds and its name."""
        passed_over: list[str] = getattr(report, "passed_over", [])
        self._passed_over += passed_over
        if passed_over or (report.when != "call" and report.passed):
            return
        self._running.hide()
        words, colour = {"passed": ("passed ", "green"), "skipped": ("not run", "yellow")}.get(
            report.outcome, ("FAILED ", "red")
        )
        if report.passed and report.__dict__.get("tries", 0):
            words, colour = "flaky  ", "yellow"
        self._reporter.ensure_newline()
        if getattr(report, "not_reached", False):
            self._reporter.write(NOT_REACHED, yellow=True)
            self._reporter.write_line(f"        {report.printed_name}")
            return
        self._reporter.write(words, **{colour: True})
        self._reporter.write_line(f" {report.duration:7.2f} s  {getattr(report, 'printed_name', report.nodeid)}")
        self._reporter.flush()  # a pipe would keep the lines for itself until there are many

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Lists what was not run, by its reason, and says so when TESTS= chose nothing."""
        reasons: dict[str, list[str]] = {}
        for report in terminalreporter.stats.get("skipped", []):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reasons.setdefault(reason.removeprefix("Skipped: "), []).append(report.printed_name)
        for reason, names in reasons.items():
            terminalreporter.write_line(f"not run: {reason}")
            for name in sorted(names):
                terminalreporter.write_line(f"  {name}")
        for report in (*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])):
            terminalreporter.write_line(f"FAILED {getattr(report, 'printed_name', report.nodeid)}", red=True)
        pattern = terminalreporter.config.getoption("tests")
        ended = exitstatus != pytest.ExitCode.INTERRUPTED
        if ended and pattern != "*" and not any(map(terminalreporter.stats.get, COUNTED)):
            from bootwright.base.folding import fit

            near = terminalreporter.config.stash.get(NEAR, "") or near_names(pattern, self._passed_over)
            terminalreporter.write_line(fit(f"no test's name matches TESTS={pattern}; {near}", sys.stdout))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Holds Ctrl-C back in the workers that are about to be started; pytest_configure lets it in there."""
    if HOLDS_SIGNALS:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a worker of xdist's found near TESTS=: it alone knows the names."""
    near = getattr(node, "workeroutput", {}).get("near")
    if near is not None:
        node.config.stash[NEAR] = near


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None, None, None]:
    """Adds the lines where a person reads them; the workers of xdist are started in between."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.config.getoption("list_tests"):  # names alone go to stdout
        session.config.pluginmanager.unregister(reporter)
    elif reporter is not None and not is_worker(session.config):
        session.config.pluginmanager.register(Lines(reporter), "bootwright-lines")
        session.config.pluginmanager.register(JUnitNames(session.config), "bootwright-junit")
    yield
    if HOLDS_SIGNALS and not is_worker(session.config):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails when TESTS= chose nothing, and in CI and in a soak when something was not run: nobody reads the list."""
    if is_worker(session.config) and NEAR in session.config.stash:
        session.config.workeroutput["near"] = session.config.stash[NEAR]  # type: ignore[attr-defined]  # xdist's
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    failed = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if exitstatus == pytest.ExitCode.OK and reporter is not None and not session.config.option.collectonly:
        # Where TESTS= chose what was not reached alone, what failed before it was none of the chosen.
        bad = (NOT_REACHED, *(["skipped"] if IN_CI or session.config.getoption("--soak") else []))
        failed = any(map(reporter.stats.get, bad)) or not any(map(reporter.stats.get, COUNTED))
    if failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
