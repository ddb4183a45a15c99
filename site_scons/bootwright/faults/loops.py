"""Whether a loop of a PC's kernel may ask a device: by a port, by an address, or where nobody can follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bootwright.faults import instructions
from bootwright.faults.board_log import PANICKING
from bootwright.faults.facts import Guest
from bootwright.faults.memory import is_canonical
from bootwright.faults.unwind import Frame

LONGEST = 1 << 16  # bytes of a function
MOST = 100  # functions
LONGEST_INSTRUCTION = 15
CALL, GROUP_5 = 0xE8, 0xFF
CALLS_AND_JUMPS, JUMP = (2, 3, 4, 5), 4  # of that group's instructions
# An entry of a table that a register chooses: its address, by mov or the jump itself, without a base and 8 bytes each;
# or how far it is away, by movsxd and 4 bytes each. At most so many instructions lie between it and the jump.
ENTRY = re.compile(
    rb"(?:[\x48-\x4f]\x8b|[\x40-\x4f]?\xff)[\x04\x0c\x14\x1c\x24\x2c\x34\x3c][\xc5\xcd\xd5\xdd\xe5\xed\xf5\xfd]"
    rb"|[\x48-\x4f]\x63[\x04\x0c\x14\x1c\x24\x2c\x34\x3c][\x80-\xbf]",
    re.DOTALL,
)
TABLE_READ = 3
PANICS = (*PANICKING, "core::option::", "core::result::unwrap_failed", "core::slice::index::", "core::cell::panic")
# What the library checks of pointers calls a panic through a register, in position-independent code.
CHECKS = re.compile("core::(ptr|ub_checks)::|.*::precondition_check$")
# A PC's addresses that are no memory: the screen and ROMs below 1 MiB, the chipset's and cards' below 4 GiB.
DEVICES = (range(0xA_0000, 1 << 20), range(0x8000_0000, 1 << 32))

Row = tuple[int, bytes]  # an instruction's address, and its bytes


def may_ask(guest: Guest, registers: Mapping[str, int], frames: Sequence[Frame]) -> bool:
    """Tells whether the innermost loop that a processor is in may ask a device; where that is not known, yes.

    The loop is the largest of the innermost function that has one around where it is. registers are the processor's at
    a moment: who reads a device mostly has its address in one.
    """
    if any(_is_device(guest, registers.get(name, 0)) for name in instructions.REGISTERS):
        return True
    called: set[int] = set()
    for number, frame in enumerate(frames):
        at = frame.pc - (1 if number else 0)  # a return address may lie behind a loop that ends with a call
        rows = list(_rows(guest, at))
        backwards = [(to, here) for here, code in rows if (to := _jump(code, here)) is not None and to <= at <= here]
        if backwards:
            first, last = min(to for to, _ in backwards), max(here for _, here in backwards)
            rows = [row for row in rows if first <= row[0] <= last]
        operands = [instructions.decode(code, address, registers) for address, code in rows]
        if any(one is not None and one.address is not None and _is_device(guest, one.address) for one in operands):
            return True
        if not rows or _asks(guest, rows, called):
            return True
        if backwards:
            return False
    return True


def _asks(guest: Guest, rows: Sequence[Row], called: set[int]) -> bool:
    for number, (address, code) in enumerate(rows):
        what = instructions.opcode(code)
        if what in instructions.PORTS:
            return True
        to = _followed(guest, address, code)
        leaves = what == GROUP_5 and _group_5(code) in CALLS_AND_JUMPS
        leaves = leaves and not _is_match([one for _, one in rows[max(0, number - TABLE_READ) : number + 1]])
        if leaves and to is None and not CHECKS.match(guest.symbols.symbol(address)):
            return True
        if what in (CALL, GROUP_5) and to is not None and to not in called and not _panics(guest, to):
            called.add(to)
            callee = list(_rows(guest, to))
            if not callee or len(called) > MOST or _asks(guest, callee, called):
                return True
    return False


def _group_5(code: bytes) -> int:
    """Returns which of the group's instructions it is."""
    return code[code.index(GROUP_5) + 1] >> 3 & 7


def _is_match(codes: Sequence[bytes]) -> bool:
    """Tells whether the last of these instructions is the jump of a `match`: by an entry of a table, and so within the
    function. The library's loads and stores of atomics match on their ordering, where nothing is optimised.
    """
    return _group_5(codes[-1]) == JUMP and any(map(ENTRY.match, codes))


def _followed(guest: Guest, address: int, code: bytes) -> int | None:
    """Returns what an instruction calls or jumps to: by its own word, or by one that lies behind a fixed distance."""
    if code[-6:-4] in (b"\xff\x15", b"\xff\x25"):
        return guest.memory.word(address + len(code) + int.from_bytes(code[-4:], "little", signed=True))
    return instructions.target(code, address)


def _is_device(guest: Guest, address: int) -> bool:
    if not is_canonical(address) or not guest.memory.known:
        return False
    mapping = guest.memory.mapping(address)
    physical = mapping.physical + address - mapping.start
    return mapping.present and any(physical in devices for devices in DEVICES)


def _panics(guest: Guest, address: int) -> bool:
    """Tells whether a function begins a panic: a loop that goes on does not call it."""
    return guest.symbols.symbol(address).startswith(PANICS)


def _jump(code: bytes, address: int) -> int | None:
    return None if instructions.opcode(code) == CALL else instructions.target(code, address)


def _rows(guest: Guest, address: int) -> Iterator[Row]:
    """Yields the instructions of the function at address; none where the ELF does not know it."""
    function = guest.symbols.function(address)
    if function is None:
        return
    start, end = function[0], min(function[1], function[0] + LONGEST)
    code = guest.memory.read(start, end - start)
    at = 0
    while length := instructions.size(code[at : at + LONGEST_INSTRUCTION]):
        yield start + at, code[at : at + length]
        at += length
