"""The calls that led to where a board's processor stands: by what the ELF describes, else by what looks like a call.

The library's own code has no description of its frames. There the stack is searched for the address behind a call of
the very function that is running, as on the PC; where only a call through a register is found, the frame is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bootwright.elf.symbols import Place, Symbols
from bootwright.faults.architectures import ARM, Architecture, Instruction, Kind
from bootwright.faults.facts import SPIN_LOOP
from bootwright.faults.unwind import SEARCHED, Frame
from bootwright.machine.machine import Machine
from bootwright.machine.qmp import QmpError

PAGE, CHUNK = 0x1000, 0x10000  # bytes: memory of any board begins and ends at a page; a chunk is asked of QEMU at once
LONGEST_SHIM = 3  # jumps
LONGEST_PATH, PANIC_REACH = 512, 1024  # bytes of a file's name, and of stack where a panic's place is looked for
DEEPEST = 100_000
# What is in lr in a Cortex-M's handler (Armv7-M Architecture Reference Manual, B1.5.8), and the frame that was pushed.
EXCEPTION_RETURN = range(0xFFFFFFE1, 0xFFFFFFFE)
PUSHED = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
NO_FLOATS, PROCESS_STACK, REALIGNED = 1 << 4, 1 << 2, 1 << 9
FLOATS = 72  # bytes: s0 to s15, FPSCR and a word that aligns


@dataclass
class BoardMemory:
    """The memory of a processor that stands, by its virtual addresses."""

    machine: Machine
    processor: int = 0
    _pages: dict[int, bytes] = field(default_factory=dict)

    def read(self, address: int, size: int) -> bytes:
        """Returns up to size bytes at address: fewer where there is no memory."""
        data = b""
        while len(data) < size:
            start = (address + len(data)) // PAGE * PAGE
            piece = self._page(start)[address + len(data) - start :]
            if not piece:
                break
            data += piece
        return data[:size]

    def _page(self, start: int) -> bytes:
        if start not in self._pages:
            chunk = start // CHUNK * CHUNK
            data = self._ask(chunk, CHUNK)
            for at in range(0, len(data), PAGE):
                self._pages[chunk + at] = data[at : at + PAGE]
            if not data:
                self._pages[start] = self._ask(start, PAGE)
        return self._pages[start]

    def _ask(self, start: int, size: int) -> bytes:
        path = self.machine.directory / "memory"
        where = {"val": start, "size": size, "filename": str(path), "cpu-index": self.processor}
        try:
            self.machine.qmp.execute("memsave", where)
        except QmpError:
            return b""
        return path.read_bytes()

    def word(self, address: int, size: int) -> int | None:
        """Returns the number of size bytes at address, None where it cannot be read."""
        data = self.read(address, size)
        return int.from_bytes(data, "little") if len(data) == size else None


@dataclass(frozen=True)
class Board:
    """A board's processor that stands still, seen with the symbols of its kernel."""

    architecture: Architecture
    symbols: Symbols
    memory: BoardMemory

    def frames(self, registers: Mapping[str, int], interrupted: bool = True) -> list[Frame]:
        """Returns the frames from the one with these registers outwards; interrupted: no call left it."""
        state, guess = dict(registers), False
        found: list[Frame] = []
        while len(found) < DEEPEST:
            where = state["pc"] if interrupted else state["pc"] - 1
            found.append(Frame(state["pc"], self.symbols.places(where), guess, interrupted and bool(found)))
            following = self._caller(where, state, innermost=len(found) == 1)
            if following is None:
                break
            state, guess, interrupted = following
        return found

    def before_exception(self, state: Mapping[str, int]) -> dict[str, int] | None:
        """Returns a Cortex-M's registers as they were when the exception came whose handler has just begun.

        None where they are not known: it is no Cortex-M, or what was pushed cannot be read.
        """
        if self.architecture is not ARM or state.get("lr", 0) not in EXCEPTION_RETURN or state["lr"] & PROCESS_STACK:
            return None
        words = [self.memory.word(state["sp"] + 4 * n, 4) for n in range(len(PUSHED))]
        if None in words:
            return None
        pushed = {name: word for name, word in zip(PUSHED, words, strict=True) if word is not None}
        size = 4 * len(PUSHED) + (0 if state["lr"] & NO_FLOATS else FLOATS) + (4 if pushed["xpsr"] & REALIGNED else 0)
        return {**state, **pushed, "sp": state["sp"] + size}

    def is_endless(self, address: int) -> bool:
        """Tells whether the code at address comes back to where it was by jumps and pauses alone."""
        seen: set[int] = set()
        while address not in seen:
            seen.add(address)
            found = self.architecture.decode(self.symbols.image.code(address, 8), address)
            if found is None:
                return False
            if found.kind is Kind.JUMP and found.target is not None:
                address = found.target
            elif found.kind is Kind.PAUSE or self.symbols.symbol(found.target or 0).startswith(SPIN_LOOP):
                address += found.size
            else:
                return False
        return True

    def beyond_panic(self, frames: Sequence[Frame], sp: int) -> list[Frame]:
        """Returns frames that end within a panic, and those beyond it: on RISC-V a function that never returns saves
        no address, and the place that the panic carries tells who called it. sp is the innermost frame's.
        """
        for at in range(sp, sp + PANIC_REACH, self.architecture.word):
            found = self._location(self.memory.word(at, self.architecture.word))
            address = self.symbols.address_of(*found) if found else None
            function = self.symbols.function(address) if address is not None else None
            if address is None or function is None or not found:
                continue
            places = tuple(p for p in self.symbols.places(address) if not p.inlined)
            here = Frame(address, tuple(Place(p.function, *found) for p in places))
            caller = self._searched(function[0], {"sp": at}, innermost=False)
            rest = self.frames(caller[0], interrupted=False) if caller and not caller[1] else []
            return [*frames, here, *rest]
        return list(frames)

    def _location(self, pointer: int | None) -> tuple[str, int] | None:
        """Returns file and line, where pointer is that of a core::panic::Location: text, length, line and column."""
        size = self.architecture.word
        text, length = (self.memory.word(pointer + n * size, size) if pointer else None for n in (0, 1))
        if not pointer or not text or not length or length > LONGEST_PATH:
            return None
        name, line = self.memory.read(text, length), self.memory.word(pointer + 2 * size, 4)
        return (name.decode(), line) if line and name.isascii() and name.endswith(b".rs") else None

    def calls_on_stack(self, sp: int) -> Sequence[int]:
        """Returns the addresses on the stack from sp upwards that follow a call, where it can be read."""
        size = self.architecture.word
        stack = self.memory.read(sp, SEARCHED)
        words = (int.from_bytes(stack[at : at + size], "little") for at in range(0, len(stack) - size + 1, size))
        return [word & ~self.architecture.code_bit for word in words if self._call_before(word)]

    def _code_before(self, address: int) -> bytes:
        """Returns the last bytes of code before address. They are the ELF's: memory may have been written over."""
        sizes = (8, *self.architecture.calls)
        pieces = (self.symbols.image.code(address - size, size) for size in sizes)
        return next((piece for size, piece in zip(sizes, pieces, strict=True) if len(piece) == size), b"")

    def _call_before(self, word: int) -> Instruction | None:
        """Returns the call that word, from a register or the stack, is the address behind."""
        address = word & ~self.architecture.code_bit
        if word & self.architecture.code_bit != self.architecture.code_bit or not self.symbols.is_code(address - 1):
            return None
        return self.architecture.call_before(self._code_before(address), address)

    def _caller(
        self, where: int, state: Mapping[str, int], innermost: bool
    ) -> tuple[dict[str, int], bool, bool] | None:
        """Returns the caller's registers, whether they are a guess, and whether it was interrupted."""
        described = self._described(where, state)
        if described is not None:
            back = described.pop("back")
            before = self.before_exception({**described, "lr": back}) if self.architecture is ARM else None
            if before is not None:
                return before, False, True
            if self._call_before(back) is not None and described["sp"] >= state["sp"]:
                return {**described, "pc": back & ~self.architecture.code_bit}, False, False
        return self._searched(where, state, innermost)

    def _described(self, where: int, state: Mapping[str, int]) -> dict[str, int] | None:
        """Returns the caller's registers as the ELF describes the frame of the code at where; back is where it goes on.

        None where it does not, or where nothing says how to go on.
        """
        row, names = self.symbols.frame(where), self.architecture.names
        if row is None or row.base >= len(names) or names[row.base] not in state:
            return None
        base = state[names[row.base]] + row.offset
        caller = {name: value for name, value in state.items() if name != self.architecture.link} | {"sp": base}
        saved = {names[number]: offset for number, offset in row.saved if number < len(names)}
        for name, offset in saved.items():
            word = self.memory.word(base + offset, self.architecture.word)
            if word is not None:
                caller[name] = word
        back = caller.pop(self.architecture.link, None) if self.architecture.link in saved else None
        back = state.get(self.architecture.link) if self.architecture.link not in saved else back
        return None if back is None else {**caller, "back": back}

    def _leads_to(self, target: int | None, start: int) -> bool:
        """Tells whether a call of target runs the function at start, if by jumps: the compiler's shims do no more."""
        for _ in range(LONGEST_SHIM):
            if target is None or target == start:
                break
            found = self.architecture.decode(self.symbols.image.code(target, 8), target)
            target = found.target if found and found.kind is Kind.JUMP else None
        return target == start

    def _saved_frame_pointer(self, sp: int) -> dict[str, int]:
        """Returns the frame pointer that lies below a return address, of which sp is the end, if one does."""
        size = self.architecture.word
        word = self.memory.word(sp - 2 * size, size)
        near = word is not None and word % size == 0 and sp <= word < sp + SEARCHED
        return {self.architecture.frame_pointer: word} if word is not None and near else {}

    def _searched(
        self, where: int, state: Mapping[str, int], innermost: bool
    ) -> tuple[dict[str, int], bool, bool] | None:
        """Returns the caller of a function without a description: who has just called it, else who may have."""
        function = self.symbols.function(where)
        size, link = self.architecture.word, self.architecture.link
        rest = {name: value for name, value in state.items() if name != link}
        places = [(state[link], state["sp"])] if innermost and link in state else []
        stack = self.memory.read(state["sp"], SEARCHED)
        for at in range(0, len(stack) - size + 1, size):
            places.append((int.from_bytes(stack[at : at + size], "little"), state["sp"] + at + size))
        guess: tuple[dict[str, int], bool, bool] | None = None
        for word, sp in places:
            call = self._call_before(word)
            if call is None:
                continue
            target = call.target
            caller = {**rest, "pc": word & ~self.architecture.code_bit, "sp": sp, **self._saved_frame_pointer(sp)}
            # Straight after a jump to where no code is the link register is certain.
            if self._leads_to(target, function[0]) if function else sp == state["sp"]:
                return caller, False, False
            if target is None and guess is None and function is not None:
                guess = caller, True, False
        return guess
