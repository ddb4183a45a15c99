"""A long wait is not mute: what goes on is named with its seconds, in one line that is taken away."""

from __future__ import annotations

import io
import re

from bootwright.base.counting import CLEAR, LONG_SECONDS, Counting, hide_all


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def counting(columns: int = 80) -> tuple[Counting, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return Counting(out, "compiling", lambda: columns, clock), out, clock


def test_what_takes_long_is_named_with_its_seconds_and_what_does_not_is_not() -> None:
    shown, out, clock = counting()
    shown.begin("core")
    clock.now += LONG_SECONDS - 1
    shown.begin("alloc")
    shown.look()
    assert out.getvalue() == ""
    clock.now += 8
    shown.look()
    assert out.getvalue() == f"{CLEAR}compiling core 12 s, alloc 8 s"
    shown.end("core")
    assert out.getvalue().endswith(CLEAR)
    assert shown.words() == "alloc 8 s"
    shown.close()


def test_the_line_fits_in_the_terminal() -> None:
    shown, out, clock = counting(columns=40)
    for number in range(9):
        shown.begin(f"a name that is long {number}")
    clock.now += 10
    shown.look()
    line = out.getvalue().removeprefix(CLEAR)
    assert len(line) == 39 and re.fullmatch(r"compiling a name that is long 0 .*\.\.\.", line)
    shown.close()


def test_without_a_terminal_nothing_is_counted_and_what_runs_is_known_all_the_same() -> None:
    clock = Clock()
    shown = Counting(None, clock=clock)
    shown.begin("a")
    clock.now += 60
    shown.look()
    assert shown.words() == "a 60 s"
    shown.end("a")
    assert shown.words() == ""


def test_another_line_that_is_printed_takes_every_counting_line_away() -> None:
    both = [counting(), counting()]
    for shown, _, clock in both:
        shown.begin("core")
        clock.now += LONG_SECONDS
        shown.look()
    hide_all()
    assert all(out.getvalue().endswith(CLEAR) for _, out, _ in both)
    for shown, _, _ in both:
        shown.close()
    hide_all()
    assert all(out.getvalue().count(CLEAR) == 2 for _, out, _ in both)
