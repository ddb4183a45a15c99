"""The list of disks, for people and for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import Device, System
from bootwright.flash.listing import report
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
