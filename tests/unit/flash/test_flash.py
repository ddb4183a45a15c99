"""The flasher's program on a disk in memory: the question, sudo, the order of writes, and what a failure leaves."""

from __future__ import annotations

import io
import struct
import uuid
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flash.images import write_small_image

from bootwright.base import sizes
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash import listing as device_list
from bootwright.flash import program as flash
from bootwright.flash import systems
from bootwright.flash.content import Content, Image
from bootwright.flash.device import Device, Medium, Part, Use
from bootwright.flash.order import Order, read_order
from bootwright.flash.progress import Meter
from bootwright.flash.refusals import Wish
from bootwright.flash.voice import Terminal, Voice
from bootwright.flash.writer import differing_runs
from bootwright.image import gpt, kernel_file, layout, mbr
from bootwright.image.layout import SECTOR_SIZE

STICK = Device("/dev/sdx", "usb", 8 * MIB, "SanDisk Ultra", "4C53", identity=("8:16", "9"))


@dataclass
class Memory:
    """A medium in memory that notes what is done to it."""

    data: bytearray
    done: list[tuple[str, int, int]] = field(default_factory=list)
    interrupt_after: int = 1 << 30
    fail_after: int = 1 << 30
    failure: Exception = field(default_factory=AssertionError)
    meanwhile: Callable[[str, int], object] = lambda what, offset: None

    @property
    def size(self) -> int:
        return len(self.data)

    def _note(self, what: str, offset: int, length: int) -> None:
        if len(self.done) == self.interrupt_after:
            self.interrupt_after = 1 << 30
            raise KeyboardInterrupt
        if len(self.done) >= self.fail_after:
            raise self.failure
        self.done.append((what, offset, length))
        self.meanwhile(what, offset)

    def read(self, offset: int, length: int) -> memoryview:
        self._note("read", offset, length)
        return memoryview(bytes(self.data[offset : offset + length]))

    def write(self, offset: int, data: bytes | memoryview) -> None:
        self._note("write", offset, len(data))
        self.data[offset : offset + len(data)] = data

    def sync(self) -> None:
        self._note("sync", 0, 0)

    def refresh(self) -> None:
        self._note("refresh", 0, 0)

    def close(self) -> None:
        self.done.append(("close", 0, 0))


@dataclass
class FakeSystem:
    """A system with one disk; each look takes the next description, the last one for good."""

    medium: Memory
    looks: list[Device] = field(default_factory=lambda: [STICK])
    writable: bool = True
    unmounted: list[str] = field(default_factory=list)

    def list_disks(self) -> Sequence[Device]:
        return self.looks

    def look(self, path: str) -> Device:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def unmount(self, device: Device) -> None:
        self.unmounted += [use.where for use in device.mounts]

    def open(self, device: Device) -> Medium:
        return self.medium

    def may_write(self, device: Device) -> bool:
        return self.writable


