"""What kills a kernel on a board, as data: the exception that it had no handler for, what it means and usually is.

The words are QEMU's for exceptions (target/riscv/cpu.c and target/arm of its sources). The first entry that fits is the
cause, and the last fits all. What the PC's catalogue says of panics, hangs and deadlocks holds for boards too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootwright.faults.board_log import FPU_TRAP, Cause
from bootwright.faults.catalogue import Fault

FIRST_PAGE = 0x1000


@dataclass(frozen=True)
class Death:
    """One entry: words is what QEMU calls the exception; null narrows it to an address in the first page."""

    words: re.Pattern[str]
    fault: Fault
    null: bool = False


def _death(name: str, words: str, meaning: str, usually: str, null: bool = False) -> Death:
    return Death(re.compile(words), Fault(name, {}, meaning, usually), null)


OVERFLOW = Fault(
    "stack overflow", {},
    "the stack pointer left the stack, and what lies below it was written over or is no memory",
    "recursion without end, or a local array that is too big; the linker script says how big the stack is",
)  # fmt: skip
DEATHS = (
    _death(
        "null function", r"fault_fetch|exec_page_fault|Prefetch Abort|INVSTATE|Undefined Instruction",
        "a call or a jump to an address in the first page, where no code of the kernel is",
        "a function pointer that was never set, or a return address that was overwritten with zeroes", null=True,
    ),
    _death(
        "wild jump", r"fault_fetch|exec_page_fault|Prefetch Abort",
        "a call or a jump to an address where this machine has no memory",
        "a function pointer that was never set or was overwritten; or a return address that was",
    ),
    _death(
        "wild jump", r"INVSTATE|misaligned_fetch",
        "a call or a jump to an address that is none of code: of Thumb bit 0 is set, of others it is a multiple",
        "a function pointer that was made of a number, or was overwritten; on a Cortex-M, code for another processor",
    ),
    _death(
        "FPU is off", rf"NOCP|^{FPU_TRAP}$",
        "an instruction of floating point or of vectors, and the processor has these switched off",
        "CPACR (Cortex-M, 0xe000ed88) or CPACR_EL1 (AArch64) that was not set before the first such instruction",
    ),
    _death(
        "null pointer", r"Data Abort|fault_load|fault_store|load_page_fault|store_page_fault",
        "a read or a write in the first page, where this machine has no memory",
        "a pointer that was never set, or a field of one", null=True,
    ),
    _death(
        "no memory", r"Data Abort|fault_load|fault_store|load_page_fault|store_page_fault",
        "a read or a write at an address where this machine has neither memory nor a device",
        "a pointer that was overwritten or miscalculated; or a device of another board's",
    ),
    _death(
        "misaligned", r"misaligned|UNALIGNED",
        "a read or a write of several bytes at an address that is no multiple of their number",
        "a reference that was made of a pointer into packed or received bytes: read_unaligned reads those",
    ),
    _death(
        "divide error", r"DIVBYZERO", "a division by zero", "inline assembly: Rust's own operators check and panic"
    ),
    _death(
        "illegal instruction", r"illegal_instruction|Undefined Instruction|UNDEFINSTR",
        "an instruction that this processor does not have, or does not allow here",
        "unreachable_unchecked or core::intrinsics::abort; a jump into data; or code for a newer processor than "
        "QEMU's -cpu",
    ),
    _death(
        "trap without handler", r"ecall|breakpoint|Breakpoint|SVC|SMC|HVC|Hypervisor|Semihosting",
        "an instruction that calls a handler (ecall, svc, a breakpoint), and there is none",
        "mtvec, VBAR_EL1 or the vector table that was not set yet; or firmware that was expected and is not there",
    ),
    _death(
        "interrupt without handler", r"_timer$|_external$|_software$|IRQ|FIQ",
        "a device's interrupt came, and there is no handler for it",
        "interrupts that were enabled before mtvec, VBAR_EL1 or the vector table was set",
    ),
    _death(
        "exception", r"",
        "the processor found something that it does not do, and no handler of the kernel's",
        "QEMU's name of the exception above says more",
    ),
)  # fmt: skip


def find_death(cause: Cause) -> Fault:
    """Returns the first entry that fits."""
    about = cause.pc if cause.address is None else cause.address
    is_null = about is not None and about < FIRST_PAGE
    return next(death.fault for death in DEATHS if death.words.search(cause.name) and (is_null or not death.null))
