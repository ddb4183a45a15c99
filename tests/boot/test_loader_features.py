"""The features of bootloader 0.9: what a kernel that asks for them finds, and uses."""

from __future__ import annotations

import pytest
from tests.boot.kernels import SMALL_KERNELS, Workshop
from tests.boot.loader_rig import Ended, Rig

from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings

SOURCE = SMALL_KERNELS / "loader" / "features.rs"
MAP = layout.FEATURE_MAP_PHYSICAL_MEMORY
RECURSIVE = layout.FEATURE_RECURSIVE_PAGE_TABLE
# Upstream's, for a kernel in entry 0: its own first free entry, then boot information's, then the map's.
RECURSIVE_ADDRESS = 0x80_4020_1000
BOOT_INFO = 0x100_0000_0000
PHYSICAL_MEMORY = 0x180_0000_0000


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("features"))


def boot(rig: Rig, letters: str, settings: KernelSettings, memory: str = "128M", picture: bool = False) -> Ended:
    ended = rig.boot(rig.image(rig.kernel(letters, (), SOURCE), settings), memory=memory, picture=picture)
    assert ended.told["done"] == 1, ended.serial
    return ended


@pytest.mark.parametrize("memory", ["128M", "5G"])
def test_all_of_memory_is_mapped(rig: Rig, memory: str) -> None:
    ended = boot(rig, "p", KernelSettings(features=MAP), memory)
    assert ended.listed("field")[0] == PHYSICAL_MEMORY
    told = ended.told
    assert told["boot_info"] == BOOT_INFO
    assert (told["screen"], told["same"], told["high"]) == (0xB8000, 1, 0xFEE0_0000)
    assert ended.rows[0].startswith("P"), "what was written through the map is on the screen"


def test_the_map_is_where_the_package_says(rig: Rig) -> None:
    offset = 0xFFFF_8000_0000_0000
    ended = boot(rig, "p", KernelSettings(features=MAP, physical_memory_offset=offset))
    assert ended.listed("field")[0] == offset
    assert ended.told["same"] == 1


def test_the_table_shows_in_itself(rig: Rig) -> None:
    ended = boot(rig, "c", KernelSettings(features=RECURSIVE))
    assert ended.listed("field")[0] == RECURSIVE_ADDRESS
    told = ended.told
    assert (told["itself"], told["boot_info"]) == (1, BOOT_INFO)
    assert told["screen_entry"] == 0xB8000 | 3 | 1 << 63, "present, writable, not executable"


def test_both_together_have_their_fields_in_upstreams_order(rig: Rig) -> None:
    ended = boot(rig, "pc", KernelSettings(features=MAP | RECURSIVE))
    assert ended.listed("field")[0:2] == [RECURSIVE_ADDRESS, PHYSICAL_MEMORY]
    assert (ended.told["itself"], ended.told["same"]) == (1, 1)


def test_mode_13h_shows_pixels(rig: Rig) -> None:
    ended = boot(rig, "v", KernelSettings(features=layout.FEATURE_VGA_320X200), picture=True)
    assert ended.size in ((320, 200), (640, 400)), "QEMU shows each line twice"


def test_sse_is_on_only_where_it_is_asked_for(rig: Rig) -> None:
    ended = boot(rig, "s", KernelSettings(features=layout.FEATURE_SSE))
    assert ended.told["sum"] == 4 * 42
    assert (ended.told["cr4"] >> 9 & 3, ended.told["cr0"] >> 1 & 3) == (3, 1)
    assert boot(rig, "h", KernelSettings()).told["cr4"] >> 9 & 3 == 0
