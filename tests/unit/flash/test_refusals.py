"""Each reason not to write to a disk applies where it should, and no switch opens more than it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash.device import Device, Use
from bootwright.flash.refusals import Wish, check_device, find_refusals

IMAGE = 1 << 20
GIB = 1 << 30
STICK = Device("/dev/sdx", "usb", GIB)
NONE, ALL = Wish(IMAGE), Wish(IMAGE, big=True, loop=True, unmount=True)
MOUNTED = (Use("/dev/sdx1", "/mnt"), Use("/dev/sdx2", "/srv", "71"))


def statuses(wish: Wish, **facts: Any) -> list[Status]:
    return [Status(refusal.status) for refusal in find_refusals(replace(STICK, **facts), wish)]


@pytest.mark.parametrize("wish", [NONE, ALL], ids=["plain", "every switch"])
@pytest.mark.parametrize(
    ("facts", "status", "sentence"),
    [({"whole": "/dev/sd"}, Status.A_PARTITION, "is a partition of /dev/sd"),
     ({"system": (Use("/dev/sdx1", "/"), Use("/dev/sdx2", "/usr", "7"))}, Status.HOLDS_THE_SYSTEM,
      "holds the running system: /dev/sdx1 at /, /dev/sdx2 at /usr (of process 7)"),
     ({"swaps": (Use("/dev/sdx2", "swap"),)}, Status.SWAP, "is in use as swap: /dev/sdx2"),
     ({"holders": ("vg-a", "md0")}, Status.HELD, "is claimed by vg-a, md0"),
     ({"writers": ("dd (9)", "qemu (7)")}, Status.BUSY, "is busy: dd (9), qemu (7) has it open for writing"),
     ({"bus": "ata"}, Status.WRONG_BUS, "is attached by ata; sticks and cards are usb or mmc"),
     ({"bus": "unknown"}, Status.WRONG_BUS, "is attached by unknown; sticks and cards are usb or mmc"),
     ({"read_only": True}, Status.READ_ONLY, "is read-only"),
     ({"sector_size": 4096}, Status.SECTOR_SIZE, "has sectors of 4096 bytes; the image is made for 512"),
     ({"size": IMAGE - 1}, Status.TOO_SMALL, "has 1048575 bytes; the image needs 1048576")],
    ids=lambda value: value.name if isinstance(value, Status) else "",
)  # fmt: skip
def test_what_no_switch_overrides_is_told_in_a_sentence(
    facts: dict[str, Any], status: Status, sentence: str, wish: Wish
) -> None:
    (refusal,) = find_refusals(replace(STICK, **facts), wish)
    assert (refusal.status, refusal.message) == (status, f"/dev/sdx {sentence}")
    with pytest.raises(BootwrightError) as raised:
        check_device(replace(STICK, **facts), wish)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("facts", "status", "switch"),
    [({"bus": "loop"}, Status.WRONG_BUS, "loop"), ({"size": (256 << 30) + 512}, Status.TOO_BIG, "big"),
     ({"mounts": MOUNTED}, Status.MOUNTED, "unmount")],
    ids=["loop", "big", "unmount"],
)  # fmt: skip
def test_a_switch_overrides_its_own_refusal_and_is_off_unless_it_is_said(
    facts: dict[str, Any], status: Status, switch: str
) -> None:
    off = {name: name != switch for name in ("loop", "big", "unmount")}
    assert statuses(NONE, **facts) == statuses(Wish(), **facts) == statuses(Wish(IMAGE, **off), **facts) == [status]
    assert statuses(Wish(IMAGE, **{switch: True}), **facts) == []


@pytest.mark.parametrize(
    "facts",
    [{}, {"bus": "mmc"}, {"size": IMAGE}, {"size": 256 << 30}, {"serial": "4C53", "model": "a"}],
    ids=["usb", "mmc", "just large enough", "just not too large", "named"],
)
def test_a_stick_or_card_that_nothing_uses_is_taken(facts: dict[str, Any]) -> None:
    assert statuses(NONE, **facts) == []
    check_device(replace(STICK, **facts), NONE)


def test_a_reader_without_a_card_is_told_before_what_follows_from_it() -> None:
    assert statuses(NONE, size=0) == [Status.NO_MEDIUM, Status.TOO_SMALL]
    assert statuses(Wish(), size=0) == [Status.NO_MEDIUM], "how much the image needs is not known yet"


def test_the_gravest_is_told_with_what_helps() -> None:
    worst = replace(STICK, whole="/dev/sd", system=MOUNTED, mounts=MOUNTED, bus="ata", read_only=True)
    found = find_refusals(worst, NONE)
    assert [refusal.status for refusal in found] == [
        Status.A_PARTITION, Status.HOLDS_THE_SYSTEM, Status.WRONG_BUS, Status.READ_ONLY, Status.MOUNTED,
    ]  # fmt: skip
    assert {refusal.hint for refusal in found} == {"name the whole disk: DEV=/dev/sd"}
    (mounted,) = find_refusals(replace(STICK, mounts=MOUNTED), NONE)
    assert mounted.hint == "UNMOUNT=1 unmounts it first, without force"
    assert mounted.message == "/dev/sdx is mounted: /dev/sdx1 at /mnt, /dev/sdx2 at /srv (of process 71)"
