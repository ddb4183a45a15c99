"""BIOSes that misbehave, processors that are too old, disks that fail: the boot goes on, or ends with its code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.boot.kernels import Workshop, loaders
from tests.boot.loader_rig import Ended, Rig

from bootwright.image import layout
from bootwright.image.disk import write_image
from bootwright.image.kernel_file import write_kernel_file

MIB = 1 << 20


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("bios"))


def boot_behind_shim(rig: Rig, *flags: str, **switches: int) -> Ended:
    disk = rig.image(rig.kernel())
    rig.shim(disk, **switches)
    return rig.boot(bytes(disk), *flags)


def usable(ended: Ended) -> list[tuple[int, int]]:
    """Returns the usable regions that the kernel was told, in bytes."""
    info = ended.boot_info
    entries = [info[3 * i : 3 * i + 3] for i in range(info[192])]
    return [(start * 4096, end * 4096) for start, end, kind in entries if kind & 0xFFFFFFFF == 0]


@pytest.mark.parametrize("drive", [0x00, 0x01, 0x7F, 0x81, 0x90, 0xFF], ids=hex)
def test_a_wrong_drive_number_means_the_first_disk(rig: Rig, drive: int) -> None:
    assert boot_behind_shim(rig, BOOT_DL=drive + 256).told["done"] == 1


@pytest.mark.parametrize(
    ("switch", "value"),
    [("BOOT_07C0", 1), ("TRASH", 1), ("SCRIBBLE", 1), ("A20_OFF", 1), ("HOOK_TRASH", 1), ("HOOK_TRASH", 2)],
)
def test_what_a_bios_may_do_does_not_hinder_the_boot(rig: Rig, switch: str, value: int) -> None:
    ended = boot_behind_shim(rig, **{switch: value})
    assert (ended.told["done"], ended.told["bss_dirty"]) == (1, 0)


def test_all_of_it_together_does_not_hinder_the_boot(rig: Rig) -> None:
    ended = boot_behind_shim(
        rig, BOOT_DL=256, BOOT_07C0=1, SCRIBBLE=1, A20_OFF=1, HOOK_TRASH=1, HOOK_SHORT=16, HOOK_15=4
    )
    assert ended.told["done"] == 1


@pytest.mark.parametrize("sectors", [64, 20, 1])
def test_reads_that_are_too_long_are_halved(rig: Rig, sectors: int) -> None:
    assert boot_behind_shim(rig, HOOK_SHORT=sectors).told["done"] == 1


def test_a_bios_without_edd_is_named_on_all_three(rig: Rig) -> None:
    ended = boot_behind_shim(rig, HOOK_NO_EDD=1)
    assert ended.code == "DE"
    assert "bootwright: DE" in ended.serial
    assert any("bootwright: DE" in row for row in ended.rows)


@pytest.mark.parametrize(("missing", "least"), [(1, 100), (2, 30), (4, 30)], ids=["E820", "E801", "all but 20 bytes"])
def test_older_ways_tell_the_memory_too(rig: Rig, missing: int, least: int) -> None:
    ended = boot_behind_shim(rig, HOOK_15=missing)
    assert ended.told["done"] == 1
    assert max(end - start for start, end in usable(ended)) > (least - 6) * MIB


@pytest.mark.parametrize("way", [5, 6], ids=["attributes that say no entry is valid", "only what differs is written"])
def test_a_list_of_memory_that_is_written_oddly_is_believed(rig: Rig, way: int) -> None:
    found = usable(boot_behind_shim(rig, HOOK_15=way))
    assert max(end for _, end in found) == 32 * MIB, "the shim's list ends there, and the machine's memory at 128 MiB"


def test_a_list_of_memory_that_breaks_off_is_not_believed(rig: Rig) -> None:
    found = usable(boot_behind_shim(rig, HOOK_15=8))
    assert max(end for _, end in found) > 100 * MIB, "the shim's entries end at 8 MiB, and E801 knows the rest"


def test_low_memory_ends_where_the_bios_keeps_its_data(rig: Rig) -> None:
    ended = boot_behind_shim(rig, HOOK_15=7)
    below = [end for start, end in usable(ended) if start < MIB]
    assert max(below) == 0x90000, "what the shim took from 40:13, though E820 goes on to 1 MiB"


def test_the_screen_is_in_mode_3_whatever_it_was_in(rig: Rig) -> None:
    for mode in (1, 2):
        disk = rig.image(rig.kernel())
        rig.shim(disk, MODE=mode)
        ended = rig.boot(disk, picture=True)
        assert ended.size == (720, 400), "text, 25 rows of 16 lines each"
        assert (ended.data_area[0x84], ended.data_area[0x85]) == (24, 16)
        assert [row.strip() for row in ended.rows[1:]] == [""] * 24


@pytest.mark.parametrize("drive", [0x00, 0x01, 0x81], ids=hex)
@pytest.mark.parametrize("other", [0, 0x81], ids=["alone", "beside an empty disk"])
def test_the_drive_that_the_bios_names_is_tried_first(rig: Rig, drive: int, other: int, tmp_path: Path) -> None:
    empty = tmp_path / "empty.img"
    empty.write_bytes(bytes(MIB))
    flags = ("-drive", f"if=none,id=empty,format=raw,file={empty}", "-device", "ide-hd,drive=empty,bus=ide.1")
    ended = boot_behind_shim(rig, *flags, BOOT_DL=256 + drive, HOOK_DRIVE=256 + drive, HOOK_OTHER=other)
    assert ended.told["done"] == 1


def test_a_bios_that_uses_sse_finds_it_as_it_left_it(rig: Rig) -> None:
    assert boot_behind_shim(rig, HOOK_SSE=1).told["done"] == 1


def test_a_key_from_before_does_not_end_the_display_of_a_failure(rig: Rig) -> None:
    for place, code in ((512, "GS"), (layout.BIOS_BOOT_FIRST_LBA * 512 + 600, "SC")):
        disk = rig.image(rig.kernel())
        disk[place] ^= 1
        rig.shim(disk, KEY=1)
        ended = rig.boot(disk)
        assert (ended.code, ended.runs) == (code, True)
        assert rig.boot(disk, key="spc").code == code


def test_a_key_is_not_taken_for_the_keyboard_controllers_answer(rig: Rig) -> None:
    plain = boot_behind_shim(rig, A20_OFF=1)
    ended = boot_behind_shim(rig, A20_OFF=1, HOOK_2401=1)
    assert ended.told["done"] == 1
    assert ended.told["output_port"] == plain.told["output_port"]


def test_a_stack_that_is_too_deep_is_named_and_stops_in_nobodys_data(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    stage = rig.stage(disk)
    start = rig.symbol("call_kernel") - layout.STAGE_LOAD_ADDRESS
    stage[start : start + 3] = b"\x50\xeb\xfd"  # push rax, again and again
    rig.put_stage(disk, stage)
    ended = rig.boot(disk)
    assert ended.code == "XS"
    assert f"bootwright: XS the loader's stack is full at {rig.symbol('call_kernel'):#x}" in ended.serial
    assert any(row.startswith("bootwright: XS") for row in ended.rows)
    good = rig.boot(rig.image(rig.kernel()))
    assert ended.data_area[0x10:0x17] == good.data_area[0x10:0x17], "equipment and memory, which lie below the stack"


def test_a_bios_that_reports_no_memory_is_named(rig: Rig) -> None:
    ended = boot_behind_shim(rig, HOOK_15=3)
    assert ended.code == "ME"
    assert "bootwright: ME the firmware reports no memory" in ended.serial


@pytest.mark.parametrize(
    ("cpu", "code"),
    [
        ("qemu32", "CL"), ("486", "CL"), ("qemu64,-lm", "CL"), ("qemu64,-nx", "CN"), ("Nehalem,-nx", "CN"),
        ("max", "none"),
    ],
)  # fmt: skip
def test_a_processor_that_is_too_old_is_named(rig: Rig, cpu: str, code: str) -> None:
    ended = rig.boot(rig.image(rig.kernel()), "-cpu", cpu)
    assert ended.code == code
    if code != "none":
        assert f"bootwright: {code} this processor has no" in ended.serial
        assert any(f"bootwright: {code} this processor has no" in row for row in ended.rows)


@pytest.mark.parametrize("memory", ["6M", "16M", "32M", "6G"])
def test_the_kernel_runs_with_little_and_with_much_memory(rig: Rig, memory: str) -> None:
    assert rig.boot(rig.image(rig.kernel()), memory=memory).told["done"] == 1


def test_an_exception_in_the_loader_is_named_with_its_address(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    stage = rig.stage(disk)
    address = rig.symbol("start_rust")
    start = address - layout.STAGE_LOAD_ADDRESS
    stage[start : start + 2] = b"\x0f\x0b"  # ud2
    rig.put_stage(disk, stage)
    ended = rig.boot(disk)
    assert ended.code == "XX"
    assert f"exception 6 in the loader at {address:#x}" in ended.serial


def test_a_page_fault_in_the_loader_is_named_with_its_address(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    stage = rig.stage(disk)
    address = rig.symbol("start_rust")
    start = address - layout.STAGE_LOAD_ADDRESS
    stage[start : start + 8] = b"\x8a\x04\x25\x00\x00\x00\x70\x90"  # mov al, [0x70000000]
    rig.put_stage(disk, stage)
    ended = rig.boot(disk)
    assert f"bootwright: XX exception 14 in the loader at {address:#x}" in ended.serial


def test_a_key_after_a_failure_resets_the_machine(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    disk[512] ^= 1
    assert rig.boot(disk, key="spc").code == "GS"
    disk = rig.image(rig.kernel())
    disk[layout.BIOS_BOOT_FIRST_LBA * 512 + 600] ^= 1
    assert rig.boot(disk, key="spc").code == "SC"


def test_without_screen_and_serial_port_the_debug_console_says_it(rig: Rig) -> None:
    disk = rig.image(rig.kernel())
    disk[512] ^= 1
    assert rig.boot(disk, "-vga", "none").code == "GS"


def boot_failing_disk(rig: Rig, disk: bytearray, lba: int, once: bool) -> Ended:
    """Boots disk from a drive whose sector lba cannot be read; it is the first of two, and no snapshot."""
    path = rig.directory / "failing.img"
    path.write_bytes(disk)
    drive = "if=none,id=failing,format=raw,file.driver=blkdebug,file.image.driver=file,"
    drive += f"file.image.filename={path},file.inject-error.0.event=read_aio,file.inject-error.0.errno=5,"
    drive += f"file.inject-error.0.sector={lba},file.inject-error.0.once={'on' if once else 'off'}"
    device = "ide-hd,drive=failing,bus=ide.1,bootindex=0,rerror=report"
    ended = rig.boot(bytes(MIB), "-drive", drive, "-device", device)
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(disk).digest(), "the disk was written"
    assert ended.wrote == 0
    return ended


@pytest.mark.parametrize("lba", [layout.BIOS_BOOT_FIRST_LBA + 3, 1, 5, layout.KERNEL_FIRST_LBA + 10])
def test_a_read_that_fails_once_is_tried_again(rig: Rig, lba: int) -> None:
    assert boot_failing_disk(rig, rig.image(rig.kernel()), lba, True).told["done"] == 1


@pytest.mark.parametrize(
    ("lba", "code"),
    [(layout.BIOS_BOOT_FIRST_LBA + 3, "DS"), (1, "DR"), (5, "DR"), (layout.KERNEL_FIRST_LBA + 10, "DR")],
)
def test_a_sector_that_cannot_be_read_is_named(rig: Rig, lba: int, code: str) -> None:
    ended = boot_failing_disk(rig, rig.image(rig.kernel()), lba, False)
    assert ended.code == code
    if code == "DR":
        assert f"the disk cannot be read at LBA {lba};" in ended.serial


def test_the_active_entry_makes_no_difference(rig: Rig, tmp_path: Path) -> None:
    for active in ("ee", "none"):
        path = tmp_path / f"{active}.img"
        kernel = write_kernel_file(rig.kernel())
        write_image(path, "rig", loaders(rig.workshop.loader), kernel, active)
        assert rig.boot(path.read_bytes()).told["done"] == 1
