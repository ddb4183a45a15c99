"""Which loops of a PC's kernel may ask a device: by a port, or where they leave for nobody knows where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bootwright.faults.loops import may_ask
from bootwright.faults.unwind import Frame

LOOP, LOAD = 0x20_0000, 0x20_1000
# call LOAD; test al, 1; je back; pause
WAITING = bytes.fromhex("e8fb0f0000 a801 74f7 f390")
TABLE_64 = bytes.fromhex("488b04c5700c2000 ffe0 c3")  # mov rax, [table + rax * 8]; jmp rax
TABLE_32 = bytes.fromhex("48630481 4801c8 ffe0 c3")  # movsxd rax, [rcx + rax * 4]; add rax, rcx; jmp rax
STRAIGHT = bytes.fromhex("ff24c5700c2000 c3")  # jmp [table + rax * 8]
TAIL = bytes.fromhex("488b4118 ffe0")  # mov rax, [rcx + 24]; jmp rax
CALLED = bytes.fromhex("488b04c5700c2000 ffd0 c3")  # the same table, and a call
PORT = bytes.fromhex("e464 c3")  # in al, 0x64
PLAIN = bytes.fromhex("8a07 c3")  # mov al, [rdi]


@dataclass(frozen=True)
class Kernel:
    """A guest of two functions: one that waits, and the one that it asks again and again."""

    load: bytes
    known: bool = False

    @property
    def symbols(self) -> Kernel:
        return self

    @property
    def memory(self) -> Kernel:
        return self

    def read(self, address: int, size: int) -> bytes:
        code, start = (self.load, LOAD) if address >= LOAD else (WAITING, LOOP)
        return code[address - start : address - start + size]

    def function(self, address: int) -> tuple[int, int, str] | None:
        start, code = (LOAD, self.load) if address >= LOAD else (LOOP, WAITING)
        return (start, start + len(code), "") if start <= address < start + len(code) else None

    def symbol(self, address: int) -> str:
        return "kernel::wait"

    def word(self, address: int) -> int | None:
        return None


@pytest.mark.parametrize(
    ("load", "asks"),
    [
        (PLAIN, False), (TABLE_64, False), (TABLE_32, False), (STRAIGHT, False), (TAIL, True), (CALLED, True),
        (PORT, True),
    ],
    ids=["loads", "matches", "matches by distances", "matches at once", "tail call", "call by a table", "port"],
)  # fmt: skip
def test_a_match_stays_within_its_function_and_a_call_through_a_register_may_go_anywhere(
    load: bytes, asks: bool
) -> None:
    guest: Any = Kernel(load)
    assert may_ask(guest, {}, [Frame(LOOP, ())]) is asks
