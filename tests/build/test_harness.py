"""How `scons test` names, chooses, prints and counts: the real conftest.py over a few tests of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flash.rig import at_terminal, read_until

HOME = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_a_sum_is_right():
    assert 1 + 1 == 2

@pytest.mark.parametrize("number", [1, 2], ids=["one", "two"])
def test_a_number_is_small(number):
    assert number < 5
"""
FAILING = "def test_it_fails():\n    assert 1 == 2\n"
NEEDY = """
import pytest

@pytest.mark.needs("no-such-program")
def test_it_needs_something():
    raise SystemExit("it ran")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the harness and two modules of tests with the same name in two rooms."""
    for room in ("unit", "boot"):
        (tmp_path / "tests" / room).mkdir(parents=True)
        (tmp_path / "tests" / room / "test_sums.py").write_text(TESTS)
    shutil.copy(HOME / "conftest.py", tmp_path)
    shutil.copy(HOME / "pyproject.toml", tmp_path)
    return tmp_path


def run(checkout: Path, *options: str, ci: str = "") -> tuple[int, list[str]]:
    """Returns the status and the lines."""
    environ = {**os.environ, "PYTHONPATH": str(HOME / "site_scons"), "CI": ci, "NO_COLOR": "1"}
    for name in [name for name in environ if name.startswith("PYTEST_")]:
        del environ[name]
    argv = [sys.executable, "-m", "pytest", "tests", *options]
    ended = subprocess.run(argv, cwd=checkout, env=environ, capture_output=True, text=True)
    return ended.returncode, (ended.stdout + ended.stderr).strip().splitlines()


def names(lines: list[str]) -> list[str]:
    """Returns the printed names, sorted."""
    return sorted(
        match[2] for line in lines if (match := re.match(r"(passed |FAILED |not run) +[\d.]+ s  (\S.*)", line))
    )


ALL = [
    f"{room}/sums::{name}"
    for room in ("boot", "unit")
    for name in ("a_number_is_small[one]", "a_number_is_small[two]", "a_sum_is_right")
]


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist=loadgroup"]], ids=["one process", "two"])
def test_each_test_is_one_line_with_its_name_and_the_last_line_counts(checkout: Path, workers: list[str]) -> None:
    status, lines = run(checkout, *workers)
    assert status == 0
    assert names(lines) == ALL
    assert re.fullmatch(r"6 passed in [\d.]+s( \([\d:]+\))?", lines[-1])


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("unit/*", ALL[3:]),
        ("unit", ALL[3:]),
        ("boot/sums", ALL[:3]),
        ("*::a_sum*", [ALL[2], ALL[5]]),
        ("unit/sums::a_number_is_small[two]", [ALL[4]]),
        ("unit/*right boot/*right", [ALL[2], ALL[5]]),
    ],
)
def test_a_pattern_chooses_by_the_printed_name(checkout: Path, pattern: str, chosen: list[str]) -> None:
    status, lines = run(checkout, f"--tests={pattern}")
    assert (status, names(lines)) == (0, chosen)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "two"])
@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("unti/*", "near it are unit"),
        ("unit/sum::a_numbr*", "near it are unit/sums::a_number_is_small"),
        ("*_is_rihgt", "near it are boot/sums::a_sum_is_right, unit/sums::a_sum_is_right"),
        ("kernel/hello", "there is boot/sums::a_number_is_small, for example"),
    ],
)
def test_a_pattern_that_chooses_nothing_is_a_failure_with_near_names(
    checkout: Path, workers: list[str], pattern: str, near: str
) -> None:
    status, lines = run(checkout, f"--tests={pattern}", *workers)
    assert status == 1
    assert any(line.startswith(f"no test's name matches TESTS={pattern}; {near}") for line in lines), lines


