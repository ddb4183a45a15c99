"""A stack full of a recursion: the chain is the one that walking finds, and costs no more than its turns."""

from __future__ import annotations

import struct
from typing import cast

import pytest

from bootwright.elf.symbols import FrameRow, Place, Symbols
from bootwright.faults import unwind
from bootwright.faults.calls import innermost
from bootwright.faults.memory import GuestMemory
from bootwright.faults.unwind import PRESERVED, RSP, Frame, call_chain

CODE, STACK, RBP = 0x20_0000, 0x10_0000, 6
START = CODE + 0x900


class Functions:
    """Symbols of functions of 0x100 bytes each, whose frames are so many bytes from rsp, or from RBP where kept."""

    def __init__(self, sizes: dict[int, int], is_kept: bool) -> None:
        self._sizes, self._is_kept = sizes, is_kept

    def frame(self, address: int) -> FrameRow | None:
        size = self._sizes.get(address & -0x100)
        if size is None or not self._is_kept:
            return FrameRow(base=RSP, offset=size, saved=()) if size else None
        return FrameRow(base=RBP, offset=16, saved=((RBP, -16),))

    def is_code(self, address: int) -> bool:
        return CODE <= address < CODE + 0x1000

    def function(self, address: int) -> tuple[int, int, str] | None:
        start = address & -0x100
        return (start, start + 0x100, f"f{start:x}") if self.is_code(address) else None

    def places(self, address: int) -> tuple[Place, ...]:
        return (Place(f"f{address & -0x100:x}"),)


class Stack:
    """The stack's bytes from STACK on; counts the reads."""

    def __init__(self, data: bytes) -> None:
        self._data, self.reads = data, 0

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        return self._data[address - STACK : address - STACK + size] if address >= STACK else b""

    def word(self, address: int) -> int | None:
        data = self.read(address, 8)
        return int.from_bytes(data, "little") if len(data) == 8 else None


def filled(sizes: list[int], times: int, is_kept: bool) -> bytes:
    """Returns the stack of functions that call each other in a circle; each keeps RBP below its return address."""
    data, at = [], STACK
    for number in range(times * len(sizes) + 1):
        size = sizes[number % len(sizes)]
        caller = (START if number == times * len(sizes) else CODE + 0x100 * ((number + 1) % len(sizes))) + 0x20
        above = at + size + sizes[(number + 1) % len(sizes)] - 16  # where its caller keeps RBP
        words = [number] * (size // 8 - 2) + [above if is_kept else number, caller]
        data.append(struct.pack(f"<{len(words)}Q", *words))
        at += size
    return b"".join(data) + bytes(512)


def chain(sizes: list[int], times: int, is_kept: bool = False) -> tuple[list[Frame], int]:
    stack = Stack(filled(sizes, times, is_kept))
    known = Functions({CODE + 0x100 * n: size for n, size in enumerate(sizes)}, is_kept)
    registers = {"RIP": CODE + 8, "RSP": STACK, "CS": 8, PRESERVED[RBP]: STACK + sizes[0] - 16}
    return call_chain(cast(Symbols, known), cast(GuestMemory, stack), registers), stack.reads


@pytest.mark.parametrize("sizes", [[16], [24, 64], [16, 32, 48]], ids=["itself", "in turns", "three"])
@pytest.mark.parametrize("is_kept", [False, True], ids=["by rsp", "by RBP"])
@pytest.mark.parametrize("times", [1, 3, 4, 40])
def test_the_chain_is_the_one_that_walking_finds(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], is_kept: bool, times: int
) -> None:
    counted, _ = chain(sizes, times, is_kept)
    monkeypatch.setattr(unwind, "more_turns", lambda memory, called: None)
    assert counted == chain(sizes, times, is_kept)[0]
    assert len(counted) == times * len(sizes) + 2  # who runs, its callers, and the start


@pytest.mark.parametrize("is_kept", [False, True], ids=["by rsp", "by RBP"])
def test_a_full_stack_is_no_work(is_kept: bool) -> None:
    frames, reads = chain([16], 20_000, is_kept)
    assert (len(frames), frames[-1].pc, frames[-1].more) == (20_002, START + 0x20, False)
    assert reads < 100


def test_a_chain_without_end_is_said_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwind, "DEEPEST", 50)
    frames, _ = chain([16, 24], 1000)
    assert 50 <= len(frames) <= 54 and [frame.more for frame in frames[-2:]] == [False, True]


def test_a_fault_in_the_panic_handler_is_told_where_it_is_and_not_where_the_panic_was() -> None:
    handler, panic = Place("__rustc::rust_begin_unwind", "src/main.rs", 5), Place("k::cause", "src/main.rs", 9)
    library = Place("core::ptr::write_volatile", "/rustc/0/library/core/src/ptr/mod.rs", 2)
    assert innermost([Frame(0, (library,)), Frame(0, (handler,)), Frame(0, (panic,))]) == handler