class Tty(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def disk_image(tmp_path: Path) -> Path:
    kernel = kernel_file.write_kernel_file(bytes(range(1, 256)) * 3000)
    path = tmp_path / "hello.img"
    write_small_image(path, "hello", bytes([0x90]) * 512, bytes([7]) * 9216, kernel)
    return path


def carry_out(path: Path, system: FakeSystem, yes: str = "4C53", ask: str = "", wish: Wish | None = None) -> str:
    """Carries out an order; returns what the person is told."""
    notes = Tty()
    order = Order(path, "/dev/sdx", wish or Wish(), yes)
    assert flash.flash(order, Terminal(Tty(ask), notes), system) == Status.DONE
    return notes.getvalue()


def right(data: bytes | bytearray, path: Path) -> bool:
    with Image(path) as opened:
        content = Content(opened, len(data))
        return all(data[start : start + n] == content.read(start, n) for start, n in content.pieces())


def test_lba_0_goes_first_and_comes_last(disk_image: Path) -> None:
    system = FakeSystem(Memory(bytearray(b"\xaa" * 8 * MIB)))
    carry_out(disk_image, system)
    writes = [entry for entry in system.medium.done if entry[0] in ("write", "sync", "refresh")]
    assert writes[:2] == [("write", 0, 512), ("sync", 0, 0)]
    assert writes[-3:] == [("write", 0, 512), ("sync", 0, 0), ("refresh", 0, 0)]
    # LBA 1 is the last but LBA 0, with a flush on both sides, and all is read back in between.
    at = writes.index(("write", 512, 512))
    assert writes[at - 1 : at + 3] == [("sync", 0, 0), ("write", 512, 512), ("sync", 0, 0), ("refresh", 0, 0)]
    assert right(system.medium.data, disk_image)


def test_everything_is_read_back_after_the_caches_were_dropped(disk_image: Path) -> None:
    system = FakeSystem(Memory(bytearray(8 * MIB)))
    carry_out(disk_image, system)
    done = system.medium.done
    refreshed = [n for n, entry in enumerate(done) if entry[0] == "refresh"]
    reads = [(offset, length) for what, offset, length in done[refreshed[0] :] if what == "read"]
    covered = {sector for offset, n in reads for sector in range(offset // 512, (offset + n) // 512)}
    size = disk_image.stat().st_size
    assert covered >= {*range(size // 512), *range((8 * MIB - 33 * 512) // 512, 8 * MIB // 512)}
    assert any(what == "read" and offset == 0 for what, offset, _ in done[refreshed[1] :])


def test_an_interrupt_after_any_step_leaves_nothing_that_boots_and_says_so(disk_image: Path) -> None:
    clean = FakeSystem(Memory(bytearray(8 * MIB)))
    carry_out(disk_image, clean)
    steps = len(clean.medium.done) - 1
    for step in range(steps):
        before = bytes([0xAA]) * 8 * MIB
        system = FakeSystem(Memory(bytearray(before), interrupt_after=step))
        with pytest.raises(BootwrightError) as caught:
            carry_out(disk_image, system)
        assert caught.value.status == Status.INTERRUPTED
        if "nothing was written" in caught.value.message:
            assert system.medium.data == before
        else:
            assert "does not boot" in caught.value.message
            assert not any(system.medium.data[:512]) or step == 1
        carry_out(disk_image, system)
        assert right(system.medium.data, disk_image)


def test_the_first_and_last_mib_of_a_foreign_medium_are_zeroed(disk_image: Path) -> None:
    system = FakeSystem(Memory(bytearray(b"\xaa" * 8 * MIB)))
    carry_out(disk_image, system)
    assert ("write", 512, MIB - 512) in system.medium.done
    assert ("write", 7 * MIB, MIB) in system.medium.done
    again = len(system.medium.done)
    carry_out(disk_image, system)
    written = [entry for entry in system.medium.done[again:] if entry[0] == "write"]
    assert written[:3] == [("write", 0, 512), ("write", 512, 512), ("write", 8 * MIB - 512, 512)]


def test_a_medium_with_our_table_for_another_size_is_a_foreign_one(disk_image: Path) -> None:
    medium = Memory(bytearray(8 * MIB))
    carry_out(disk_image, FakeSystem(medium))
    grown = Memory(medium.data + bytearray(8 * MIB))
    said = carry_out(disk_image, FakeSystem(grown, [replace(STICK, size=16 * MIB)]))
    assert "all of it sent" in said


def test_the_question_shows_what_will_be_lost(disk_image: Path) -> None:
    part = Part("/dev/sdx1", 4 * MIB, "HOLIDAYS", "vfat")
    used = replace(STICK, parts=(part,), mounts=(Use("/dev/sdx1", "/media/me/HOLIDAYS"),))
    system = FakeSystem(Memory(bytearray(8 * MIB)), [used, used, STICK])
    said = carry_out(disk_image, system, "", "4C53\n", Wish(unmount=True))
    for word in ("SanDisk Ultra", "serial 4C53", "usb", "/dev/sdx1", "vfat", "'HOLIDAYS'", "/media/me/HOLIDAYS"):
        assert word in said.partition("Type the serial")[0]
    assert system.unmounted == ["/media/me/HOLIDAYS"]


def test_another_stick_while_the_person_was_asked_is_refused(disk_image: Path) -> None:
    other = replace(STICK, identity=("8:16", "10"))
    system = FakeSystem(Memory(bytearray(8 * MIB)), [STICK, other])
    with pytest.raises(BootwrightError, match="not the device that was looked at") as caught:
        carry_out(disk_image, system)
    assert (caught.value.status, system.medium.done) == (Status.CHANGED, [])


def test_root_runs_the_small_part_alone_with_the_answer(
    disk_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\necho started\necho writes\nexit 35\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    system = FakeSystem(Memory(bytearray(8 * MIB)), writable=False)
    order = Order(disk_image, "/dev/sdx", Wish(big=True), "4C53")
    status = flash.flash(order, Terminal(Tty(), Tty()), system)
    words = (tmp_path / "words").read_text().splitlines()
    assert status == 35
    assert words[-5:] == [str(disk_image), "/dev/sdx", "YES=4C53", "IDENTITY=8:16/9", "BIG=1"]
    assert words[2:5] == ["-I", "-S", "-B"]
    # What root is given is understood, and refused for another device.
    inner = read_order(words[-5:], within=True)
    assert inner == replace(order, identity="8:16/9")
    system = FakeSystem(Memory(bytearray(8 * MIB)), [replace(STICK, identity=("8:16", "10"))])
    with pytest.raises(BootwrightError, match="not the device"):
        flash.flash(inner, Terminal(None, None), system)
    # It is no way round the question: the words that say what was looked at do not say that it is meant.
    system = FakeSystem(Memory(bytearray(8 * MIB)))
    for yes in ("", "4711"):
        with pytest.raises(BootwrightError, match="is not the serial") as caught:
            flash.flash(replace(inner, yes=yes), Terminal(None, None), system)
        assert (caught.value.status, system.medium.done) == (Status.NOT_CONFIRMED, [])


def test_without_sudo_it_is_a_sentence(disk_image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BootwrightError) as caught:
        carry_out(disk_image, FakeSystem(Memory(bytearray(8 * MIB)), writable=False))
    assert caught.value.status == Status.NO_PERMISSION


@pytest.mark.parametrize(
    "words", [["a.img"], ["a.img", "/dev/x", "more"], ["a.img", "/dev/x", "FORCE=1"], ["a.img", "/dev/x", "BIG=yes"],
              ["--force", "/dev/x"], ["a.img", "/dev/x", "YES=4C53", "IDENTITY=8:16/9"]], ids=" ".join,
)  # fmt: skip
def test_arguments_that_are_not_understood_show_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert flash.main(words) == Status.BUILD_ERROR
    assert "usage: flash" in capsys.readouterr().err


@given(st.integers(6144, 1 << 34), st.integers(6144, 1 << 34))
def test_tables_made_for_another_size_are_those_that_would_be_written_for_it(first: int, second: int) -> None:
    guid = uuid.UUID(int=7)
    partitions = [gpt.Partition(layout.KERNEL_TYPE.uuid, uuid.UUID(int=8), 2048, 4095, "k")]
    made = gpt.retarget(gpt.write_gpt(guid, first, partitions).primary, second)
    assert made == gpt.write_gpt(guid, second, partitions)
    header = made.primary[:SECTOR_SIZE]
    assert struct.unpack_from("<Q", header, 32)[0] == second - 1
    assert struct.unpack_from("<Q", header, 48)[0] == second - 34
    assert zlib.crc32(header[:16] + bytes(4) + header[20:92]) == struct.unpack_from("<I", header, 16)[0]


@pytest.mark.parametrize("active", list(mbr.Active))
def test_lba_0_made_for_another_size_is_the_one_that_would_be_written_for_it(active: mbr.Active) -> None:
    first = mbr.write_mbr(b"code", 5, mbr.protective_records(6144, active))
    for sectors in (6145, 1 << 33):
        assert mbr.retarget(first, sectors) == mbr.write_mbr(b"code", 5, mbr.protective_records(sectors, active))


@pytest.mark.parametrize("place", [0, 24, 72, 88, SECTOR_SIZE + 3, 33 * SECTOR_SIZE - 1])
def test_a_spoilt_table_is_never_made_for_a_medium(place: int) -> None:
    primary = bytearray(gpt.write_gpt(uuid.UUID(int=7), 6144, []).primary)
    primary[place] ^= 1
    with pytest.raises(ValueError, match="no valid GPT"):
        gpt.retarget(bytes(primary), 8192)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 7))
def test_runs_of_differing_blocks_are_all_that_differs(same: list[bool], tail: int) -> None:
    found = b"".join(bytes([1]) * 4096 for _ in same) + bytes([1]) * 512 * tail
    wanted = b"".join(bytes([1 if equal else 2]) * 4096 for equal in same) + bytes([1]) * 512 * tail
    runs = list(differing_runs(found, wanted))
    mended = bytearray(found)
    for start, end in runs:
        assert start % 4096 == 0
        mended[start:end] = wanted[start:end]
    assert mended == wanted
    assert sum(end - start for start, end in runs) == 4096 * same.count(False)


def test_progress_tells_percent_sizes_speed_and_time_left() -> None:
    line = Meter.line("writing", 30 * MIB, 120 * MIB, 10.0)
    assert line == "writing    25 %  30 MiB of 120 MiB  3.0 MiB/s  30 s left"
    assert Meter.line("verifying", 0, MIB, 0.0) == "verifying   0 %  0 bytes of 1 MiB"


def test_a_log_gets_plain_lines_and_a_terminal_one_that_moves() -> None:
    for out, moves in ((io.StringIO(), False), (Tty(), True)):
        meter = Meter(Voice(out))
        for done in range(11):
            meter.show("writing", done * MIB, 10 * MIB)
        meter.end()
        assert ("\r" in out.getvalue()) is moves
        assert out.getvalue().endswith("\n")
        if not moves:
            assert len(out.getvalue().splitlines()) == 2


def test_the_list_tells_candidates_and_why_others_are_none() -> None:
    inner = Device("/dev/sda", "ata", 512 << 30, "Disk", "S1", system=(Use("/dev/sda1", "/"),))
    busy = replace(STICK, path="/dev/sdy", mounts=(Use("/dev/sdy1", "/media/me/x"),))
    loop = replace(STICK, path="/dev/loop7", bus="loop")
    system = FakeSystem(Memory(bytearray()), [inner, STICK, busy, loop])
    out = io.StringIO()
    device_list.report(system, Wish(loop=True), None, out)
    said = out.getvalue()
    assert "to write to it: scons usb DEV=/dev/sdx\n" in said
    assert "to write to it: scons usb DEV=/dev/sdy UNMOUNT=1\n" in said
    assert "to write to it: scons usb DEV=/dev/loop7 LOOP=1\n" in said
    assert "not /dev/sda (Disk, serial S1, 512 GiB" in said
    assert "holds the running system: /dev/sda1 at /; is attached by ata" in said


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1536, "1.5 KiB"), (3 * MIB, "3 MiB"), (16 << 30, "16 GiB"), (31 * 10**9, "28.9 GiB")],
)
def test_sizes_are_told_as_people_say_them(size: int, text: str) -> None:
    assert sizes.size_text(size) == text


def test_a_system_whose_disks_are_not_known_is_a_sentence() -> None:
    with pytest.raises(BootwrightError) as caught:
        systems.this_system("freebsd14")
    assert caught.value.status == Status.NO_FLASHER
