"""Between the look, the answer and the first byte a disk may become another's: it is looked at again each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.flash.test_flash import STICK, FakeSystem, Memory, carry_out, disk_image

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash import program
from bootwright.flash.device import Device, Use
from bootwright.flash.order import Order
from bootwright.flash.refusals import Wish
from bootwright.flash.voice import Terminal

__all__ = ["disk_image"]
ANOTHER = ("8:16", "10")
MOUNTED = (Use("/dev/sdx1", "/mnt"),)
USES = [
    ({"mounts": MOUNTED}, Status.MOUNTED),
    ({"swaps": (Use("/dev/sdx1", "swap"),)}, Status.SWAP),
    ({"writers": ("dd (9)",)}, Status.BUSY),
    ({"identity": ANOTHER}, Status.CHANGED),
]
by_status = pytest.mark.parametrize(("facts", "status"), USES, ids=[status.name for _, status in USES])


def refused(disk_image: Path, wish: Wish, *looks: Device) -> tuple[FakeSystem, Status]:
    """Returns the system of an order that is refused before the first byte, and the status."""
    system = FakeSystem(Memory(bytearray(8 * MIB)), list(looks))
    with pytest.raises(BootwrightError) as raised:
        carry_out(disk_image, system, wish=wish)
    assert system.medium.done == []
    return system, Status(raised.value.status)


@by_status
def test_what_happens_while_the_person_answers_is_seen(facts: dict[str, Any], status: Status, disk_image: Path) -> None:
    system, found = refused(disk_image, Wish(), STICK, replace(STICK, **facts))
    assert (found, system.unmounted) == (status, [])


@by_status
def test_what_happens_while_it_is_unmounted_is_seen(facts: dict[str, Any], status: Status, disk_image: Path) -> None:
    mounted = replace(STICK, mounts=MOUNTED)
    system, found = refused(disk_image, Wish(unmount=True), mounted, mounted, replace(STICK, **facts))
    assert (found, system.unmounted) == (status, ["/mnt"])


def test_what_was_unmounted_is_written(disk_image: Path) -> None:
    mounted = replace(STICK, mounts=MOUNTED)
    system = FakeSystem(Memory(bytearray(8 * MIB)), [mounted, mounted, STICK])
    told = carry_out(disk_image, system, wish=Wish(unmount=True))
    assert system.unmounted == ["/mnt"]
    assert "all of it was read back and is right" in told


@pytest.mark.parametrize("looks", [[STICK], [STICK, replace(STICK, identity=ANOTHER)]], ids=["taken", "refused"])
def test_that_the_stick_is_touched_is_told_before_it_is_and_only_then(looks: list[Device], disk_image: Path) -> None:
    system = FakeSystem(Memory(bytearray(8 * MIB)), list(looks))
    told: list[tuple[str, int]] = []

    def tell(stage: str) -> None:
        told.append((stage, len(system.medium.done)))

    order = Order(disk_image, "/dev/sdx", Wish(), "4C53")
    if len(looks) > 1:
        with pytest.raises(BootwrightError):
            program.flash(order, Terminal(None, None), system, tell)
        assert told == []
    else:
        program.flash(order, Terminal(None, None), system, tell)
        assert told == [("writes", 0)]
