"""What the bench measures, with sides that only say what they were asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tools.benchmark import plan
from tools.benchmark.package import GREETING, MIB, Package, change_main, write_tests
from tools.benchmark.plan import Side, Sides
from tools.benchmark.stopwatch import Taken
from tools.icount.count import Counts

HOME = Path(__file__).resolve().parents[3]


def silent(_: str) -> None:
    pass


@dataclass
class FakeSide:
    """A side that notes what it is asked in a log that both share; each build takes `seconds` longer than the last."""

    name: str
    log: list[str]
    package: Package
    image: Path
    elf: Path = Path("no.elf")
    seconds: float = 1.0
    greetings: list[str] = field(default_factory=list)

    def _take(self, what: str) -> Taken:
        self.log.append(f"{self.name} {what}")
        self.seconds += 1
        return Taken(self.seconds - 1, "", (self.seconds - 1) / 10)

    def forget(self, store: bool = False) -> None:
        self.log.append(f"{self.name} forgets{' all' if store else ''}")

    def build(self) -> Taken:
        self.greetings.append(self.main().partition('serial_println!("')[2].partition('"')[0])
        self.image.write_bytes(bytes(len(self.log) * 1024))
        return self._take("builds")

    def build_nothing(self) -> Taken:
        return self._take("builds nothing")

    def boot(self, greeting: str) -> Taken:
        assert f'serial_println!("{greeting}")' in self.main()
        return self._take("boots")

    def main(self) -> str:
        return (self.package.directory / "src" / "main.rs").read_text()


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    log: list[str] = []
    made = []
    for name in ("we", "they"):
        package = Package(HOME / "kernel", tmp_path / name)
        package.make()
        made.append(FakeSide(name, log, package, tmp_path / f"{name}.img"))
    return Sides(*made)


def log(sides: Sides) -> list[str]:
    assert isinstance(sides.ours, FakeSide)
    return sides.ours.log


def test_clean_builds_forget_first_and_share_the_peers_figure(sides: Sides) -> None:
    empty, filled = plan.measure_clean_builds(sides, 2, silent)
    one_turn = ["we forgets all", "we builds", "they forgets", "they builds", "we forgets", "we builds"]
    assert log(sides) == one_turn * 2
    assert (empty.ours, empty.peer, filled.ours, filled.peer) == ((1.0, 3.0), (1.0, 2.0), (2.0, 4.0), (1.0, 2.0))
    assert (empty.limit, filled.limit) == (0.65, 0.1)


def test_both_sides_take_turns_in_null_builds_after_one_that_is_not_counted(sides: Sides) -> None:
    (row,) = plan.measure_null_builds(sides, 2, silent)
    assert log(sides) == ["we builds", "they builds", *["we builds nothing", "they builds nothing"] * 2]
    assert (row.ours, row.peer, row.limit) == ((2.0, 3.0), (2.0, 3.0), 0.5)


def test_each_edit_is_a_new_one_and_is_booted_until_it_is_said(sides: Sides) -> None:
    image, hello = plan.measure_edits(sides, 0, 3, silent)
    assert log(sides)[2:] == [*["we builds", "they builds"] * 3, *["we boots", "they boots"] * 3]
    assert isinstance(sides.ours, FakeSide)
    assert len(set(sides.ours.greetings)) == 4
    assert (image.limit, hello.limit) == (0.4, 0.35)
    assert len(image.ours) == len(hello.peer) == 3


def test_the_fast_lane_is_started_with_the_kernel_that_was_built(sides: Sides) -> None:
    greetings: list[str] = []

    def start(greeting: str) -> Taken:
        assert log(sides) == ["we builds"]
        greetings.append(greeting)
        return Taken(0.1 * len(greetings), "")

    (row,) = plan.measure_starts(sides.ours, start, 3, silent)
    assert greetings == ["Hello World!"] * 3
    assert (row.our_best, row.limit, row.reached) == (0.1, 0.15, True)


def test_the_limits_hold_for_the_small_kernel_alone(sides: Sides) -> None:
    rows = plan.measure_edits(sides, 1, 1, silent)
    assert [row.limit for row in rows] == [None, None]
    assert all("1 MiB of data" in row.name for row in rows)
    assert (sides.ours.package.directory / "src" / "data.bin").stat().st_size == MIB


def test_boots_are_counted_with_each_size_and_hold_their_limits(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SIZES", (0, 4))

    def count(side: Side) -> Counts:
        data = side.package.directory / "src" / "data.bin"
        weight = 1 if side is sides.ours else 10
        return Counts(weight * 100_000 * (1 + data.stat().st_size // MIB if data.exists() else 1), weight * 2)

    rows = plan.measure_boots(sides, count, silent)
    assert [row.name for row in rows[:3]] == ["image", "0x7C00 to the kernel's entry", "disk reads"]
    assert all(row.name.endswith(", 4 MiB of data") for row in rows[3:])
    assert (rows[1].ours, rows[1].peer, rows[1].limit) == ((0.1,), (1.0,), 0.2)
    assert (rows[2].ours, rows[2].peer, rows[2].limit) == ((2,), (20,), 300)
    assert (rows[4].our_best, rows[4].limit) == (0.5, 2.5)
    assert rows[0].our_best < (rows[0].peer_best or 0)


def test_a_node_costs_what_a_null_build_takes_over_scons_alone(sides: Sides) -> None:
    floors = iter([0.5, 0.25, 0.75])
    alone, each = plan.measure_many_modules(sides.ours, lambda: Taken(next(floors), ""), 3, silent)
    assert alone.ours == (0.5, 0.25, 0.75)
    # The fake's null builds take 2, 3 and 4 seconds.
    assert each.ours == pytest.approx((1.75, 2.75, 3.75))
    assert (each.unit, each.limit) == ("ms", 0.5)
    assert not (sides.ours.package.directory / "src" / "many").exists()


def test_kernel_tests_run_in_both_lanes_with_one_job_and_two() -> None:
    ways: list[tuple[bool, int]] = []

    def test(full: bool, jobs: int) -> Taken:
        builds = full not in [lane for lane, _ in ways]
        ways.append((full, jobs))
        # The image takes four times as long, and two jobs half of one's time; all but half a second is the tests' own.
        seconds = (100.0 if builds else 4.0 if full else 1.0) / jobs
        return Taken(seconds + 0.5, f"passed     0.01 s  kernel/tested/t00\n\n20 passed in {seconds:.2f}s\n")

    rows = plan.measure_tests(test, 2, silent)
    assert ways == [(False, 2), *[(False, 1), (False, 2)] * 2, (True, 2), *[(True, 1), (True, 2)] * 2]
    assert [(row.name, row.against, row.ours, row.peer, row.limit) for row in rows] == [
        ("scons test, 20 tests, fast lane, -j2", "-j1", (1.0, 1.0), (1.5, 1.5), 0.65),
        ("scons test, 20 tests, image, -j2", "-j1", (2.5, 2.5), (4.5, 4.5), 0.65),
        ("scons test, 20 tests, fast lane, -j1", "image", (1.5, 1.5), (4.5, 4.5), 1 / 3),
        ("scons test, 20 tests, fast lane, -j2", "image", (1.0, 1.0), (2.5, 2.5), 1 / 3),
        ("20 tests alone, fast lane, -j2", "-j1", (0.5, 0.5), (1.0, 1.0), 0.65),
        ("20 tests alone, image, -j2", "-j1", (2.0, 2.0), (4.0, 4.0), 0.65),
        ("20 tests alone, fast lane, -j1", "image", (1.0, 1.0), (4.0, 4.0), 1 / 3),
        ("20 tests alone, fast lane, -j2", "image", (0.5, 0.5), (2.0, 2.0), 1 / 3),
    ]
    assert [row.reached for row in rows] == [False, True, True, False, True, True, True, True]


def test_the_tested_kernel_has_a_program_for_each_test_and_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    write_tests(tmp_path / "tested", 12)
    write_tests(tmp_path / "tested", 3)
    programs = sorted((tmp_path / "tested" / "tests").iterdir())
    assert [path.name for path in programs] == ["t00.rs", "t01.rs", "t02.rs"]
    assert 'in("dx") 0xf4_u16, in("eax") 0x10_u32' in programs[0].read_text()
    assert "asm!" not in (tmp_path / "tested" / "src" / "main.rs").read_text()


def test_the_package_has_as_many_modules_as_were_asked_for(tmp_path: Path) -> None:
    package = Package(HOME / "kernel", tmp_path / "kernel")
    package.make()
    package.add_modules(3)
    assert sorted(path.name for path in (tmp_path / "kernel/src/many").iterdir()) == [
        "m0.rs", "m1.rs", "m2.rs", "mod.rs"
    ]  # fmt: skip
    assert (tmp_path / "kernel/src/lib.rs").read_text().endswith("pub mod many;\n")


def test_the_data_is_the_same_for_both_sides_and_goes_again(sides: Sides) -> None:
    for side in (sides.ours, sides.peer):
        side.package.write("Hello 1!", 1)
    ours, peer = (side.package.directory / "src" / "data.bin" for side in (sides.ours, sides.peer))
    assert ours.read_bytes() == peer.read_bytes()
    assert len(set(ours.read_bytes()[:1000])) > 200
    sides.ours.package.write()
    assert not ours.exists()
    assert (sides.ours.package.directory / "src" / "main.rs").read_text() == (HOME / "kernel/src/main.rs").read_text()


def test_the_program_says_the_greeting_in_both_places_and_uses_the_data() -> None:
    example = (HOME / "kernel" / "src" / "main.rs").read_text()
    changed = change_main(example, "Hello 7!", True)
    assert '    println!("Hello 7!");' in changed and 'serial_println!("Hello 7!");' in changed
    assert "black_box(DATA)" in changed and 'include_bytes!("data.bin")' in changed
    assert change_main(example, GREETING, False) == example


def test_a_null_build_is_held_to_what_scons_alone_takes_of_the_processor(sides: Sides) -> None:
    floors = iter([0.5, 0.4])

    def floor() -> Taken:
        return Taken(9.0, "", next(floors))

    row, touched = plan.measure_over_scons(sides.ours, floor, 2, silent)
    assert log(sides) == ["we builds", *["we builds nothing"] * 5]
    assert (row.ours, row.peer, row.limit, row.against) == ((0.3, 0.5), (0.5, 0.4), 1.25, "SCons alone")
    assert row.ratio == pytest.approx(0.75)
    assert (touched.ours, touched.peer, touched.limit) == ((0.4, 0.6), (0.5, 0.4), None)
