"""The catalogue of faults, and the parts of a report that need no machine."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.elf.symbols import Place
from bootwright.faults import facts as fault
from bootwright.faults.calls import calls, innermost
from bootwright.faults.catalogue import CATALOGUE, find_fault
from bootwright.faults.known import Facts, What
from bootwright.faults.memory import CHUNK, GuestMemory
from bootwright.faults.panics import find_panic
from bootwright.faults.unwind import Frame
from bootwright.machine import guest_log
from bootwright.machine.arguments import uses_tcg
from bootwright.machine.config import MachineConfig
from bootwright.machine.guest_log import GuestLog
from bootwright.machine.options import under_tcg
from bootwright.machine.verdict import Kind, Verdict

KERNELS = Path(__file__).parents[2] / "kernels" / "faults"
FOR_OTHER_TESTS = {
    "two_candidates",
    "silent_panic",
    "handled",
    "caught_overflow",
    "lost_stack",
    "panicking_handler",
    "generic_panic",
}


def test_each_entry_has_a_kernel_and_each_kernel_an_entry() -> None:
    entries = [entry.kernel for entry in CATALOGUE]
    assert len(set(entries)) == len(entries) >= 12
    assert {path.stem for path in KERNELS.glob("*.rs")} == {*entries, *FOR_OTHER_TESTS}


def test_the_more_particular_entry_wins() -> None:
    null = Facts(What.EXCEPTION, vector=14, access="write", present=False, address="null")
    assert find_fault(null) is next(entry for entry in CATALOGUE if entry.name == "null pointer")
    assert find_fault(Facts(What.EXCEPTION, vector=17)) is None


@pytest.mark.parametrize(
    ("text", "file", "line"),
    [
        ("panicked at src/main.rs:12:5:\nmessage", "src/main.rs", "12"),
        ("panicked at 'old message', src/main.rs:10:9", "src/main.rs", "10"),
        ("[failed]\nError: panicked at src/a.rs:1:1:\r\none\npanicked at src/b.rs:2:2:\ntwo", "src/b.rs", "2"),
    ],
)
def test_the_last_panic_on_the_serial_port_is_found(text: str, file: str, line: str) -> None:
    found = find_panic(Verdict(Kind.HALTED, 0, "", serial=text))
    assert found is not None and (found["file"], found["line"]) == (file, line)


def test_a_panic_that_wraps_on_the_screen_is_put_together() -> None:
    text = "panicked at " + "long/" * 15 + "main.rs:7:5:"
    rows = (text[:80], text[80:], "message")
    found = find_panic(Verdict(Kind.HALTED, 0, "", screen=rows))
    assert found is not None and found["file"].endswith("long/main.rs") and found["new"] == "message"
    # The blank at the end of a full row is not seen there.
    wide = f"{'word ' * 15}this".ljust(80)
    end = Verdict(Kind.HALTED, 0, "", screen=("panicked at a.rs:7:5:", wide.rstrip(), "goes on", "and ends"))
    found = find_panic(end)
    assert found is not None and found["new"] == f"{wide}goes on"


class Memory:
    """Two megabytes of physical memory whose page tables start at 0x1000."""

    def __init__(self) -> None:
        self.bytes = bytearray(1 << 21)
        for table, below in ((0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x4000)):
            struct.pack_into("<Q", self.bytes, table, below | 7)

    def map(self, page: int, frame: int, flags: int) -> None:
        struct.pack_into("<Q", self.bytes, 0x4000 + 8 * page, frame | flags)

    def guest(self) -> GuestMemory:
        def read(address: int, size: int) -> bytes:
            assert size == CHUNK
            return bytes(self.bytes[address : address + size])

        return GuestMemory(read, cr3=0x1000, cr0=1 << 31, cr4=1 << 5, efer=0xD00)


def test_a_mapping_tells_its_rights_and_where_the_walk_ends() -> None:
    memory = Memory()
    memory.map(5, 0x10000, 3 | 1 << 63)
    guest = memory.guest()
    assert str(guest.mapping(0x5010)) == "mapped to physical 0x10000, read write, page of 4 KiB"
    assert str(guest.mapping(0x6000)) == "not mapped (no entry in its page table)"
    assert str(guest.mapping(0x7F00_0000_0000)) == "not mapped (no entry in its PML4)"


def test_words_are_read_across_pages_and_not_beyond_the_last() -> None:
    memory = Memory()
    memory.map(5, 0x10000, 3)
    memory.map(6, 0x20000, 3)
    memory.bytes[0x10FFC:0x11000], memory.bytes[0x20000:0x20004] = b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"
    guest = memory.guest()
    assert guest.word(0x5FFC) == 0x0807060504030201
    assert guest.word(0x6FFC) is None and guest.read(0x6FFC, 8) == bytes(4)


def test_a_stack_overflow_is_below_its_stack_and_not_elsewhere() -> None:
    memory = Memory()
    memory.map(16, 0x10000, 3)
    guest = memory.guest()
    assert fault.is_stack_overflow(guest, 0xFFF8, 0x10000)  # a push at the very end
    assert fault.is_stack_overflow(guest, 0xF800, 0xF700)  # a frame that begins in the guard page
    assert fault.is_stack_overflow(guest, 0x8000, 0x7F00)  # a big frame that skipped it
    assert not fault.is_stack_overflow(guest, 0x8000, 0x10800)  # a wild pointer while the stack is well
    assert not fault.is_stack_overflow(guest, 0x10010, 0x10000)  # mapped


def test_the_log_is_turned_over_when_it_is_full_and_given_up_when_that_is_too_often(tmp_path: Path) -> None:
    log = GuestLog()
    assert log.arguments(tmp_path) == ["-d", "int,cpu_reset", "-D", str(tmp_path / "log-1")]
    (tmp_path / "log-1").write_text("old")
    assert log.tend(0) == [] and log.read() == "old"
    (tmp_path / "log-1").write_bytes(b"x" * guest_log.LIMIT)
    assert log.tend(10) == [f'logfile "{tmp_path / "log-2"}"']
    (tmp_path / "log-2").write_bytes(b"y" * guest_log.LIMIT)
    assert log.read()[0] == "x" and log.read()[-1] == "y" and log.whole
    assert log.tend(10.5) == ["log cpu_reset", f'logfile "{tmp_path / "log-1"}"']
    assert log.read() == "" and not log.whole


def test_the_second_run_has_no_accelerator_and_no_log_of_the_persons_own() -> None:
    flags = (
        "-enable-kvm",
        "-cpu",
        "host",
        "-machine",
        "pc,accel=kvm",
        "-smp",
        "2",
        "-d",
        "int",
        "-D",
        "x",
        "-accel",
        "kvm",
    )
    config = MachineConfig(Path("k.img"), qemu_flags=flags)
    assert not uses_tcg(config)
    assert under_tcg(flags) == ("-machine", "pc", "-smp", "2")
    assert under_tcg([f"-{flag}" if flag[0] == "-" else flag for flag in flags]) == ("--machine", "pc", "--smp", "2")
    assert under_tcg(()) == ()
    assert uses_tcg(replace(config, qemu_flags=under_tcg(flags)))
    assert uses_tcg(replace(config, qemu_flags=("-accel", "tcg")))
    assert not uses_tcg(replace(config, qemu_flags=(), accelerator="kvm"))


HALT = Place(
    "x86_64::instructions::hlt", "/cargo/registry/src/index.crates.io-1949/x86_64-0.15.2/src/instructions/mod.rs", 20
)
ONCE = Place("<spin::once::Once<u64>>::get_unchecked", "/there/.cargo/registry/src/index/spin-0.9.8/src/once.rs", 417)
OWN = Place("kernel::memory::offset", "src/memory.rs", 79)
START = Place("_start", "/cargo/git/checkouts/bootloader-1/abc/src/lib.rs", 39)


def test_the_place_to_look_at_is_the_packages_own_before_one_of_a_package_that_it_uses() -> None:
    frames = [Frame(number, (place,)) for number, place in enumerate((HALT, ONCE, OWN, START))]
    assert innermost(frames) == OWN
    assert innermost([*frames[:2], frames[3]]) == HALT, "there is nothing else"
    core = Frame(9, (Place("core::option::unwrap_failed", "/rustc/0af/library/core/src/option.rs", 1),))
    assert innermost([core, frames[1]]) == ONCE
    assert calls(frames)[0] == "#0 0x0 x86_64::instructions::hlt, x86_64-0.15.2/src/instructions/mod.rs:20"
