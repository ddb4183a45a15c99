"""Where a medium with less room than it says shows again what was written: the place is found, or none is claimed."""

from __future__ import annotations

import pytest

from bootwright.base.sizes import MIB
from bootwright.flash import capacity
from bootwright.flash.capacity import find_alias, tag
from bootwright.image.layout import SECTOR_SIZE

SIZE = 8 * MIB
PIECES = [(start, MIB) for start in range(0, SIZE, MIB)]


class Wraps:
    """A medium that says SIZE and has less, so that places come again; it has what was written once it was flushed."""

    size = SIZE

    def __init__(self, room: int, fails: str = "") -> None:
        self.data = bytearray(b"\xa5" * room)
        self.writes: list[tuple[int, bytes]] = []
        self._fails = fails

    def _do(self, what: str) -> None:
        if what == self._fails:
            raise OSError(5, "Input/output error")

    def read(self, offset: int, length: int) -> memoryview:
        self._do("read")
        place = offset % len(self.data)
        return memoryview(bytes(self.data[place : place + length]))

    def write(self, offset: int, data: bytes | memoryview) -> None:
        self._do("write")
        self.writes.append((offset, bytes(data)))

    def sync(self) -> None:
        self._do("sync")
        for offset, data in self.writes:
            for at in range(0, len(data), SECTOR_SIZE):
                place = (offset + at) % len(self.data)
                self.data[place : place + SECTOR_SIZE] = data[at : at + SECTOR_SIZE]
        self.writes.clear()

    def refresh(self) -> None:
        self.sync()

    def close(self) -> None:
        """Does nothing."""


@pytest.mark.parametrize("room", [MIB, 3 * MIB, 5 * MIB + MIB // 2, SIZE - SECTOR_SIZE])
@pytest.mark.parametrize("wrong", [0, SECTOR_SIZE])
def test_the_next_place_that_is_the_same_is_found(room: int, wrong: int) -> None:
    found = find_alias(Wraps(room), PIECES, wrong)
    assert found == (room + wrong if room + wrong < SIZE else None)


def test_of_a_large_image_what_is_near_is_looked_at_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "ALIAS_SEARCH", 2 * MIB)
    assert find_alias(Wraps(MIB + MIB // 2), PIECES, 0) == MIB + MIB // 2
    assert find_alias(Wraps(7 * MIB), PIECES, 0) == 7 * MIB
    assert find_alias(Wraps(4 * MIB), PIECES, 0) is None
    assert find_alias(Wraps(4 * MIB), PIECES, 3 * MIB) == 7 * MIB


def test_a_medium_that_has_its_room_is_not_called_a_liar_and_keeps_what_comes_before() -> None:
    medium = Wraps(SIZE)
    wrong = MIB + 5 * SECTOR_SIZE
    assert find_alias(medium, PIECES, wrong) is None
    assert bytes(medium.data[: wrong + SECTOR_SIZE]) == b"\xa5" * (wrong + SECTOR_SIZE)
    assert find_alias(medium, PIECES, SIZE - SECTOR_SIZE) is None, "nothing lies behind the last sector"


@pytest.mark.parametrize("fails", ["read", "write", "sync"])
def test_a_medium_that_fails_is_said_nothing_of(fails: str) -> None:
    assert find_alias(Wraps(MIB, fails), PIECES, 0) is None


def test_a_tag_says_where_it_was_written_and_is_the_same_in_every_run() -> None:
    assert len({tag(offset) for offset in range(0, SIZE, MIB)}) == len(PIECES)
    assert (len(tag(MIB)), tag(MIB)) == (SECTOR_SIZE, tag(MIB))
    assert b"1048576" in tag(MIB)
