"""Verdicts: what QEMU's words and numbers mean, without a QEMU."""

from __future__ import annotations

import pytest

from bootwright.loader.failures import TABLE, loader_sentences
from bootwright.machine import verdict
from bootwright.machine.verdict import Kind, Registers, find_loader_failure, parse_registers

LONG_MODE = """
CPU#0
RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000
RIP=0000000000201490 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CR0=80010011 CR2=00000000deadbeef CR3=0000000000001000 CR4=00000020
"""
REAL_MODE = """
CPU#1
EAX=0000aa55 EBX=00000000 ECX=00000000 EDX=00000080
EIP=00007c02 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=00000010 CR2=00000000 CR3=00000000 CR4=00000000
"""


def test_the_registers_of_every_processor_are_read_in_each_mode() -> None:
    assert parse_registers(LONG_MODE + REAL_MODE) == [
        Registers(0x201490, 0xDEADBEEF, 0x246, False),
        Registers(0x7C02, 0, 2, True),
    ]


@pytest.mark.parametrize(("rflags", "halted", "stopped"), [(2, True, True), (0x202, True, False), (2, False, False)])
def test_only_a_halt_with_interrupts_off_is_for_good(rflags: int, halted: bool, stopped: bool) -> None:
    assert Registers(0, 0, rflags, halted).stopped is stopped


@pytest.mark.parametrize(
    ("code", "success", "kind", "status"),
    [(33, None, Kind.PASSED, 0), (35, None, Kind.EXITED, 35), (35, 35, Kind.PASSED, 0), (33, 35, Kind.EXITED, 33)],
)
def test_the_success_code_is_0_and_any_other_is_itself(code: int, success: int | None, kind: Kind, status: int) -> None:
    end = verdict.exited(code, success)
    assert (end.kind, end.status, end.exit_code) == (kind, status, code)


def test_a_triple_fault_and_a_reset_are_status_3_and_name_the_place() -> None:
    registers = parse_registers(LONG_MODE)[0]
    for triple_fault in (True, False):
        end = verdict.reset(registers, triple_fault)
        assert end.status == 3
        assert "RIP=0x201490, CR2=0xdeadbeef" in end.sentence
        assert ("triple fault" in end.sentence) is triple_fault


def test_a_kernel_that_tells_qemu_of_its_panic_died_in_its_own_hands() -> None:
    assert verdict.stopped(None).status == 6


def test_halted_and_still_running_are_status_0_and_the_sentence_says_which() -> None:
    registers = parse_registers(REAL_MODE)[0]
    assert verdict.halted(registers).status == verdict.still_running(10, None).status == 0
    assert "halted" in verdict.halted(registers).sentence
    assert "still running at TIMEOUT=10" in verdict.still_running(10, None).sentence


@pytest.mark.parametrize(
    ("console", "complete", "sentence"),
    [
        ("bootwright: K3 kernel's sum is wrong\r\n", False, "the loader failed: K3: kernel's sum is wrong"),
        ("noise\nbootwright: E1 disk read\nmore\n", False, "the loader failed: E1: disk read"),
        ("bootwright: E1 disk", False, None),
        ("bootwright: E1 disk", True, "the loader failed: E1: disk"),
        ("\r\nbootwright: D1\r\n", False, "the loader failed: D1: told by the table"),
        ("bootwright: D1", True, "the loader failed: D1: told by the table"),
        ("bootwright: D1\r\n", True, "the loader failed: D1: told by the table"),
        ("bootwright: D2", True, "the loader failed: D2"),
        ("bootwright: D1", False, None),
        ("the kernel mentions bootwright: twice\n", True, None),
        ("", True, None),
    ],
)
def test_a_loader_failure_is_a_code_and_its_sentence(console: str, complete: bool, sentence: str | None) -> None:
    end = find_loader_failure(console, complete, {"D1": "told by the table"})
    assert (end.sentence if end else None) == sentence
    assert end is None or (end.status, end.kind) == (4, Kind.LOADER_FAILED)


def test_every_code_of_the_loaders_table_has_its_sentence() -> None:
    sentences = loader_sentences()
    rows = TABLE.read_text(encoding="utf-8").partition("\nfailures! {\n")[2].partition("\n}\n")[0]
    assert len(sentences) == rows.count(' b"') > 20
    assert sentences["KM"] == "the kernel partition holds no kernel file"


def test_a_qemu_that_ended_by_itself_is_status_5_with_its_words_and_the_command() -> None:
    end = verdict.qemu_failed(1, "qemu: no such device\n", "qemu-system-x86_64 -device x")
    assert end.status == 5
    assert "status 1: qemu: no such device" in end.sentence
    assert "command: qemu-system-x86_64 -device x" in end.sentence
    assert "killed by SIGKILL: it said nothing" in verdict.qemu_failed(-9, "", "qemu").sentence


def test_a_kernel_that_needs_more_memory_is_told_with_the_variable_that_gives_it() -> None:
    end = find_loader_failure("bootwright: KB the kernel needs 200 bytes\n", True, {})
    assert end is not None and "as in MEMORY=512M" in end.sentence
    big = find_loader_failure("bootwright: KB the kernel needs 700000000 bytes of memory; it has 1\n", True, {})
    assert big is not None and "as in MEMORY=1024M" in big.sentence
    other = find_loader_failure("bootwright: KC the checksum is wrong\n", True, {})
    assert other is not None and "MEMORY=" not in other.sentence
