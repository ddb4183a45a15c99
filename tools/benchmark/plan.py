"""What the bench measures: both sides in turns, row by row."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from tools.benchmark.figures import Of, Row
from tools.benchmark.package import GREETING, Package
from tools.benchmark.stopwatch import Taken
from tools.icount.count import Counts

SIZES = (0, 4, 16)  # MiB of data in the kernel
INSTRUCTIONS = {0: 0.2, 4: 2.5, 16: 8.0}  # millions, at most
READS = 300
MODULES = 1000
OVER_SCONS = 1.25  # the most that a null build's processor time may be of SCons's own empty build
MODULE_MILLISECONDS = 0.5
START_SECONDS = 0.15
TESTS = 20
TWO_JOBS = 0.65  # of the time of one
FAST_LANE = 1 / 3  # of the image's time
MIB = 1 << 20

Tell = Callable[[str], None]


class Side(Protocol):
    """Who builds the kernel: bootwright or its peer. Each method that takes time returns how much."""

    package: Package
    image: Path
    elf: Path

    def forget(self, store: bool = False) -> None:
        """Removes what a build made; with store also what is kept for the next one."""

    def build(self) -> Taken:
        """Builds the image."""

    def build_nothing(self) -> Taken:
        """Builds once more, with nothing to do."""

    def boot(self, greeting: str) -> Taken:
        """Builds the image and boots it; the time counts until the serial port says greeting."""


@dataclass(frozen=True)
class Sides:
    """Bootwright and the peer."""

    ours: Side
    peer: Side

    def turns(self, times: int, act: Callable[[Side], Taken]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Lets both act in turn, so many times each; returns the seconds of both."""
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(times):
            for side, seconds in zip((self.ours, self.peer), taken, strict=True):
                seconds.append(act(side).seconds)
        return tuple(taken[0]), tuple(taken[1])


def measure_clean_builds(sides: Sides, times: int, tell: Tell) -> list[Row]:
    """Measures builds from nothing. The peer keeps nothing between them, so that one figure of its serves both rows."""
    empty, filled, peer = [], [], []
    for turn in range(times):
        tell(f"clean builds, {turn + 1} of {times}")
        sides.ours.forget(store=True)
        empty.append(sides.ours.build().seconds)
        sides.peer.forget()
        peer.append(sides.peer.build().seconds)
        sides.ours.forget()
        filled.append(sides.ours.build().seconds)
    return [
        Row("clean build, empty store", "s", tuple(empty), tuple(peer), 0.65),
        Row("clean build, filled store", "s", tuple(filled), tuple(peer), 0.1),
    ]


def measure_null_builds(sides: Sides, times: int, tell: Tell) -> list[Row]:
    """Measures builds with nothing to do."""
    tell(f"null builds, {times} times")
    for side in (sides.ours, sides.peer):
        side.build()
    return [Row("null build", "s", *sides.turns(times, lambda side: side.build_nothing()), 0.5)]


def measure_edits(sides: Sides, mebibytes: int, times: int, tell: Tell) -> list[Row]:
    """Measures what an edit of one line costs, to the image and to the greeting on the serial port."""
    data = f", {mebibytes} MiB of data" if mebibytes else ""
    tell(f"edits{data}, {times} times")
    numbers = count(1)

    def edit(side: Side) -> str:
        greeting = f"Hello {next(numbers):05}!"
        side.package.write(greeting, mebibytes)
        return greeting

    def edit_and_build(side: Side) -> Taken:
        edit(side)
        return side.build()

    for side in (sides.ours, sides.peer):
        edit_and_build(side)
    image = sides.turns(times, edit_and_build)
    hello = sides.turns(times, lambda side: side.boot(edit(side)))
    limits = (None, None) if mebibytes else (0.4, 0.35)
    return [
        Row(f"edit to image{data}", "s", *image, limits[0]),
        Row(f"edit to Hello on serial{data}", "s", *hello, limits[1]),
    ]


def measure_starts(ours: Side, start: Callable[[str], Taken], times: int, tell: Tell) -> list[Row]:
    """Measures start, which starts QEMU in the fast lane and waits for the greeting of the kernel that ours builds."""
    tell(f"starts in the fast lane, {times} times")
    ours.package.write(GREETING, 0)
    ours.build()
    seconds = tuple(start(GREETING).seconds for _ in range(times))
    return [Row("fast lane, QEMU's start to Hello", "s", seconds, (), START_SECONDS, Of.OURS)]


