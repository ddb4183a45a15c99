"""The fast lane gives kernels of every handover what the image gives them: features of 0.9, and all of 0.11."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Workshop
from tests.boot.loader_rig import Ended, Rig
from tests.boot.test_loader_011 import PIE, Config, kernel, option_of
from tests.boot.test_pvh import fast

from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader.settings import settings_of
from bootwright.machine.verdict import Kind
from bootwright.run.run import run

FEATURES = SMALL_KERNELS / "loader" / "features.rs"


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("lanes"))


def start(rig: Rig, kernel_file: bytes, *flags: str) -> Ended:
    """Starts a kernel file in the fast lane, until it halts."""
    path = rig.directory / "fast.kernel"
    path.write_bytes(kernel_file)
    end = run(fast(rig.workshop, path, *flags), io.StringIO(), io.StringIO())
    assert end.kind is Kind.HALTED, end
    return Ended("", end.serial.replace("\r", ""), end.screen, "")


@pytest.mark.parametrize("letters", ["p", "c", "pc", "s", "v"])
def test_features_of_09_are_those_of_the_image(rig: Rig, letters: str) -> None:
    bits = {"p": 1, "c": 2, "v": 4, "s": 8}
    settings = KernelSettings(features=sum(bits[letter] for letter in letters))
    elf = rig.kernel(letters, (), FEATURES)
    quick, slow = start(rig, write_kernel_file(elf, settings)), rig.boot(rig.image(elf, settings))
    assert quick.told["done"] == 1
    assert quick.serial == slow.serial


@pytest.mark.parametrize("flags", [(), PIE], ids=["static", "movable"])
def test_what_011_hands_over_is_that_of_the_image(rig: Rig, flags: tuple[str, ...]) -> None:
    config = Config(memory=(None,), tables=(None,))
    path = kernel(rig, config, flags=flags or ("-Crelocation-model=static",))
    settings, ramdisk = settings_of(path, KernelSettings()), bytes(range(200)) * 30
    elf = path.read_bytes()
    quick = start(rig, write_kernel_file(elf, settings, ramdisk))
    slow = rig.boot(rig.image(elf, settings, ramdisk))
    for name in ("stack", "boot_info", "pointers", "template", "ramdisk", "itself", "elf_magic", "done"):
        assert quick.told[name] == slow.told[name], name
    # All of BootInfo but how many regions there are, and where the firmware's own tables lie.
    same = [at for at in range(29) if at not in (2, 15)]
    assert [quick.boot_info[at] for at in same] == [slow.boot_info[at] for at in same]
    assert option_of(quick, 24) is not None


def test_the_colours_of_mode_13h_are_those_that_a_bios_sets(rig: Rig, tmp_path: Path) -> None:
    settings = KernelSettings(features=layout.FEATURE_VGA_320X200)
    elf = rig.kernel("w", (), FEATURES)
    quick, slow = start(rig, write_kernel_file(elf, settings)), rig.boot(rig.image(elf, settings))
    assert len(quick.listed("colour")) == 256
    assert quick.listed("colour") == slow.listed("colour")
