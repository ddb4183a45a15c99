"""The call chain of a guest that stands still: by the frames that the ELF describes, else by what looks like a call.

The library's own code has no description of its frames. There the stack is searched for the address behind a call of
the very function that is running: that is as good. Where only a call through a pointer is found, the frame is a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bootwright.elf.symbols import Place, Symbols
from bootwright.faults.instructions import call_before
from bootwright.faults.memory import GuestMemory
from bootwright.faults.turns import LONGEST, Called, more_turns

# DWARF's numbers of the registers that a function gives back as it found them, and of rsp and the return address.
PRESERVED = {3: "RBX", 6: "RBP", 12: "R12", 13: "R13", 14: "R14", 15: "R15"}
RSP = 7
JUMP, LONGEST_SHIM = b"\xe9", 3  # jumps
SEARCHED = 16384  # bytes of stack that are searched for a caller
NEAR = 256  # bytes of them where most callers are
WALKED = 100_000  # frames that are looked for one by one
DEEPEST = 4_000_000  # frames, the turns of a recursion counted; a stack of 32 MiB holds no more


START = "_start"
INTERRUPT_FRAME = 40  # bytes: rip, cs, rflags, rsp, ss
HIGHEST_FLAG = 1 << 22


@dataclass(frozen=True)
class Frame:
    """One function on the stack: pc is where it goes on.

    guess says that the stack was searched and only looks as if; interrupted that no call left this function, but an
    exception or an interrupt; more that who called it was not looked for, since there are too many.
    """

    pc: int
    places: tuple[Place, ...]
    guess: bool = False
    interrupted: bool = False
    more: bool = False


@dataclass(frozen=True)
class _Caller:
    pc: int
    sp: int
    guess: bool = False
    interrupted: bool = False


def call_chain(
    symbols: Symbols, memory: GuestMemory, registers: Mapping[str, int], faulted: Collection[int] = ()
) -> list[Frame]:
    """Returns the frames from the one that runs outwards; the last is the one without a caller in the ELF.

    faulted are addresses at which the processor is known to have been interrupted, whether code is there or not: after
    a jump into nowhere none is.
    """
    state = {number: registers[name] for number, name in PRESERVED.items() if name in registers}
    here = _Caller(registers["RIP"], registers["RSP"], interrupted=True)
    frames: list[Frame] = []
    called: list[Called] = []  # the last of frames, those behind an interrupt left out
    stack = _Stack(symbols, memory, registers.get("CS", 0), faulted)
    for _ in range(WALKED):
        # A return address may lie behind the end of a function that ends with a call.
        where = here.pc if here.interrupted else here.pc - 1
        frames.append(Frame(here.pc, symbols.places(where), here.guess, here.interrupted and bool(frames)))
        called = [] if here.interrupted else [*called[1 - 2 * LONGEST :], Called(here.pc, here.sp)]
        turns = more_turns(memory, called)
        if turns and turns.times > 1:
            # The last turn is walked again: it may end otherwise, and gives the registers back.
            skipped = min(turns.times - 1, (DEEPEST - len(frames)) // turns.frames)
            frames += frames[-turns.frames :] * skipped
            here = replace(here, sp=here.sp + skipped * turns.size)
            stack.skip(called[-turns.frames].sp - turns.size, skipped * turns.size, state)
            called = []
        following = stack.described(where, here.sp, state) or stack.searched(where, here.sp)
        if following is None or (not here.sp < following.sp and not following.interrupted):
            return frames
        here = following
        if len(frames) >= DEEPEST:
            break
    frames[-1] = replace(frames[-1], more=True)
    return frames


def is_cut(symbols: Symbols, frames: Sequence[Frame]) -> bool:
    """Tells whether the last of frames has a caller that was not found: the kernel began in another function."""
    last, first = symbols.function(frames[-1].pc - 1) if frames else None, symbols.function(symbols.entry)
    # A linker script may put a few instructions of its own before the kernel's first function.
    began = last is not None and (last[2] == START or (first is not None and last[0] == first[0]))
    return bool(frames) and not began


class _Stack:
    """The guest's stack, and what its words mean."""

    def __init__(self, symbols: Symbols, memory: GuestMemory, code_selector: int, faulted: Collection[int]) -> None:
        self._symbols = symbols
        self._memory = memory
        self._code_selector = code_selector
        self._faulted = faulted
        self._saved: dict[int, int] = {}  # register: the address at which a function kept its caller's value

    def skip(self, turn: int, size: int, state: dict[int, int]) -> None:
        """Brings state, as the turn of a recursion left it that began at turn, up by size bytes of turns like it."""
        for number, address in self._saved.items():
            word = self._memory.word(address + size) if address >= turn else None
            if word is not None:
                state[number], self._saved[number] = word, address + size

    def described(self, pc: int, sp: int, state: dict[int, int]) -> _Caller | None:
        """Returns the caller as the ELF describes the frame of the code at pc; brings state up to it."""
        row = self._symbols.frame(pc)
        if row is None or (row.base != RSP and row.base not in state):
            return None
        caller_sp = (sp if row.base == RSP else state[row.base]) + row.offset
        slot = caller_sp - 8
        # Where neither code of the kernel's was called from nor interrupted, what lies there tells of a wild jump.
        caller = self._interrupted(slot) or self._called(caller_sp) or self._interrupted(slot, anywhere=True)
        if caller is not None:
            for number, offset in row.saved:
                word = self._memory.word(caller_sp + offset)
                if number in PRESERVED and word is not None:
                    state[number], self._saved[number] = word, caller_sp + offset
        return caller

    def _called(self, caller_sp: int) -> _Caller | None:
        pc = self._memory.word(caller_sp - 8)
        return _Caller(pc, caller_sp) if pc is not None and self._symbols.is_code(pc - 1) else None

    def _interrupted(self, slot: int, anywhere: bool = False) -> _Caller | None:
        """Returns what was interrupted, where slot begins what the processor pushed then; anywhere: also no code."""
        data = self._memory.read(slot, INTERRUPT_FRAME)
        words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
        if len(words) < INTERRUPT_FRAME // 8:
            return None
        rip, selector, flags, sp, _ = words
        if selector != self._code_selector or not flags & 2 or flags >= HIGHEST_FLAG:
            return None
        if not anywhere and rip not in self._faulted and not self._symbols.is_code(rip):
            return None
        return _Caller(rip, sp, interrupted=True)

    def _leads_to(self, target: int | None, start: int) -> bool:
        """Tells whether a call of target runs the function at start, if by jumps: the compiler's shims do no more."""
        for _ in range(LONGEST_SHIM):
            if target == start or target is None:
                break
            code = self._memory.read(target, 5)
            near = code[:1] == JUMP and len(code) == 5
            target = target + 5 + int.from_bytes(code[1:], "little", signed=True) if near else None
        return target == start

    def _words(self, sp: int) -> Iterator[tuple[int, int]]:
        """Yields the words of the stack from sp on, each with its distance."""
        for start, end in ((0, NEAR), (NEAR, SEARCHED)):
            data = self._memory.read(sp + start, end - start)
            for offset in range(0, len(data) - 7, 8):
                yield start + offset, int.from_bytes(data[offset : offset + 8], "little")

    def searched(self, pc: int, sp: int) -> _Caller | None:
        """Returns the caller of a function without a description: who has just called it, else who may have."""
        function = self._symbols.function(pc)
        start = function[0] if function else pc
        guess: _Caller | None = None
        for offset, word in self._words(sp):
            if word not in self._faulted and not self._symbols.is_code(word - 1):
                continue
            interrupted = self._interrupted(sp + offset)
            if interrupted:
                return interrupted
            call = call_before(self._memory.read(word - 7, 7), word)
            if call is None:
                continue
            target = self._memory.word(call.pointer) if call.pointer is not None else call.target
            if self._leads_to(target, start):
                return _Caller(word, sp + offset + 8)
            # Straight after a call through a wild pointer the return address is on top, and certain.
            if (target is None or offset == 0) and guess is None:
                guess = _Caller(word, sp + offset + 8, guess=function is not None or offset != 0)
        return guess
