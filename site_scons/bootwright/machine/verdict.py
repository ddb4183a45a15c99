"""How a run ended, and what it returns: one verdict for each way that a machine can end."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from enum import StrEnum

from bootwright.base.errors import Status
from bootwright.base.records import record
from bootwright.image.layout import DEBUG_EXIT_FAILED, DEBUG_EXIT_PASSED

# isa-debug-exit makes QEMU return value * 2 + 1.
SUCCESS_EXIT_CODE = DEBUG_EXIT_PASSED * 2 + 1
FAILURE_EXIT_CODE = DEBUG_EXIT_FAILED * 2 + 1

# How long a processor must be halted with interrupts off before the run counts as ended, in seconds.
HALT_SECONDS = 0.5

# The loader's codes for a machine that has too little memory.
SHORT_OF_MEMORY = ("KB", "MF")
OTHERS_MEMORY = 64 << 20  # bytes: what the firmware, the loader and the page tables take beside it, and more

IPSR = 0x1FF  # the bits of a Cortex-M's XPSR that number the exception that it handles
NO_DEVICE = "No bootable device."  # how a row of the screen begins where SeaBIOS gave up (src/boot.c)


class Kind(StrEnum):
    """The ways that a run can end."""

    PASSED = "passed"
    EXITED = "exited"
    HALTED = "halted"
    STILL_RUNNING = "still running"
    POWERED_OFF = "powered off"
    TRIPLE_FAULT = "triple fault"
    RESET = "reset"
    DIED = "died"
    STOPPED = "stopped"
    LOADER_FAILED = "loader failed"
    LEFT = "left"
    STANDS = "stands"
    QEMU_FAILED = "qemu failed"


@record(frozen=True)
class Registers:
    """What a verdict says about a processor: the names are the architecture's; halted is QEMU's HLT.

    in_handler: a Cortex-M handles an exception; of others nobody can tell, and it is taken for true.
    """

    rip: int
    cr2: int
    rflags: int
    halted: bool
    name: str = "RIP"  # of the program counter
    in_handler: bool = True

    @property
    def stopped(self) -> bool:
        """Whether nothing but an NMI or a reset makes this processor go on: halted with IF (bit 9) clear."""
        return self.halted and not self.rflags & 1 << 9


@record(frozen=True)
class Verdict:
    """The end of a run: status is what scons returns, sentence is for the reader; serial and screen as last seen."""

    kind: Kind
    status: int
    sentence: str
    exit_code: int | None = None
    registers: Registers | None = None
    serial: str = ""
    screen: tuple[str, ...] = ()


def parse_registers(dump: str) -> list[Registers]:
    """Returns one Registers for each processor in the monitor's `info registers -a`, 16, 32 or 64 bits wide."""
    processors = []
    for part in re.split(r"CPU#\d+", dump):
        rip = re.search(r"\b[ER]IP=([0-9a-f]+) [ER]?FL=([0-9a-f]+)", part)
        cr2 = re.search(r"\bCR2=([0-9a-f]+)", part)
        if rip and cr2:
            halted = re.search(r"\bHLT=1", part) is not None
            processors.append(Registers(int(rip[1], 16), int(cr2[1], 16), int(rip[2], 16), halted))
    return processors


def parse_program_counters(dump: str) -> list[Registers]:
    """Returns one Registers for each processor of another architecture: where it is, and nothing else."""
    found = re.findall(r"(?:\bR15=|\bPC=|^ pc +)([0-9a-f]+)(?:\s+XPSR=([0-9a-f]+))?", dump, re.MULTILINE)
    return [
        Registers(int(address, 16), 0, 0, halted=False, name="PC", in_handler=not xpsr or bool(int(xpsr, 16) & IPSR))
        for address, xpsr in found
    ]


def exited(code: int, success_exit_code: int | None) -> Verdict:
    """Returns the verdict on a kernel that ended QEMU with a status of its own; success_exit_code None means 33."""
    success = SUCCESS_EXIT_CODE if success_exit_code is None else success_exit_code
    if code == success:
        return Verdict(Kind.PASSED, Status.DONE, f"the kernel ended with the success code {code}", code)
    # A board's success is 0, and its codes are the guest's own.
    failed = code == FAILURE_EXIT_CODE and success != Status.DONE
    said = f", with which it says that it failed ({DEBUG_EXIT_FAILED:#x})" if failed else ""
    return Verdict(Kind.EXITED, code, f"the kernel ended with code {code}{said}; success is {success}", code)


def refused() -> Verdict:
    """Returns the verdict on a machine whose firmware does not start the loader."""
    sentence = "the firmware refuses the loader: Secure Boot is on, and no key that it trusts signed these bytes"
    return Verdict(Kind.LOADER_FAILED, Status.LOADER_FAILURE, sentence)


def not_started() -> Verdict:
    """Returns the verdict on a machine whose BIOS found no disk that it could start from; the screen has its words."""
    sentence = f"the firmware did not start the loader: {NO_DEVICE.lower().rstrip('.')}"
    return Verdict(Kind.LOADER_FAILED, Status.LOADER_FAILURE, sentence)


def reset(registers: Registers | None, triple_fault: bool) -> Verdict:
    """Returns the verdict on a machine that reset; triple_fault when QEMU's log told that this was the cause."""
    where = f", RIP={registers.rip:#x}, CR2={registers.cr2:#x}" if registers and registers.name == "RIP" else ""
    if triple_fault:
        sentence = f"triple fault{where}: an exception, and no handler for it or for the double fault that followed"
        return Verdict(Kind.TRIPLE_FAULT, Status.GUEST_RESET, sentence, registers=registers)
    return Verdict(Kind.RESET, Status.GUEST_RESET, f"the machine was reset{where}", registers=registers)


