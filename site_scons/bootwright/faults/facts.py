"""The facts of a fault: what the processor, the page tables and the instruction at RIP say about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bootwright.base.sizes import PAGE_SIZE
from bootwright.elf.symbols import Symbols
from bootwright.faults import instructions, vectors
from bootwright.faults.board_log import PANICKING
from bootwright.faults.calls import PANIC_HANDLER
from bootwright.faults.known import Facts, What
from bootwright.faults.memory import GuestMemory, is_canonical
from bootwright.faults.processor import Event, Log, Source
from bootwright.faults.unwind import Frame

NULL_END = 0x10000
DEVICES_START, DEVICES_END = 0xC000_0000, 1 << 32
PAGING = 1 << 31  # of CR0
# How far below its stack a function's big frame can reach past the guard page.
OVERFLOW_REACH = 16 << 20
LOCK = re.compile(r"\block\b|[Mm]utex|[Ss]pin(?:lock|Lock)|RwLock")
NO_MEMORY = "alloc::alloc::handle_alloc_error"  # what a failed allocation goes through
LONGEST_FUNCTION = 4096  # bytes that are searched for a use of the red zone
SPIN_LOOP = ("core::hint::spin_loop", "core::core_arch::x86::sse2::_mm_pause")
JUMP_SHORT, JUMP, CALL, PAUSE, CLI, HLT = b"\xeb", b"\xe9", b"\xe8", b"\xf3\x90", b"\xfa", b"\xf4"
UD2, IRET, RET, CALL_OR_JUMP = 0x0F0B, 0xCF, 0xC3, 0xFF


@dataclass(frozen=True)
class Guest:
    """A guest that stands still: its registers at the fault, its memory, and the symbols of its kernel."""

    registers: dict[str, int]
    memory: GuestMemory
    symbols: Symbols


def examine_exception(guest: Guest, chain: Sequence[Event], log: Log) -> Facts:
    """Returns the facts about the first exception of a chain in log, at which guest stands."""
    event = chain[0]
    registers, memory = guest.registers, guest.memory
    has_idt = registers.get("IDT.limit", 0) > 0
    if event.source is not Source.EXCEPTION:
        return Facts(What.EXCEPTION, event.vector, event.source, has_idt=has_idt)
    red_zone = uses_red_zone(guest, [one for one in log.events if one not in chain])
    code = memory.read(registers["RIP"], 15)
    found = instructions.decode(code, registers["RIP"], registers)
    instruction = _kind_of_instruction(found)
    if event.vector == vectors.PAGE_FAULT:
        return Facts(
            What.EXCEPTION,
            event.vector,
            event.source,
            access=vectors.access(event.error_code),
            present=bool(event.error_code & vectors.PRESENT),
            reserved=bool(event.error_code & vectors.RESERVED),
            user=bool(event.error_code & vectors.USER),
            address=kind_of_address(registers["CR2"]),
            instruction=instruction,
            own_code=registers["CR2"] == registers["RIP"] and guest.symbols.is_code(registers["RIP"]),
            no_base=found is not None and found.segment != "" and registers.get(f"{found.segment}.base") == 0,
            overflow=is_stack_overflow(memory, registers["CR2"], registers["RSP"]),
            red_zone=red_zone,
            has_idt=has_idt,
        )
    operand = None
    if found is not None and found.address is not None and _without_code(event):
        if not is_canonical(found.address) or is_wild_jump(guest, found):
            operand = "non-canonical"
        elif found.aligned and found.address % 16:
            operand = "unaligned"
    selector = event.vector in vectors.SELECTOR_VECTORS and bool(event.error_code & ~vectors.EXTERNAL)
    return Facts(
        What.EXCEPTION, event.vector, event.source, operand=operand, instruction=instruction,
        selector=selector, red_zone=red_zone, has_idt=has_idt,
    )  # fmt: skip


def _without_code(event: Event) -> bool:
    return event.vector in (vectors.GENERAL_PROTECTION, vectors.STACK_FAULT) and event.error_code == 0


def _kind_of_instruction(found: instructions.Instruction | None) -> str:
    opcode = found.opcode if found else None
    if opcode in (UD2, IRET):
        return "ud2" if opcode == UD2 else "iret"
    return "sse" if found and found.vector else "other"


def is_wild_jump(guest: Guest, found: instructions.Instruction) -> bool:
    """Tells whether a ret or an indirect jump at RIP goes to an address that is not canonical."""
    jumps = found.opcode in (RET, CALL_OR_JUMP) and found.address is not None
    target = guest.memory.word(found.address or 0) if jumps else None
    return target is not None and not is_canonical(target)


def kind_of_address(address: int) -> str:
    """Returns null, device or other."""
    if address < NULL_END:
        return "null"
    return "device" if DEVICES_START <= address < DEVICES_END else "other"


def is_stack_overflow(memory: GuestMemory, address: int, rsp: int) -> bool:
    """Tells whether address is not mapped and rsp is below, or at the very end of, the stack that lies above."""
    if not memory.known or not is_canonical(address) or not is_canonical(rsp) or memory.mapping(address).present:
        return False
    # A push or a probe touches memory at rsp or a little below; a big frame anything from rsp on.
    if not -PAGE_SIZE <= address - rsp <= OVERFLOW_REACH:
        return False
    bottom = memory.mapped_above(address, OVERFLOW_REACH)
    if bottom is None or not memory.mapping(bottom).writable:
        return False
    return rsp < bottom + PAGE_SIZE


def uses_red_zone(guest: Guest, before: Sequence[Event]) -> bool:
    """Tells whether the function at RIP uses memory below rsp, and one of the events before came while it ran."""
    function = guest.symbols.function(guest.registers["RIP"])
    if function is None:
        return False
    start, end, _ = function
    code = guest.memory.read(start, min(end - start, LONGEST_FUNCTION))
    if not instructions.below_stack_pointer(code):
        return False
    return any(start <= event.registers.get("RIP", 0) < end for event in before)


def is_before_kernel(guest: Guest) -> bool:
    """Tells whether a PC is in its BIOS or in the loader's first stages still: these do without paging, and a kernel of
    64 bits cannot. A busy machine is slow.
    """
    return not guest.registers.get("CR0", 0) & PAGING and not guest.symbols.is_code(guest.registers["RIP"])


def is_idle(guest: Guest, frames: Sequence[Frame]) -> bool:
    """Tells whether the processor sleeps until an interrupt comes, or runs a loop that waits for nothing else.

    Such a loop is `loop {}`, or one of spin_loop() alone, a function where the code is not optimised.
    """
    own = (frame.pc for frame in frames if not all(place.function.startswith(SPIN_LOOP) for place in frame.places))
    return guest.registers.get("HLT") == 1 or _is_endless(guest, next(own, guest.registers["RIP"]))


def _is_endless(guest: Guest, address: int) -> bool:
    """Tells whether the code at address comes back to where it was by jumps, pauses and halts alone."""
    seen: set[int] = set()
    while address not in seen:
        seen.add(address)
        code = guest.memory.read(address, 5)
        if code[:2] == PAUSE:
            address += 2
        elif code[:1] in (CLI, HLT):
            address += 1
        elif code[:1] == JUMP_SHORT and len(code) > 1:
            address += 2 + int.from_bytes(code[1:2], "little", signed=True)
        elif code[:1] in (JUMP, CALL) and len(code) == 5:
            target = address + 5 + int.from_bytes(code[1:], "little", signed=True)
            if code[:1] == CALL and not guest.symbols.symbol(target).startswith(SPIN_LOOP):
                return False
            address = target if code[:1] == JUMP else address + 5
        else:
            return False
    return True


def is_panicking(frame: Frame) -> bool:
    """Tells whether a frame is the library's, or the kernel's handler, on the way from a panic."""
    return any(place.function.startswith(PANICKING) for place in frame.places)


def panicked_again(frames: Sequence[Frame]) -> bool:
    """Tells whether the kernel's panic handler panicked itself: it stands on the stack more than once."""
    handlers = [f for f in frames if any(place.function.endswith(PANIC_HANDLER) for place in f.places)]
    return len(handlers) > 1


def asked_for_memory(frames: Sequence[Frame]) -> bool:
    """Tells whether an allocation failed: the library ends the kernel then, by way of a panic."""
    return any(place.function == NO_MEMORY for frame in frames for place in frame.places)


def waits_for_lock(frames: Sequence[Frame]) -> bool:
    """Tells whether the innermost functions take a lock."""
    names = [place.function for frame in frames[:3] for place in frame.places]
    return any(map(takes_lock, names[:4]))


def takes_lock(function: str) -> bool:
    """Tells by its name whether a function takes a lock."""
    return LOCK.search(function) is not None
