"""`scons usb`: it lists without building, builds what it writes, and gives the build directory free before it asks.

What it wrote is looked at by programs that others wrote, and starts by UEFI.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout, copy_checkout
from tests.flash.rig import SECONDS, Loop, at_terminal, is_right, loop, make_backing, read_until, run

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB
from bootwright.image.layout import ESP_SECTORS, SECTOR_SIZE
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run as run_machine

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of this checkout, under a path with a blank."""
    return copy_checkout(tmp_path / "a checkout")


def test_the_list_is_made_without_building(checkout: Checkout, tmp_path: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 48 * MIB)) as device:
        listed = checkout.scons("usb")
        assert (listed.status, listed.steps) == (0, []), listed.output
        assert f"not {device.path} ({tmp_path}/disk, no serial, 48 MiB (50331648 bytes), loop)" in listed.output
        facts = json.loads(checkout.scons("usb", "--json", "LOOP=1").output)
        assert not (checkout.path / "build" / "debug").exists()
        mine = next(disk for disk in facts if disk["path"] == device.path)
        assert (mine["candidate"], mine["confirm"], mine["refusals"]) == (True, "50331648", [])
        assert (mine["size"], mine["bus"]) == (48 * MIB, "loop")
        assert "identity" not in mine  # which is for this program alone
        assert checkout.scons("usb", f"--json={tmp_path}/list.json").output == ""
        mine = next(disk for disk in json.loads((tmp_path / "list.json").read_text()) if disk["path"] == device.path)
        assert (mine["candidate"], [refusal["status"] for refusal in mine["refusals"]]) == (False, [Status.WRONG_BUS])


def test_the_image_is_built_and_written_and_refusals_keep_their_statuses(checkout: Checkout, tmp_path: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 48 * MIB)) as device:
        words = ["usb", f"DEV={device.path}"]
        for more, status in (
            ([], Status.WRONG_BUS),
            (["LOOP=1"], Status.NO_TERMINAL),
            (["LOOP=1", "YES=1"], Status.NOT_CONFIRMED),
            (["LOOP=1", "VARIANT=all"], 2),
        ):
            refused = checkout.scons(*words, *more)
            assert refused.status == status, refused.output
            assert "Traceback" not in refused.output
        written = checkout.scons(*words, "LOOP=1", f"YES={device.size}")
        assert written.status == 0, written.output
        assert is_right(device.data(), checkout.path / "build/debug/hello.img")
        checkout.edit("kernel/src/main.rs", "Hello World!", "Hello again!")
        written = checkout.scons(*words, "LOOP=1", f"YES={device.size}")
        assert "image hello.img" in written.steps
        assert "only what differed was sent" in written.output
        assert is_right(device.data(), checkout.path / "build/debug/hello.img")
        assert b"Hello again!" in device.data()
        broken = checkout.path / "kernel/src/main.rs"
        broken.write_text(broken.read_text() + "fn wrong() { missing() }\n")
        before = device.data()
        assert checkout.scons(*words, "LOOP=1", f"YES={device.size}").status == 2
        assert device.data() == before


@pytest.mark.needs("qemu-system-x86_64", "ovmf", "sgdisk", "fsck.fat", "mcopy", "xorriso")
def test_what_was_written_is_whole_to_others_and_starts_by_uefi(checkout: Checkout, tmp_path: Path, soak: bool) -> None:
    # A medium that is larger than the image, as sticks are: the backup of the GPT lies at its own end.
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        written = checkout.scons("usb", f"DEV={device.path}", "LOOP=1", f"YES={device.size}")
        assert written.status == 0, written.output
        before = device.data()
        judge_by_others(device, checkout, tmp_path)
        for disk in ("usb-xhci", "usb-ehci") if soak else ("usb-ehci",):
            config = RunConfig(Path(device.path), disk=disk, firmware="uefi", headless=True, timeout=60)
            end = run_machine(config, io.StringIO(), io.StringIO())
            assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), (disk, end)
        assert device.data() == before, "nobody mended anything"


def judge_by_others(device: Loop, checkout: Checkout, scratch: Path) -> None:
    """Has sgdisk, fsck.fat, mtools and xorriso look at what a device holds; they find it whole, and our files in it."""
    verified = run("sgdisk", "--verify", device.path)
    # Of a header whose CRC is wrong it warns, and finds no problem.
    assert "No problems found" in verified and "Caution" not in verified, verified
    third = run("sgdisk", "--info=3", device.path)
    first = re.search(r"First sector: (\d+)", third)
    assert first and "EFI system partition" in third, third
    volume, program = scratch / "volume", (checkout.path / "build/loader/bootx64.efi").read_bytes()
    start = int(first[1]) * SECTOR_SIZE
    volume.write_bytes(device.data()[start : start + ESP_SECTORS * SECTOR_SIZE])
    run("fsck.fat", "-n", "-V", volume)
    run("mcopy", "-n", "-i", f"{device.path}@@{start}", "::EFI/BOOT/BOOTX64.EFI", scratch / "program")
    assert (scratch / "program").read_bytes() == program
    words = ["-indev", f"stdio:{device.path}", "-report_el_torito", "plain", "-osirrox", "on", "-extract", "/EFI.IMG"]
    looked = subprocess.run(["xorriso", *words, scratch / "from-cd"], capture_output=True, text=True)
    said = looked.stdout + looked.stderr
    assert looked.returncode == 0 and not re.search(r"WARNING|SORRY|FAILURE|hidden", said), said
    assert len(re.findall(r"boot img : +\d +(?:BIOS|UEFI) +y ", said)) == 2, said
    assert (scratch / "from-cd").read_bytes() == volume.read_bytes()


def test_another_build_works_while_the_question_is_open(checkout: Checkout, tmp_path: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 48 * MIB)) as device:
        argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), "usb", f"DEV={device.path}", "LOOP=1"]
        with at_terminal(argv) as (process, master):
            said = read_until(master, b"to go on: ")
            assert said.endswith(b"to go on: "), said
            assert checkout.build() == []
            os.write(master, f"{device.size}\n".encode())
            rest = read_until(master, b"")
            assert process.wait(SECONDS) == 0, rest
            assert is_right(device.data(), checkout.path / "build/debug/hello.img")
