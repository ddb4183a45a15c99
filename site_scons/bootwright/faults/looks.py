"""A PC's kernel that runs on, looked at: the guest of a processor's registers, and whether it has come to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootwright.elf.symbols import Symbols, read_symbols
from bootwright.faults.facts import Guest, is_idle, is_panicking
from bootwright.faults.memory import GuestMemory
from bootwright.faults.moments import INTERRUPTS, is_halted
from bootwright.faults.processor import parse_processors
from bootwright.faults.subject import Subject
from bootwright.faults.unwind import Frame, call_chain
from bootwright.machine.machine import Machine

STACK_BYTES = 512  # that are searched for a way back into the kernel


def is_dead_end(machine: Machine, subject: Subject, sure: bool = True) -> bool:
    """Tells whether a guest that runs on may have come to its end, in the handler of a panic or of an exception.

    It is not stopped for that: what is seen may be wrong, and a report looks again. Where it has not stood for long,
    which sure says, a handler of an exception may yet come back.
    """
    processors = parse_processors(machine.ask("info registers -a"))
    if machine.gone or not processors:
        return False
    symbols = read_symbols(subject.elf)
    guests = [guest_of(machine, registers, symbols) for registers in processors]
    return any(is_panicking(f) or (sure and f.interrupted) for guest in guests for f in frames_of(guest))


def is_over(machine: Machine, subject: Subject) -> bool:
    """Tells whether a kernel panicked and nothing can make it go on: the only processor that is not halted runs
    `loop {}`, or what does no more than that, with interrupts off.
    """
    processors = parse_processors(machine.ask("info registers -a"))
    busy = [registers for registers in processors if not is_halted(registers)]
    if machine.gone or len(busy) != 1 or busy[0].get("RFL", 0) & INTERRUPTS:
        return False
    guest = guest_of(machine, busy[0], read_symbols(subject.elf))
    return is_idle(guest, frames := frames_of(guest)) and any(map(is_panicking, frames))


def guest_of(machine: Machine, registers: Mapping[str, int], symbols: Symbols) -> Guest:
    """Returns the guest with these registers; symbols learn by it where the kernel lies."""
    memory = memory_of(machine, registers)
    symbols.place(memory.read, _in_code(registers, memory))
    return Guest(dict(registers), memory, symbols)


def frames_of(guest: Guest) -> list[Frame]:
    """Returns the calls that the guest's processor is in, the innermost first."""
    return call_chain(guest.symbols, guest.memory, guest.registers)


def memory_of(machine: Machine, registers: Mapping[str, int]) -> GuestMemory:
    """Returns the machine's memory as a processor with these registers addresses it."""
    control = (registers.get(name, 0) for name in ("CR3", "CR0", "CR4", "EFER"))
    return GuestMemory(machine.read_physical, *control)


def _in_code(registers: Mapping[str, int], memory: GuestMemory) -> Iterator[int]:
    """Yields addresses of which one may be in the kernel's code: RIP, and what lies on the stack to return to."""
    yield registers.get("RIP", 0)
    stack = memory.read(registers.get("RSP", 0), STACK_BYTES)
    yield from (int.from_bytes(stack[at : at + 8], "little") for at in range(0, len(stack) - 7, 8))
