"""Kernels that die on boards, each in another way: what the report says about them."""

from __future__ import annotations

import re

import pytest
from tests.boot.boards import (
    BOUNDS,
    DEADLOCK,
    HANG,
    ILLEGAL,
    NO_MEMORY,
    NOTHING,
    NULL_FUNCTION,
    OVERFLOW,
    PANIC,
    SECONDS,
    SOURCE,
    TRAP,
    TRIPLES,
    WILD,
    Dead,
    Yard,
)

from bootwright.base.errors import Status
from bootwright.machine.boards import BOARDS, Board, board_named
from bootwright.machine.verdict import Kind

pytestmark = pytest.mark.needs(*dict.fromkeys(board.qemu for board in BOARDS if not board.is_pc))

LINES = SOURCE.read_text().splitlines()


def expect(dead: Dead, name: str) -> None:
    """Fails unless the report names the fault, the function and one of the lines that are marked with its name."""
    title = re.match(r"fault: (.+) in (\S+), (\S+):(\d+)\n", dead.report)
    assert title, f"{dead.end.sentence}\n{dead.report}"
    assert (title[1], title[3]) == (name, str(SOURCE)), dead.report
    assert re.fullmatch(r"faults::(cause|illegal|jump|trap|recurse)", title[2]), dead.report
    mark = LINES[int(title[4]) - 1].partition(" // ")[2]
    assert name in mark.split(", "), dead.report
    assert re.search(r"^  state    pc=0x\w+ sp=0x", dead.report, re.MULTILINE), dead.report


@pytest.mark.parametrize("board", [board_named(name) for name in TRIPLES], ids=TRIPLES)
def test_the_report_names_cause_function_file_line_and_calls(yard: Yard, board: Board) -> None:
    says_interrupts = board.name not in ("microbit", "mps2-an386")  # a Cortex-M does not, and one may come
    for how, name in ((NO_MEMORY, "no memory"), (PANIC, "panic"), (OVERFLOW, "stack overflow")):
        panicked = name == "panic"
        dead = yard.die(board, how, seconds=600 if panicked and says_interrupts else SECONDS)
        expect(dead, name)
        assert (dead.end.kind, dead.end.status) == (
            (Kind.STILL_RUNNING, Status.GUEST_DIED) if panicked else (Kind.DIED, Status.GUEST_RESET)
        )
        if panicked:
            end = "comes no further, PC=0x" if says_interrupts else "still running at TIMEOUT="
            assert end in dead.end.sentence, dead.end
        if how != OVERFLOW:
            assert re.search(r"faults::cause, .*#\d 0x\w+ faults::inner, .*faults::outer, .*_start, \S+$", dead.chain)


@pytest.mark.parametrize(
    ("name", "how", "fault"),
    [
        ("aarch64-virt", DEADLOCK, "deadlock"),
        ("microbit", ILLEGAL, "illegal instruction"),
        ("riscv64-virt", ILLEGAL, "illegal instruction"),
        ("mps2-an386", WILD, "wild jump"),
        ("riscv32-virt", WILD, "wild jump"),
        ("microbit", TRAP, "trap without handler"),
        ("riscv64-virt", NULL_FUNCTION, "null function"),
        ("aarch64-virt", NULL_FUNCTION, "null function"),
        ("riscv64-virt", BOUNDS, "panic"),
    ],
)
def test_each_way_to_die_is_called_by_its_name(yard: Yard, name: str, how: int, fault: str) -> None:
    dead = yard.die(board_named(name), how)
    expect(dead, fault)
    assert re.search(r"faults::cause, .*#\d 0x\w+ faults::inner, .*faults::outer, .*_start, \S+$", dead.chain)


@pytest.mark.parametrize("name", ["mps2-an386", "riscv32-virt"])
def test_a_busy_kernel_is_told_where_it_is_and_called_no_fault_since_an_interrupt_may_come(
    yard: Yard, name: str
) -> None:
    dead = yard.die(board_named(name), HANG)
    line = next(number for number, text in enumerate(LINES, 1) if text.endswith("// hang"))
    assert (dead.end.kind, dead.end.status) == (Kind.STILL_RUNNING, Status.DONE)
    assert dead.report.startswith(f"  where    faults::cause, {SOURCE}:{line}\n"), dead.report
    assert re.search(r"faults::inner, .*faults::outer, .*_start, \S+$", dead.chain)


@pytest.mark.parametrize("name", ["microbit", "riscv64-virt", "aarch64-virt"])
def test_a_kernel_that_waits_in_its_last_loop_has_no_fault(yard: Yard, name: str) -> None:
    dead = yard.die(board_named(name), NOTHING)
    line = next(number for number, text in enumerate(LINES, 1) if text.endswith("// waits"))
    assert (dead.end.kind, dead.end.status) == (Kind.STILL_RUNNING, Status.DONE)
    assert dead.report == f"  where    _start, {SOURCE}:{line}\n"


def test_of_several_processors_the_one_that_died_is_told(yard: Yard) -> None:
    dead = yard.die(board_named("riscv64-virt"), NO_MEMORY, "-smp", "3")
    expect(dead, "no memory")
    assert re.search(r"^ +of processor 0, of 3$", dead.report, re.MULTILINE), dead.report
