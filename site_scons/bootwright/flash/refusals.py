"""Every reason not to write to a device, as data: its exit status, its sentence, and what a person can do.

The order is that of gravity: the first that applies is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import size_text
from bootwright.flash.device import Device, Use
from bootwright.image.layout import SECTOR_SIZE

LARGEST = 256 << 30
BUSES = ("usb", "mmc")


@dataclass(frozen=True)
class Wish:
    """What the person wants: the bytes that the medium must hold (0: not known yet), and BIG=1, LOOP=1, UNMOUNT=1."""

    image_size: int = 0
    big: bool = False
    loop: bool = False
    unmount: bool = False


@dataclass(frozen=True)
class Rule:
    """One reason: sentence returns what follows the device's path, or "" where the rule does not apply."""

    status: Status
    sentence: Callable[[Device, Wish], str]
    hint: str


def _places(uses: Sequence[Use]) -> str:
    return ", ".join(use.source if use.where == "swap" else f"{use.source} at {_place(use)}" for use in uses)


def _place(use: Use) -> str:
    return f"{use.where} (of process {use.process})" if use.process else use.where


def _partition(device: Device, wish: Wish) -> str:
    return f"is a partition of {device.whole}" if device.whole else ""


def _system(device: Device, wish: Wish) -> str:
    return f"holds the running system: {_places(device.system)}" if device.system else ""


def _swap(device: Device, wish: Wish) -> str:
    return f"is in use as swap: {_places(device.swaps)}" if device.swaps else ""


def _held(device: Device, wish: Wish) -> str:
    return f"is claimed by {', '.join(device.holders)}" if device.holders else ""


def _written(device: Device, wish: Wish) -> str:
    return f"is busy: {', '.join(device.writers)} has it open for writing" if device.writers else ""


def _mounted(device: Device, wish: Wish) -> str:
    return f"is mounted: {_places(device.mounts)}" if device.mounts and not wish.unmount else ""


def _bus(device: Device, wish: Wish) -> str:
    allowed = (*BUSES, "loop") if wish.loop else BUSES
    return "" if device.bus in allowed else f"is attached by {device.bus}; sticks and cards are usb or mmc"


def _medium(device: Device, wish: Wish) -> str:
    return "has no medium in it" if device.size == 0 else ""


def _read_only(device: Device, wish: Wish) -> str:
    return "is read-only" if device.read_only else ""


def _sectors(device: Device, wish: Wish) -> str:
    wrong = device.sector_size != SECTOR_SIZE
    return f"has sectors of {device.sector_size} bytes; the image is made for {SECTOR_SIZE}" if wrong else ""


def _too_small(device: Device, wish: Wish) -> str:
    small = device.size < wish.image_size
    return f"has {device.size} bytes; the image needs {wish.image_size}" if small else ""


def _too_big(device: Device, wish: Wish) -> str:
    big = device.size > LARGEST and not wish.big
    return f"has {size_text(device.size)}; over {size_text(LARGEST)} is rarely a stick" if big else ""


RULES = (
    Rule(Status.A_PARTITION, _partition, "name the whole disk"),
    Rule(Status.HOLDS_THE_SYSTEM, _system, "nothing overrides this"),
    Rule(Status.SWAP, _swap, "swapoff frees it"),
    Rule(Status.HELD, _held, "LVM, LUKS or md uses it: stop that first"),
    Rule(Status.BUSY, _written, "end that program first"),
    Rule(Status.WRONG_BUS, _bus, "`scons usb` lists the disks that will do; LOOP=1 allows loop devices"),
    Rule(Status.NO_MEDIUM, _medium, "put one in"),
    Rule(Status.READ_ONLY, _read_only, "many cards and some sticks have a switch"),
    Rule(Status.SECTOR_SIZE, _sectors, "take another stick"),
    Rule(Status.TOO_SMALL, _too_small, "take a larger one"),
    Rule(Status.TOO_BIG, _too_big, "BIG=1 if it is the one you mean"),
    Rule(Status.MOUNTED, _mounted, "UNMOUNT=1 unmounts it first, without force"),
)


def find_refusals(device: Device, wish: Wish) -> list[BootwrightError]:
    """Returns a sentence for every rule that applies to the device, the gravest first."""
    found = []
    for rule in RULES:
        sentence = rule.sentence(device, wish)
        if sentence:
            hint = f"name the whole disk: DEV={device.whole}" if device.whole else rule.hint
            found.append(BootwrightError(f"{device.path} {sentence}", hint, rule.status))
    return found


def check_device(device: Device, wish: Wish) -> None:
    """Raises the gravest refusal, if there is one."""
    for refusal in find_refusals(device, wish):
        raise refusal
