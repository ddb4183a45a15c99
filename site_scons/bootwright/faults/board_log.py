"""What killed a kernel on a board: the exception that it had no handler for, from QEMU's log, and the line of it.

Without a handler such an exception leads to where the processor's unset vectors point. There the next one follows, for
ever (AArch64, RISC-V), or the processor locks up (Cortex-M, which tells no program counter).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bootwright.base.records import record
from bootwright.machine.verdict import Kind, Verdict

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.elf.symbols import Place
    from bootwright.faults.subject import Subject

# One entry of `-d int`: target/riscv/cpu_helper.c and target/arm/helper.c, m_helper.c of QEMU's sources.
RISCV = re.compile(
    r"^riscv_cpu_do_interrupt: .*epc:0x(?P<pc>\w+), tval:0x(?P<address>\w+), desc=(?P<name>\w+)", re.MULTILINE
)
ARM = re.compile(r"^Taking exception \d+ \[(?P<name>[^\]]+)\].*\n(?P<more>(?:\.\.\..*\n)*)", re.MULTILINE)
# How the functions are called that a panic goes through; the last is the kernel's handler.
PANICKING = ("core::panicking::", "__rustc::rust_begin_unwind", "rust_begin_unwind")
RESET = "CPU Reset"  # with which a log begins of which nothing is lost
TAKEN = "...taking pending"  # of an exception that led to a vector
FPU_TRAP = "Undefined Instruction, trapped"
NO_FLOATS = 7  # of ESR's upper six bits: the use of floating point or vectors is trapped
SYNDROME = re.compile(r"with ESR 0x(\w+)/")
ARM_PC = re.compile(r"with ELR 0x(\w+)")
ARM_ADDRESS = re.compile(r"(?:with FAR|at fault address) 0x(\w+)")


@record(frozen=True)
class Cause:
    """An exception: QEMU's name, the instruction's address where the log tells it, and the address that it is about."""

    name: str
    pc: int | None
    address: int | None

    @property
    def words(self) -> str:
        """The exception in a few words."""
        where = "" if self.pc is None else f" at PC={self.pc:#x}"
        about = "" if self.address is None else f", about the address {self.address:#x}"
        about += ": the FPU is off" if "NOCP" in self.name or self.name == FPU_TRAP else ""
        return f"{self.name.replace('_', ' ')}{where}{about}"


def find_cause(log: str, unset: range) -> Cause | None:
    """Returns the exception that began the endless or fatal chain at the end of log; None where it does not tell.

    unset are the addresses that vectors lead to which nobody has set.
    """
    entries = list(ARM.finditer(log))
    causes = [_riscv(entry) for entry in RISCV.finditer(log)] or [
        Cause(_arm_name(entry), _number(ARM_PC, entry["more"]), _number(ARM_ADDRESS, entry["more"]))
        for entry in entries
    ]
    if causes and all(cause.pc is None for cause in causes):
        # Where the vector is empty, too, the last is what came of the one before: the processor locked up over it.
        return causes[-2:][0] if TAKEN not in entries[-1]["more"] else causes[-1]
    outside = [cause for cause in causes if cause.pc is not None and cause.pc not in unset]
    if outside:
        return outside[-1]
    whole = log.startswith(RESET) and bool(causes)
    return causes[0] if whole else None  # nothing came before: the kernel itself went there


def places_at_end(end: Verdict, subject: Subject) -> Sequence[Place]:
    """Returns where a run stood at its end, innermost first; nothing where it did not stand, or nobody knows.

    A kernel that panics mostly loops, so that one is still running at TIMEOUT.
    """
    if end.registers is None or end.kind not in (Kind.DIED, Kind.STILL_RUNNING, Kind.LEFT):
        return ()
    from bootwright.elf.symbols import read_symbols

    address = end.registers.rip - (1 if end.registers.halted else 0)  # hlt has one byte, and was done
    return read_symbols(subject.elf).places(address)


def told(places: Sequence[Place]) -> str:
    """Returns the lines that name function, file and line of places."""
    from bootwright.faults.calls import is_foreign  # most runs have nothing to tell

    own = [place for place in places if not is_foreign(place.file)] or places
    words = [f"{place.function or 'no function'}, {place.where or 'no line is known'}" for place in own]
    return "".join(f"  {'' if number else 'where':<8} {text}\n" for number, text in enumerate(words))


def _arm_name(entry: re.Match[str]) -> str:
    syndrome = SYNDROME.search(entry["more"])
    return FPU_TRAP if syndrome and int(syndrome[1], 16) == NO_FLOATS else str(entry["name"])


def _riscv(entry: re.Match[str]) -> Cause:
    """Returns the cause that an entry tells; of an illegal instruction tval is the instruction, and no address."""
    is_address = "fault" in entry["name"] or "misaligned" in entry["name"]
    return Cause(entry["name"], int(entry["pc"], 16), int(entry["address"], 16) if is_address else None)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1], 16) if found else None
