"""An eighth of the rows that `scons matrix` boots, always the same, and the active entry, which is in none."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
from pathlib import Path

import pytest
from tests.boot.kernels import SMALL_KERNELS, Built, Workshop, compile_crate, loaders_of

from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader.settings import settings_of
from bootwright.machine.matrix import Row, make_rows
from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.rust.command import Link
from bootwright.testing.matrix import PLAIN, Bench, Outcome, bench_of, boot_row

PARTS, PART = 8, 0  # its rows have each firmware, display and kernel, and two thirds of the buses
ROWS = 14


def check_hello(config: RunConfig) -> None:
    """Boots and looks for the words on the serial port and at 0xb8000, and for a halted processor."""
    end = run(dataclasses.replace(config, headless=True, timeout=30), io.StringIO(), io.StringIO())
    assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), end
    # The rows are read from 0xb8000.
    assert end.screen == ("Hello World!", *[""] * 24)


class Boots:
    """Boots rows with the example, and beside it the kernel of bootloader_api 0.11 that is painted with stripes."""

    def __init__(self, workshop: Workshop, hello: Built, directory: Path) -> None:
        self._workshop = workshop
        self._hello = hello
        self._directory = directory
        self.plain = functools.cache(self._plain)
        self.other = functools.cache(self._other)

    def boot(self, row: Row) -> Outcome:
        """Returns how the row ended, compared with the plain machine."""
        return boot_row(row, self.bench(row), self.plain(row.kernel))

    def bench(self, row: Row) -> Bench:
        """Returns what the row boots from."""
        files = self._workshop.loader
        kernels = {"small": self._hello.kernel, "other": self.other()}
        return bench_of(
            [row], RunConfig(Path()), self._directory, self._hello.image, kernels, loaders_of(files), files.network,
            files.pvh, exact=True, environ=os.environ,
        )  # fmt: skip

    def _plain(self, kernel: str) -> Outcome:
        row = dataclasses.replace(PLAIN, kernel=kernel)
        outcome = boot_row(row, self.bench(row), None)
        assert outcome.serial == "Hello World!\r\n"
        return outcome

    def _other(self) -> Path:
        elf, source = self._directory / "striped.elf", SMALL_KERNELS / "loader" / "frame_buffer_011.rs"
        compile_crate(
            self._workshop.toolchain, self._workshop.sysroot, "striped", source, "bin", elf,
            flags=("-Cstrip=symbols", "-Copt-level=s"), link=Link(self._workshop.linker),
        )  # fmt: skip
        path = self._directory / "striped.kernel"
        path.write_bytes(write_kernel_file(elf.read_bytes(), settings_of(elf, KernelSettings())))
        return path


@pytest.fixture(scope="module")
def boots(workshop: Workshop, hello: Built, tmp_path_factory: pytest.TempPathFactory) -> Boots:
    return Boots(workshop, hello, tmp_path_factory.mktemp("matrix"))


@pytest.mark.needs("ovmf", "sbsign", "openssl")
@pytest.mark.parametrize("place", range(ROWS))
def test_a_row_of_the_matrix_passes(boots: Boots, place: int) -> None:
    row = make_rows()[PART::PARTS][place]
    print(f"row {row.number}: {' '.join(row.properties)}")
    outcome = boots.boot(row)
    assert outcome.passed, outcome
    # Of a machine with a screen there is a picture.
    assert (outcome.picture != "") == (row.display != "none"), outcome


def test_a_row_whose_kernel_is_damaged_fails_and_says_why(boots: Boots) -> None:
    row = dataclasses.replace(PLAIN, number=1, kernel="small")
    bench = boots.bench(row)
    medium = bench.media["small"]
    damaged = bytearray(medium.image.read_bytes())
    damaged[(2048 + 16) * 512] ^= 1
    image = medium.image.with_name("damaged.img")
    image.write_bytes(damaged)
    bench = dataclasses.replace(bench, media={"small": dataclasses.replace(medium, image=image)})
    outcome = boot_row(row, bench, boots.plain("small"))
    assert not outcome.passed and "KC: the kernel's checksum is" in outcome.why


@pytest.mark.parametrize("active", ["dummy", "ee", "none"])
def test_it_boots_with_the_active_entry(workshop: Workshop, hello: Built, active: str) -> None:
    image = workshop.write_image(hello.elf, "active", active)
    check_hello(dataclasses.replace(RunConfig(hello.image), image=image))
