"""Our handovers beside those of the crates' own loaders, which were booted once with the same kernels: upstream.json.

Compared are what the kernel says, BootInfo field by field, registers, and each page with its rights. What may differ is
written here, and nothing else may.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.boot.handed import Case, Handed, read_cases
from tests.boot.kernels import Workshop
from tests.boot.loader_rig import PAGE, Rig
from tests.boot.page_tables import Run

from bootwright.base.sizes import MIB
from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings
from bootwright.loader.settings import features_09, settings_of

CASES = read_cases()
OF_09 = [name for name in CASES if not name.startswith("011")]
OF_011 = [name for name in CASES if name.startswith("011")]
LARGE = 2 * MIB
STACK, BOOT_INFO = 7, 12  # kinds of 0.9's regions
USABLE = 0
# Where a table lies is the loader's. The task state is what its exceptions have a stack by, and no instruction takes it
# out of the processor. A kernel of 0.11 finds an IDT with limit 0 here, and upstream real mode's.
REGISTERS_09 = {"GDT base", "TR base", "TR limit"}
REGISTERS_011 = REGISTERS_09 | {"IDT limit"}
# BootInfo of 0.11 at 0 has the version of who wrote it, at 16 how many regions follow, at 184 where the file lies.
OWN_011 = {0, 16, 184}
OPTIONS_011 = (24, 88, 112, 128, 160)


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("upstream"))


def boot(rig: Rig, case: Case) -> Handed:
    """Boots the case's kernel with our loader."""
    path = rig.directory / "kernel.elf"
    path.write_bytes(case.elf)
    settings = settings_of(path, KernelSettings(features=features_09(case.features, Path("Cargo.toml"))))
    ended = rig.boot(rig.image(case.elf, settings, case.ramdisk), pages=True)
    assert ended.told["done"] == 1, ended.serial
    return Handed.of(ended)


def rights(runs: list[Run], without_x: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Returns addresses with their rights, whatever the frames; in the ranges without_x nothing is executable."""
    found: list[tuple[int, int, str]] = []
    for start, end, _, letters in sorted(_cut(runs, sorted({edge for one in without_x for edge in one}))):
        if any(first <= start < last for first, last in without_x):
            letters = letters.replace("x", "")
        if found and found[-1][1:] == (start, letters):
            found[-1] = (found[-1][0], end, letters)
        else:
            found.append((start, end, letters))
    return found


def _cut(runs: list[Run], edges: list[int]) -> Iterator[Run]:
    for run in runs:
        start = run.start
        for edge in [*(edge for edge in edges if run.start < edge < run.end), run.end]:
            yield run._replace(start=start, end=edge)
            start = edge


def differences(ours: dict[str, int], theirs: dict[str, int]) -> set[str]:
    assert ours.keys() == theirs.keys()
    return {name for name in ours if ours[name] != theirs[name]}


def usable(regions: list[tuple[int, int, int]]) -> int:
    return sum(end - start for start, end, kind in regions if kind & 0xFFFF_FFFF == USABLE)


def size_of(handed: Handed, kind: int) -> int:
    return sum(end - start for start, end, found in handed.memory_map if found == kind)


@pytest.mark.parametrize("name", OF_09)
def test_a_kernel_of_09_finds_what_upstream_hands_over(rig: Rig, name: str) -> None:
    theirs, ours = CASES[name].upstream, boot(rig, CASES[name])
    assert differences(ours.told, theirs.told) == set()
    assert ours.info[193:] == theirs.info[193:], "the fields behind the memory map"
    assert differences(ours.registers, theirs.registers) - REGISTERS_09 == set()
    assert abs(usable(ours.memory_map) - usable(theirs.memory_map)) <= LARGE
    for kind in (STACK, BOOT_INFO):
        assert size_of(ours, kind) == size_of(theirs, kind)
    info = ours.told["boot_info"]
    stricter = [(info, info + PAGE), (layout.VGA_START, layout.VGA_END)]
    stricter.append((info + 2 * PAGE, ours.told["stack"] + 8))
    assert rights(ours.pages, []) == rights(theirs.pages, stricter)
    for identity in (layout.KEPT_START, layout.VGA_START):
        assert ours.at(identity).frame == theirs.at(identity).frame == identity
    if "map_physical_memory" in CASES[name].features:
        offset = ours.info[193 + ("recursive_page_table" in CASES[name].features)]
        assert ours.at(offset) == theirs.at(offset)._replace(end=ours.at(offset).end)
        assert ours.at(offset + 0xFEE0_0000).frame == 0xFEE0_0000


@pytest.mark.parametrize("name", OF_011)
def test_a_kernel_of_011_finds_what_upstream_hands_over(rig: Rig, name: str) -> None:
    theirs, ours = CASES[name].upstream, boot(rig, CASES[name])
    assert differences(ours.told, theirs.told) == set()
    assert differences(ours.registers, theirs.registers) - REGISTERS_011 == set()
    assert {8 * at for at in range(29) if field(ours, 8 * at) != field(theirs, 8 * at)} <= OWN_011
    assert abs(usable(ours.regions) - usable(theirs.regions)) <= LARGE
    for handed in (ours, theirs):
        assert any(end <= MIB and kind & 0xFFFF_FFFF == USABLE for _, end, kind in handed.regions)
    # The pages that both loaders keep for their jump into the kernel, the GDT in one, are their own.
    jump = [[run for run in handed.pages if run.start == run.frame and run.rights == "rx"] for handed in (ours, theirs)]
    assert [(run.start, run.end) for run in jump[0]] == [(layout.STAGE_LOAD_ADDRESS, layout.STAGE_LOW_END)]
    assert sum(run.end - run.start for run in jump[1]) == 3 * PAGE
    rest = [[run for run in pages.pages if run not in own] for pages, own in zip((ours, theirs), jump, strict=True)]
    assert rights(rest[0], []) == rights(rest[1], [])
    buffer = ours.info[4]
    assert ours.at(buffer) == theirs.at(buffer)


def field(handed: Handed, offset: int) -> int:
    """Returns eight bytes of 0.11's BootInfo, but what upstream leaves as it was: padding, and what is not there."""
    value, low = handed.info[offset // 8], handed.info[offset // 8] & 0xFFFF_FFFF
    if offset - 8 in OPTIONS_011 and handed.info[offset // 8 - 1] & 0xFFFF_FFFF:
        return 0
    if offset in OPTIONS_011 or offset == 64:
        return low
    if offset == 104:
        return low if low else value & 0xFFFF_FFFF_FFFF
    return value
