"""What QEMU prints about a processor, as numbers: `info registers`, and the log of `-d int`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bootwright.faults import vectors

REGISTER = re.compile(r"\b([A-Z][A-Z0-9]{1,3}) ?=([0-9a-f]+)\b")
SEGMENT = re.compile(r"^(ES|CS|SS|DS|FS|GS|LDT|TR) ?=([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
TABLE = re.compile(r"^(GDT|IDT)= +([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
EXCEPTION = re.compile(r" *\d+: v=([0-9a-f]+) e=([0-9a-f]+) i=([01]) ")
# 32- and 16-bit names, so that the same registers are asked for in every mode.
LONG_NAMES = {
    "EIP": "RIP",
    "EFL": "RFL",
    **{f"E{n}": f"R{n}" for n in ("AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP")},
}


def parse_processor(dump: str) -> dict[str, int]:
    """Returns the registers in dump by name; a segment's base as FS.base, a table's as IDT.base and IDT.limit."""
    found = {LONG_NAMES.get(name, name): int(value, 16) for name, value in REGISTER.findall(dump)}
    for name, selector, base in SEGMENT.findall(dump):
        found |= {name: int(selector, 16), f"{name}.base": int(base, 16)}
    for name, base, limit in TABLE.findall(dump):
        found |= {f"{name}.base": int(base, 16), f"{name}.limit": int(limit, 16)}
    return found


def parse_processors(dump: str) -> list[dict[str, int]]:
    """Returns the registers of each processor in the dump of all; none where it is of another architecture."""
    found = [parse_processor(part) for part in re.split(r"CPU#\d+", dump)]
    return [registers for registers in found if "RIP" in registers]


class Source(StrEnum):
    """Who raised an interrupt or exception."""

    EXCEPTION = "exception"
    HARDWARE = "hardware"
    SOFTWARE = "software"


@dataclass(frozen=True)
class Event:
    """One interrupt or exception that the processor began to deliver, and the registers as they were."""

    vector: int
    error_code: int
    source: Source
    registers: dict[str, int] = field(repr=False)


@dataclass(frozen=True)
class Log:
    """What `-d int` told: events oldest first; fatal the last chain of them, if that ended as a triple fault.

    chains has for each event the chain that it ended when it came, itself the last: what came while another exception
    was being delivered.
    """

    events: tuple[Event, ...] = ()
    fatal: tuple[Event, ...] = ()
    chains: tuple[tuple[Event, ...], ...] = ()


def parse_log(text: str) -> Log:
    """Returns the events in a log of `-d int` under TCG. A chain begins where no exception was being delivered."""
    events: list[Event] = []
    chain: list[Event] = []
    chains: list[tuple[Event, ...]] = []
    fatal: tuple[Event, ...] = ()
    hardware = new = False
    for part in _parts(text):
        line = part[0]
        if line.startswith(("check_exception old: 0xffffffff", "Servicing hardware INT")):
            new = True
            hardware = line.startswith("Servicing")
        elif line.startswith("Triple fault"):
            fatal, chain = tuple(chain), []
        elif found := EXCEPTION.match(line):
            software = found[3] == "1"
            source = Source.SOFTWARE if software else Source.HARDWARE if hardware else Source.EXCEPTION
            event = Event(int(found[1], 16), int(found[2], 16), source, parse_processor("\n".join(part[1:])))
            # QEMU forgets what it was delivering where that was no contributory exception: then the missing gate tells.
            if new and not (chain and vectors.misses_gate(event.vector, event.error_code, chain[-1].vector)):
                chain = []
            if software:
                chain = []
            hardware = new = False
            events.append(event)
            chain.append(event)
            chains.append(tuple(chain))
    return Log(tuple(events), fatal, tuple(chains))


def _parts(text: str) -> Iterable[list[str]]:
    """Yields each line that tells something, with the registers that follow it."""
    part: list[str] = []
    for line in text.splitlines():
        if EXCEPTION.match(line) or line.startswith(
            ("check_exception", "Servicing", "Triple fault", "SMM", "CPU Reset")
        ):
            if part:
                yield part
            part = [line]
        elif part:
            part.append(line)
    if part:
        yield part
