"""The architectures of boards: their registers, as QEMU prints and DWARF numbers them, and a few of their instructions.

The encodings are those of the Armv7-M and Armv8-A reference manuals and of the RISC-V unprivileged specification.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from bootwright.elf.symbols import Symbols


class Kind(Enum):
    """What a report wants to know of an instruction."""

    CALL = "call"
    JUMP = "jump"
    PAUSE = "pause"  # waits, or does nothing


@dataclass(frozen=True)
class Instruction:
    """One of these kinds: its size in bytes; target is None where a register holds it."""

    kind: Kind
    size: int
    target: int | None = None


Decode = Callable[[bytes, int], Instruction | None]


@dataclass(frozen=True)
class Architecture:
    """names are the registers by their DWARF numbers; link is the one in which a call leaves where it goes on.

    frame_pointer is the one that the library's functions, too, save below link and have point to that pair.
    word is the size of an address in bytes, shown what a report shows, dump how `info registers` says a register (its
    name or number, and the value), others are registers without a number. decode reads the instruction at an address,
    calls are the sizes in bytes of instructions that call. code_bit is set in an address of code that is a value.
    interrupts are a register, those of its bits that say whether interrupts are on, and what these are where none are;
    None where no register of the dump says so.
    """

    word: int
    names: tuple[str, ...]
    link: str
    frame_pointer: str
    shown: tuple[str, ...]
    dump: re.Pattern[str]
    decode: Decode
    calls: tuple[int, ...]
    code_bit: int = 0
    interrupts: tuple[str, int, int] | None = None

    def parse(self, dump: str) -> dict[str, int]:
        """Returns the registers of one processor by their names, the program counter as pc and the stack's as sp."""
        found: dict[str, int] = {}
        for match in self.dump.finditer(dump):
            name = next(filter(None, match.groups()[:-1]))
            found[self.names[int(name)] if name.isdecimal() else name.lower()] = int(match[match.lastindex or 0], 16)
        return found

    def has_interrupts_off(self, registers: Mapping[str, int]) -> bool:
        """Tells whether no interrupt reaches a processor with these registers; where that is not known, no."""
        if self.interrupts is None:
            return False
        name, bits, off = self.interrupts
        return name in registers and registers[name] & bits == off

    def call_before(self, code: bytes, end: int) -> Instruction | None:
        """Returns the call that ends at the address end, of which code holds the last 8 bytes."""
        for size in self.calls:
            found = self.decode(code[-size:], end - size) if len(code) >= size else None
            if found and found.kind is Kind.CALL and found.size == size:
                return found
        return None


def find_architecture(symbols: Symbols) -> Architecture | None:
    """Returns the architecture of the boards that run this ELF; None for another one."""
    return {"EM_ARM": ARM, "EM_AARCH64": AARCH64, "EM_RISCV": RISCV64 if symbols.image.word == 8 else RISCV32}.get(
        symbols.image.machine
    )


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 & 1 else value


def _thumb(code: bytes, address: int) -> Instruction | None:
    if len(code) < 2:
        return None
    (half,) = struct.unpack_from("<H", code)
    if half in (0xBF00, 0xBF10, 0xBF20, 0xBF30):  # nop, yield, wfe, wfi
        return Instruction(Kind.PAUSE, 2)
    if half & 0xF800 == 0xE000:
        return Instruction(Kind.JUMP, 2, address + 4 + _signed(half & 0x7FF, 11) * 2)
    if half & 0xFF87 == 0x4780:
        return Instruction(Kind.CALL, 2)
    if half & 0xF800 != 0xF000 or len(code) < 4:
        return None
    (second,) = struct.unpack_from("<H", code, 2)
    sign, j1, j2 = half >> 10 & 1, second >> 13 & 1, second >> 11 & 1
    high = sign << 24 | (1 - (j1 ^ sign)) << 23 | (1 - (j2 ^ sign)) << 22
    target = address + 4 + _signed(high | (half & 0x3FF) << 12 | (second & 0x7FF) << 1, 25)
    kind = {0xD000: Kind.CALL, 0x9000: Kind.JUMP}.get(second & 0xD000)
    return Instruction(kind, 4, target) if kind else None


