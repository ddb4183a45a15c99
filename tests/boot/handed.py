"""What a kernel is handed, in a form that is kept: by our loader, and by those of the crates bootloader 0.9 and 0.11.

upstream.json holds what those two handed to the kernels in it; record_upstream.py wrote it.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.boot.loader_rig import Ended, Rig
from tests.boot.page_tables import Run

RECORD = Path(__file__).with_name("upstream.json")
# Of the monitor's "info registers": what a handover decides. The others hold what the kernel computed.
NUMBERS = ("CR0", "CR2", "CR4", "EFER", "RFL")
TABLES = ("LDT", "TR", "GDT", "IDT")


@dataclass(frozen=True)
class Handed:
    """What one kernel was handed: what it said itself, BootInfo and 0.11's regions as quadwords, pages, registers."""

    told: dict[str, int]
    info: list[int]
    regions: list[tuple[int, int, int]]
    pages: list[Run]
    registers: dict[str, int]

    @classmethod
    def of(cls, ended: Ended) -> Handed:
        """Takes it from a boot that was looked at with its pages."""
        # When it began is another time at each boot.
        told = {name: value for name, value in ended.told.items() if name not in ("info", "region", "tsc")}
        listed = ended.listed("region")
        regions = [(listed[at], listed[at + 1], listed[at + 2]) for at in range(0, len(listed), 3)]
        registers = {name: ended.register(name) for name in NUMBERS}
        for name in TABLES:
            found = re.search(rf"\b{name} *= *(?:[0-9a-f]{{4}} )?([0-9a-f]{{16}}) ([0-9a-f]{{8}})", ended.registers)
            assert found, ended.registers
            registers |= {f"{name} base": int(found[1], 16), f"{name} limit": int(found[2], 16)}
        return cls(told, ended.boot_info, regions, list(ended.pages), registers)

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Handed:
        """Reads what `keep` returned."""
        pages = [_read_run(words) for words in kept["pages"]]
        listed = numbers(kept["regions"])
        regions = [(listed[at], listed[at + 1], listed[at + 2]) for at in range(0, len(listed), 3)]
        told, registers = ({name: int(value, 16) for name, value in kept[key].items()} for key in ("told", "registers"))
        return cls(told, numbers(kept["info"]), regions, pages, registers)

    def keep(self) -> dict[str, Any]:
        """Returns it as JSON has it: numbers as hexadecimal text, many of them in one."""
        return {
            "told": {name: hex(value) for name, value in self.told.items()},
            "info": " ".join(map(hex, self.info)),
            "regions": " ".join(hex(value) for region in self.regions for value in region),
            "pages": [f"{run.start:#x} {run.end:#x} {run.frame:#x} {run.rights}" for run in self.pages],
            "registers": {name: hex(value) for name, value in self.registers.items()},
        }

    @property
    def memory_map(self) -> list[tuple[int, int, int]]:
        """The regions of 0.9's BootInfo, in bytes."""
        entries = (self.info[3 * at : 3 * at + 3] for at in range(self.info[192]))
        return [(start * 4096, end * 4096, kind & 0xFFFF_FFFF) for start, end, kind in entries]

    def at(self, address: int) -> Run:
        """The run that an address lies in, cut to begin there."""
        run = next(run for run in self.pages if run.start <= address < run.end)
        return replace_start(run, address)


def replace_start(run: Run, address: int) -> Run:
    """Returns the part of run that begins at address."""
    return run._replace(start=address, frame=run.frame + address - run.start)


def _read_run(text: str) -> Run:
    start, end, frame = numbers(text)
    return Run(start, end, frame, text.split()[-1])


def numbers(text: str) -> list[int]:
    """Reads the numbers in text, but for what is none."""
    return [int(word, 16) for word in text.split() if word.startswith("0x")]


@dataclass(frozen=True)
class Case:
    """A kernel, what its package or configuration asks for, and what upstream handed to it."""

    name: str
    elf: bytes
    features: tuple[str, ...]  # of the crate bootloader 0.9
    ramdisk: bytes
    upstream: Handed

    def keep(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "elf": pack(self.elf),
            "features": list(self.features),
            "ramdisk": pack(self.ramdisk),
            "upstream": self.upstream.keep(),
        }


def pack(data: bytes) -> str:
    """Returns bytes as short text."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def read_cases() -> dict[str, Case]:
    """Returns the cases that are kept."""
    kept = json.loads(RECORD.read_text(encoding="utf-8"))["cases"]

    def unpack(text: str) -> bytes:
        return zlib.decompress(base64.b64decode(text))

    return {
        name: Case(
            name, unpack(case["elf"]), tuple(case["features"]), unpack(case["ramdisk"]), Handed.read(case["upstream"])
        )
        for name, case in kept.items()
    }


def boot_upstream(rig: Rig, case: Case, disk: bytes) -> Case:
    """Returns case with what the kernel says that starts from disk, an image of upstream's."""
    ended = rig.boot(disk.ljust(2 << 20, b"\0"), pages=True)
    assert ended.told["done"] == 1, ended.serial
    return replace(case, upstream=Handed.of(ended))
