"""The list of disks, for people and for programs."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import Device, Part, System, Use
from bootwright.flash.listing import describe, report
from bootwright.flash.refusals import Wish

STICK = Device("/dev/sdx", "usb", 64 * MIB, "A stick", "1234", identity=("8:16", "77", "131072", "1234"))
DISK = Device("/dev/vda", "virtio", 64 * MIB, "A disk", identity=("254:0", "1", "131072", ""))
MACHINE = cast(System, SimpleNamespace(list_disks=lambda: [STICK, DISK]))
FACTS = {
    "path", "bus", "size", "model", "serial", "sector_size", "read_only", "whole", "parts", "mounts", "swaps",
    "holders", "system", "writers", "confirm", "candidate", "refusals",
}  # fmt: skip


def test_programs_get_what_a_person_may_know_of_each_disk(tmp_path: Path) -> None:
    out = io.StringIO()
    report(MACHINE, Wish(), "-", out)
    stick, disk = json.loads(out.getvalue())
    assert set(stick) == set(disk) == FACTS
    assert (stick["path"], stick["size"], stick["confirm"], stick["candidate"]) == ("/dev/sdx", 64 * MIB, "1234", True)
    assert (disk["confirm"], disk["candidate"]) == (str(64 * MIB), False)
    assert [refusal["status"] for refusal in disk["refusals"]] == [Status.WRONG_BUS]
    report(MACHINE, Wish(), str(tmp_path / "list.json"), io.StringIO())
    assert json.loads((tmp_path / "list.json").read_text())[1]["serial"] == ""


def test_people_get_the_sticks_first_and_why_the_others_are_none() -> None:
    out = io.StringIO()
    report(MACHINE, Wish(), None, out)
    lines = out.getvalue().splitlines()
    assert "  to write to it: scons usb DEV=/dev/sdx" in lines
    assert lines[-1].startswith("not /dev/vda (")
    report(MACHINE, Wish(), None, out, " VARIANT=release")
    assert "  to write to it: scons usb DEV=/dev/sdx VARIANT=release\n" in out.getvalue()


def test_all_that_will_be_lost_is_shown() -> None:
    full = Device(
        "/dev/sdx", "usb", 64 * MIB,
        parts=(Part("/dev/sdx1", 32 * MIB, "HOLIDAYS", "vfat"), Part("/dev/sdx2", MIB)),
        mounts=(Use("/dev/sdx1", "/media/me/a"), Use("/dev/sdx1", "/mnt"), Use("/dev/mapper/x", "/media/me/b")),
    )  # fmt: skip
    assert list(describe(full)) == [
        "/dev/sdx: no model, no serial, 64 MiB (67108864 bytes), usb",
        "  /dev/sdx1  32 MiB  vfat  'HOLIDAYS'  mounted at /media/me/a, /mnt",
        "  /dev/sdx2  1 MiB",
        "  /dev/mapper/x  mounted at /media/me/b",
    ]
    nothing = "  no partition and no file system that is known here"
    assert list(describe(STICK)) == ["/dev/sdx: A stick, serial 1234, 64 MiB (67108864 bytes), usb", nothing]
    assert nothing not in list(describe(replace(STICK, mounts=full.mounts[-1:])))
    assert next(describe(replace(STICK, size=0))).endswith("serial 1234, no medium, usb")


def listed(*disks: Device, wish: Wish) -> str:
    out = io.StringIO()
    report(cast(System, SimpleNamespace(list_disks=lambda: disks)), wish, None, out)
    return out.getvalue()


def test_the_command_has_the_words_that_this_disk_needs() -> None:
    needy = replace(STICK, size=512 << 30, mounts=(Use("/dev/sdx", "/mnt"),))
    assert "scons usb DEV=/dev/sdx BIG=1 UNMOUNT=1\n" in listed(needy, wish=Wish())
    loop = replace(STICK, path="/dev/loop3", bus="loop")
    assert "scons usb DEV=/dev/loop3 LOOP=1\n" in listed(loop, wish=Wish(loop=True))


def test_where_nothing_can_be_written_to_it_is_said() -> None:
    said = "no disk here is a stick or a card that can be written to\n"
    assert listed(DISK, wish=Wish()).startswith(said)
    assert said not in listed(STICK, DISK, wish=Wish())