def test_a_file_of_which_nothing_can_be_chosen_is_not_imported(checkout: Path) -> None:
    (checkout / "tests" / "boot" / "test_sums.py").write_text("raise SystemExit('imported')\n")
    assert run(checkout, "--tests=unit/sums::a_sum*")[0] == 0
    status, lines = run(checkout, "--tests=bot/*")
    assert (status, [line for line in lines if "imported" in line]) == (1, [])


@pytest.mark.parametrize("how", ["lines", "json"])
def test_a_list_of_tests_is_their_names_and_runs_none(checkout: Path, how: str) -> None:
    (checkout / "tests" / "unit" / "test_wrong.py").write_text(FAILING)
    status, lines = run(checkout, f"--list-tests={how}", "--tests=unit")
    wanted = [*ALL[3:], "unit/wrong::it_fails"]
    assert status == 0
    assert (json.loads("\n".join(lines))["tests"] if how == "json" else lines) == wanted
    status, lines = run(checkout, f"--list-tests={how}", "--tests=unti")
    assert (status, lines[-1]) == (1, "no test's name matches TESTS=unti; near it are unit")


SLOW = "import time\n\ndef test_it_waits_for_long():\n    time.sleep(60)\n"


@pytest.mark.parametrize("workers", [["--capture=no"], ["-n", "2"]], ids=["one process", "two"])
def test_a_test_that_takes_long_is_named_while_it_runs_and_when_it_is_interrupted(
    checkout: Path, workers: list[str]
) -> None:
    (checkout / "tests" / "unit" / "test_slow.py").write_text(SLOW)
    environ = {**os.environ, "PYTHONPATH": str(HOME / "site_scons"), "CI": "", "COLUMNS": "80"}
    argv = [sys.executable, "-m", "pytest", "tests", "--tests=unit/slow", *workers]
    with at_terminal(argv, stdout=True, cwd=checkout, env=environ) as (process, master):
        said = read_until(master, b"it_waits_for_long 5 s")
        assert b"\rrunning unit/slow" in said.replace(b"\x1b[K", b""), said
        process.send_signal(signal.SIGINT)
        said = read_until(master, b"")
        assert process.wait(60) == 2
    assert re.search(rb"! interrupted while running unit/slow::it_waits_for_long \d+ s !", said), said


def test_a_failure_is_listed_again_at_the_end(checkout: Path) -> None:
    (checkout / "tests" / "unit" / "test_wrong.py").write_text(FAILING)
    status, lines = run(checkout, "-n", "2")
    assert status == 1
    assert lines[-2] == "FAILED unit/wrong::it_fails"
    assert re.fullmatch(r"1 failed, 6 passed in [\d.]+s( \([\d:]+\))?", lines[-1])
    assert "unit/wrong::it_fails" in names(lines)


@pytest.mark.parametrize(("ci", "expected"), [("", 0), ("false", 0), ("true", 1)], ids=["nowhere", "false", "true"])
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "two"])
def test_what_cannot_run_is_listed_and_counts_in_ci(checkout: Path, ci: str, expected: int, workers: list[str]) -> None:
    (checkout / "tests" / "unit" / "test_needy.py").write_text(NEEDY)
    status, lines = run(checkout, *workers, ci=ci)
    assert status == expected
    listed = next(number for number, line in enumerate(lines) if line.startswith("not run: "))
    assert lines[listed].startswith("not run: no-such-program was not found on PATH; install no-such-program")
    assert lines[listed + 1] == "  unit/needy::it_needs_something"
    assert re.fullmatch(r"6 passed, 1 skipped in [\d.]+s( \([\d:]+\))?", lines[-1])


def test_a_report_for_a_ci_server_is_written(checkout: Path) -> None:
    run(checkout, "--junitxml=report.xml", "-n", "2")
    report = (checkout / "report.xml").read_text()
    assert 'tests="6"' in report
    assert '<testcase classname="unit.sums" name="a_number_is_small[two]"' in report


