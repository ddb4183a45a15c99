"""The sum of an EFI program's code and constants: what is in it, and which programs it cannot be made for."""

from __future__ import annotations

import struct

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.image import layout, pe, seal

TEXT, RODATA, RELOC = 0x1000, 0x2000, 0x3000
SEAL = layout.SEAL_MARK + bytes(64)  # which the constants begin with
SUM_AT = len(layout.SEAL_MARK) + 48


def program(code: bytes, constants: bytes, places: list[int]) -> bytes:
    """Returns a program of three sections, with an address at each of places."""
    relocations = pe._write_relocations(places)
    return pe._write_file([
        pe.Section(".text", TEXT, len(code), bytearray(code), pe._FLAGS[".text"]),
        pe.Section(".rodata", RODATA, len(SEAL + constants), bytearray(SEAL + constants), pe._FLAGS[".rodata"]),
        pe.Section(".reloc", RELOC, len(relocations), bytearray(relocations), pe._FLAGS[".rodata"]),
    ], TEXT)  # fmt: skip


def test_the_sum_is_of_code_and_constants_and_the_addresses_are_counted() -> None:
    constants = struct.pack("<3Q", 0x1234, 5, (1 << 64) - 1)
    made = program(struct.pack("<2Q", 7, 1 << 63), constants, [RODATA + len(SEAL), RODATA + len(SEAL) + 16])
    summed = seal.sum_up(made)
    found = pe.section(summed, ".rodata").data
    assert struct.unpack_from("<2Q", found, SUM_AT) == ((7 + (1 << 63) + 0x1234 + 5 - 1) % (1 << 64), 2)
    assert found[len(SEAL) :] == constants and len(summed) == len(made)
    assert seal.sum_up(summed) == summed, "the sum is not in itself"


@pytest.mark.parametrize(
    "place", [TEXT + 8, RODATA + SUM_AT, RODATA + len(SEAL) + 4], ids=["code", "seal", "across two quadwords"]
)
def test_an_address_that_the_program_could_not_take_out_is_refused(place: int) -> None:
    with pytest.raises(BootwrightError, match="has an address in its code or seal, or across two quadwords"):
        seal.sum_up(program(bytes(16), bytes(16), [place]))


@pytest.mark.parametrize(("code", "constants"), [(15, 16), (16, 12)])
def test_half_a_quadword_is_refused(code: int, constants: int) -> None:
    with pytest.raises(BootwrightError, match="no whole quadwords"):
        seal.sum_up(program(bytes(code), bytes(constants), []))


def test_the_relocations_are_those_that_were_written() -> None:
    places = [RODATA + len(SEAL), RODATA + len(SEAL) + 8, RODATA + 0x1008]
    assert pe.relocations(program(bytes(8), bytes(0x1000), places)) == places
    assert pe.relocations(program(bytes(8), bytes(8), [])) == []
