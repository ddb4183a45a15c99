"""The example kernel and its tests in the machine, and what is told when a test fails, hangs or dies."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.boot.kernels import HOME, KERNEL, SMALL_KERNELS, Built, Workshop, compile_crate
from tests.boot.pictures import check_words

from bootwright.elf.test_names import read_test_names
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run, screenshot
from bootwright.testing.boot import run_test_program
from bootwright.testing.judge import Outcome, TestResult
from bootwright.testing.listed import FILE_NAME, write_programs

OWN_TESTS = {
    "kernel/hello/clock::a_calibrated_clock_counts_at_a_processors_speed",
    "kernel/hello/the_loader_leaves_interrupts_off",
    "kernel/hello/spin::a_dropped_guard_gives_the_lock_back",
    "kernel/hello/vga::a_full_screen_scrolls",
    "kernel/hello/vga::a_long_line_goes_on_in_the_next_row",
    "kernel/hello/vga::println_puts_its_text_at_0xb8000",
    "kernel/hello/vga::what_is_no_ascii_becomes_a_square",
}


def run_small(workshop: Workshop, name: str, timeout: float = 20) -> list[TestResult]:
    program = workshop.program(SMALL_KERNELS / f"{name}.rs")
    # TCG alone says that a reset came from a triple fault.
    return run_test_program(program, RunConfig(Path(), timeout=timeout, accelerator="tcg"))


def test_headless_it_says_hello_world_once_and_ends_as_halted(hello: Built) -> None:
    out = io.StringIO()
    end = run(RunConfig(hello.image, headless=True), out, io.StringIO())
    # The screen says the same, so the terminal shows it once.
    assert out.getvalue().replace("\r", "") == "Hello World!\n"
    assert (end.kind, end.status) == (Kind.HALTED, 0)
    assert end.screen[0] == "Hello World!"


def test_a_guard_is_shared_only_where_its_value_may_be(workshop: Workshop, tmp_path: Path) -> None:
    source = tmp_path / "share.rs"

    def try_it() -> None:
        compile_crate(
            workshop.toolchain, workshop.sysroot, "share", source, "lib", tmp_path / "share.rmeta", emit="metadata",
            externs={"hello": workshop.library},
        )  # fmt: skip

    for kind, is_good in (("u32", True), ("core::cell::Cell<u32>", False)):
        use = f"pub fn try_it() {{ share::<hello::spin::Guard<'static, {kind}>>() }}"
        source.write_text(f"#![no_std]\nfn share<T: Sync>() {{}}\n{use}\n")
        if is_good:
            try_it()
        else:
            with pytest.raises(AssertionError, match="cannot be shared between threads safely"):
                try_it()


def test_its_picture_shows_something(hello: Built, tmp_path: Path) -> None:
    end = screenshot(RunConfig(hello.image), tmp_path / "hello.png")
    assert end.kind is Kind.HALTED
    assert (tmp_path / "hello.png").stat().st_size > 1000


def test_the_modules_own_tests_all_pass_and_none_is_missing(workshop: Workshop) -> None:
    program = workshop.program(KERNEL / "src" / "main.rs", "src", workshop.tested)
    assert set(program.printed_names) == OWN_TESTS
    results = run_test_program(program, RunConfig(Path()))
    assert {result.name: result.outcome for result in results} == dict.fromkeys(OWN_TESTS, Outcome.PASSED)
    assert all(result.seconds is not None and result.seconds < 10 for result in results)


@pytest.mark.parametrize("name", ["boots", "should_panic"])
def test_the_programs_of_its_tests_pass(workshop: Workshop, name: str) -> None:
    results = run_test_program(workshop.program(KERNEL / "tests" / f"{name}.rs"), RunConfig(Path()))
    assert results
    assert [result for result in results if result.outcome is not Outcome.PASSED] == []
    assert all(result.name.startswith(f"kernel/hello/{name}::") for result in results)


def test_a_program_without_tests_has_no_names(hello: Built) -> None:
    assert read_test_names(hello.elf) == []


def test_a_panic_fails_its_test_with_file_line_and_message(workshop: Workshop) -> None:
    results = {result.name: result for result in run_small(workshop, "failing_test")}
    failed = results["kernel/hello/failing_test::second::fails"]
    assert failed.outcome is Outcome.FAILED
    assert "failing_test.rs:33:13" in failed.message
    assert "arithmetic" in failed.message and "left: 4" in failed.message and "right: 5" in failed.message
    # The linker orders the tests; each of the others ran before the panic or is told as not reached.
    others = {result.outcome for name, result in results.items() if name != failed.name}
    assert len(results) == 3 and others <= {Outcome.PASSED, Outcome.NOT_REACHED}


@pytest.fixture
def failing(workshop: Workshop, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """What runs a program of three failing tests as `scons test` does, with more words, and gives status and output."""
    program = workshop.program(SMALL_KERNELS / "three_failing_tests.rs")
    write_programs(tmp_path / FILE_NAME, [program], RunConfig(Path()))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(HOME / name, tmp_path)
    environ = {**os.environ, "PYTHONPATH": str(HOME / "site_scons"), "NO_COLOR": "1", "CI": ""}

    def run_tests(*words: str) -> tuple[int, str]:
        argv = [sys.executable, "-m", "pytest", "-p", "bootwright.testing.plugin", FILE_NAME, *words]
        ended = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True)
        return ended.returncode, ended.stdout + ended.stderr

    return run_tests


@pytest.mark.parametrize(
    "words", [(), ("-n", "2", "--dist=loadgroup"), ("--machines=2",)], ids=["one process", "two", "forks"]
)
def test_tests_behind_a_failure_are_counted_as_not_reached_and_are_no_failures(
    failing: Callable[..., tuple[int, str]], tmp_path: Path, words: tuple[str, ...]
) -> None:
    status, said = failing(*words, "--junitxml=report.xml")
    assert status == 1 and "\n1 failed, 2 not reached in " in said, said
    assert len(re.findall(r"^not reached        kernel/hello/three_failing_tests::\w+$", said, re.MULTILINE)) == 2, said
    assert len(re.findall(r"^FAILED ", said, re.MULTILINE)) == 2, said  # its line, and that of the summary
    (suite,) = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "2"]


def test_a_test_that_was_chosen_and_is_not_reached_fails_the_run(failing: Callable[..., tuple[int, str]]) -> None:
    _, said = failing()
    behind = re.findall(r"^not reached +(\S+)$", said, re.MULTILINE)
    status, said = failing(f"--tests={behind[0]}")
    assert status == 1 and re.search(r"^(2 deselected, )?1 not reached\b", said, re.MULTILINE), said


@pytest.mark.parametrize("port", ["", "0xf4"], ids=["our device", "the user's device"])
@pytest.mark.parametrize("lane", ["image", "fast"])
def test_a_failure_leaves_a_serial_log_and_a_picture_until_it_passes(
    workshop: Workshop, tmp_path: Path, port: str, lane: str
) -> None:
    program = workshop.program(SMALL_KERNELS / "failing_test.rs")
    elf = Path(shutil.copy(program.elf, tmp_path / "failing.elf"))
    image = program.image if lane == "image" else program.elf.with_suffix(".kernel")
    program = dataclasses.replace(program, elf=elf, image=image)
    flags = ("-device", f"isa-debug-exit,iobase={port},iosize=0x04", "-serial", "stdio") if port else ()
    loader = workshop.loader.pvh if lane == "fast" else None
    config = RunConfig(Path(), qemu_flags=flags, timeout=20, accelerator="tcg", loader=loader)
    results = {result.name: result.message for result in run_test_program(program, config)}
    log, picture = tmp_path / "failing.serial.txt", tmp_path / "failing.png"
    message = results["kernel/hello/failing_test::second::fails"]
    assert f"serial log: {log}" in message and f"screen: {picture}" in message
    assert log.read_text().startswith("[test] plan 3\n") and log.read_text().endswith("[test] end\n")
    said = log.read_text().replace("\r", "").split("[test] failed ")[1].partition("\n")[2].removesuffix("[test] end\n")
    assert "arithmetic" in said
    check_words(picture, ["it fails soon", "failing_test::second::fails failed", *said.splitlines()])
    assert {path.name for path in tmp_path.iterdir()} == {
        "failing.elf", "failing.serial.txt", "failing.png",
    }  # fmt: skip
    passing = workshop.program(KERNEL / "tests" / "boots.rs")
    shutil.copy(passing.elf, elf)
    kernel = passing.image if lane == "image" else passing.elf.with_suffix(".kernel")
    run_test_program(dataclasses.replace(program, image=kernel, tests=passing.tests), config)
    assert not log.exists() and not picture.exists()


def test_a_test_that_hangs_ends_at_its_time_out(workshop: Workshop) -> None:
    (result,) = run_small(workshop, "hanging_test", timeout=2)
    assert result.outcome is Outcome.FAILED
    assert "still running at TIMEOUT=2" in result.message and "before the end" in result.message
    assert result.seconds is not None and result.seconds >= 2


def test_a_test_that_kills_the_machine_is_told_with_the_address(workshop: Workshop) -> None:
    (result,) = run_small(workshop, "faulting_test")
    assert result.outcome is Outcome.FAILED
    assert "triple fault" in result.message and "CR2=0x1eadbeef0000" in result.message


def test_a_program_that_leaves_early_with_success_does_not_pass(workshop: Workshop) -> None:
    (result,) = run_small(workshop, "silent_test")
    assert result.outcome is Outcome.FAILED and "never begun: the kernel ended with the success code" in result.message
    assert "silent_test.serial.txt" in result.message and "no picture" in result.message


def test_a_program_with_a_harness_of_its_own_is_one_test(workshop: Workshop) -> None:
    (result,) = run_small(workshop, "own_harness")
    assert (result.name, result.outcome) == ("kernel/hello/own_harness", Outcome.PASSED)
    assert result.seconds


def test_a_kernel_that_panics_prints_file_line_and_message_on_both(workshop: Workshop) -> None:
    built = workshop.build(SMALL_KERNELS / "panics.rs")
    out = io.StringIO()
    end = run(RunConfig(built.image, headless=True), out, io.StringIO())
    assert end.kind is Kind.HALTED
    for said in (end.serial, "\n".join(end.screen)):
        assert "panics.rs:11:5" in said and "nothing goes any more: 42" in said
    assert out.getvalue().rstrip().endswith("before")


def test_the_same_image_runs_twice_at_once(hello: Built) -> None:
    from bootwright.machine.machine import Machine

    config = RunConfig(hello.image)
    with Machine(config) as one, Machine(config) as two:
        for machine in (one, two):
            machine.resume()
        for machine in (one, two):
            for _ in range(100):
                machine.step(0.1)
                if "Hello World!" in machine.serial:
                    break
            assert "Hello World!" in machine.serial
