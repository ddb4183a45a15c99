"""What a guest says, and what is left of a run: all of it passed on, little of it kept, nothing in TMPDIR."""

from __future__ import annotations

import signal
import struct
from pathlib import Path

import pytest
from tests.boot.sectors import RUN, SPIN, TRIPLE_FAULT, Sector, child_that_runs, debug_exit, say, wait_until_gone


def flood(kibibytes: int) -> bytes:
    """Says so many KiB of x, as fast as the port takes them; bp counts KiB, cx bytes."""
    return b"\xbd" + struct.pack("<H", kibibytes) + b"\xba\xf8\x03\xb0x\xb9\x00\x04\xee\xe2\xfd\x4d\x75\xf7"


def test_a_flood_is_passed_on_whole_and_little_of_it_is_kept(sector: Sector, tmp_path: Path) -> None:
    image = sector(flood(6 << 10) + say(0x3F8, b"\xff\xfe\xc3!") + debug_exit(0x10))
    copy = tmp_path / "serial"
    call = f"""
import dataclasses, resource
from bootwright.run.voice import Silence
first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run.run(dataclasses.replace(config, accelerator="tcg"), sys.stdout, sys.stderr)
end = run.run(dataclasses.replace(config, serial=Path({str(copy)!r}), accelerator="tcg"), Silence(), sys.stderr)
assert len(end.serial) < 3 << 20, len(end.serial)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first, file=sys.stderr)
"""
    said = b"x" * (6 << 20) + b"\xff\xfe\xc3!"
    with child_that_runs(image, call, text=False) as (child, _):
        passed, grown = child.communicate(timeout=120)
    assert passed.startswith(said + b"\n")
    assert copy.read_bytes() == said
    assert int(grown) < 24 << 10  # KiB; each MiB that was kept as text and as news took several


def test_a_tmpdir_with_odd_characters_serves_and_stays_empty(sector: Sector, tmp_path: Path) -> None:
    place = tmp_path / '50 %d of "all", and\\more'
    place.mkdir()
    call = "sys.exit(fault_run.run_and_tell(config, subject, sys.stdout, sys.stderr))"
    with child_that_runs(sector(TRIPLE_FAULT), call, TMPDIR=str(place)) as (child, _):
        said = child.communicate(timeout=60)
    assert "triple fault" in said[1], said
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_machine_and_leaves_nothing_in_tmpdir(
    sector: Sector, tmp_path: Path, number: signal.Signals
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with child_that_runs(sector(SPIN), RUN, TMPDIR=str(place)) as (child, pid):
        child.send_signal(number)
        child.communicate(timeout=60)
        assert wait_until_gone(pid)
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_in_tmpdir_goes_with_the_next_start(sector: Sector, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with child_that_runs(sector(SPIN), RUN, TMPDIR=str(place)) as (child, pid):
        child.kill()
        child.wait()
        assert wait_until_gone(pid)
    assert len(list(place.iterdir())) == 1
    with child_that_runs(sector(debug_exit(0x10)), RUN, TMPDIR=str(place)) as (child, _):
        child.communicate(timeout=60)
    assert list(place.iterdir()) == []
