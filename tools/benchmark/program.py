"""The program behind tools/bench: sets both sides up, measures, and writes bench.md and bench.svg."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.benchmark import plan, runners, uefi, units
from tools.benchmark.figures import Row
from tools.benchmark.ours import Bootwright
from tools.benchmark.peer import CargoBootimage, find_peer_version
from tools.benchmark.plan import Side, Sides
from tools.benchmark.plot import write_plot
from tools.benchmark.report import write_table
from tools.benchmark.stopwatch import Taken, take
from tools.icount.count import Counts, build_plugin, count_boot, qemu_version

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.machine.config import MachineConfig
from bootwright.machine.qemu import find_qemu
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.search import find_toolchain

HOME = Path(__file__).resolve().parents[2]
TARGET = "x86_64-unknown-none"
INTERRUPTED = 130
UEFI_SECONDS = 600.0  # OVMF alone takes some, and where each instruction is counted a minute
PARTS = ("clean", "null", "edit", "boot", "nodes", "tests", "units", "runner", "uefi")
ALONE = {"nodes", "tests"}  # in these bootwright is compared with nothing but itself
FLOOR = 'Command("out", "in", Copy("$TARGET", "$SOURCE"))\n'


def tell(line: str) -> None:
    """Says what is being done."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Runs the bench with the command line's arguments and returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    everything = "where everything goes: both sides, bench.md and bench.svg (default: build/bench)"
    parser.add_argument("directory", nargs="?", type=Path, default=HOME / "build" / "bench", help=everything)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which parts, of {','.join(PARTS)} (default: all)")
    parser.add_argument("--times", type=int, default=7, help="how often a short thing is measured (default: 7)")
    parser.add_argument("--clean-times", type=int, default=2, help="how often a clean build is (default: 2)")
    busy = "units, runner: compare the processor's time, which other work on the machine changes little"
    parser.add_argument("--processor", action="store_true", help=busy)
    chosen = parser.parse_args(arguments)
    parts = chosen.parts.split(",")
    try:
        if unknown := set(parts) - set(PARTS):
            raise BootwrightError(f"--parts={chosen.parts}: there is no part {min(unknown)}", f"of {', '.join(PARTS)}")
        if min(chosen.times, chosen.clean_times) < 1:
            raise BootwrightError("nothing can be measured less than once", "--times and --clean-times are 1 or more")
        if os.name != "posix":
            raise BootwrightError(
                "the bench wants a system with links and a shell; the peer's toolchain is made of them"
            )
        run_bench(chosen.directory.absolute(), parts, chosen.times, chosen.clean_times, chosen.processor)
    except BootwrightError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    return Status.DONE


def run_bench(directory: Path, parts: Sequence[str], times: int, clean_times: int, processor: bool = False) -> None:
    """Measures the parts in directory, prints the table and writes it there, and the plot."""
    toolchain = find_toolchain(HOME / "kernel", TARGET, os.environ.get("RUSTC"), os.environ)
    ours, peer = Bootwright(HOME, directory / "ours"), CargoBootimage(HOME, directory / "peer", toolchain)
    sides = Sides(ours, peer)
    compared = not set(parts) <= ALONE
    if compared:
        peer.set_up(tell)
    ours.set_up()
    tell("building and running bootwright's kernel once")
    ours.boot("Hello World!")
    rows: list[Row] = []
    if "clean" in parts:
        rows += plan.measure_clean_builds(sides, clean_times, tell)
    if "null" in parts:
        rows += plan.measure_null_builds(sides, times, tell)
    if "edit" in parts:
        rows += plan.measure_edits(sides, 0, times, tell)
        rows += plan.measure_edits(sides, max(plan.SIZES), min(times, 3), tell)
        rows += plan.measure_starts(ours, ours.start, times, tell)
    if not {"boot", "uefi"}.isdisjoint(parts):
        linker = find_llvm_tool(toolchain, "ld.lld", os.environ)
        source = HOME / "tools" / "icount" / "icount.rs"
        plugin = build_plugin(toolchain.rustc, linker, source, directory, qemu_version(find_qemu(None)))
    if "boot" in parts:

        def count(side: Side) -> Counts:
            peer.pad()
            flags = ("-cpu", "qemu64")
            return count_boot(MachineConfig(side.image, qemu_flags=flags), plugin, read_entry(side.elf))

        rows += plan.measure_boots(sides, count, tell)
    if "uefi" in parts:

        def count_uefi(config: MachineConfig, elf: Path) -> Counts:
            return count_boot(config, plugin, read_entry(elf), timeout=UEFI_SECONDS)

        rows += uefi.measure_uefi(uefi.UefiSides(directory / "uefi", ours, peer), count_uefi, tell)
    if "nodes" in parts:
        rows += plan.measure_over_scons(ours, lambda: take_floor(directory), times, tell)
        rows += plan.measure_many_modules(ours, lambda: take_floor(directory), times, tell)
    if "tests" in parts:
        ours.make_tests(plan.TESTS)
        rows += plan.measure_tests(ours.test, times, tell)
    if "units" in parts:
        we, they = units.Ours(HOME, directory, ours), units.Peer(HOME, directory, peer)
        tell("building the kernel of 45 units once on each side, which fetches its crates")
        we.set_up()
        they.set_up()

        def figure(taken: Taken) -> float:
            return taken.processor if processor else taken.seconds

        rows += units.measure_units(we, they, we.plan, figure, min(times, 3), clean_times, tell)
    if "runner" in parts:
        both = runners.Runners(HOME, peer)
        rows += runners.measure_runners(both, lambda t: t.processor if processor else t.seconds, times, tell)
    table = write_table(rows, _facts(peer, compared))
    for name, text in (("bench.md", table), ("bench.svg", write_plot(rows, "bootwright beside cargo bootimage"))):
        with atomic.new_file(directory / name) as path:
            path.write_text(text, encoding="utf-8")
    print(table, end="")
    tell(f"written: {directory / 'bench.md'} and bench.svg")


def take_floor(directory: Path) -> Taken:
    """Measures the null build of SCons alone, with two nodes, as bootwright starts it."""
    place = directory / "floor"
    argv = [sys.executable, "-m", "SCons", "-Q"]
    if not place.exists():
        place.mkdir()
        (place / "in").write_text("in", encoding="utf-8")
        (place / "SConstruct").write_text(FLOOR, encoding="utf-8")
        take(argv, place, os.environ)
    return take(argv, place, os.environ)


def read_entry(elf: Path) -> int:
    """Returns the virtual address of the kernel's entry."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as file:
        return int(ELFFile(file)["e_entry"])


def _facts(peer: CargoBootimage, compared: bool) -> Mapping[str, str]:
    major, minor = qemu_version(find_qemu(None))
    return {
        "peer": find_peer_version(peer) if compared else "not set up, as no part that was chosen compares with it",
        "compiler": peer.toolchain.verbose.splitlines()[0],
        "machine": f"QEMU {major}.{minor}, q35 with AHCI; boots are counted under TCG with -cpu qemu64",
        "builder": f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}",
    }
