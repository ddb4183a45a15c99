"""Which accelerator runs the guest: the one that boots quicker on this machine, found once by booting and remembered.

That a machine has KVM, HVF or WHPX says little: nested, KVM was seen to boot 19 to 103 times slower than TCG. So a
boot sector that ends at once is booted both ways; firmware, the switch of modes and a disk read are what that costs.
The answer is asked for again when QEMU, the host's kernel or the right to use the accelerator changes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bootwright.base.cache import cache_directory
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import lock_file
from bootwright.base.records import record, replace
from bootwright.base.remembered import Memory
from bootwright.base.scratch import scratch_directory
from bootwright.image.layout import DEBUG_EXIT_PASSED, DEBUG_EXIT_PORT, SECTOR_SIZE
from bootwright.machine.config import MachineConfig
from bootwright.machine.known import this_computer
from bootwright.machine.machine import Machine
from bootwright.machine.options import TCG

MEMORY = "accelerator.json"
FORMAT = "accelerators 1"
# What each system's QEMU can have besides TCG; all of them run guests of the builder's own architecture alone.
OF_SYSTEM = {"linux": "kvm", "darwin": "hvf", "win32": "whpx"}
ARCHITECTURES = ("x86_64", "amd64", "i686")
KVM_DEVICE = Path("/dev/kvm")
# Seconds: TCG's boot takes less than one; a rival that is not through in the same time, or in one second, has lost.
TCG_SECONDS = 20.0
RIVAL_SECONDS = 1.0
DISK_SIZE = 1 << 20  # SeaBIOS refuses an AHCI disk of less than a cylinder
# cli; mov al, passed; out port, al; hlt; jmp back to hlt
BOOT_SECTOR = bytes([0xFA, 0xB0, DEBUG_EXIT_PASSED, 0xE6, DEBUG_EXIT_PORT, 0xF4, 0xEB, 0xFD])

# Boots the sector under an accelerator for at most so many seconds; returns the seconds, or raises BootwrightError.
Boot = Callable[[Path, str, float], float]


@record(frozen=True)
class Choice:
    """An accelerator by QEMU's name, why it was chosen, and whether that was found out just now."""

    name: str
    why: str
    fresh: bool = False


def choose_accelerator(qemu: Path, memory: Path | None = None, boot: Boot | None = None) -> Choice:
    """Returns the accelerator for the program qemu: the remembered one, else the quicker of both after booting both.

    memory is the file that remembers (default: in the store's directory); a place that cannot be written costs the
    probe each time. Where there is nothing to choose, nothing is booted.
    """
    rival, lacks = find_rival()
    if lacks:
        return Choice(TCG, lacks)
    memory = memory or Path(cache_directory(), MEMORY)
    stamp = _stamp(qemu, rival)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            # Whoever comes while another probes would only slow it down.
            stack.enter_context(lock_file(memory.with_name(f"{memory.name}.lock"), lambda: None))
        known = Memory(memory, FORMAT)
        if known.holds(str(qemu), stamp):
            with contextlib.suppress(KeyError, TypeError):
                return Choice(**known.answer(str(qemu)))
        try:
            choice = probe(qemu, rival, boot or boot_once)
        except BootwrightError as error:
            # Nothing is remembered of a QEMU that does not even start: the run itself says what is wrong with it.
            return Choice(TCG, f"no probe was possible: {error.message}")
        known.keep(str(qemu), stamp, {"name": choice.name, "why": choice.why})
        known.write()
    return replace(choice, fresh=True)


def forget_accelerator(qemu: Path, memory: Path | None = None) -> None:
    """Makes the next choice for qemu a fresh one: what was chosen did not even start."""
    known = Memory(memory or Path(cache_directory(), MEMORY), FORMAT)
    if known.forget(str(qemu)):
        known.write()


def find_rival(system: str = sys.platform, machine: str = "", kvm_device: Path = KVM_DEVICE) -> tuple[str, str]:
    """Returns the accelerator that could beat TCG here, and why there is none: one of the two is empty."""
    rival = OF_SYSTEM.get(system, "")
    machine = machine or this_computer()[4]
    if not rival:
        return "", f"QEMU has no other accelerator on {system}"
    if machine.lower() not in ARCHITECTURES:
        return "", f"{rival} runs no x86-64 guest on {machine}"
    if rival == "kvm" and not kvm_device.exists():
        return "", f"there is no {kvm_device}"
    if rival == "kvm" and not os.access(kvm_device, os.R_OK | os.W_OK):
        return "", f"{kvm_device} may not be used by this user; the group kvm usually may"
    return rival, ""


def probe(qemu: Path, rival: str, boot: Boot) -> Choice:
    """Boots under TCG and under its rival and returns the quicker one; raises where TCG itself does not boot."""
    tcg = boot(qemu, TCG, TCG_SECONDS)
    allowed = max(tcg, RIVAL_SECONDS)
    try:
        other = boot(qemu, rival, allowed)
    except BootwrightError as error:
        return Choice(TCG, f"{rival} did not boot a sector that {TCG} boots in {tcg:.2f} s: {error.message}")
    name = rival if other < tcg else TCG
    return Choice(name, f"a boot takes {tcg:.2f} s under {TCG} and {other:.2f} s under {rival}")


def boot_once(qemu: Path, name: str, allowed: float) -> float:
    """Boots the sector in a machine of the usual kind; the seconds count from its first instruction on."""
    with scratch_directory("probe") as directory:
        image = directory / "probe.img"
        image.write_bytes(BOOT_SECTOR.ljust(SECTOR_SIZE - 2, b"\0") + b"\x55\xaa")
        os.truncate(image, DISK_SIZE)
        with Machine(MachineConfig(image, qemu=str(qemu), memory="32M", accelerator=name)) as machine:
            start = now = time.monotonic()
            machine.resume()
            while not machine.gone and now - start < allowed:
                machine.step(start + allowed - now)
                now = time.monotonic()
            if not machine.gone:
                raise BootwrightError(f"it was not through after {allowed:.2g} s")
            if machine.exit_code != DEBUG_EXIT_PASSED * 2 + 1:
                raise BootwrightError(f"QEMU ended with status {machine.exit_code}: {machine.stderr.strip()}")
            return now - start


def _stamp(qemu: Path, rival: str) -> list[str]:
    """Returns what the answer depends on; a home can be shared by machines, so their names belong to it."""
    try:
        status = qemu.resolve().stat()
        program = f"{qemu.resolve()} {status.st_size} {status.st_mtime_ns}"
    except OSError:
        program = ""
    return [program, rival, *this_computer()[:4]]
