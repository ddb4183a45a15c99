"""QEMU's words about a processor: registers, and the log in which the fatal chain of exceptions stands."""

from __future__ import annotations

from bootwright.faults import vectors
from bootwright.faults.processor import Source, parse_log, parse_processor

REGISTERS = """RAX=00001eadbeef0000 RBX=0000000000000004 RCX=0000000000000000 RDX=3333333333333333
R8 =0000000000201118 R9 =0000000000000001 R10=00000000002024d0 R11=0000000000315000
RIP={rip:016x} RFL=00200002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
FS =0010 0000000000001234 ffffffff 00cf9300 DPL=0 DS   [-WA]
GDT=     0000000000008218 00000027
IDT=     0000000000005000 00000fff
CR0=80010011 CR2=00001eadbeef0000 CR3=0000000000109000 CR4=00000020
EFER=0000000000000d00
"""


def event(vector: int, error_code: int = 0, software: int = 0, rip: int = 0x202429) -> str:
    head = f"     1: v={vector:02x} e={error_code:04x} i={software} cpl=0 IP=0008:{rip:016x} pc={rip:016x} SP=0000:0\n"
    return head + REGISTERS.format(rip=rip)


def new(vector: int, old: int = 0xFFFFFFFF) -> str:
    return f"check_exception old: {old:#x} new {vector:#x}\n"


def fatal(text: str) -> list[int]:
    return [event.vector for event in parse_log(text).fatal]


def test_registers_segments_and_tables_have_their_names() -> None:
    found = parse_processor(REGISTERS.format(rip=0x1234))
    assert (found["RIP"], found["R8"], found["CR2"], found["RFL"]) == (0x1234, 0x201118, 0x1EADBEEF0000, 0x200002)
    assert (found["CS"], found["FS.base"], found["IDT.base"], found["IDT.limit"]) == (8, 0x1234, 0x5000, 0xFFF)


def test_the_fatal_chain_begins_with_the_exception_that_nothing_preceded() -> None:
    handled = new(14) + event(14, 2, rip=0x100)
    last = new(14) + event(14, 3) + new(13, 14) + event(8) + new(13, 8) + "Triple fault\nCPU Reset (CPU 0)\n"
    log = parse_log(handled + last)
    assert [e.vector for e in log.fatal] == [14, 8]
    assert log.fatal[0].error_code == 3 and log.fatal[0].registers["RIP"] == 0x202429
    assert len(log.events) == 3


def test_without_a_triple_fault_nothing_was_fatal() -> None:
    assert parse_log(new(14) + event(14)).fatal == ()
    assert parse_log("").events == ()


def test_a_missing_gate_belongs_to_what_wanted_it() -> None:
    # QEMU 7.2 gives vector * 16 + 2; the manual says vector * 8 + 2.
    for error_code in (0x62, 0x32):
        chain = new(6) + event(6) + new(13) + event(13, error_code) + new(13, 13) + event(8) + "Triple fault\n"
        assert fatal(chain) == [6, 13, 8]


def test_an_interrupt_that_was_delivered_is_not_part_of_what_follows() -> None:
    text = (
        "Servicing hardware INT=0x20\n" + event(0x20) + new(14) + event(14) + new(13, 14) + event(8) + "Triple fault\n"
    )
    assert fatal(text) == [14, 8]


def test_who_raised_it_is_known() -> None:
    hardware = "Servicing hardware INT=0x08\n" + event(8) + new(13) + event(13, 0x82) + "Triple fault\n"
    (first, second) = parse_log(hardware).fatal
    assert (first.source, second.source) == (Source.HARDWARE, Source.EXCEPTION)
    software = event(3, software=1) + new(13) + event(13, 0x32) + "Triple fault\n"
    assert parse_log(software).fatal[0].source is Source.SOFTWARE


def test_error_codes_are_put_into_words() -> None:
    assert vectors.explain(14, 0x2) == "a write to a page that is not mapped"
    assert vectors.explain(14, 0x11) == "an instruction fetched from a page that forbids it"
    assert vectors.explain(13, 0x28) == "the selector 0x28 of the GDT"
    assert vectors.explain(13, 0) == ""
