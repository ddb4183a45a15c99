"""A kernel of about 45 units, whose crates come from the registry: what it costs here and with cargo bootimage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Protocol

from tools.benchmark.figures import Of, Row
from tools.benchmark.ours import UP_TO_DATE, Bootwright
from tools.benchmark.peer import CargoBootimage
from tools.benchmark.stopwatch import Taken

from bootwright.base.errors import BootwrightError

PACKAGE = "tests/kernels/packages/executor"
EDITED = "\n#[used]\nstatic EDITED: u32 = {};\n"
PLAN_SECONDS = 1.0  # of a processor's time
Figure = Callable[[Taken], float]
Tell = Callable[[str], None]


class Side(Protocol):
    """Who builds the kernel in directory."""

    directory: Path

    def forget(self, store: bool = False) -> None:
        """Removes what a build made; with store also what is kept for the next one."""

    def build(self) -> Taken:
        """Builds the image."""

    def test(self) -> Taken:
        """Builds the kernel's tests and runs them; raises unless they pass."""


class Ours:
    """Bootwright's side; the crates are fetched into the person's own cargo home."""

    def __init__(self, home: Path, place: Path, side: Bootwright) -> None:
        self.directory = place / "units" / "ours"
        self._home = home
        self._side = side

    def set_up(self) -> None:
        """Copies the kernel, and builds it once, which fetches its crates."""
        _copy(self._home / PACKAGE, self.directory)
        self.build()

    def forget(self, store: bool = False) -> None:
        """Removes what a build made."""
        self._side.forget(store)

    def build(self) -> Taken:
        """Builds the image."""
        return self._side.scons(f"KERNEL={self.directory}")

    def test(self) -> Taken:
        """Builds the kernel's tests and runs them."""
        return self._side.scons("test", f"KERNEL={self.directory}")

    def plan(self) -> float:
        """Returns the processor's seconds that a new plan takes: what a build takes longer that makes one."""
        with (self.directory / "Cargo.toml").open("a", encoding="utf-8") as manifest:
            manifest.write("# another line, and nothing else\n")
        planned, null = self.build(), self.build()
        for taken in (planned, null):
            if UP_TO_DATE not in taken.output:
                raise BootwrightError(f"a comment in Cargo.toml had something built: {taken.output.strip()}")
        return planned.processor - null.processor


class Peer:
    """The peer's side, with a target directory of its own for this kernel."""

    def __init__(self, home: Path, place: Path, side: CargoBootimage) -> None:
        self.directory = place / "units" / "peer"
        self._home = home
        self._side = side
        self._target = place / "units" / "target"

    def set_up(self) -> None:
        """Copies the kernel, and builds it once, which fetches its crates."""
        _copy(self._home / PACKAGE, self.directory)
        self._cargo("bootimage")

    def forget(self, store: bool = False) -> None:
        """Removes what a build made."""
        shutil.rmtree(self._target, ignore_errors=True)

    def build(self) -> Taken:
        """Builds the image."""
        return self._cargo("bootimage", CARGO_NET_OFFLINE="true")

    def test(self) -> Taken:
        """Builds the kernel's tests and runs them, by bootimage's runner."""
        return self._cargo("test", "--tests", CARGO_NET_OFFLINE="true")

    def _cargo(self, *words: str, **extra: str) -> Taken:
        return self._side.cargo(*words, directory=self.directory, CARGO_TARGET_DIR=str(self._target), **extra)


def _copy(source: Path, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns("target"))
    with (directory / "Cargo.toml").open("a", encoding="utf-8") as manifest:
        manifest.write("\n[workspace]\n")  # whatever lies above it


def measure_units(
    ours: Side, peer: Side, plan: Callable[[], float], figure: Figure, times: int, clean_times: int, tell: Tell
) -> list[Row]:
    """Measures clean builds, null builds, one-line edits to the image and to the end of the tests, and a new plan.

    figure says which of a measurement's figures counts: its seconds, or the processor's.
    """
    empty, filled, clean = [], [], []
    for turn in range(clean_times):
        tell(f"clean builds of a kernel of 45 units, {turn + 1} of {clean_times}")
        ours.forget(store=True)
        empty.append(figure(ours.build()))
        peer.forget()
        clean.append(figure(peer.build()))
        ours.forget()
        filled.append(figure(ours.build()))
    numbers = count(1)
    tell(f"null builds, edits and tests of a kernel of 45 units, {times} times")

    def edit(side: Side) -> None:
        source = side.directory / "src" / "main.rs"
        text = source.read_text(encoding="utf-8").partition(EDITED.partition("{")[0])[0]
        source.write_text(text + EDITED.format(next(numbers)), encoding="utf-8")

    def edit_and_build(side: Side) -> Taken:
        edit(side)
        return side.build()

    def edit_and_test(side: Side) -> Taken:
        edit(side)
        return side.test()

    def in_turns(act: Callable[[Side], Taken]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        act(ours), act(peer)
        taken = [(figure(act(ours)), figure(act(peer))) for _ in range(times)]
        return tuple(one for one, _ in taken), tuple(other for _, other in taken)

    null, image, tests = in_turns(lambda side: side.build()), in_turns(edit_and_build), in_turns(edit_and_test)
    return [
        Row("45 units: clean build, empty store", "s", tuple(empty), tuple(clean), 0.6),
        Row("45 units: clean build, filled store", "s", tuple(filled), tuple(clean), 0.1),
        Row("45 units: null build", "s", *null, 0.2),
        Row("45 units: edit to image", "s", *image, 0.15),
        Row("45 units: edit to the end of its tests", "s", *tests, 0.25),
        Row("45 units: a plan, processor time", "s", tuple(plan() for _ in range(times)), (), PLAN_SECONDS, Of.OURS),
    ]
