"""Records: what Python's dataclasses do, without the price."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from bootwright.base import records

Make = Callable[..., Any]


def with_defaults(decorate: Make, field: Make) -> Any:
    """Returns a frozen class with all that is used of dataclasses here."""

    class Facts:
        name: str
        size: int = 3
        words: list[str] = field(default_factory=list)
        seen: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "seen", {self.name: self.size})

    return decorate(Facts, frozen=True)


OURS = with_defaults(lambda cls, **words: records.record(**words)(cls), records.field)
THEIRS = with_defaults(lambda cls, **words: dataclasses.dataclass(cls, **words), dataclasses.field)


@pytest.mark.parametrize(
    ("values", "named"), [(("a",), {}), (("a", 4), {}), ((), {"name": "a", "words": ["b"]}), (("a", 1, ["c"]), {})]
)
def test_a_record_is_what_a_dataclass_is(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = OURS(*values, **named), THEIRS(*values, **named)
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs) == vars(ours)
    assert [f.name for f in dataclasses.fields(ours)] == [f.name for f in dataclasses.fields(theirs)]
    assert records.replace(ours, size=9).size == dataclasses.replace(ours, size=9).size == 9
    assert records.replace(ours, size=9).seen == {"a": 9}
    assert OURS.__match_args__ == THEIRS.__match_args__
    assert dataclasses.is_dataclass(OURS)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), (("a", 1, [], {}, 5), {}), (("a",), {"name": "b"}), (("a",), {"other": 1})]
)
def test_values_that_do_not_fit_are_refused_as_a_dataclass_refuses_them(
    values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    for cls in (THEIRS, OURS):
        with pytest.raises(TypeError):
            cls(*values, **named)


def test_records_are_equal_where_what_is_compared_is() -> None:
    @records.record(frozen=True)
    class Pair:
        left: int
        right: int = records.field(default=2, compare=False)

    assert Pair(1) == Pair(1, 5)
    assert hash(Pair(1)) == hash(Pair(1, 5))
    assert Pair(1) != Pair(2)
    other: object = (1, 2)
    assert Pair(1) != other


def test_a_default_is_nobodys_but_the_records_own() -> None:
    assert OURS("a").words is not OURS("b").words


def test_a_frozen_record_takes_no_other_value() -> None:
    for cls in (THEIRS, OURS):
        record = cls("a")
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.size = 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            del record.size


def test_a_record_that_is_not_frozen_has_no_hash() -> None:
    @records.record
    class Open:
        name: str

    one = Open("a")
    one.name = "b"
    assert one == Open("b")
    with pytest.raises(TypeError):
        hash(one)


@records.record(frozen=True)
class Base:
    """A record that another one extends."""

    one: int
    more: tuple[int, ...] = (1,)


@records.record(frozen=True)
class Extended(Base):
    """One that adds a field, and gives one another default."""

    more: tuple[int, ...] = (2,)
    last: dict[str, int] = records.field(default_factory=dict)


def test_a_record_has_the_fields_of_the_one_that_it_extends() -> None:
    made = Extended(5)
    assert (made.one, made.more, made.last) == (5, (2,), {})
    assert [one.name for one in dataclasses.fields(Extended)] == ["one", "more", "last"]
    assert Extended(5, last={"a": 1}) == records.replace(made, last={"a": 1}) != made
    assert (Base(5).more, [one.name for one in dataclasses.fields(Base)]) == ((1,), ["one", "more"])
    with pytest.raises(TypeError):
        Extended()  # type: ignore[call-arg]  # which is what is tried