def _a64(code: bytes, address: int) -> Instruction | None:
    if len(code) < 4:
        return None
    (word,) = struct.unpack_from("<I", code)
    if word & 0xFFFFF01F == 0xD503201F or word == 0xD5033FDF:  # a hint; isb, which spin_loop is
        return Instruction(Kind.PAUSE, 4)
    if word & 0x7C000000 == 0x14000000:
        kind = Kind.CALL if word >> 31 else Kind.JUMP
        return Instruction(kind, 4, address + _signed(word & 0x3FFFFFF, 26) * 4)
    return Instruction(Kind.CALL, 4) if word & 0xFFFFFC1F == 0xD63F0000 else None


def _riscv(code: bytes, address: int, wide: bool) -> Instruction | None:
    if len(code) < 2:
        return None
    (half,) = struct.unpack_from("<H", code)
    if half & 3 != 3:
        return _compressed(half, address, wide)
    if len(code) < 4:
        return None
    (word,) = struct.unpack_from("<I", code)
    if word in (0x10500073, 0x0100000F, 0x00000013):  # wfi, pause, nop
        return Instruction(Kind.PAUSE, 4)
    if word & 0xFFF in (0x06F, 0x0EF):
        near = word >> 31 << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
        return Instruction(Kind.CALL if word & 0x80 else Kind.JUMP, 4, address + _signed(near, 21))
    if word & 0x7FFF == 0x00E7:
        return Instruction(Kind.CALL, 4)
    if word & 0x7F == 0x17 and len(code) >= 8:  # auipc and jalr, both with ra or both with t1
        (second,) = struct.unpack_from("<I", code, 4)
        kind = {(0x097, 0x080E7): Kind.CALL, (0x317, 0x30067): Kind.JUMP}.get((word & 0xFFF, second & 0xFFFFF))
        target = address + _signed(word >> 12, 20) * 0x1000 + _signed(second >> 20, 12)
        return Instruction(kind, 8, target) if kind else None
    return None


def _compressed(half: int, address: int, wide: bool) -> Instruction | None:
    if half == 0x0001:
        return Instruction(Kind.PAUSE, 2)
    if half & 0xF07F == 0x9002 and half != 0x9002:  # which is ebreak
        return Instruction(Kind.CALL, 2)
    is_jump, is_call = half & 0xE003 == 0xA001, half & 0xE003 == 0x2001 and not wide
    if not is_jump and not is_call:
        return None
    bits = ((12, 1, 11), (8, 1, 10), (9, 3, 8), (6, 1, 7), (7, 1, 6), (2, 1, 5), (11, 1, 4), (3, 7, 1))
    near = sum((half >> start & mask) << place for start, mask, place in bits)
    return Instruction(Kind.CALL if is_call else Kind.JUMP, 2, address + _signed(near, 12))


RISCV_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", *(f"a{n}" for n in range(8)),
    *(f"s{n}" for n in range(2, 12)), *(f"t{n}" for n in range(3, 7)),
)  # fmt: skip
RISCV_DUMP = re.compile(r"(?:^ (pc|mstatus|mtvec|satp) +|\bx(\d+)/\w+ +)([0-9a-f]+)", re.MULTILINE)
RISCV_SHOWN = ("pc", "sp", "ra", "s0", "mstatus", "mtvec")
ARM = Architecture(
    4, (*(f"r{n}" for n in range(13)), "sp", "lr", "pc"), "lr", "r7", ("pc", "sp", "lr", "r7", "xpsr"),
    re.compile(r"\b(?:R(\d\d)|(XPSR))=([0-9a-f]+)"), _thumb, (4, 2), code_bit=1,
)  # fmt: skip
AARCH64 = Architecture(
    8, (*(f"x{n}" for n in range(31)), "sp"), "x30", "x29", ("pc", "sp", "x29", "x30", "pstate"),
    re.compile(r"\b(?:X(\d\d)|(PC|SP|PSTATE))=([0-9a-f]+)"), _a64, (4,), interrupts=("pstate", 0xC0, 0xC0),  # I and F
)  # fmt: skip


def _riscv_of(wide: bool) -> Architecture:
    """Returns RISC-V's of 64 bits, or of 32."""
    return Architecture(
        8 if wide else 4, RISCV_NAMES, "ra", "s0", RISCV_SHOWN, RISCV_DUMP,
        lambda code, address: _riscv(code, address, wide=wide), (8, 4, 2), interrupts=("mstatus", 0xA, 0),  # MIE, SIE
    )  # fmt: skip


RISCV32, RISCV64 = _riscv_of(wide=False), _riscv_of(wide=True)
