"""The image as a CD, and as the disk of virtual machines: it boots as each, and what is wrong with it is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.boot.kernels import Built, Workshop
from tests.boot.loader_rig import Rig
from tests.boot.test_matrix import check_hello

from bootwright.image import layout
from bootwright.image.qcow2 import write_qcow2
from bootwright.image.vdi import write_vdi
from bootwright.image.vmdk import write_vmdk
from bootwright.run.config import RunConfig


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("forms"))


@pytest.mark.parametrize("form", ["qcow2", "vdi", "vmdk"])
def test_it_boots_as(hello: Built, form: str, tmp_path: Path) -> None:
    disk = tmp_path / f"hello.{form}"
    if form == "vmdk":
        write_vmdk(hello.image, disk, disk.name)
    else:
        (write_qcow2 if form == "qcow2" else write_vdi)(hello.image, disk)
    # A machine of the person's own, since ours takes the image as it is.
    drive = f"if=none,id=form,snapshot=on,format={form},file={disk}"
    command = ("-machine", "q35", "-vga", "std", "-drive", drive, "-device", "ide-hd,drive=form,bus=ide.0")
    check_hello(dataclasses.replace(RunConfig(disk), command=command))


STAGE = layout.BIOS_BOOT_FIRST_LBA * layout.SECTOR_SIZE
KERNEL = layout.KERNEL_FIRST_LBA * layout.SECTOR_SIZE


@pytest.mark.parametrize(
    ("place", "code"), [(STAGE + 100, "SC"), (STAGE + 9, "SM"), (STAGE + 8000, "SC"), (KERNEL + 5000, "KC")]
)
def test_what_is_wrong_with_a_cd_is_named_though_the_hard_disk_is_whole(rig: Rig, place: int, code: str) -> None:
    disk = rig.image(rig.kernel())
    hard_disk = rig.directory / "whole.img"
    hard_disk.write_bytes(disk)
    disk[place] ^= 4
    more = ("-drive", f"if=none,id=whole,format=raw,file={hard_disk}", "-device", "ide-hd,drive=whole,bus=ide.2")
    cd_first = ("-boot", "order=d")
    ended = rig.boot(bytes(disk), *more, *cd_first, machine=("q35", "cd"))
    assert ended.code == code, ended.console


def test_a_kernel_that_begins_and_ends_within_a_block_is_read_from_a_cd(rig: Rig) -> None:
    for more in (0, 512, 70_000):
        elf = rig.kernel() + bytes([7]) * more
        assert rig.boot(bytes(rig.image(elf)), machine=("q35", "cd")).told["done"] == 1
