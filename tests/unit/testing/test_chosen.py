"""Which programs of a kernel's tests may hold a test that TESTS= names, when the guest alone knows the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.testing.chosen import chooses_nothing, is_chosen, may_choose, may_hold


@pytest.mark.parametrize(
    ("pattern", "programs"),
    [
        ("kernel/heap/allocation::a_map*", ["allocation", "lib", "main"]),  # lib.rs may have a module allocation
        ("kernel/heap/memory::tests::*", ["lib", "main"]),
        ("*::a_map_holds_bits", ["allocation", "lib", "main"]),
        ("kernel/*::a_map_holds_bits", ["allocation", "lib", "main"]),
        ("kernel/heat/allocation::a", []),
        ("kernel/heap/allocation", ["lib", "main"]),  # a test in the root, where no program has the name
        ("kernel/heat/allocation", []),
        ("lint unit/elf", []),
        ("unit/elf::a kernel/heap/alloc*::b", ["allocation", "lib", "main"]),
    ],
)
def test_a_program_is_chosen_for_what_it_may_hold(pattern: str, programs: list[str]) -> None:
    all_there_are = ["allocation", "lib", "main"]
    assert [name for name in all_there_are if may_hold(f"kernel/heap/{name}", pattern)] == programs


@pytest.mark.parametrize(
    ("pattern", "programs"),
    [
        ("kernel/heap/allocation", ["allocation"]),
        ("kernel/heap/main", ["main"]),
        ("kernel/heap/in_the_root", ["lib", "main"]),
        ("kernel/heap/allocation::a", ["allocation", "lib", "main"]),
        ("kernel/heap/a*", ["allocation", "lib", "main"]),
        ("*::a", ["allocation", "lib", "main"]),
        ("kernel", ["allocation", "lib", "main"]),
        ("unit/elf kernel/heat/x", []),
    ],
)
def test_a_program_that_no_pattern_may_choose_is_not_made(pattern: str, programs: list[str]) -> None:
    all_there_are = [f"kernel/heap/{name}" for name in ("allocation", "lib", "main")]
    made = [name for name in all_there_are if may_choose(name, pattern, all_there_are)]
    assert made == [f"kernel/heap/{name}" for name in programs]


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("unit/sums::a_numbr", "near it are unit/sums::a_number_is_small"),
        ("kernel/heat/alloc*", "near it are kernel/heap/allocation"),
        ("x/* y", "there is kernel/heap/allocation, for example"),
        ("unit/sums::a_number_is_small[12]", ""),
        ("unit/sums::a*small", ""),
        ("*wrong*", ""),
        ("boot unit", ""),
        ("kernel", ""),
        ("kernel/heap/a_module::a_test", ""),
    ],
)
def test_what_can_choose_nothing_is_known_before_a_test_is_built(tmp_path: Path, pattern: str, near: str) -> None:
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_sums.py").write_text("def test_a_number_is_small(): ...\n")
    said = chooses_nothing(pattern, ["kernel/heap/allocation"], tmp_path)
    assert said.startswith(f"no test's name matches TESTS={pattern}; {near}") if near else said == ""


def test_a_pattern_is_a_name_or_a_room_or_matches() -> None:
    assert is_chosen("kernel/heap/allocation::a", "kernel/heap/allocation")
    assert is_chosen("kernel/heap/allocation::a", "none kernel/*::a")
    assert not is_chosen("kernel/heap/allocation::a", "kernel/heap/alloc")
