"""The rows of a line program of DWARF (versions 2 to 5, section 6.2), decoded without an object for each.

pyelftools reads the program's header; its own decoder takes 0.3 ms a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE = 1, 2, 3, 4
CONST_ADD_PC, FIXED_ADVANCE_PC = 8, 9
END_SEQUENCE, SET_ADDRESS = 1, 2  # behind the opcode 0
Row = tuple[int, int, int]  # address, the file's number, line


def read_sequences(program: bytes, header: Any) -> Iterator[tuple[list[Row], int]]:
    """Yields the rows of each sequence and the address at which it ends; header is pyelftools' of the line program."""
    least, first, span = header["minimum_instruction_length"], header["opcode_base"], header["line_range"]
    base, lengths = header["line_base"], header["standard_opcode_lengths"]
    skip = (255 - first) // span * least
    at, size = 0, len(program)
    address, file, line = 0, 1, 1
    rows: list[Row] = []
    while at < size:
        opcode = program[at]
        at += 1
        if opcode >= first:
            opcode -= first
            address += opcode // span * least
            line += base + opcode % span
            rows.append((address, file, line))
        elif opcode == 0:
            length, at = _unsigned(program, at)
            kind = program[at]
            if kind == SET_ADDRESS:
                address = int.from_bytes(program[at + 1 : at + length], "little")
            elif kind == END_SEQUENCE:
                yield rows, address
                address, file, line, rows = 0, 1, 1, []
            at += length
        elif opcode == COPY:
            rows.append((address, file, line))
        elif opcode == ADVANCE_PC:
            step, at = _unsigned(program, at)
            address += step * least
        elif opcode == ADVANCE_LINE:
            step, at = _signed(program, at)
            line += step
        elif opcode == SET_FILE:
            file, at = _unsigned(program, at)
        elif opcode == CONST_ADD_PC:
            address += skip
        elif opcode == FIXED_ADVANCE_PC:
            address += int.from_bytes(program[at : at + 2], "little")
            at += 2
        else:
            for _ in range(lengths[opcode - 1]):
                _, at = _unsigned(program, at)


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Returns the unsigned LEB128 at the place, and the place behind it."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _signed(data: bytes, at: int) -> tuple[int, int]:
    begin = at
    value, at = _unsigned(data, at)
    bits = 7 * (at - begin)
    return (value - (1 << bits) if value >> (bits - 1) else value), at
