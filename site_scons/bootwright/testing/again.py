"""A shard of the tests, tests that are tried again, tests that are run many times: a pytest plugin, loaded for these.

`--shard=k/n` leaves every n-th test, or program of a kernel's tests; `--retries=N` runs what failed up to N times more,
and what passes then is flaky; `--stress=N` runs each test N times, and it passes where it never failed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import pytest
from _pytest.runner import runtestprotocol  # by which plugins that run a test again do it

from bootwright.testing.chosen import read_shard
from bootwright.testing.judge import Outcome, TestResult

SHARDED = pytest.StashKey[int]()  # how many tests there were before a shard left none


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("bootwright")
    group.addoption("--shard", default="", metavar="k/n", help="the k-th of n parts of the tests")
    group.addoption("--retries", type=int, default=0, metavar="N", help="run what failed up to N times more")
    group.addoption("--stress", type=int, default=0, metavar="N", help="run each test N times")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests of one shard; those that share a process, or a boot, stay together."""
    text = config.getoption("--shard")
    if not text:
        return
    number, count = read_shard(text)
    together: dict[str, list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        together.setdefault(str(mark.args[0]) if mark else item.nodeid, []).append(item)
    chosen = {id(item) for name in sorted(together)[number - 1 :: count] for item in together[name]}
    left = [item for item in items if id(item) not in chosen]
    if items and not chosen:
        config.stash[SHARDED] = len(items)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if id(item) in chosen]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A shard without a test is no failure: there are more shards than tests."""
    output = getattr(session.config, "workeroutput", None)
    count = session.config.stash.get(SHARDED, 0)
    if count and output is not None:
        output["sharded"] = count
    elif count:
        session.exitstatus = pytest.ExitCode.OK


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Takes over what a worker of xdist's found: it alone knows how many there are."""
    count = getattr(node, "workeroutput", {}).get("sharded")
    if count:
        node.config.stash[SHARDED] = count  # type: ignore[attr-defined]  # a WorkerController's


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says of a shard that it has no test, and lists what was flaky."""
    config = terminalreporter.config
    count = config.stash.get(SHARDED, 0)
    if count:
        terminalreporter.write_line(f"SHARD={config.getoption('--shard')} has none of the {count} tests")
    for report in terminalreporter.stats.get("flaky", []):
        terminalreporter.write_line(f"flaky: passed at try {report.tries}: {report.printed_name}", yellow=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Runs a test again; a kernel's tests are booted again where they boot."""
    retries, stress = item.config.getoption("--retries"), item.config.getoption("--stress")
    if not (retries or stress) or hasattr(item, "run"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    tries, seconds = 0, 0.0
    while True:
        tries += 1
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        seconds += sum(report.duration for report in reports if report.when == "call")
        failed = any(report.failed for report in reports)
        if any(report.skipped for report in reports) or tries > (stress - 1 if stress else retries):
            break
        if failed is bool(stress):
            break
    for report in reports:
        if report.when == "call":
            report.__dict__["tries"] = tries if retries and tries > 1 and not failed else 0
            report.duration = seconds if stress else report.duration
        if stress and report.failed:
            report.sections.insert(0, ("round", f"{tries} of {stress}"))
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def boot_again(boot: Callable[[], list[TestResult]], retries: int, stress: int) -> list[TestResult]:
    """Returns the results of a program that boots until all its tests passed, or until one failed, as often as said.

    tries of a result is the boot at which a test passed that had failed before.
    """
    known, tries = boot(), 1
    while tries < max(retries + 1, stress) and is_good(known) is bool(stress):
        tries += 1
        known = _summed(known, boot()) if stress else _retried(known, boot(), tries)
    return [_in_round(result, tries, stress) for result in known] if stress else known


def is_good(results: Iterable[TestResult]) -> bool:
    """Says whether all tests passed."""
    return all(result.outcome is Outcome.PASSED for result in results)


def _retried(known: Iterable[TestResult], new: Iterable[TestResult], tries: int) -> list[TestResult]:
    """Returns what passed once as it passed, and what did not as it ended now."""
    found = {result.name: result for result in new}
    merged = []
    for old in known:
        now = found.pop(old.name, old)
        if old.outcome is Outcome.PASSED or now.outcome is Outcome.NOT_REACHED:
            now = old
        elif old.outcome is Outcome.FAILED and now.outcome is Outcome.PASSED:
            now = dataclasses.replace(now, tries=tries)
        merged.append(now)
    return [*merged, *found.values()]


def _summed(known: Iterable[TestResult], new: Iterable[TestResult]) -> list[TestResult]:
    """Returns the results of one more round, with the seconds of all."""
    before = {result.name: result.seconds or 0.0 for result in known}
    return [
        result if result.seconds is None
        else dataclasses.replace(result, seconds=before.get(result.name, 0.0) + result.seconds)
        for result in new
    ]  # fmt: skip


def _in_round(result: TestResult, number: int, stress: int) -> TestResult:
    """Returns a result that says in which round it failed."""
    if result.outcome is not Outcome.FAILED:
        return result
    return dataclasses.replace(result, message=f"round {number} of {stress}: {result.message}")
