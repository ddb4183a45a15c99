"""Kernels of both handovers through scons: features of bootloader 0.9, releases of bootloader_api 0.11, RAMDISK=.

Their own tests say what they find; what a loader hands over in detail is shown by tests/boot.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from tests.build.checkouts import HOME, Checkout
from tests.build.test_packages import copy_of, files, lines

PAGING = (
    "offset::a_heap_lies_in_mapped_pages", "offset::a_new_page_shows_the_screen", "offset::the_books_stack_is_there",
    "offset::the_screen_is_mapped_to_itself", "offset::usable_memory_can_all_be_written",
    "recursive::a_page_is_mapped_and_unmapped", "recursive::both_ways_find_the_same_frames",
)  # fmt: skip
PIXELS = (
    "floats::four_products_at_once", "screen::each_pixel_keeps_its_colour",
    "screen::the_registers_are_those_of_mode_13h",
)  # fmt: skip
CANVAS = (
    "drawing::a_circle_is_round", "drawing::letters_are_shown", "drawing::the_screen_is_as_large_as_boot_json_says",
    "dynamic::acpis_root_is_found", "dynamic::both_ways_to_the_tables_agree",
    "dynamic::other_processors_can_start_in_low_memory", "dynamic::the_kernels_own_file_is_in_memory",
    "dynamic::the_ramdisk_is_the_file", "dynamic::usable_memory_can_all_be_written",
    "fixed::all_addresses_are_those_asked_for", "fixed::pointers_were_relocated",
    "fixed::the_kernel_is_in_the_higher_half",
)  # fmt: skip
NEEDS = ("rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64")


@pytest.fixture
def tested(checkout: Checkout) -> Checkout:
    """A checkout that can run a kernel's tests."""
    shutil.copy2(HOME / "conftest.py", checkout.path)
    return checkout


def pass_in_both_lanes(tested: Checkout, name: str, tests: tuple[str, ...], *words: str) -> None:
    wanted = sorted(f"kernel/{name}/{test}" for test in tests)
    for lane in ((), ("--full",)):
        built = tested.scons("test", *lane, *words)
        assert (built.status, lines(built.output, "passed")) == (0, wanted), built.output


@pytest.mark.needs(*NEEDS)
@pytest.mark.parametrize(("name", "tests"), [("paging", PAGING), ("pixels", PIXELS)], ids=["paging", "pixels"])
def test_kernels_of_09_with_features_pass_in_the_fast_lane_and_from_the_image(
    tested: Checkout, tmp_path: Path, name: str, tests: tuple[str, ...]
) -> None:
    package = copy_of(name, tmp_path)
    before = files(package)
    pass_in_both_lanes(tested, name, tests, f"KERNEL={package}")
    assert files(package) == before


@pytest.mark.needs(*NEEDS)
def test_kernels_of_011_with_a_ramdisk_pass_in_the_fast_lane_and_from_the_image(
    tested: Checkout, tmp_path: Path
) -> None:
    package, ramdisk = copy_of("canvas", tmp_path), tmp_path / "files.txt"
    before, expected = files(package), (package / "ramdisk.txt").read_bytes()
    ramdisk.write_bytes(expected)
    words = (f"KERNEL={package}", f"RAMDISK={ramdisk}")
    pass_in_both_lanes(tested, "canvas", CANVAS, *words)
    assert files(package) == before
    ramdisk.write_bytes(expected.upper())
    built = tested.scons("test", *words, "TESTS=kernel/canvas/dynamic")
    assert (built.status, lines(built.output, "FAILED")) == (1, ["kernel/canvas/dynamic::the_ramdisk_is_the_file"])
    assert {step.split()[0] for step in built.steps} == {"kernel", "image", "tests"}, "nothing is compiled anew"


@pytest.mark.needs(*NEEDS)
@pytest.mark.parametrize(("release", "length"), [("0.11.0", 115), ("0.11.5", 124), ("0.11.17", 133)])
def test_each_form_of_the_configuration_is_read(tested: Checkout, tmp_path: Path, release: str, length: int) -> None:
    package = copy_of("config", tmp_path)
    manifest = package / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("0.11.17", release))
    if release != "0.11.17":
        (package / "Cargo.lock").unlink()
    built = tested.scons("run", "--headless", f"KERNEL={package}")
    assert built.status == 0, built.output
    assert "mapped as asked\na frame buffer\nregions\n" in built.output
    with (tested.path / "build/debug/config.elf").open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".bootloader-config")
        assert section is not None and section.data_size == length


@pytest.mark.needs(*NEEDS)
def test_a_movable_kernel_of_neither_protocol_is_moved(tested: Checkout) -> None:
    built = tested.scons("run", "--headless", "RUSTFLAGS=-C relocation-model=pic")
    assert built.status == 0, built.output
    assert "Hello World!" in built.output
    with (tested.path / "build/debug/hello.elf").open("rb") as stream:
        assert ELFFile(stream).header["e_type"] == "ET_DYN"


def test_what_means_nothing_without_its_feature_is_refused_as_upstream_does(tested: Checkout, tmp_path: Path) -> None:
    manifest = copy_of("pixels", tmp_path) / "Cargo.toml"
    with manifest.open("a") as stream:
        stream.write('\n[package.metadata.bootloader]\nphysical-memory-offset = "0xffff800000000000"\n')
    said = tested.refuse(f"KERNEL={manifest.parent}")
    assert (
        f"{manifest}: [package.metadata.bootloader] physical-memory-offset is only supported with the feature "
        "map_physical_memory of the crate bootloader\n"
    ) in said


def test_a_ramdisk_for_a_kernel_that_is_told_of_none_is_refused(tested: Checkout, tmp_path: Path) -> None:
    ramdisk = tmp_path / "files.tar"
    ramdisk.write_bytes(os.urandom(1000))
    said = tested.refuse(f"RAMDISK={ramdisk}")
    assert f"RAMDISK={ramdisk}: " in said
    assert "is no kernel of bootloader_api 0.11, and others are not told of a ramdisk" in said
    assert f"{tmp_path} is a directory, no regular file" in tested.refuse(f"RAMDISK={tmp_path}")
