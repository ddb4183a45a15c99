"""The image as a CD, as the disk of virtual machines, and by network: it boots as each, and what is wrong is named."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from tests.boot.kernels import Built, Workshop
from tests.boot.loader_rig import Rig
from tests.boot.test_matrix import check_hello

from bootwright.image import layout
from bootwright.image.qcow2 import write_qcow2
from bootwright.image.vdi import write_vdi
from bootwright.image.vmdk import write_vmdk
from bootwright.machine.config import NETWORK
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.run import run


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


@pytest.fixture
def served(workshop: Workshop, hello: Built, tmp_path: Path) -> Path:
    """What a BIOS asks its server for, with the kernel file beside it."""
    (tmp_path / "served").mkdir()
    loader = tmp_path / "served" / "a.b.pxe"
    loader.write_bytes(workshop.loader.network.read_bytes())
    (tmp_path / "served" / "a.b.kernel").write_bytes(hello.kernel.read_bytes())
    return loader


def from_network(served: Path) -> Verdict:
    config = RunConfig(served, disk=NETWORK, headless=True, timeout=30)
    return run(config, io.StringIO(), io.StringIO())


def test_what_a_server_has_not_or_has_in_part_is_told(served: Path) -> None:
    kernel = served.with_name("a.b.kernel")
    whole = kernel.read_bytes()
    flipped = bytearray(whole)
    flipped[5000] ^= 1
    for data, told in (
        (whole[:6000], "KT: the kernel file takes"),
        (whole[:-1], f"KT: the kernel file takes {len(whole)} bytes; {len(whole) - 1} are there"),
        (flipped, "KC: the kernel's checksum is"),
        (b"not a kernel", "KT: the kernel file takes 4096 bytes; 12 are there"),
        (None, "NF: the server gives no kernel file beside the loader's: the network card's ROM says 0x"),
    ):
        kernel.unlink()
        if data is not None:
            kernel.write_bytes(data)
        end = from_network(served)
        assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4), end
        assert told in end.sentence, end


def test_what_comes_from_a_server_starts(served: Path) -> None:
    end = from_network(served)
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end


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
