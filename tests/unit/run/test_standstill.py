"""When a guest that runs on is worth a look: once for each place at which it stands."""

from __future__ import annotations

from bootwright.run.standstill import LOOKS, Standstill


def looks(standstill: Standstill, *program_counters: int) -> list[bool]:
    return [standstill.is_new(one) for one in program_counters]


def test_a_processor_that_stands_is_told_once() -> None:
    assert looks(Standstill(), *[7] * 3 * LOOKS) == [False] * (LOOKS - 1) + [True] + [False] * 2 * LOOKS


def test_a_small_loop_is_a_place_and_a_wide_one_is_none() -> None:
    assert sum(looks(Standstill(), *[10, 11, 12, 13] * LOOKS)) == 1
    assert not any(looks(Standstill(), *range(4 * LOOKS)))


def test_who_comes_to_stand_elsewhere_is_told_again_and_who_comes_back_is_not() -> None:
    standstill = Standstill()
    looks(standstill, *[7] * LOOKS)
    assert sum(looks(standstill, *[9] * LOOKS)) >= 1
    assert not any(looks(standstill, *[7] * 2 * LOOKS, *[9] * LOOKS))
