"""The processor's exceptions by their names, and what their error codes say (AMD64 manual, volume 2, chapter 8)."""

from __future__ import annotations

PAGE_FAULT, GENERAL_PROTECTION, STACK_FAULT, INVALID_OPCODE = 14, 13, 12, 6
NAMES = {
    0: "divide error", 1: "debug", 2: "non-maskable interrupt", 3: "breakpoint", 4: "overflow", 5: "bound range",
    INVALID_OPCODE: "invalid opcode", 7: "device not available", 8: "double fault", 10: "invalid task state segment",
    11: "segment not present", STACK_FAULT: "stack fault", GENERAL_PROTECTION: "general protection fault",
    PAGE_FAULT: "page fault", 16: "x87 floating point", 17: "alignment check", 18: "machine check",
    19: "SIMD floating point", 20: "virtualization", 21: "control protection",
}  # fmt: skip
SELECTOR_VECTORS = (10, 11, STACK_FAULT, GENERAL_PROTECTION)
# Bits of a page fault's error code.
PRESENT, WRITE, USER, RESERVED, FETCH = 1, 2, 4, 8, 16
# Bits of a selector's error code.
EXTERNAL, IN_IDT, IN_LDT = 1, 2, 4


def name(vector: int) -> str:
    """Returns the exception's name, or that it is an interrupt's number."""
    return NAMES.get(vector, "reserved exception" if vector < 32 else f"interrupt {vector:#x}")


def access(error_code: int) -> str:
    """Returns what a page fault was about to do: read, write or fetch (an instruction)."""
    return "fetch" if error_code & FETCH else "write" if error_code & WRITE else "read"


def explain(vector: int, error_code: int) -> str:
    """Returns the error code in words; "" where the exception has none or it says nothing."""
    if vector == PAGE_FAULT:
        page = "a page that forbids it" if error_code & PRESENT else "a page that is not mapped"
        what = {"fetch": "an instruction fetched from", "write": "a write to", "read": "a read from"}[
            access(error_code)
        ]
        user = ", in user mode" if error_code & USER else ""
        reserved = ", reserved bits set in a page table" if error_code & RESERVED else ""
        return f"{what} {page}{user}{reserved}"
    if vector in SELECTOR_VECTORS and error_code:
        if error_code & IN_IDT:
            return "a gate of the interrupt descriptor table"
        table = "LDT" if error_code & IN_LDT else "GDT"
        return f"the selector {error_code & ~7:#x} of the {table}"
    return ""


def misses_gate(vector: int, error_code: int, wanted: int) -> bool:
    """Tells whether an exception says that the gate of the vector wanted is missing.

    The error code is vector * 8 + 2; QEMU before 9 made it vector * 16 + 2 in 64-bit mode.
    """
    return (
        vector in (11, GENERAL_PROTECTION)
        and bool(error_code & IN_IDT)
        and wanted in (error_code >> 3, error_code >> 4)
    )