def again(checkout: Path, *options: str) -> tuple[int, list[str]]:
    return run(checkout, "-p", "bootwright.testing.again", *options)


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist=loadgroup"]], ids=["one process", "two"])
def test_all_shards_together_are_all_tests_and_none_is_in_two(checkout: Path, workers: list[str]) -> None:
    found = []
    for number in range(1, 5):
        status, lines = again(checkout, f"--shard={number}/4", *workers)
        assert status == 0
        assert 1 <= len(names(lines)) <= 2
        found += names(lines)
    assert sorted(found) == ALL
    status, lines = again(checkout, "--shard=8/8", *workers)
    assert (status, names(lines)) == (0, [])
    assert "SHARD=8/8 has none of the 6 tests" in lines


def test_what_shares_a_process_is_in_one_shard(checkout: Path) -> None:
    mark = "import pytest\npytestmark = pytest.mark.xdist_group('together')\n"
    path = checkout / "tests" / "unit" / "test_sums.py"
    path.write_text(mark + TESTS)
    parts = [names(again(checkout, f"--shard={number}/2")[1]) for number in (1, 2)]
    assert sorted(parts[0] + parts[1]) == ALL
    assert any(part[-3:] == ALL[3:] for part in parts)


def test_what_shares_a_process_runs_in_one(checkout: Path) -> None:
    text = "import os, time, pytest\npytestmark = pytest.mark.xdist_group('together')\n"
    text += "@pytest.mark.parametrize('n', range(4))\ndef test_it(n):\n    time.sleep(0.2)\n"
    text += "    with open(__file__ + '.ran', 'a') as ran:\n"
    text += "        print(os.environ['PYTEST_XDIST_WORKER'], file=ran)\n"
    path = checkout / "tests" / "unit" / "test_sums.py"
    path.write_text(text)
    assert run(checkout, "-n", "2", "--dist=loadgroup")[0] == 0
    ran = path.with_name("test_sums.py.ran").read_text().split()
    assert len(ran) == 4 and len(set(ran)) == 1, ran


UNSURE = """
from pathlib import Path
import pytest

@pytest.fixture(scope="module")
def count():
    return Path(__file__).with_name("count")

@pytest.fixture
def number(count):
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    return number

def test_it_is_right_at_the_third_try(number):
    assert number == 3

def test_it_is_never_right(number):
    assert number < 0
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist=loadgroup"]], ids=["one process", "two"])
def test_what_passes_when_it_is_tried_again_is_flaky_and_no_failure(
    checkout: Path, tmp_path: Path, workers: list[str]
) -> None:
    (checkout / "tests" / "unit" / "test_sums.py").write_text(UNSURE)
    report = tmp_path / "report.xml"
    pattern = "--tests=unit/sums::it_is_right*"
    status, lines = again(checkout, "--retries=4", pattern, f"--junitxml={report}", *workers)
    assert status == 0, lines
    assert [line.split()[0] for line in lines if " s  " in line] == ["flaky"]
    assert "flaky: passed at try 3: unit/sums::it_is_right_at_the_third_try" in lines
    assert re.search(r"\b1 flaky in ", lines[-1])
    assert 'name="flaky" value="passed at try 3"' in report.read_text()
    (checkout / "tests" / "unit" / "count").unlink()
    assert again(checkout, "--retries=1", pattern, *workers)[0] == 1
    status, lines = again(checkout, "--retries=2", "--tests=unit/sums::it_is_never*", *workers)
    assert status == 1
    assert sum(line.startswith("FAILED  ") for line in lines) == 1


def test_a_test_under_stress_passes_where_it_never_failed(checkout: Path) -> None:
    (checkout / "tests" / "unit" / "test_sums.py").write_text(UNSURE.replace("number == 3", "number != 7"))
    pattern = "--tests=unit/sums::it_is_right*"
    assert again(checkout, "--stress=6", pattern)[0] == 0
    count = checkout / "tests" / "unit" / "count"
    assert count.read_text() == "6"
    count.unlink()
    status, lines = again(checkout, "--stress=9", pattern)
    assert (status, count.read_text()) == (1, "7")
    assert any("7 of 9" in line for line in lines), lines
