"""What is known about a fault, by which the catalogue recognises it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bootwright.faults.processor import Source


class What(StrEnum):
    """What happened to the kernel, as far as the run's end shows it."""

    EXCEPTION = "exception"
    PANIC = "panic"
    HANG = "hang"
    HALT = "halt"
    EXIT = "exit"
    RESET = "reset"


@dataclass(frozen=True)
class Facts:
    """What is known about a fault; None: does not apply, or is not known.

    access is read, write or fetch; address says where the page fault's address lies (null, device, other); operand what
    is wrong with the address that the instruction used (non-canonical, unaligned); instruction is ud2, sse, iret or
    other; no_base says that its address counts from FS or GS, whose base is 0; own_code that RIP lies in the
    kernel's code; handled: by a handler, again: it faults.
    """

    what: What
    vector: int | None = None
    source: Source | None = None
    access: str | None = None
    present: bool | None = None
    reserved: bool | None = None
    user: bool | None = None
    address: str | None = None
    operand: str | None = None
    instruction: str | None = None
    no_base: bool = False
    own_code: bool = False
    selector: bool | None = None
    overflow: bool = False
    red_zone: bool = False
    has_idt: bool = False
    waits_for_lock: bool = False
    says_failed: bool = False
    no_memory: bool = False
    handled: bool = False
    again: bool = False
