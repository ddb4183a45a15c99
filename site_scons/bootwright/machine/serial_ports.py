"""The guest's serial ports as the user's arguments for QEMU name them, and which of them we can hear.

The first port is where a kernel talks. Where an argument sends it to the terminal we take its place and pass on what
comes; where it goes to a file QEMU writes both. Where it is null, the kernel talks on the next one that goes to the
terminal, as with a Raspberry Pi's second UART. Any other place (a socket, a terminal of its own, nowhere) is the
user's: then nothing is heard here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bootwright.base.records import record
from bootwright.machine.options import read_options, without

_TERMINAL = ("stdio", "mon:stdio")
_NOTHING = "null"


@record(frozen=True)
class SerialPorts:
    """first is the user's value for the first port where it is out of our hearing, else "".

    log is a file that gets what we hear too, as QEMU's logfile= takes it; others are the values of the ports behind.
    silent are those of the ports before it, at which nothing is.
    """

    first: str = ""
    log: str = ""
    others: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def heard(self) -> bool:
        """Whether what the guest says on its first port comes to us."""
        return not self.first

    def arguments(self, ours: str) -> list[str]:
        """Returns QEMU's arguments, with ours as the value of the first port where we hear it."""
        return [word for value in (*self.silent, self.first or ours, *self.others) for word in ("-serial", value)]


def take_serial_ports(flags: Sequence[str]) -> tuple[SerialPorts, tuple[str, ...]]:
    """Returns the ports that flags name, and flags without them."""
    values = [option.value for option in read_options(flags) if option.name == "-serial"]
    kept = without(flags, "-serial")
    if not values:
        return SerialPorts(), kept
    spoken = next((number for number, value in enumerate(values) if value != _NOTHING), 0)
    if values[spoken] in _TERMINAL:
        return SerialPorts("", "", tuple(values[spoken + 1 :]), tuple(values[:spoken])), kept
    first, others = values[0], tuple(values[1:])
    backend = _chardev(kept, first.removeprefix("chardev:")) if first.startswith("chardev:") else {}
    if backend.get("") == "stdio":
        return SerialPorts("", backend.get("logfile", ""), others), kept
    if first.startswith("file:"):
        return SerialPorts("", first.removeprefix("file:").replace(",", ",,"), others), kept
    return SerialPorts(first, "", others), kept


def _chardev(flags: Sequence[str], name: str) -> dict[str, str]:
    """Returns the settings of -chardev KIND,id=name,... in flags, the kind by the key "", values as they are quoted."""
    for option in read_options(flags):
        if option.name == "-chardev":
            kind, *settings = re.split(r"(?<!,),(?!,)", option.value)
            found = dict(setting.partition("=")[::2] for setting in settings)
            if found.get("id") == name:
                return {**found, "": kind}
    return {}
