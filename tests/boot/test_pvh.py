"""The fast lane: the PVH loader leaves the machine as the image's loader does, and says what keeps it from that."""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
import shutil
import struct
import time
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Built, Workshop

from bootwright.base import sizes
from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.machine.machine import Machine
from bootwright.machine.qemu import find_qemu, has_firmware
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run, screenshot

# What QEMU uses by itself: SeaBIOS. Its name as a flag keeps the fast lane from taking qboot.
SEABIOS = ("-bios", "bios-256k.bin")
SECONDS = 60.0

Pages = list[tuple[int, int, str]]


@dataclasses.dataclass(frozen=True)
class State:
    """What machine_state.rs said, line by line, and what QEMU's monitor says about page tables and interrupts."""

    lines: tuple[str, ...]
    memory_map: tuple[tuple[int, int, int], ...]
    pages: Pages
    pics: tuple[str, ...]


@pytest.fixture(scope="module")
def state(workshop: Workshop) -> Built:
    return workshop.build(SMALL_KERNELS / "machine_state.rs", tests=False)


def fast(workshop: Workshop, kernel: Path, *flags: str, memory: str = "128M", machine: str = "q35") -> RunConfig:
    loader = workshop.loader.pvh
    return RunConfig(kernel, None, flags, memory, machine, loader=loader, headless=True, timeout=SECONDS)


def dump(config: RunConfig) -> State:
    with Machine(config) as guest:
        guest.resume()
        deadline = time.monotonic() + 2 * SECONDS
        while not guest.gone and time.monotonic() < deadline and "\ndone\r\n" not in guest.serial:
            guest.step(0.02)
        assert "\ndone\r\n" in guest.serial, (guest.console, guest.serial)
        pages, pics = guest.ask("info tlb"), guest.ask("info pic")
    lines = guest.serial.replace("\r", "").splitlines()
    entries = [bytes.fromhex(line.split(" ", 1)[1]) for line in lines if line.startswith("memory_map ")]
    rows = [struct.unpack("<QQI", entry[:20]) for entry in entries]
    # Which interrupts wait to be served depends on the moment.
    settings = re.findall(r"^(pic\d): irr=\w+ (.*?)\s*$", pics, re.MULTILINE)
    return State(
        tuple(line for line in lines if not line.startswith("memory_map")),
        tuple((start, end, kind) for start, end, kind in rows if kind != 11),
        runs(pages),
        tuple(f"{name} {words}" for name, words in settings),
    )


def runs(tlb: str) -> Pages:
    """Returns runs of pages as (start, end, flags) without frames: X is no execution, P a large page, W writable."""
    found: Pages = []
    for address, flags in re.findall(r"^([0-9a-f]{16}): [0-9a-f]{16} (\S+)", tlb, re.MULTILINE):
        start = int(address, 16)
        end = start + (0x200000 if "P" in flags else 0x1000)
        kind = "".join(letter for letter in flags if letter in "XGPUW")
        if found and found[-1][1:] == (start, kind):
            found[-1] = (found[-1][0], end, kind)
        else:
            found.append((start, end, kind))
    return found


@pytest.mark.parametrize("flags", [(), SEABIOS], ids=["qboot", "SeaBIOS"])
@pytest.mark.parametrize(("machine", "disk"), [("q35", "ahci"), ("pc", "ide")])
def test_only_the_memory_map_tells_a_kernel_its_lane(
    workshop: Workshop, state: Built, machine: str, disk: str, flags: tuple[str, ...]
) -> None:
    from_image = dump(RunConfig(state.image, machine=machine, disk=disk))
    from_loader = dump(fast(workshop, state.kernel, *flags, machine=machine))
    assert from_loader.lines == from_image.lines
    # So that equal does not mean equally empty.
    names = {line.split(" ", 1)[0] for line in from_loader.lines}
    assert {"control", "gdt_entry", "boot_info_tls", "vga_text", "vga_font", "pic_masks", "keyboard_command"} <= names
    assert "vga_first_cells 20 07 20 07 20 07 20 07" in from_loader.lines
    assert from_loader.pages == from_image.pages
    assert any("X" not in kind for _, _, kind in from_loader.pages) and len(from_loader.pages) > 5
    assert from_loader.pics == from_image.pics and len(from_loader.pics) == 2


def test_the_memory_map_says_what_the_loader_took_and_frees_the_module(workshop: Workshop, state: Built) -> None:
    rows = dump(fast(workshop, state.kernel)).memory_map
    assert list(rows) == sorted(rows) and all(start < end for start, end, _ in rows)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(rows))
    kinds = [kind for _, _, kind in rows]
    frame_zero, loader, kernel, stack, tables, boot_info, usable = 10, 9, 6, 7, 8, 12, 0
    assert rows[0] == (0, 1, frame_zero)
    assert (layout.KERNEL_TABLES_END >> 12, layout.STAGE_END >> 12, loader) in rows
    assert {kernel, stack, tables} <= set(kinds) and kinds.count(boot_info) == 1
    # QEMU puts the module at the end of memory.
    assert any(kind == usable and start < 0x7FF0 and end == 0x8000 for start, end, kind in rows)


