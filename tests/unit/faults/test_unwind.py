"""The call chain of a guest: who called whom, and who was interrupted and called nobody."""

from __future__ import annotations

import struct
from typing import cast

import pytest

from bootwright.elf.symbols import FrameRow, Place, Symbols
from bootwright.faults.memory import GuestMemory
from bootwright.faults.unwind import RSP, Frame, call_chain

HANDLER, MAIN, STACK = 0x20_0010, 0x20_1010, 0x8000
CODE_SELECTOR = 0x8
NOWHERE = 0x4444_0000
REGISTERS = {"RIP": HANDLER, "RSP": STACK, "CS": CODE_SELECTOR}
FUNCTIONS = {"handler": range(0x20_0000, 0x20_1000), "main": range(0x20_1000, 0x20_2000)}


class Known:
    """Symbols of two functions; the handler's frame is described where that is asked for: a word, then who called."""

    def __init__(self, is_described: bool) -> None:
        self._is_described = is_described

    def frame(self, address: int) -> FrameRow | None:
        is_handler = self._is_described and address in FUNCTIONS["handler"]
        return FrameRow(base=RSP, offset=16, saved=()) if is_handler else None

    def is_code(self, address: int) -> bool:
        return self.function(address) is not None

    def function(self, address: int) -> tuple[int, int, str] | None:
        return next(((r.start, r.stop, name) for name, r in FUNCTIONS.items() if address in r), None)

    def places(self, address: int) -> tuple[Place, ...]:
        found = self.function(address)
        return (Place(found[2]),) if found else ()


class Stack:
    """A guest's memory that holds these words at STACK, and no code."""

    def __init__(self, *words: int) -> None:
        self._bytes = struct.pack(f"<{len(words)}Q", *words)

    def read(self, address: int, size: int) -> bytes:
        return self._bytes[address - STACK : address - STACK + size] if address >= STACK else b""

    def word(self, address: int) -> int | None:
        data = self.read(address, 8)
        return int.from_bytes(data, "little") if len(data) == 8 else None


def chain(*words: int, is_described: bool = False, faulted: tuple[int, ...] = ()) -> list[Frame]:
    return call_chain(cast(Symbols, Known(is_described)), cast(GuestMemory, Stack(*words)), REGISTERS, faulted)


@pytest.mark.parametrize("is_described", [False, True], ids=["by a search", "where the frame is described"])
def test_who_was_interrupted_is_found_by_what_the_processor_pushed(is_described: bool) -> None:
    frames = chain(7, MAIN, CODE_SELECTOR, 0x202, 0x9000, 0x10, is_described=is_described)
    assert [(frame.places[0].function, frame.interrupted) for frame in frames] == [("handler", False), ("main", True)]
    assert frames[1].pc == MAIN  # where it goes on: no call lies before that


@pytest.mark.parametrize(
    ("selector", "flags"),
    [(0x10, 0x202), (CODE_SELECTOR, 0x200), (CODE_SELECTOR, 1 << 22 | 2)],
    ids=["another selector", "no flag that is always set", "a flag that there is not"],
)
def test_words_that_no_processor_pushes_are_no_interrupt(selector: int, flags: int) -> None:
    assert not any(frame.interrupted for frame in chain(7, MAIN, selector, flags, 0x9000, 0x10))


@pytest.mark.parametrize(
    ("is_described", "faulted", "is_found"),
    [(True, (), True), (False, (NOWHERE,), True), (False, (), False)],
    ids=["where the frame is described", "where the log tells of it", "where nothing does"],
)
def test_who_jumped_into_nowhere_is_found_behind_its_handler(
    is_described: bool, faulted: tuple[int, ...], is_found: bool
) -> None:
    frames = chain(7, NOWHERE, CODE_SELECTOR, 0x202, 0x9000, 0x10, is_described=is_described, faulted=faulted)
    assert [frame.pc for frame in frames if frame.interrupted] == ([NOWHERE] if is_found else [])
