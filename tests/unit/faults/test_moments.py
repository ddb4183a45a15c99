"""What several moments of a processor say of a busy kernel: that it comes no further, and that nothing will help it."""

from __future__ import annotations

from typing import Any

import pytest

from bootwright.faults import moments
from bootwright.faults.moments import INTERRUPTS, Moment, come_no_further, interrupted_alone, waits_for_nothing

OFF, ON = 2, 2 | INTERRUPTS  # bit 1 of the flags is always set


def moment(rip: int = 0x1000, flags: int = OFF, **more: int) -> Moment:
    return Moment({"RIP": rip, "RSP": 0x8000, "RFL": flags, **more}, ())


def test_the_same_registers_at_a_few_places_are_no_progress() -> None:
    assert come_no_further([moment(0x1000), moment(0x1004)] * 8)
    assert not come_no_further([moment(0x1000, RAX=number) for number in range(16)]), "a counter counts"
    assert not come_no_further([moment(0x1000 + number) for number in range(16)]), "it is elsewhere each time"
    assert not come_no_further([])


@pytest.mark.parametrize(
    ("flags", "asks", "is_dead"), [(OFF, False, True), (ON, False, False), (OFF, True, False), (ON, True, False)]
)
def test_a_loop_is_dead_without_interrupts_and_devices_alone(
    monkeypatch: pytest.MonkeyPatch, flags: int, asks: bool, is_dead: bool
) -> None:
    monkeypatch.setattr(moments, "may_ask", lambda *_: asks)
    guest: Any = None
    assert waits_for_nothing([moment(flags=flags)] * 16, guest) is is_dead


def test_one_moment_with_interrupts_on_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "may_ask", lambda *_: False)
    guest: Any = None
    assert not waits_for_nothing([*[moment()] * 15, moment(flags=ON)], guest)


def test_moments_in_a_handler_are_left_out_where_there_are_others() -> None:
    handler, own = moment(0x2000), moment(flags=ON)
    assert interrupted_alone([handler, own, handler]) == [own]
    assert interrupted_alone([handler, handler]) == [handler, handler]
