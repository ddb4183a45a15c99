"""The watch over hostile inputs sees what it is for: writes elsewhere, changes beside, and what takes long."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.unit.hostile.sealed import CANNOT, Hang, Room, in_sealed_process, limited


def test_a_sealed_process_writes_its_own_directory_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "sealed").mkdir()

    def run(room: Room) -> None:
        Path("own").write_text("x")
        assert [path.name for path in room.place.iterdir()] == ["own"]
        for other in (tmp_path / "elsewhere", Path.home() / ".bootwright-test"):
            with pytest.raises(OSError, match="Read-only file system"):
                other.write_text("x")

    status, said = in_sealed_process(tmp_path / "sealed", run)
    if status == CANNOT:
        pytest.skip(f"no mount namespace may be made here: {said}")
    assert (status, said) == (0, "")
    assert [path.name for path in (tmp_path / "sealed").iterdir()] == ["said"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_change_beside_is_seen(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.check()
    os.utime(room.mine / "deep" / "er")
    with pytest.raises(AssertionError, match="a file outside was changed"):
        room.check()


def test_what_uses_the_processor_for_long_is_ended() -> None:
    with pytest.raises(Hang), limited():
        while time.monotonic():
            pass