def check_hello(config: RunConfig) -> None:
    end = run(config, io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end
    assert end.screen == ("Hello World!", *[""] * 24)


def test_this_qemu_ships_the_quick_firmware() -> None:
    assert has_firmware(find_qemu(None), "qboot.rom")


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("memory", ["32M", "128M", "6G"])
def test_it_starts_with_memory_of(workshop: Workshop, hello: Built, memory: str, machine: str) -> None:
    check_hello(fast(workshop, hello.kernel, memory=memory, machine=machine))


@pytest.mark.parametrize(
    "flags",
    [("-cpu", "qemu64"), ("-cpu", "max"), ("-smp", "2"), SEABIOS, ("-device", "isa-serial"), ("-vga", "cirrus")],
    ids=lambda flags: flags[1],
)
def test_it_starts_with(workshop: Workshop, hello: Built, flags: tuple[str, ...]) -> None:
    check_hello(fast(workshop, hello.kernel, *flags))


def test_it_starts_without_a_screen(workshop: Workshop, hello: Built) -> None:
    end = run(fast(workshop, hello.kernel, "-vga", "none"), io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end


def test_a_path_with_a_comma_is_a_path(workshop: Workshop, hello: Built, tmp_path: Path) -> None:
    odd = tmp_path / "a, b"
    odd.mkdir()
    kernel, loader = odd / "k,1.kernel", odd / "l,1.elf"
    shutil.copy(hello.kernel, kernel)
    shutil.copy(workshop.loader.pvh, loader)
    check_hello(dataclasses.replace(fast(workshop, kernel), loader=loader))


def test_the_picture_is_that_of_the_image(workshop: Workshop, hello: Built, tmp_path: Path) -> None:
    screenshot(RunConfig(hello.image), tmp_path / "image.png")
    screenshot(fast(workshop, hello.kernel), tmp_path / "fast.png")
    assert (tmp_path / "fast.png").read_bytes() == (tmp_path / "image.png").read_bytes()


def test_a_kernel_of_many_megabytes_is_whole(workshop: Workshop) -> None:
    data = workshop.directory / "pvh.data"
    data.write_bytes(bytes(range(251)) * (4 * sizes.MIB // 251))
    built = workshop.build(SMALL_KERNELS / "big.rs", "pvh_big", tests=False, data=data)
    from_image = dataclasses.replace(RunConfig(built.image), headless=True, timeout=SECONDS)
    ends = [run(config, io.StringIO(), io.StringIO()) for config in (fast(workshop, built.kernel), from_image)]
    assert "bytes, sum 0x" in ends[0].serial
    assert ends[0].serial == ends[1].serial


def flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :]


@pytest.mark.parametrize("what", ["module", "header", "elf", "empty", "short header", "short", "handover", "too big"])
def test_a_bad_kernel_file_is_refused_by_name(workshop: Workshop, hello: Built, tmp_path: Path, what: str) -> None:
    good = hello.kernel.read_bytes()
    elf = hello.elf.with_suffix(".stripped").read_bytes()
    size = layout.KERNEL_HEADER_SIZE + len(elf)
    kernel, code, words = {
        "module": (b"no kernel file at all".ljust(9000), "PM", "-initrd gave no kernel file"),
        "header": (flipped(good, layout.KERNEL_BUILD_ID_OFFSET), "KH", "header's checksum"),
        "elf": (flipped(good, size - 1), "KC", "checksum"),
        "empty": (b"\0", "PM", "no kernel file"),
        "short header": (good[:100], "KT", "takes 4096 bytes; 100 are there"),
        "short": (good[: size - 1], "KT", f"takes {size} bytes; {size - 1} are there"),
        "handover": (write_kernel_file(elf, KernelSettings(handover=99)), "KP", "wants handover 99"),
        "too big": (write_kernel_file(elf, KernelSettings(kernel_stack_size=1 << 30)), "MF", "memory are needed"),
    }[what]
    path = tmp_path / "bad.kernel"
    path.write_bytes(kernel)
    end = run(fast(workshop, path), io.StringIO(), io.StringIO())
    assert (end.kind, end.status) == (Kind.LOADER_FAILED, 4), end
    assert code in end.sentence and words in end.sentence
    # The person sees it on the screen and on the serial port, too.
    assert f"bootwright: {code} " in end.serial
    assert end.screen[0].startswith(f"bootwright: {code} ")


@pytest.mark.parametrize(("cpu", "code"), [("qemu32", "CL"), ("qemu64,-nx", "CN")])
def test_an_old_processor_is_refused_by_name(workshop: Workshop, hello: Built, cpu: str, code: str) -> None:
    end = run(fast(workshop, hello.kernel, "-cpu", cpu), io.StringIO(), io.StringIO())
    assert end.kind is Kind.LOADER_FAILED and code in end.sentence, end
    assert f"bootwright: {code} " in end.serial


def test_a_machine_without_a_kernel_is_told_so_and_a_key_resets_it(workshop: Workshop, hello: Built) -> None:
    machine = Machine(fast(workshop, hello.kernel))
    where = machine.arguments.index("-initrd")
    del machine.arguments[where : where + 2]
    with machine as guest:
        guest.resume()
        deadline = time.monotonic() + SECONDS
        while "\n" not in guest.console and time.monotonic() < deadline:
            guest.step(0.02)
        assert guest.console == "bootwright: PN -initrd NAME.kernel is missing, or out of reach\n"
        assert guest.qmp.execute("query-status")["status"] == "running"
        guest.ask("sendkey ret")
        while guest.qmp.execute("query-status")["status"] == "running" and time.monotonic() < deadline:
            guest.step(0.02)
        assert ("SHUTDOWN", "guest-reset") in [(name, data.get("reason")) for name, data in guest.qmp.events]
