"""`scons usb` without DEV: which disks a kernel can be written to, and why the others not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.folding import fit
from bootwright.base.home import PROGRAM
from bootwright.base.sizes import size_text
from bootwright.flash.device import Device, System
from bootwright.flash.refusals import Wish, find_refusals

CURED = (Status.MOUNTED, Status.TOO_BIG)  # a word on the command line does away with these


def describe(device: Device) -> Iterator[str]:
    """Yields lines that say what a device is and what is on it."""
    yield f"{device.path}: {summary(device)}"
    for part in device.parts:
        places = [use.where for use in device.mounts if use.source == part.path]
        words = [part.path, size_text(part.size), part.filesystem, repr(part.label) if part.label else ""]
        words += [f"mounted at {', '.join(places)}"] if places else []
        yield "  " + "  ".join(word for word in words if word)
    named = {part.path for part in device.parts}
    for use in device.mounts:
        if use.source not in named:
            yield f"  {use.source}  mounted at {use.where}"
    if not device.parts and not device.mounts:
        yield "  no partition and no file system that is known here"


def summary(device: Device) -> str:
    """Returns model, serial, size and bus."""
    size = f"{size_text(device.size)} ({device.size} bytes)" if device.size else "no medium"
    return ", ".join([device.model or "no model", f"serial {device.serial}" if device.serial else "no serial", size,
                      device.bus])  # fmt: skip


def report(system: System, wish: Wish, json_to: str | None, out: TextIO, chosen: str = "") -> None:
    """Prints the candidates, then the others with the reason; json_to: None, "-" for out, or a file.

    chosen are the words that choose the kernel, each after a blank: the command that writes it has them too.
    """
    disks = [(device, find_refusals(device, wish)) for device in system.list_disks()]
    if json_to is not None:
        text = json.dumps([_facts(device, refusals) for device, refusals in disks], indent=2) + "\n"
        if json_to == "-":
            out.write(text)
            return
        with atomic.new_file(Path(json_to)) as path:
            path.write_text(text, encoding="utf-8")
        return

    def tell(line: str) -> None:
        print(fit(line, out), file=out)

    good = [(d, refusals) for d, refusals in disks if all(r.status in CURED for r in refusals)]
    for device, refusals in good:
        for line in describe(device):
            tell(line)
        words = " LOOP=1" if device.bus == "loop" else ""
        words += "".join(f" {'BIG=1' if r.status == Status.TOO_BIG else 'UNMOUNT=1'}" for r in refusals)
        tell(f"  to write to it: {PROGRAM} usb DEV={device.path}{words}{chosen}")
    if not good:
        tell("no disk here is a stick or a card that can be written to")
    for device, refusals in disks:
        if (device, refusals) not in good:
            tell(f"not {device.path} ({summary(device)}): {reasons(device, refusals)}")


def reasons(device: Device, refusals: Sequence[BootwrightError]) -> str:
    """Returns why a device is no candidate, without its name before each reason."""
    return "; ".join(refusal.message.removeprefix(f"{device.path} ") for refusal in refusals)


def _facts(device: Device, refusals: Sequence[BootwrightError]) -> dict[str, object]:
    facts = dataclasses.asdict(device)
    del facts["identity"]
    facts["confirm"] = device.token
    facts["candidate"] = all(r.status in CURED for r in refusals)
    facts["refusals"] = [{"status": r.status, "sentence": r.message, "hint": r.hint} for r in refusals]
    return facts
