"""As much of x86-64's instruction format as a report needs: which memory an instruction uses, and what calls what.

Source: AMD64 Architecture Programmer's Manual, volume 3, chapter 1.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

REGISTERS = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
             "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15")  # fmt: skip
PREFIXES = {0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65}
MASK = (1 << 64) - 1
STACK_POINTER, STACK_BASE = 4, 5

# Opcodes of the first map that have a ModRM byte, and how many bytes of immediate follow it.
MODRM_1 = {
    **{row + column: 0 for row in range(0, 0x40, 8) for column in range(4)},
    0x63: 0, 0x69: 4, 0x6B: 1, 0x80: 1, 0x81: 4, 0x83: 1, **dict.fromkeys(range(0x84, 0x90), 0), 0xC0: 1, 0xC1: 1,
    0xC6: 1, 0xC7: 4, **dict.fromkeys(range(0xD0, 0xD4), 0), **dict.fromkeys(range(0xD8, 0xE0), 0), 0xF6: 0, 0xF7: 0,
    0xFE: 0, 0xFF: 0,
}  # fmt: skip
# Opcodes of the second map (0F) without a ModRM byte; 80 to 8F are jumps.
NO_MODRM_2 = {0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x77, 0xA0, 0xA1, 0xA2, 0xA8,
              0xA9, 0xAA, *range(0x80, 0x90), *range(0xC8, 0xD0)}  # fmt: skip
IMMEDIATE_2 = {0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6}
# The instructions that want 16-byte alignment by their nature: movaps, movdqa, movntps, movntdq and their like.
ALIGNED = {0x28, 0x29, 0x2B, 0x6F, 0x7F, 0xE7}
# Of the second map's instructions with a vector register these take any alignment, or fewer than 16 bytes.
UNALIGNED = {0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x2A, 0x2C, 0x2D, 0x2E, 0x2F, 0x5A, 0x6E, 0x7E, 0xC4, 0xD6, 0xE6}
SSE_2 = {*range(0x10, 0x18), *range(0x28, 0x30), *range(0x50, 0x80), 0xAE, 0xC2, 0xC4, 0xC5, 0xC6, *range(0xD0, 0x100)}


@dataclass(frozen=True)
class Instruction:
    """What is known about one instruction: its opcode with the map's escape (0x0F29), and the memory that it names.

    address is None where it names none; stack says that its base is rsp or rbp, aligned that a 16-byte operand must lie
    at a multiple of 16, vector that it belongs to SSE; segment is FS or GS where the address counts from its base.
    """

    opcode: int
    address: int | None = None
    stack: bool = False
    aligned: bool = False
    vector: bool = False
    segment: str = ""


def decode(code: bytes, rip: int, registers: Mapping[str, int]) -> Instruction | None:
    """Returns the instruction that code begins with, None where code is too short. Segment bases are those in
    registers as FS.base and GS.base."""
    try:
        return _decode(code, rip, registers)
    except IndexError:
        return None
    except struct.error:
        return None


def _decode(code: bytes, rip: int, registers: Mapping[str, int]) -> Instruction:
    at, prefixes, rex = 0, set(), 0
    while code[at] in PREFIXES:
        prefixes.add(code[at])
        at += 1
    if code[at] & 0xF0 == 0x40:
        rex = code[at]
        at += 1
    opcode, immediate = code[at], 0
    at += 1
    base = 0
    if 0xA4 <= opcode <= 0xA7 or 0xAA <= opcode <= 0xAF:  # string instructions name their memory by rsi and rdi
        writes = opcode in (0xA4, 0xA5, 0xAA, 0xAB)
        return Instruction(opcode, registers.get("RDI" if writes or opcode in (0xAE, 0xAF) else "RSI"))
    if opcode in (0x50, 0xE8, 0x68, 0x6A, 0xC3, 0xC9) or 0x50 <= opcode <= 0x5F:
        pushes = opcode in (0xE8, 0x68, 0x6A) or opcode < 0x58
        stack = registers.get("RSP", 0)
        return Instruction(opcode, (stack - 8) & MASK if pushes else stack, stack=True)
    if opcode == 0x0F:
        second = code[at]
        at += 1
        opcode = 0x0F00 | second
        if second in (0x38, 0x3A):
            opcode = opcode << 8 | code[at]
            immediate = second == 0x3A
            at += 1
        elif second in NO_MODRM_2:
            return Instruction(opcode)
        else:
            immediate = second in IMMEDIATE_2
    elif opcode in MODRM_1:
        immediate = MODRM_1[opcode]
        if immediate == 4 and 0x66 in prefixes:
            immediate = 2
    else:
        return Instruction(opcode)
    modrm = code[at]
    at += 1
    mode, register, memory = modrm >> 6, modrm >> 3 & 7, modrm & 7
    if opcode in (0xF6, 0xF7) and register < 2:
        immediate = 1 if opcode == 0xF6 else 4
    low = opcode & 0xFF
    vector = (0x0F00 <= opcode < 0x1000 and low in SSE_2) or opcode >= 0x0F3800
    scalar = bool(prefixes & {0xF2, 0xF3})
    # Without a prefix those of the integer group (60 and on) work on MMX registers, 8 bytes each.
    wide = 0x66 in prefixes or low < 0x60 or low in (0xC2, 0xC6)
    aligned = vector and not scalar and wide and (low in ALIGNED or (low not in UNALIGNED and opcode < 0x1000))
    if mode == 3:
        return Instruction(opcode, vector=vector)
    stack = False
    if memory == 4:
        sib = code[at]
        at += 1
        scale, index, base_number = 1 << (sib >> 6), (sib >> 3 & 7) | (rex & 2) << 2, sib & 7
        if index != STACK_POINTER:
            base += registers[REGISTERS[index]] * scale
        if base_number == STACK_BASE and mode == 0:
            base += struct.unpack_from("<i", code, at)[0]
            at += 4
        else:
            stack = not rex & 1 and base_number in (STACK_POINTER, STACK_BASE)
            base += registers[REGISTERS[base_number | (rex & 1) << 3]]
    elif memory == 5 and mode == 0:
        displacement = struct.unpack_from("<i", code, at)[0]
        at += 4
        base = rip + at + immediate + displacement
    else:
        stack = not rex & 1 and memory == STACK_BASE
        base += registers[REGISTERS[memory | (rex & 1) << 3]]
    if mode == 1:
        base += struct.unpack_from("<b", code, at)[0]
    elif mode == 2:
        base += struct.unpack_from("<i", code, at)[0]
    segment = next((name for prefix, name in ((0x64, "FS"), (0x65, "GS")) if prefix in prefixes), "")
    base += registers.get(f"{segment}.base", 0) if segment else 0
    return Instruction(opcode, base & MASK, stack, aligned, vector, segment)


@dataclass(frozen=True)
class Call:
    """A call that ends where a return address points: target is None where a register or memory gave it; pointer is
    the address of that memory where it is fixed."""

    target: int | None = None
    pointer: int | None = None


def call_before(code: bytes, address: int) -> Call | None:
    """Returns the call whose last byte is the one before address; code is what lies before address, 7 bytes or more."""
    if code[-5:-4] == b"\xe8":
        return Call(target=(address + struct.unpack("<i", code[-4:])[0]) & MASK)
    if code[-6:-4] == b"\xff\x15":
        return Call(pointer=(address + struct.unpack("<i", code[-4:])[0]) & MASK)
    for length in (2, 3, 4, 6, 7):  # call through a register or memory: FF /2
        piece = code[-length:]
        if len(piece) == length and piece[0] == 0xFF and piece[1] >> 3 & 7 == 2 and _length(piece[1:]) == length - 1:
            return Call()
    return None


def _length(operand: bytes) -> int:
    """Returns how many bytes ModRM, SIB and displacement take that operand begins with; 0 where it is too short."""
    mode, memory = operand[0] >> 6, operand[0] & 7
    if mode == 3:
        return 1
    length = 1 + (1 if mode == 1 else 4 if mode == 2 else 0)
    if memory == 4:
        if len(operand) < 2:
            return 0
        return length + 1 + (4 if mode == 0 and operand[1] & 7 == 5 else 0)
    return length + (4 if mode == 0 and memory == 5 else 0)


# Of opcodes without a ModRM byte: how many bytes of immediate follow; a wide one has 2 behind 66, and is marked by 4.
IMMEDIATE_1 = {
    **dict.fromkeys(range(0x04, 0x40, 8), 1), **dict.fromkeys(range(0x05, 0x40, 8), 4), 0x68: 4, 0x6A: 1,
    **dict.fromkeys(range(0x70, 0x80), 1), 0xA8: 1, 0xA9: 4, **dict.fromkeys(range(0xB0, 0xB8), 1),
    **dict.fromkeys(range(0xB8, 0xC0), 4), 0xC2: 2, 0xC8: 3, 0xCD: 1, **dict.fromkeys(range(0xE0, 0xE8), 1), 0xE8: 4,
    0xE9: 4, 0xEB: 1,
}  # fmt: skip
PORTS = {*range(0x6C, 0x70), *range(0xE4, 0xE8), *range(0xEC, 0xF0)}  # ins, outs, in and out


def size(code: bytes) -> int:
    """Returns how many bytes the instruction takes that code begins with; 0 where code is too short."""
    length = _size(code)
    return length if length <= len(code) else 0


def _size(code: bytes) -> int:
    at = next((n for n, byte in enumerate(code) if byte not in PREFIXES), len(code))
    narrow = 0x66 in code[:at]
    wide = code[at : at + 1] and code[at] & 0xF8 == 0x48
    at += bool(code[at : at + 1]) and code[at] & 0xF0 == 0x40
    opcode, operand = code[at : at + 1], code[at + 1 :]
    if not opcode:
        return 0
    if opcode == b"\x0f" and operand:
        second, at, operand = operand[0], at + 2, operand[1:]
        if second in (0x38, 0x3A):
            at, operand, immediate = at + 1, operand[1:], int(second == 0x3A)
        elif second in NO_MODRM_2:
            return at + (4 if 0x80 <= second < 0x90 else 0)
        else:
            immediate = int(second in IMMEDIATE_2)
    else:
        at += 1
        immediate = MODRM_1.get(opcode[0], IMMEDIATE_1.get(opcode[0], 0))
        if immediate == 4 and narrow and opcode[0] not in (0xE8, 0xE9):
            immediate = 2
        if wide and opcode[0] & 0xF8 == 0xB8:
            immediate = 8
        if 0xA0 <= opcode[0] < 0xA4:
            immediate = 8
        if opcode[0] not in MODRM_1:
            return at + immediate
        if opcode[0] in (0xF6, 0xF7) and operand and operand[0] >> 3 & 7 < 2:
            immediate = 1 if opcode[0] == 0xF6 else 2 if narrow else 4
    return at + _length(operand) + immediate if operand and _length(operand) else 0


def opcode(code: bytes) -> int:
    """Returns the opcode of the one instruction that code is: 0F and its second byte together, without prefixes."""
    at = next((n for n, byte in enumerate(code) if byte not in PREFIXES), len(code) - 1)
    at += code[at] & 0xF0 == 0x40
    return 0x0F00 | code[at + 1] if code[at] == 0x0F else code[at]


def target(code: bytes, address: int) -> int | None:
    """Returns where the one instruction that code is jumps to or what it calls, None where it does not name that."""
    what = opcode(code)
    if what in (0xE8, 0xE9) or 0x0F80 <= what < 0x0F90:
        return (address + len(code) + int(struct.unpack("<i", code[-4:])[0])) & MASK
    if what == 0xEB or 0x70 <= what < 0x80 or 0xE0 <= what < 0xE4:
        return (address + len(code) + int(struct.unpack("<b", code[-1:])[0])) & MASK
    return None


def below_stack_pointer(code: bytes) -> bool:
    """Tells whether code uses memory below rsp, as a function does that keeps its locals in the red zone.

    It looks for ModRM and SIB of [rsp - n] and is not led by instruction boundaries, so it can be wrong.
    """
    triples = zip(code, code[1:], code[2:], strict=False)
    return any(modrm & 0xC7 == 0x44 and sib == 0x24 and offset >= 0x80 for modrm, sib, offset in triples)
