"""How `scons test` names, chooses, prints and counts: the real conftest.py over a few tests of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
        ("unit/sum::a_numbr*", "near it are unit/sums::a_number_is_small["),
        ("*_is_rihgt", "near it are boot/sums::a_sum_is_right, unit/sums::a_sum_is_right"),
        ("kernel/hello", "there are 6, such as boot/sums::a_number_is_small[one]"),
    ],
)
def test_a_pattern_that_chooses_nothing_is_a_failure_with_near_names(
    checkout: Path, workers: list[str], pattern: str, near: str
) -> None:
    status, lines = run(checkout, f"--tests={pattern}", *workers)
    assert status == 1
    assert any(line.startswith(f"no test's name matches TESTS={pattern}; {near}") for line in lines), lines


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
    assert 'tests="6"' in (checkout / "report.xml").read_text()
