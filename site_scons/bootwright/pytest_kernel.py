"""The pytest plugin for the kernel's own tests: each is a test of its own, and each program of them boots once.

`pytest -p bootwright.pytest_kernel build/VARIANT/kernel-tests.json` runs what write_programs listed there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootwright.kernel_tests import Outcome, TestProgram, TestResult, collect, run_test_program
from bootwright.run import RunConfig

FILE_NAME = "kernel-tests.json"
PATHS = ("loader", "directory")  # of a RunConfig, where they are not None


def write_programs(path: Path, programs: Sequence[TestProgram], config: RunConfig) -> None:
    """Writes the list that pytest collects from; path's name is kernel-tests.json. config.image is not used."""
    assert path.name == FILE_NAME, path
    listed = [{name: str(value) for name, value in dataclasses.asdict(program).items()} for program in programs]
    settings = dataclasses.asdict(config)
    del settings["image"]
    settings |= {name: str(settings[name]) for name in PATHS if settings[name] is not None}
    path.write_text(json.dumps({"config": settings, "programs": listed}, indent=1, sort_keys=True) + "\n")


def read_programs(path: Path) -> tuple[list[TestProgram], RunConfig]:
    """Returns what write_programs wrote; paths that are not absolute are seen from the current directory."""
    listed = json.loads(path.read_text())
    programs = [
        TestProgram(entry["package"], entry["name"], Path(entry["elf"]), Path(entry["image"]), Path(entry["source"]))
        for entry in listed["programs"]
    ]
    settings: dict[str, Any] = listed["config"]
    settings |= {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
    settings |= {name: Path(settings[name]) for name in PATHS if settings[name] is not None}
    return programs, RunConfig(image=Path(), **settings)


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark of pytest-xdist's, which need not be installed."""
    config.addinivalue_line("markers", "xdist_group(name): tests that stay with one worker")


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
        for program in programs:
            run = _Run(program, config)
            # With pytest-xdist the tests of one program stay with one worker, which boots it.
            group = pytest.mark.xdist_group(f"kernel/{program.package}/{program.name}")
            for name in collect(program):
                item = KernelTest.from_parent(self, name=name, run=run)
                item.add_marker(group)
                yield item


class _Run:
    """The one boot of a program, made when the first of its tests is asked for."""

    def __init__(self, program: TestProgram, config: RunConfig) -> None:
        self._program = program
        self._config = config
        self._results: dict[str, TestResult] | None = None

    def result(self, name: str) -> TestResult:
        if self._results is None:
            results = run_test_program(self._program, self._config)
            self._results = {result.name: result for result in results}
            if strangers := set(self._results) - set(collect(self._program)):
                raise KernelTestFailure(self._results[min(strangers)].message)
        return self._results[name]


class KernelTestFailure(Exception):
    """A test failed in the machine; the text is what the guest said."""


class KernelTest(pytest.Item):
    """One test in the machine."""

    def __init__(self, *, name: str, parent: KernelTests, run: _Run, **rest: object) -> None:
        super().__init__(name, parent)
        self._run = run

    def runtest(self) -> None:
        """Passes or fails as the guest said; its own time goes into the report."""
        result = self._run.result(self.name)
        if result.seconds is not None:
            self.user_properties.append(("guest_seconds", result.seconds))
        if result.outcome is not Outcome.PASSED:
            raise KernelTestFailure(result.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Returns what the guest said; a fault of ours keeps its traceback."""
        if isinstance(excinfo.value, KernelTestFailure):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Returns the name that is printed."""
        return self.path, None, self.name
