"""Where a position-independent kernel lies: its code is found in a guest, and addresses are those of the guest."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from bootwright.elf.dwarf import Image
from bootwright.elf.symbols import Symbols

LINKED, MOVED = 0x3000, 0x100_0000_3000
CODE = bytes(range(256)) * 16


class Linked:
    """An ELF of one function, a page long."""

    entry = LINKED + 8
    has_dwarf = False
    symbols = ((LINKED, LINKED + 0x1000, "main"),)

    def __init__(self, is_movable: bool = True) -> None:
        self.is_movable = is_movable

    def page_of(self, code: bytes) -> int | None:
        return LINKED if code == CODE else None

    def is_code(self, address: int) -> bool:
        return LINKED <= address < LINKED + 0x1000

    def unit_at(self, address: int) -> None:
        return None


def read(address: int, size: int) -> bytes:
    return CODE[:size] if address == MOVED else b""


def symbols(is_movable: bool = True) -> Symbols:
    return Symbols(Path("kernel.elf"), cast(Image, Linked(is_movable)))


def test_it_is_found_by_the_first_address_that_lies_in_its_code_and_stays_there() -> None:
    moved = symbols()
    assert not moved.is_code(MOVED)
    moved.place(read, [0, 0xFFFF_FFFF, MOVED + 0x123, MOVED + 0x5000])
    assert moved.slide == MOVED - LINKED and moved.entry == MOVED + 8
    assert moved.is_code(MOVED) and moved.symbol(MOVED + 4) == "main" and not moved.is_code(LINKED)
    assert moved.function(MOVED + 4) == (MOVED, MOVED + 0x1000, "main")
    assert [place.function for place in moved.places(MOVED + 4)] == ["main"]
    moved.place(lambda address, size: pytest.fail("it was found"), [MOVED])


def test_one_that_cannot_move_is_not_looked_for() -> None:
    fixed = symbols(is_movable=False)
    fixed.place(lambda address, size: pytest.fail("it lies where it was linked"), [MOVED])
    assert fixed.slide == 0 and fixed.function(LINKED) == (LINKED, LINKED + 0x1000, "main")
