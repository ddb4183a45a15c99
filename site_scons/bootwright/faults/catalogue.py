"""The catalogue of faults as data: how each is recognised, what it means, and what usually causes it.

The first entry whose conditions all hold is the cause. Each has a kernel in tests/kernels/faults/ that provokes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from bootwright.faults.known import Facts, What
from bootwright.faults.processor import Source


@dataclass(frozen=True)
class Fault:
    """One entry: name is also that of its test kernel, with _ for each blank."""

    name: str
    when: Mapping[str, object]
    meaning: str
    usually: str

    def fits(self, facts: Facts) -> bool:
        """Tells whether every condition holds."""
        return all(getattr(facts, name) == wanted for name, wanted in self.when.items())

    @property
    def kernel(self) -> str:
        """The stem of the test kernel that provokes it."""
        return self.name.replace(" ", "_").replace("-", "_")


def find_fault(facts: Facts) -> Fault | None:
    """Returns the first entry that fits, None where the catalogue has none."""
    return next((fault for fault in CATALOGUE if fault.fits(facts)), None)


CATALOGUE = (
    Fault(
        "faulting handler",
        {"again": True},
        "the handler of an exception raised one itself, and so did the handler of that, until the stack was full",
        "a handler that prints, or reads what is not mapped: mend it first, and it can tell of the first exception",
    ),
    Fault(
        "red zone",
        {"red_zone": True},
        "the function keeps locals below rsp (the red zone), and an interrupt overwrote them while it ran",
        "the target lets code use the red zone: a specification of your own needs \"disable-redzone\": true",
    ),
    Fault(
        "stack overflow",
        {"overflow": True},
        "the stack is full: the address lies below its lowest page, in the guard page or past it",
        "recursion without end, or a local array that is too big; kernel-stack-size in "
        "[package.metadata.bootloader] gives more pages",
    ),
    Fault(
        "bad interrupt frame",
        {"instruction": "iret"},
        "iretq found something else on the stack than rip, cs, rflags, rsp and ss as the processor pushed them",
        "a handler that leaves the error code on the stack, or that pops more or less than it pushed",
    ),
    Fault(
        "user access",
        {"vector": 14, "user": True, "present": True},
        "code in user mode used a page that belongs to the kernel alone",
        "the USER_ACCESSIBLE flag is missing, in the page's own entry or in one of the levels above it",
    ),
    Fault(
        "null function",
        {"vector": 14, "access": "fetch", "address": "null"},
        "a call or a jump to an address in the first page, which is never mapped",
        "a function pointer that was never set, or a return address that was overwritten with zeroes",
    ),
    Fault(
        "execute no execute",
        {"vector": 14, "access": "fetch", "present": True},
        "a call or a jump into memory that holds data: its page forbids execution",
        "a function pointer to the stack, the heap or a static; or a return address that was overwritten",
    ),
    Fault(
        "kernel not mapped",
        {"access": "fetch", "present": False, "own_code": True},
        "the next instruction is the kernel's own, and its page is mapped no longer",
        "page tables of its own in CR3 that do not map the kernel's code; or an entry that was unmapped or overwritten",
    ),
    Fault(
        "wild jump",
        {"vector": 14, "access": "fetch"},
        "a call or a jump to an address where nothing is mapped",
        "a function pointer that was never set or was overwritten; or a return address that was",
    ),
    Fault(
        "reserved bits",
        {"vector": 14, "reserved": True},
        "a page-table entry on the way to the address has a bit set that must be zero",
        "NO_EXECUTE in an entry while EFER.NXE is 0; or an entry made of an address that is too high or is shifted",
    ),
    Fault(
        "thread-local storage",
        {"vector": 14, "no_base": True},
        "the address counts from the base of FS or GS, as a thread's own data does, and that base is 0: nobody set it",
        "a #[thread_local] static, or code compiled for a system that has threads; a kernel writes the address of such "
        "data to the model-specific register IA32_FS_BASE (or IA32_GS_BASE) first",
    ),
    Fault(
        "null pointer",
        {"vector": 14, "address": "null"},
        "the address lies in the first 64 KiB, where nothing is mapped: a null pointer, or a field of one",
        "a pointer that was never set, or one that stands for failure and was not checked",
    ),
    Fault(
        "write to read-only",
        {"vector": 14, "access": "write", "present": True},
        "a write to a page that may only be read",
        "a `static` without `mut` or a string literal written through a cast; code that changes itself; or a page that "
        "was mapped without WRITABLE",
    ),
    Fault(
        "device memory",
        {"vector": 14, "address": "device"},
        "the address is a device's physical address (a local APIC, an I/O APIC, PCI), and it is not mapped",
        "device registers must be mapped before their first use, uncached and writable",
    ),
    Fault(
        "unmapped address",
        {"vector": 14},
        "nothing is mapped at the address",
        "a pointer that was freed, overwritten or miscalculated; or physical memory used by its physical address: "
        "the loader maps the kernel, its stack, the boot information and the text screen, and nothing else",
    ),
    Fault(
        "non-canonical pointer",
        {"operand": "non-canonical"},
        "the address that the instruction used is not canonical: its upper 17 bits are not alike, so it cannot exist",
        "a pointer that was overwritten (a pattern like 0xdeadbeefdeadbeef), or made of a number that is too big",
    ),
    Fault(
        "unaligned SSE",
        {"vector": 13, "operand": "unaligned"},
        "an SSE instruction wants its 16 bytes at a multiple of 16, and the address is none",
        "a stack that is not aligned where a handler or a thread begins: at a function's first instruction rsp + 8 "
        "must be a multiple of 16; or a reference made of an unaligned pointer",
    ),
    Fault(
        "SSE is off",
        {"vector": 6, "instruction": "sse"},
        "an SSE instruction, and the processor's SSE is off (CR4.OSFXSR is 0)",
        "code for a target with SSE: a kernel's target is soft-float, or it sets CR0.MP, CR4.OSFXSR and CR4.OSXMMEXCPT "
        "first",
    ),
    Fault(
        "ud2",
        {"vector": 6, "instruction": "ud2"},
        "the instruction ud2, which the compiler puts where the program must never come",
        "unreachable_unchecked, a function that returned although its type is !, core::intrinsics::abort, or undefined "
        "behaviour that the optimiser saw",
    ),
    Fault(
        "invalid opcode",
        {"vector": 6},
        "the bytes at RIP are no instruction that this processor has",
        "a jump into the middle of something that is no code; or code compiled for a newer processor than QEMU's -cpu",
    ),
    Fault(
        "divide error",
        {"vector": 0},
        "a division by zero, or one whose result does not fit",
        "inline assembly or unchecked arithmetic: Rust's own operators check and panic",
    ),
    Fault(
        "interrupt taken for an exception",
        {"source": Source.HARDWARE, "handled": True},
        "a device's interrupt came by a vector that means an exception, and that exception's handler ran",
        "vectors 8 to 15 are the PICs' as the BIOS left them, 8 the timer's: remap the PICs to 32 and above before "
        "interrupts are enabled",
    ),
    Fault(
        "interrupts without IDT",
        {"source": Source.HARDWARE, "has_idt": False},
        "a device's interrupt came, and there is no interrupt descriptor table (IDT)",
        "interrupts were enabled (sti) before an IDT was loaded (lidt)",
    ),
    Fault(
        "interrupt without gate",
        {"source": Source.HARDWARE},
        "a device's interrupt came, and the interrupt descriptor table has no gate for its vector",
        "vectors 8 to 15 are the PICs' as the BIOS left them, and mean exceptions: remap the PICs to 32 and above; "
        "else add a handler for the vector, or mask the line",
    ),
    Fault(
        "trap without gate",
        {"source": Source.SOFTWARE},
        "an int instruction (int3 is a breakpoint), and the interrupt descriptor table (IDT) has no gate for it",
        "the IDT is not loaded yet (lidt), or the handler of this vector was never set",
    ),
    Fault(
        "bad selector",
        {"vector": 13, "selector": True},
        "a segment register was loaded with a selector that the descriptor table does not hold, or not so",
        "a GDT without that entry, a GDT that is gone because it lay on a stack, or a wrong privilege level",
    ),
    Fault(
        "general protection",
        {"vector": 13},
        "the processor refused the instruction",
        "a privileged instruction in user mode; or a control or model-specific register with a reserved bit set",
    ),
    Fault(
        "out of memory",
        {"what": What.PANIC, "no_memory": True},
        "the kernel's allocator had no memory for what was asked for",
        "a heap that is too small, or never set up (an allocator without its init); memory that is never given back; "
        "or a length that is wrong",
    ),
    Fault(
        "panic",
        {"what": What.PANIC},
        "the kernel panicked",
        "the message says what went wrong, and where",
    ),
    Fault(
        "deadlock",
        {"what": What.HANG, "waits_for_lock": True},
        "the kernel waits for a lock that nobody gives back",
        "the same code holds it already (a print within a print), or an interrupt or a panic came while it was held",
    ),
    Fault(
        "hang",
        {"what": What.HANG},
        "the kernel was still busy when its time was over, and comes no further",
        "a loop that waits for something that does not come: a flag that nobody sets with interrupts off; in a test "
        "also a device, or an interrupt that is masked",
    ),
    Fault(
        "halt",
        {"what": What.HALT},
        "the processor halted with interrupts off: nothing makes it go on",
        "hlt before the end of a test; a panic handler that halts without a word; interrupts that were never enabled",
    ),
    Fault(
        "failure code",
        {"what": What.EXIT, "says_failed": True},
        "the kernel left the machine with 0x11, by which it says itself that it failed",
        "a test that failed, or a panic handler that leaves so; what it said before tells more",
    ),
    Fault(
        "unknown exit code",
        {"what": What.EXIT},
        "the kernel left the machine with a code that means neither success nor failure",
        "another convention than 0x10 and 0x11; test-success-exit-code in [package.metadata.bootimage] names a code",
    ),
    Fault(
        "reset",
        {"what": What.RESET},
        "the kernel reset the machine: no exception was on the way",
        "a write of 0xfe to port 0x64 or of 6 to port 0xcf9",
    ),
)  # fmt: skip

# A condition that no fact has a name for would never hold.
assert {name for fault in CATALOGUE for name in fault.when} <= {field.name for field in fields(Facts)}
