"""What a stick holds afterwards: written, read back, booted, written anew after an edit, and how long that takes."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.kernels import KERNEL, Built, Workshop
from tests.flash.rig import SECONDS, flash, flash_at_terminal, is_right, loop, make_backing, make_image, mounted, run

from bootwright.base.sizes import MIB
from bootwright.flash.linux import LinuxSystem
from bootwright.flash.order import Order
from bootwright.flash.refusals import Wish
from bootwright.flash.root import root_command
from bootwright.image.layout import PARTITION_TABLE_OFFSET, SECTOR_SIZE
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run as run_machine

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]


def bytes_sent(said: str) -> int:
    """Returns how many bytes the flasher says it wrote."""
    match = re.search(r"(\d+) bytes were written", said)
    assert match, said
    return int(match[1])


@pytest.mark.needs("sgdisk")
@pytest.mark.parametrize("size", [4 * MIB, 4 * MIB + 512, 5 * MIB + 3 * 512, 64 * MIB], ids=lambda s: str(s))
def test_a_medium_of_any_size_gets_a_table_for_its_own_end(tmp_path: Path, small_image: Path, size: int) -> None:
    with loop(make_backing(tmp_path / "disk", size)) as device:
        ended = flash(small_image, *device.words())
        assert ended.status == 0, ended.said
        data = device.data()
        assert is_right(data, small_image)
        # Not by our own reading of tables: the header at the real end, and an outsider's judgement.
        assert data[-SECTOR_SIZE:][:8] == b"EFI PART"
        protective_size = int.from_bytes(data[PARTITION_TABLE_OFFSET + 12 : PARTITION_TABLE_OFFSET + 16], "little")
        assert protective_size == size // SECTOR_SIZE - 1
        headers = [at for at in range(0, size, SECTOR_SIZE) if data[at : at + 8] == b"EFI PART"]
        assert headers == [SECTOR_SIZE, size - SECTOR_SIZE]  # the image's own backup is no third one
        verified = run("sgdisk", "--verify", device.path)
        assert "No problems found" in verified and "Caution" not in verified, verified
        info = run("sgdisk", "--print", device.path)
        assert f"Disk {device.path}: {size // SECTOR_SIZE} sectors" in info
        assert f"last usable sector is {size // SECTOR_SIZE - 34}" in info
    original = small_image.read_bytes()
    partitions = slice(40 * SECTOR_SIZE, len(original) - 33 * SECTOR_SIZE)
    assert data[partitions] == original[partitions]
    assert data[:440] == original[:440]


def test_what_lies_between_the_image_and_the_end_is_left_alone(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        before = device.data()
        assert flash(small_image, *device.words()).status == 0
        after = device.data()
    changed = [n for n in range(4 * MIB, 63 * MIB, 512) if before[n : n + 512] != after[n : n + 512]]
    # One sector at each capacity that a false one could have.
    assert changed == [n * MIB for n in (4, 6, 8, 12, 16, 24, 32, 48)]


@pytest.mark.parametrize("disk", ["usb-uhci", "usb-ehci", "usb-xhci"])
def test_what_was_written_boots_from(tmp_path: Path, hello: Built, disk: str) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        ended = flash(hello.image, *device.words())
        assert ended.status == 0, ended.said
        config = RunConfig(Path(device.path), disk=disk, headless=True, timeout=60)
        end = run_machine(config, io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end
    assert end.screen[0] == "Hello World!"


@pytest.mark.needs("qemu-system-x86_64")
def test_a_stick_is_written_anew_after_an_edit_with_little_sent(
    tmp_path: Path, workshop: Workshop, hello: Built
) -> None:
    edited = tmp_path / "main.rs"
    edited.write_text((KERNEL / "src" / "main.rs").read_text().replace("Hello World!", "Hello again!"))
    # A build would give both images one name, and with it one identity. In one directory they would be one file.
    again = replace(workshop, directory=tmp_path).build(edited, "hello", tests=False)
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        first = flash(hello.image, *device.words())
        second = flash(again.image, *device.words())
        assert second.status == 0, second.said
        assert is_right(device.data(), again.image)
        end = run_machine(RunConfig(Path(device.path), headless=True, timeout=60), io.StringIO(), io.StringIO())
    assert end.serial == "Hello again!\r\n", end
    assert 0 < bytes_sent(second.said) <= 2 * MIB < bytes_sent(first.said)


def test_the_bytes_that_the_flasher_counts_are_those_that_the_device_got(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        for seed in (2, 3):
            image = make_image(tmp_path / "hello.img", 4 * MIB, seed)
            before = sectors_written(device.name)
            ended = flash(image, *device.words())
            assert (sectors_written(device.name) - before) * 512 == bytes_sent(ended.said)


def sectors_written(name: str) -> int:
    """Returns how many sectors a block device was sent since it is there."""
    return int(Path(f"/sys/block/{name}/stat").read_text().split()[6])


def test_the_same_image_again_sends_next_to_nothing(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        flash(small_image, *device.words())
        ended = flash(small_image, *device.words())
        assert is_right(device.data(), small_image)
    assert bytes_sent(ended.said) < 16 * 1024


def test_the_person_is_shown_what_will_be_lost_and_types_the_size(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        run("mkfs.ext4", "-q", "-F", "-L", "HOLIDAYS", device.path)
        ended = flash_at_terminal(f"{device.size}\n", small_image, device.path, "LOOP=1")
        assert ended.status == 0, ended.said
        assert is_right(device.data(), small_image)
    for word in (
        f"It gets hello, 4 MiB ({small_image}) ",
        "ext4",
        "'HOLIDAYS'",
        "16 MiB (16777216 bytes)",
        "no serial",
    ):
        assert word in ended.unfolded


def test_what_sudo_starts_writes_without_the_persons_environment(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as medium:
        device = LinuxSystem().look(medium.path)
        command = root_command(Order(small_image, medium.path, Wish(loop=True)), device)
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env={}, cwd="/", text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert process.stdout is not None and process.stderr is not None
            said = process.stdout.read()  # its standard input is open until it has ended
            assert process.wait(SECONDS) == 0, process.stderr.read()
        assert said.split() == ["started", "writes"]
        assert is_right(medium.data(), small_image)


def test_a_mounted_medium_is_unmounted_when_it_is_asked_for(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        run("mkfs.ext4", "-q", "-F", device.path)
        with mounted(device.path, tmp_path / "a place"), mounted(device.path, tmp_path / "other"):
            ended = flash(small_image, *device.words(), "UNMOUNT=1")
            assert ended.status == 0, ended.said
            assert str(tmp_path / "other") not in Path("/proc/self/mounts").read_text()
        assert is_right(device.data(), small_image)


def test_a_full_medium_is_written_once_and_read_once(tmp_path: Path) -> None:
    # As dd and cmp would do it: how long that takes is the medium's, which is slower than what is reckoned beside it.
    image = make_image(tmp_path / "full.img", 64 * MIB)
    with loop(make_backing(tmp_path / "disk", 64 * MIB)) as device:
        looking = sectors_read(device.name)
        flash(image, *device.words(), "YES=no")
        read, written = sectors_read(device.name), sectors_written(device.name)
        looking = read - looking
        ended = flash(image, *device.words())
        assert ended.status == 0, ended.said
        assert sectors_written(device.name) - written <= (64 * MIB + 3 * MIB) // 512
        assert sectors_read(device.name) - read - looking <= (64 * MIB + MIB) // 512 + looking


def sectors_read(name: str) -> int:
    """Returns how many sectors were read of a block device since it is there."""
    return int(Path(f"/sys/block/{name}/stat").read_text().split()[2])