def stopped(registers: Registers | None) -> Verdict:
    """Returns the verdict on a guest that wrote to a pvpanic device, which stops it where it is."""
    where = f", RIP={registers.rip:#x}" if registers else ""
    return Verdict(
        Kind.STOPPED, Status.GUEST_DIED, f"the kernel told QEMU that it panicked{where}", registers=registers
    )


def halted(registers: Registers) -> Verdict:
    """Returns the verdict on a machine whose every processor is halted with interrupts off."""
    sentence = f"the kernel halted: hlt with interrupts off, RIP={registers.rip:#x}"
    return Verdict(Kind.HALTED, Status.DONE, sentence, registers=registers)


def still_running(seconds: float, registers: Registers | None, serial: str = "") -> Verdict:
    """Returns the verdict on a machine that reached TIMEOUT."""
    where = f", {registers.name}={registers.rip:#x}" if registers else ""
    sentence = f"the kernel was still running at TIMEOUT={seconds:g}{where}"
    return Verdict(Kind.STILL_RUNNING, Status.DONE, sentence, registers=registers, serial=serial)


def stood_still(seconds: float) -> Verdict:
    """Returns the verdict on a machine whose screen did not change any more, where that is what was waited for."""
    return Verdict(Kind.STILL_RUNNING, Status.DONE, f"the screen has not changed for {seconds:g} s")


def left(by: str, status: int = Status.DONE, registers: Registers | None = None) -> Verdict:
    """Returns the verdict on a run that the user ended; by says how."""
    return Verdict(Kind.LEFT, status, f"left by {by}", registers=registers)


def stands(registers: Registers) -> Verdict:
    """Returns what is seen of a machine that runs on, and whose processor comes no further."""
    return Verdict(
        Kind.STANDS, Status.GUEST_DIED, f"the kernel comes no further, {registers.name}={registers.rip:#x}",
        registers=registers,
    )  # fmt: skip


def powered_off() -> Verdict:
    """Returns the verdict on a kernel that switched the machine off (ACPI)."""
    return Verdict(Kind.POWERED_OFF, Status.DONE, "the kernel switched the machine off")


def program_ended(code: int, success_exit_code: int | None, in_test: bool, command: str, serial: str = "") -> Verdict:
    """Returns the verdict on a run-command that is no QEMU, by its status, as bootimage judges it.

    success_exit_code None means 0 or the default, 33. Where one is set, a test that ends with 0 has not said it.
    """
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        sentence = f"the run-command {how}\n  command: {command}"
        return Verdict(Kind.QEMU_FAILED, Status.QEMU_NOT_STARTED, sentence, code, serial=serial)
    successes = (0, SUCCESS_EXIT_CODE) if success_exit_code is None else (success_exit_code,)
    if code in successes or (code == 0 and not in_test):
        return Verdict(Kind.PASSED, Status.DONE, f"the run-command ended with status {code}", code, serial=serial)
    sentence = f"the run-command ended with status {code}; success is {' or '.join(map(str, successes))}"
    return Verdict(Kind.EXITED, code or 1, sentence, code, serial=serial)


def qemu_failed(exit_code: int | None, stderr: str, command: str) -> Verdict:
    """Returns the verdict on a QEMU that ended by itself, with what it said and the command to paste."""
    said = stderr.strip() or "it said nothing"
    if exit_code is not None and exit_code < 0:
        how = f"was killed by {signal.Signals(-exit_code).name}"
    else:
        how = f"ended with status {exit_code}"
    sentence = f"QEMU {how}: {said}\n  command: {command}"
    return Verdict(Kind.QEMU_FAILED, Status.QEMU_NOT_STARTED, sentence, exit_code)


def died(cause: str, pc: int | None) -> Verdict:
    """Returns the verdict on a board whose kernel has no handler for an exception; cause is "" where nobody knows."""
    registers = None if pc is None else Registers(pc, 0, 0, halted=False, name="PC")
    sentence = f"the kernel died of an exception that it has no handler for{cause and f': {cause}'}"
    return Verdict(Kind.DIED, Status.GUEST_RESET, sentence, registers=registers)


def find_loader_failure(console: str, complete: bool, sentences: Mapping[str, str]) -> Verdict | None:
    """Returns the verdict when the loader said the line `bootwright: CODE sentence` on port E9.

    The boot sector has no room for more than the code; sentences (by code) has what belongs to it. complete says that
    nothing more will come, so that a line without its end counts too.
    """
    end = r"(?:\n|\Z)" if complete else r"\n"
    found = re.search(rf"^bootwright: (\w\w)(?: ([^\n]*))?{end}", console.replace("\r", ""), re.MULTILINE)
    if not found:
        return None
    code = found[1]
    text = (found[2] or "").strip() or sentences.get(code, "")
    sentence = f"the loader failed: {code}" + (f": {text}" if text else "")
    if code in SHORT_OF_MEMORY:
        needed = max(map(int, re.findall(r"\b\d{1,15}\b", text)), default=0) + OTHERS_MEMORY
        enough = max(512, 1 << (needed >> 20).bit_length())
        sentence += f"\n  hint: MEMORY= gives the machine more, as in MEMORY={enough}M"
    return Verdict(Kind.LOADER_FAILED, Status.LOADER_FAILURE, sentence)
