"""Which programs of a kernel's tests may hold a test that TESTS= names, when the guest alone knows the names."""

from __future__ import annotations

import pytest

from bootwright.testing.chosen import is_chosen, may_hold


@pytest.mark.parametrize(
    ("pattern", "programs"),
    [
        ("kernel/heap/allocation::a_map*", ["allocation", "lib", "main"]),  # lib.rs may have a module allocation
        ("kernel/heap/memory::tests::*", ["lib", "main"]),
        ("*::a_map_holds_bits", ["allocation", "lib", "main"]),
        ("kernel/*::a_map_holds_bits", ["allocation", "lib", "main"]),
        ("kernel/heat/allocation::a", []),
        ("kernel/heap/allocation", []),  # which is no test behind a program: it is chosen by its name
        ("unit/elf::a kernel/heap/alloc*::b", ["allocation", "lib", "main"]),
    ],
)
def test_a_program_is_chosen_for_what_it_may_hold(pattern: str, programs: list[str]) -> None:
    all_there_are = ["allocation", "lib", "main"]
    assert [name for name in all_there_are if may_hold(f"kernel/heap/{name}", pattern)] == programs


def test_a_pattern_is_a_name_or_a_room_or_matches() -> None:
    assert is_chosen("kernel/heap/allocation::a", "kernel/heap/allocation")
    assert is_chosen("kernel/heap/allocation::a", "none kernel/*::a")
    assert not is_chosen("kernel/heap/allocation::a", "kernel/heap/alloc")
