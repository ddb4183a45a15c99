"""Kernel tests: what the serial port told, judged against what the ELF holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.machine import verdict
from bootwright.machine.verdict import Kind, Registers, Verdict
from bootwright.run.config import RunConfig
from bootwright.testing import boot as kernel_tests
from bootwright.testing.boot import run_test_program
from bootwright.testing.judge import Outcome, TestProgram, TestResult, judge, parse_protocol, printed_name, told_end
from bootwright.testing.listed import read_programs, write_programs

NAMES = ("hello::vga::scrolls", "hello::vga::wraps")
PROGRAM = TestProgram("hello", "src", Path("hello.elf"), Path("hello.img"), tests=NAMES)
PASSED = (
    "[test] plan 2\r\n[test] start hello::vga::scrolls\r\n[test] ok 1500 us\r\n"
    "[test] start hello::vga::wraps\r\nno end of line[test] ok 20 us\r\n[test] end\r\n"
)
FAILED = (
    "[test] plan 2\r\n[test] start hello::vga::scrolls\r\n[test] failed 7 us\r\n"
    "panicked at src/vga.rs:10:5:\r\nassertion failed\r\n[test] end\r\n"
)
DIED = (
    "[test] plan 2\r\n[test] start hello::vga::scrolls\r\n[test] ok 1 us\r\n[test] start hello::vga::wraps\r\nabout to"
)


def ended(end: Verdict, serial: str) -> Verdict:
    return Verdict(end.kind, end.status, end.sentence, end.exit_code, serial=serial)


def outcomes(results: list[TestResult]) -> list[tuple[str, Outcome]]:
    return [(result.name, result.outcome) for result in results]


@pytest.mark.parametrize(
    ("serial", "kind", "code"),
    [
        (PASSED, Kind.PASSED, 33), (FAILED, Kind.EXITED, 35), (PASSED + PASSED, Kind.RESET, None), (DIED, None, None),
        (PASSED.removesuffix("\r\n"), None, None), ("", None, None),
        ("Running 2 tests\na::b... [ok]\na::c... [ok]\n", Kind.PASSED, 33),
        ("Running 2 tests\na::b... [ok]\n", None, None),
        ("Running 1 tests\na::b... [failed]\n\nError: panicked\n", Kind.EXITED, 35), ("a::b... [ok]\n", None, None),
    ],
)  # fmt: skip
def test_a_boards_serial_port_tells_how_a_program_ended(serial: str, kind: Kind | None, code: int | None) -> None:
    end = told_end(serial)
    assert (end and end.kind, end and end.exit_code) == (kind, code)


def test_a_printed_name_leaves_out_the_crate_of_a_unit_test_only() -> None:
    assert printed_name("blog-os", "blog_os::vga::scrolls") == "kernel/blog-os/vga::scrolls"
    assert printed_name("hello", "hello::in_the_root") == "kernel/hello/in_the_root"
    assert printed_name("hello", "boots::prints") == "kernel/hello/boots::prints"
    assert printed_name("hello", "should_panic") == "kernel/hello/should_panic"


def test_tests_that_passed_have_the_guests_time_in_seconds() -> None:
    results = judge(PROGRAM, ended(verdict.exited(33, None), PASSED))
    assert outcomes(results) == [
        ("kernel/hello/vga::scrolls", Outcome.PASSED),
        ("kernel/hello/vga::wraps", Outcome.PASSED),
    ]
    assert [result.seconds for result in results] == [0.0015, 0.00002]


def test_a_panic_fails_its_test_with_file_and_line_and_the_rest_is_not_reached() -> None:
    first, second = judge(PROGRAM, ended(verdict.exited(35, None), FAILED))
    assert (first.outcome, first.message) == (Outcome.FAILED, "panicked at src/vga.rs:10:5:\nassertion failed")
    assert (second.outcome, second.message) == (
        Outcome.NOT_REACHED,
        "not reached: after hello::vga::scrolls failed",
    )


@pytest.mark.parametrize(
    "end",
    [
        verdict.reset(Registers(1, 2, 0, False), True),
        verdict.still_running(30, None),
        verdict.halted(Registers(1, 2, 2, True)),
    ],
)
def test_the_test_that_ran_when_the_machine_ended_has_failed_by_that(end: Verdict) -> None:
    first, second = judge(PROGRAM, ended(end, DIED))
    assert first.outcome is Outcome.PASSED
    assert (second.outcome, second.message) == (Outcome.FAILED, f"{end.sentence}\nabout to")


def test_a_test_in_the_elf_that_nobody_ran_does_not_go_missing() -> None:
    results = judge(
        dataclasses.replace(PROGRAM, tests=(*NAMES, "hello::lost")), ended(verdict.exited(33, None), PASSED)
    )
    assert outcomes(results)[2] == ("kernel/hello/lost", Outcome.FAILED)
    assert results[2].message.startswith("never begun: the kernel ended with the success code 33")


def test_a_test_that_the_elf_does_not_hold_is_a_failure() -> None:
    results = judge(dataclasses.replace(PROGRAM, tests=NAMES[:1]), ended(verdict.exited(33, None), PASSED))
    assert outcomes(results)[1] == ("kernel/hello/vga::wraps", Outcome.FAILED)


def test_a_program_that_never_began_fails_once_with_the_verdict_and_reaches_no_test() -> None:
    end = ended(verdict.reset(None, True), "")
    first, second = judge(PROGRAM, end, "the report")
    assert (first.outcome, first.message) == (Outcome.FAILED, f"never begun: {end.sentence}\nthe report")
    assert (second.outcome, second.message) == (Outcome.NOT_REACHED, f"not reached: {end.sentence}")


def test_a_wrong_end_after_the_last_test_is_a_failure() -> None:
    first, last = judge(PROGRAM, ended(verdict.exited(35, None), PASSED))
    assert (first.outcome, last.outcome) == (Outcome.PASSED, Outcome.FAILED)
    assert "code 35" in last.message


@pytest.mark.parametrize(("code", "outcome"), [(33, Outcome.PASSED), (35, Outcome.FAILED)])
def test_a_program_without_the_section_is_one_test(code: int, outcome: Outcome) -> None:
    program = TestProgram("hello", "should_panic", Path("a.elf"), Path("a.img"))
    (result,) = judge(program, ended(verdict.exited(code, None), "[failed]"))
    assert (result.name, result.outcome) == ("kernel/hello/should_panic", outcome)
    assert code == 33 or "[failed]" in result.message


BOOKS = "Running {} tests\nticker::a... [ok]\nticker::b... [failed]\npanicked\n"
OF_LINES = TestProgram(
    "ticker-os", "lib", Path("a.elf"), Path("a.img"), crate="ticker",
    written=("a (src/lib.rs)", "b (src/lib.rs)", "c (src/clock.rs)", "d (src/clock.rs)"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("serial", "left"),
    [
        (BOOKS.format(4), "2 more tests of this program were not reached: c (src/clock.rs), d (src/clock.rs)"),
        (BOOKS.format(3), "1 more test of this program was not reached"),  # a cfg hides one, and nobody knows which
        (BOOKS.format(2), ""),
        (BOOKS.partition("\n")[2], "2 more tests of this program were not reached: c (src/clock.rs), d (src/clock.rs)"),
    ],
    ids=["all", "hidden", "none", "no count"],
)
def test_tests_that_a_failure_kept_from_running_are_counted_and_named(serial: str, left: str) -> None:
    passed, failed = judge(OF_LINES, ended(verdict.exited(35, None), serial))
    assert (passed.name, passed.outcome) == ("kernel/ticker-os/a", Outcome.PASSED)
    assert (failed.name, failed.outcome) == ("kernel/ticker-os/b", Outcome.FAILED)
    assert ("not reached" in failed.message) is bool(left) and left in failed.message


@pytest.mark.parametrize(
    ("name", "word", "bad"),
    [
        ("ticker::{}...\t", "[OK]", "[FAILED]"),
        ("\x1b[1mticker::{}\x1b[0m...\t", "\x1b[32m[ok]\x1b[0m", "\x1b[31m[failed]\x1b[0m"),
        ("ticker::{} ... ", "ok", "FAILED"),
        ("test ticker::{} ... ", "[pass]", "[fail]"),
        ("[test] ticker::{} ...\t", "it prints [warn]\nPassed!", "failed"),
        ("  ticker::{}...\n", "[ ok ]", "[ failed ]"),
        ("[Running] -> ticker::{} ...\t", "[ok]", "[failed]"),  # the function is one of the sources'
        ("ticker::{}...\n", "", "panicked"),
    ],
)
def test_a_line_of_a_test_is_heard_in_the_ways_that_authors_write_it(name: str, word: str, bad: str) -> None:
    serial = "Running 2 tests\n" + name.format("a") + word + "\n" + name.format("b")
    passed = judge(OF_LINES, ended(verdict.exited(33, None), f"{serial}{word}\n\nTest result: 2 passed; 0 failed\n"))
    names = ["kernel/ticker-os/a", "kernel/ticker-os/b"]
    assert outcomes(passed) == [(each, Outcome.PASSED) for each in names]
    failed = judge(OF_LINES, ended(verdict.exited(35, None), f"{serial}{bad}\npanicked at src/lib.rs\n"))
    if word:
        assert outcomes(failed) == list(zip(names, (Outcome.PASSED, Outcome.FAILED), strict=True))
    else:  # nothing tells whether the first one passed
        assert outcomes(failed) == [("kernel/ticker-os/lib", Outcome.FAILED)]
    assert "panicked at src/lib.rs" in failed[-1].message


def test_a_line_that_is_no_test_of_the_program_is_not_taken_for_one() -> None:
    serial = "kernel: mm::heap... up\nticker::a... [ok]\nRetrying block::read...\n"
    results = judge(OF_LINES, ended(verdict.exited(33, None), serial))
    assert outcomes(results) == [("kernel/ticker-os/a", Outcome.PASSED)]


def test_of_tests_with_one_name_a_failure_stands() -> None:
    serial = "ticker::{{closure}}... [failed]\nticker::{{closure}}... [ok]\n"
    (result,) = judge(OF_LINES, ended(verdict.exited(33, None), serial))
    assert result.outcome is Outcome.FAILED


def test_a_program_that_tells_no_names_is_said_to_hold_them() -> None:
    (result,) = judge(OF_LINES, ended(verdict.exited(35, None), "running 4 tests\n..panicked"))
    assert result.message.endswith(
        "it does not say which of its tests failed: a (src/lib.rs), b (src/lib.rs), c (src/clock.rs), d (src/clock.rs)"
    )


def test_an_interrupt_fails_no_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = dataclasses.replace(verdict.left("Ctrl-C"), status=Status.INTERRUPTED)
    monkeypatch.setattr(kernel_tests, "run_and_report", lambda *_, **__: (left, ""))
    with pytest.raises(KeyboardInterrupt):
        run_test_program(dataclasses.replace(PROGRAM, elf=tmp_path / "hello.elf"), RunConfig(Path()))
    assert not list(tmp_path.iterdir())


def test_nothing_said_is_no_test() -> None:
    assert parse_protocol("") == {}


def test_the_list_of_programs_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    config = RunConfig(Path(), "my-qemu", ("-smp", "2"), "64M", timeout=3.5, success_exit_code=35)
    write_programs(tmp_path / "kernel-tests.json", [PROGRAM], config)
    assert read_programs(tmp_path / "kernel-tests.json") == ([PROGRAM], config)
    fast = dataclasses.replace(config, loader=Path("/build/loader/pvh.elf"))
    write_programs(tmp_path / "kernel-tests.json", [PROGRAM], fast)
    assert read_programs(tmp_path / "kernel-tests.json") == ([PROGRAM], fast)


def test_a_list_of_another_bootwright_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "kernel-tests.json"
    write_programs(path, [PROGRAM], RunConfig(Path()))
    whole = json.loads(path.read_text())
    more = {**whole["config"], "new": 1}
    changes: list[dict[str, object]] = [{"config": more}, {"config": {}}, {"programs": [{}]}, {"programs": 1}]
    for change in changes:
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(BootwrightError, match="is no list of tests of this bootwright"):
            read_programs(path)


def test_every_field_of_the_machine_is_in_the_list(tmp_path: Path) -> None:
    config = RunConfig(
        Path("image"), "q", ("-a",), "1M", "pc", "ide", "tcg", True, Path("l"), "pc", ("c",), Path("d"), True, True,
        "uefi", Path("crt"), True, 1.5, 35, "mark", ("p",), Path("serial"), True, "pc1", 600.0,
    )  # fmt: skip
    assert all(getattr(config, field.name) not in (None, "", ()) for field in dataclasses.fields(config))
    write_programs(tmp_path / "kernel-tests.json", [PROGRAM], config)
    assert read_programs(tmp_path / "kernel-tests.json") == ([PROGRAM], config)
