"""The machines that `scons matrix` boots on: rows in which any two properties that go together meet at least once.

covertable chooses them, always the same: a row has its number on every computer, whichever firmware is there. Where
two firmwares of UEFI are not, rows of the other one take the one there is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from bootwright.base.records import record

SEED = "bootwright"  # another one gives another table of about the same length

# Of the properties of a row, in its order, the values. Processors are QEMU's names: the first is the oldest with long
# mode and NX, the last two have all that QEMU knows, with four and with five levels of page tables.
FACTORS: Mapping[str, tuple[str, ...]] = {
    "firmware": ("bios", "uefi", "other uefi", "secure", "pvh"),
    "machine": ("pc", "q35"),
    "cpu": ("Opteron_G1", "qemu64", "Nehalem", "max,la57=off", "max"),
    "memory": ("32M", "64M", "128M", "1G", "3G", "4G", "12G"),
    "bus": (
        "ide", "ahci", "nvme", "virtio", "scsi", "usb-uhci", "usb-ehci", "usb-xhci", "sd", "cd", "cd-scsi", "cd-usb",
        "network", "none",
    ),
    "display": ("std", "cirrus", "virtio", "qxl", "vmware", "bochs", "ramfb", "none"),
    "smp": ("1", "2", "4"),
    "kernel": ("small", "other", "large"),
}  # fmt: skip
DISPLAYS: Mapping[str, tuple[str, ...]] = {
    "bochs": ("-vga", "none", "-device", "bochs-display"),
    "ramfb": ("-vga", "none", "-device", "ramfb"),
}
VGAS = ("std", "cirrus", "virtio", "qxl", "vmware")
UEFI = ("uefi", "other uefi", "secure")

# Which two properties do not go together, as pairs of names and what must hold of their values.
_Rule = Callable[[str, str], bool]
RULES: Mapping[tuple[str, str], _Rule] = {
    # The fast lane has no disk, and nothing else goes without one.
    ("firmware", "bus"): lambda firmware, bus: (firmware == "pvh") == (bus == "none") and
    # A firmware with Secure Boot wants q35, whose disks are AHCI's. OVMF has no driver for SD cards.
    (firmware, bus) != ("secure", "ide") and (bus != "sd" or firmware not in UEFI),
    ("firmware", "machine"): lambda firmware, machine: (firmware, machine) != ("secure", "pc"),
    # A firmware that keeps its variables by SMM waits there for every processor: minutes, where each is emulated.
    ("firmware", "smp"): lambda firmware, smp: firmware != "secure" or smp == "1",
    # qboot, where QEMU has it, leaves nothing at the loader's place on a machine with a QXL, and jumps there.
    ("firmware", "display"): lambda firmware, display: (firmware, display) != ("pvh", "qxl"),
    ("machine", "bus"): lambda machine, bus: (machine, bus) not in (("q35", "ide"), ("pc", "ahci")),
    # OVMF itself does not start with 32 MiB, and with Secure Boot leaves less than a MiB of 64.
    ("firmware", "memory"): lambda firmware, memory: not (
        (memory == "32M" and firmware in UEFI) or (memory == "64M" and firmware == "secure")
    ),
    ("memory", "kernel"): lambda memory, kernel: kernel != "large" or memory not in ("32M", "64M"),
}  # fmt: skip


@record(frozen=True)
class Row:
    """One machine: its number in the table, and its properties as FACTORS names them."""

    number: int
    firmware: str
    machine: str
    cpu: str
    memory: str
    bus: str
    display: str
    smp: str
    kernel: str

    @property
    def properties(self) -> tuple[str, ...]:
        """The values in the order of FACTORS."""
        return tuple(getattr(self, name) for name in FACTORS)

    @property
    def flags(self) -> tuple[str, ...]:
        """QEMU's arguments for what no other field of a MachineConfig says."""
        shown = DISPLAYS.get(self.display, ("-vga", self.display))
        return ("-cpu", self.cpu, "-smp", self.smp, *shown)

    @property
    def shows_text(self) -> bool:
        """Whether what a kernel writes to a VGA's text screen is there: UEFI's has none but on QEMU's own adapter."""
        return self.display in (("std",) if self.firmware in UEFI else VGAS)


@functools.cache  # most of a second
def make_rows() -> tuple[Row, ...]:
    """Returns the table."""
    from covertable import make  # type: ignore[import-untyped]  # nobody else pays for it

    def fits(names: tuple[str, str], rule: _Rule) -> dict[str, Any]:
        first, second = names
        return {"operator": "fn", "requires": [*names], "evaluate": lambda row: rule(row[first], row[second])}

    factors = {name: [*values] for name, values in FACTORS.items()}
    chosen = make(factors, salt=SEED, constraints=[fits(names, rule) for names, rule in RULES.items()])
    return tuple(Row(number, **row) for number, row in enumerate(chosen, 1))
