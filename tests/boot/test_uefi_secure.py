"""Secure Boot: what is signed with a key of the firmware's starts, and all else is refused and told."""

from __future__ import annotations

import io
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.kernels import Built, Workshop, loaders

from bootwright.image import disk
from bootwright.image.kernel_file import KernelSettings, read_elf, write_kernel_file
from bootwright.loader.signing import sign
from bootwright.machine.config import MachineConfig
from bootwright.machine.machine import Machine
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.storage.keys import made_keys, make_keys

pytestmark = pytest.mark.needs("ovmf", "openssl", "sbsign")
SECONDS = 60.0


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("secure")
    for name in ("ours", "theirs"):
        make_keys(room / name, "openssl", os.environ)
    return room


def signed_program(workshop: Workshop, hello: Built, room: Path, keys: str) -> bytes:
    out = room / f"{keys}.efi"
    if not out.exists():
        sign(workshop.loader.efi, hello.kernel, *made_keys(room / keys), out, "sbsign", os.environ)
    return out.read_bytes()


def write_disk(workshop: Workshop, path: Path, efi: bytes, kernel: bytes) -> Path:
    disk.write_image(path, path.stem, replace(loaders(workshop.loader), efi=efi), kernel)
    return path


def secure(image: Path, room: Path) -> RunConfig:
    certificate = room / "ours" / "db.crt"
    return RunConfig(image, firmware="secure", certificate=certificate, headless=True, timeout=SECONDS)


def test_a_signed_image_starts_and_with_another_kernel_the_loader_refuses(
    workshop: Workshop, hello: Built, room: Path
) -> None:
    efi, kernel = signed_program(workshop, hello, room, "ours"), hello.kernel.read_bytes()
    image = write_disk(workshop, room / "signed.img", efi, kernel)
    end = run(secure(image, room), io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end
    # The same ELF with another stack: all checksums are right.
    other = write_kernel_file(read_elf(kernel, "hello.kernel"), KernelSettings(kernel_stack_size=0x5000))
    image = write_disk(workshop, room / "other.img", efi, other)
    end = run(secure(image, room), io.StringIO(), io.StringIO())
    assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4), end
    assert "KD: the kernel is another one than this loader was signed with" in end.sentence


def test_a_program_that_is_not_signed_so_is_refused_and_told(
    workshop: Workshop, hello: Built, room: Path, soak: bool
) -> None:
    kernel = hello.kernel.read_bytes()
    flipped = bytearray(signed_program(workshop, hello, room, "ours"))
    flipped[0x1234] ^= 4
    programs = {
        "unsigned": workshop.loader.efi.read_bytes(),
        "theirs": signed_program(workshop, hello, room, "theirs"),
        "flipped": bytes(flipped),
    }
    images = [write_disk(workshop, room / f"{name}.img", efi, kernel) for name, efi in programs.items()]
    for image in images if soak else images[:1]:
        end = run(secure(image, room), io.StringIO(), io.StringIO())
        assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4), end
        assert "no key that it trusts signed these bytes" in end.sentence
        assert "Access Denied" in end.serial
    # All of them in one machine, whose firmware tries each.
    flags = []
    for number, image in enumerate(images[1:], 1):
        flags += ["-drive", f"if=none,id=disk{number},format=raw,snapshot=on,file={image}"]
        flags += ["-device", f"ide-hd,drive=disk{number},bus=ide.{number}"]
    config = secure(images[0], room)
    with Machine(MachineConfig(config.image, qemu_flags=tuple(flags), firmware="secure",
                               certificate=config.certificate)) as guest:  # fmt: skip
        guest.resume()
        deadline = time.monotonic() + 2 * SECONDS
        refusals: list[bytes] = []
        while len(refusals) < len(images) and time.monotonic() < deadline:
            guest.step(0.1)
            refusals = re.findall(rb"failed to load Boot[^\r]*: Access Denied", guest._firmware_text._kept)
        assert len(refusals) == len(images) and guest.console == ""