def measure_boots(sides: Sides, count_boot: Callable[[Side], Counts], tell: Tell) -> list[Row]:
    """Measures images and boots with each size of the kernel; count_boot counts one side's boot."""
    rows = []
    for mebibytes in SIZES:
        data = f", {mebibytes} MiB of data" if mebibytes else ""
        tell(f"image and boot{data}")
        figures: list[tuple[float, float, float]] = []
        for side in (sides.ours, sides.peer):
            side.package.write(GREETING, mebibytes)
            side.build()
            size = side.image.stat().st_size / MIB
            counts = count_boot(side)
            figures.append((size, counts.instructions / 1e6, counts.reads))
        sizes, instructions, reads = (((ours,), (peer,)) for ours, peer in zip(*figures, strict=True))
        limit = INSTRUCTIONS[mebibytes]
        rows += [
            Row(f"image{data}", "MiB", *sizes),
            Row(f"0x7C00 to the kernel's entry{data}", "M", *instructions, limit, Of.OURS),
            Row(f"disk reads{data}", "", *reads, READS, Of.OURS),
        ]
    return rows


def measure_tests(test: Callable[[bool, int], Taken], times: int, tell: Tell) -> list[Row]:
    """Measures test, which runs TESTS kernel tests: in the image's lane or the fast one, with one job or two.

    Each way twice: the whole of `scons test`, and what its last line says that the tests took.
    """
    tell(f"{TESTS} kernel tests, {times} times in each of two lanes with one job and with two")
    taken: dict[tuple[bool, int], list[Taken]] = {}
    for full in (False, True):
        test(full, 2)  # which builds them and changes the lane
        for _ in range(times):
            for jobs in (1, 2):
                taken.setdefault((full, jobs), []).append(test(full, jobs))
    whole = {way: tuple(one.seconds for one in many) for way, many in taken.items()}
    alone = {way: tuple(_own_seconds(one.output) for one in many) for way, many in taken.items()}
    rows: list[Row] = []
    for what, figures in ((f"scons test, {TESTS} tests", whole), (f"{TESTS} tests alone", alone)):
        for full, lane in ((False, "fast lane"), (True, "image")):
            rows.append(Row(f"{what}, {lane}, -j2", "s", figures[full, 2], figures[full, 1], TWO_JOBS, against="-j1"))
        for jobs in (1, 2):
            two_lanes = figures[False, jobs], figures[True, jobs]
            rows.append(Row(f"{what}, fast lane, -j{jobs}", "s", *two_lanes, FAST_LANE, against="image"))
    return rows


def _own_seconds(output: str) -> float:
    """Returns the seconds in the last line of pytest's, "20 passed in 0.43s"."""
    found = re.findall(r" passed in ([\d.]+)s", output)
    assert found, output
    return float(found[-1])


def measure_over_scons(ours: Side, floor: Callable[[], Taken], times: int, tell: Tell) -> list[Row]:
    """Measures the processor time of a null build beside that of SCons alone (floor), in turns.

    It is answered without a graph where the one before did nothing either. What it takes where SCons itself looks at
    all files, since one was touched, stands in a row without a limit.
    """
    tell(f"null builds beside SCons alone, {times} times")
    ours.package.make()
    ours.build()
    ours.build_nothing()
    alone, whole, looked = [], [], []
    for _ in range(times):
        alone.append(floor().processor)
        whole.append(ours.build_nothing().processor)
        ours.package.touch()
        looked.append(ours.build_nothing().processor)
    name = "null build, processor time"
    return [
        Row(name, "s", tuple(whole), tuple(alone), OVER_SCONS, against="SCons alone"),
        Row(f"{name}, a file touched", "s", tuple(looked), tuple(alone), against="SCons alone"),
    ]


def measure_many_modules(ours: Side, floor: Callable[[], Taken], times: int, tell: Tell) -> list[Row]:
    """Measures a null build with many more files in the graph, over what SCons alone takes (floor)."""
    tell(f"null builds with {MODULES} more modules, {times} times")
    ours.package.make()
    ours.package.add_modules(MODULES)
    ours.build()
    alone, whole = [], []
    for _ in range(times):
        alone.append(floor().seconds)
        whole.append(ours.build_nothing().seconds)
    ours.package.make()
    each = tuple(1000 * (seconds - min(alone)) / MODULES for seconds in whole)
    return [
        Row("SCons alone, two nodes", "s", tuple(alone)),
        Row(f"a node of {MODULES} in a null build, over SCons alone", "ms", each, (), MODULE_MILLISECONDS, Of.OURS),
    ]
