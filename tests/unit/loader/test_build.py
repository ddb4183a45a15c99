"""Building the loader: sizes that are checked, sums that come out, tables that agree. No compiler is started."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.base.errors import BootwrightError
from bootwright.image import layout
from bootwright.loader import build as loader
from bootwright.loader import crates

HOME = Path(__file__).parents[3]


def test_the_sources_are_all_files_below_the_crates() -> None:
    sources = crates.loader_sources(HOME)
    assert sources == sorted(sources)
    names = {path.relative_to(HOME).as_posix() for path in sources}
    assert names >= {
        "site_scons/bootwright/image/layout.py",
        "bootloader/bios/link.ld",
        "bootloader/bios/src/boot_sector.s",
        "bootloader/common/src/handover/bootloader_09.rs",
        "bootloader/arch/x86_64/src/jump.s",
        "bootloader/arch/x86_64/src/long_mode.s",
    }


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ((441, 512), "boot sector is 441 bytes; the limit is 440"),
        ((440, 193 * 512 - 519), "the loader's stage takes 193 sectors; the limit is 192"),
    ],
    ids=["boot sector", "stage"],
)
def test_a_part_that_is_too_big_is_named_with_both_numbers(
    sizes: tuple[int, int], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = bytearray(sizes[0]), bytearray(), bytearray(sizes[1])
    monkeypatch.setattr(loader, "read_program", lambda program: (*parts, {}))
    with pytest.raises(BootwrightError, match=re.escape(sentence)):
        loader.finish(Path("program"))


@given(st.integers(0, 1 << 32), st.integers(0, 2), st.data())
def test_a_balanced_stage_sums_to_zero_and_a_changed_byte_does_not(
    seed: int, sectors: int, draw: st.DataObject
) -> None:
    stage = bytearray(random.Random(seed).randbytes(loader.LOW_SIZE + (1 + sectors) * layout.SECTOR_SIZE))
    loader.balance(stage)
    assert (loader.low_sum(stage[: loader.LOW_SIZE]), loader.rest_sum(stage[loader.LOW_SIZE :])) == (0, 0)
    stage[draw.draw(st.integers(0, len(stage) - 1))] ^= draw.draw(st.integers(1, 255))
    assert loader.low_sum(stage[: loader.LOW_SIZE]) or loader.rest_sum(stage[loader.LOW_SIZE :])


def test_the_readme_lists_the_failures_as_the_table_has_them() -> None:
    source = (HOME / "bootloader/common/src/failure.rs").read_text()
    rows = re.findall(r'^ {4}\w+ +b"(..)" "(.*)"$', source, re.MULTILINE)
    listed = re.findall(r"^\| `(..)` \| (.*) \|$", (HOME / "bootloader/README.md").read_text(), re.MULTILINE)
    assert len(rows) > 40
    assert listed == rows
