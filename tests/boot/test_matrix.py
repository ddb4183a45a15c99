"""The example kernel on every way to attach a disk, on little and much memory, on old and new processors."""

from __future__ import annotations

import dataclasses
import io

import pytest
from tests.boot.kernels import Built, Workshop

from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run

DISKS = [
    ("pc", "ide"), ("q35", "ahci"), ("q35", "virtio"), ("q35", "nvme"), ("q35", "usb-uhci"), ("q35", "usb-ehci"),
    ("q35", "usb-xhci"), ("pc", "virtio"), ("q35", "cd"), ("pc", "cd"), ("q35", "cd-scsi"), ("q35", "cd-usb"),
]  # fmt: skip


def check_hello(config: RunConfig) -> None:
    """Boots and looks for the words on the serial port and at 0xb8000, and for a halted processor."""
    end = run(dataclasses.replace(config, headless=True, timeout=30), io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end
    # The rows are read from 0xb8000.
    assert end.screen == ("Hello World!", *[""] * 24)


@pytest.mark.parametrize(("machine", "disk"), DISKS)
def test_it_boots_from(hello: Built, machine: str, disk: str) -> None:
    check_hello(RunConfig(hello.image, machine=machine, disk=disk))


@pytest.mark.parametrize("memory", ["32M", "6G"])
def test_it_boots_with_memory_of(hello: Built, memory: str) -> None:
    check_hello(RunConfig(hello.image, memory=memory))


@pytest.mark.parametrize("cpu", ["qemu64", "max"])
def test_it_boots_on_the_processor(hello: Built, cpu: str) -> None:
    check_hello(RunConfig(hello.image, qemu_flags=("-cpu", cpu)))


@pytest.mark.parametrize("active", ["dummy", "ee", "none"])
def test_it_boots_with_the_active_entry(workshop: Workshop, hello: Built, active: str) -> None:
    image = workshop.write_image(hello.elf, "active", active)
    check_hello(dataclasses.replace(RunConfig(hello.image), image=image))
