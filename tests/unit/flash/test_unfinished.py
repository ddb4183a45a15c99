"""What began and could not be finished: its status, its sentence, and whether the medium boots, known or not."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.flash.test_flash import STICK, FakeSystem, Memory, carry_out, disk_image, right

from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.device import changed
from bootwright.flash.posix_medium import refusal

__all__ = ["disk_image"]
REFUSALS = [
    changed("/dev/sdx", "it is gone"),
    *(
        refusal("/dev/sdx", OSError(n, os.strerror(n)))
        for n in (errno.EBUSY, errno.EROFS, errno.ENOMEDIUM, errno.EPERM)
    ),
]


def steps(disk_image: Path) -> int:
    """Returns how many calls a medium gets."""
    medium = Memory(bytearray(8 * MIB))
    carry_out(disk_image, FakeSystem(medium))
    return len(medium.done) - 1


def check(error: BootwrightError, medium: Memory, before: bytes) -> None:
    """Checks that the sentence is what the medium is."""
    words = f"{error.message}; {error.hint}"
    if "nothing was written" in words or error.status < Status.WRITE_FAILED:
        assert medium.data == before
        assert not any(what == "write" for what, _, _ in medium.done)
        assert error.status < Status.WRITE_FAILED
        return
    assert error.status in (35, 36, 37, 38)
    if "does not boot now" in words:
        assert not any(medium.data[:512])
    else:
        assert "whether it boots now is not known" in words


@pytest.mark.parametrize("refused", REFUSALS, ids=lambda error: Status(error.status).name)
def test_a_refusal_after_the_first_byte_is_no_refusal(disk_image: Path, refused: BootwrightError) -> None:
    for step in range(steps(disk_image)):
        before = bytes([0xAA]) * 8 * MIB
        medium = Memory(bytearray(before), fail_after=step, failure=refused)
        with pytest.raises(BootwrightError) as caught:
            carry_out(disk_image, FakeSystem(medium))
        check(caught.value, medium, before)
        if any(what == "write" for what, _, _ in medium.done):
            assert caught.value.status == Status.NOT_FINISHED
            assert caught.value.message.startswith("/dev/sdx was begun and could not be finished: ")


def test_an_error_at_any_step_tells_what_the_medium_is(disk_image: Path) -> None:
    for step in range(steps(disk_image)):
        before = bytes([0xAA]) * 8 * MIB
        medium = Memory(bytearray(before), fail_after=step, failure=OSError(errno.ENODEV, "No such device"))
        with pytest.raises(BootwrightError) as caught:
            carry_out(disk_image, FakeSystem(medium))
        check(caught.value, medium, before)
        assert (caught.value.status == Status.UNREADABLE) is (step == 0)


def test_a_stick_that_is_gone_when_lba_0_was_written_is_not_said_to_be_dead(disk_image: Path) -> None:
    clean = Memory(bytearray(8 * MIB))
    carry_out(disk_image, FakeSystem(clean))
    last = max(n for n, entry in enumerate(clean.done) if entry == ("write", 0, 512))
    medium = Memory(bytearray(8 * MIB), fail_after=last + 1, failure=OSError(errno.ENODEV, "No such device"))
    with pytest.raises(BootwrightError, match="No such device") as caught:
        carry_out(disk_image, FakeSystem(medium))
    assert any(medium.data[:512])
    assert "whether it boots now is not known" in caught.value.hint


def rewrite(path: Path, place: int) -> None:
    """Writes one other byte into an image, the file and its name the same."""
    with path.open("r+b") as image:
        image.seek(place)
        byte = image.read(1)[0]
        image.seek(place)
        image.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("place", [600, 40 * 512, MIB + 5, 2 * MIB + 7], ids=str)
@pytest.mark.parametrize("when", ["while MiB 0 is written", "while MiB 1 is written", "while MiB 2 is written"])
def test_a_mixture_of_two_images_is_never_said_to_be_right(disk_image: Path, place: int, when: str) -> None:
    done: list[int] = []

    def meanwhile(what: str, offset: int) -> None:
        if what == "write" and offset == int(when.split()[2]) * MIB + (512 if "MiB 0" in when else 0) and not done:
            done.append(offset)
            rewrite(disk_image, place)

    medium = Memory(bytearray(8 * MIB), meanwhile=meanwhile)
    system = FakeSystem(medium)
    try:
        carry_out(disk_image, system)
    except BootwrightError as error:
        assert error.status == Status.NOT_FINISHED
        assert "was changed meanwhile" in error.message
        assert not any(medium.data[:512])
    else:
        # It was changed before it was read there: one image, the changed one, or none of it was read any more.
        assert done == [] or right(medium.data, disk_image)


def test_an_image_that_is_rewritten_while_it_is_verified_blames_nobody(disk_image: Path) -> None:
    before = disk_image.read_bytes()

    def meanwhile(what: str, offset: int) -> None:
        if what == "refresh" and disk_image.read_bytes() == before:
            rewrite(disk_image, 2 * MIB + 7)

    medium = Memory(bytearray(8 * MIB), meanwhile=meanwhile)
    carry_out(disk_image, FakeSystem(medium))
    assert medium.data[: 3 * MIB - 33 * 512][MIB:] == before[: 3 * MIB - 33 * 512][MIB:]
    assert disk_image.read_bytes() != before


def test_a_stick_that_is_wrong_is_told_though_the_image_was_rewritten_too(disk_image: Path) -> None:
    def meanwhile(what: str, offset: int) -> None:
        if what == "refresh" and medium.data[2 * MIB + 9] != 0x77:
            rewrite(disk_image, 2 * MIB + 7)
            medium.data[2 * MIB + 9] = 0x77

    medium = Memory(bytearray(8 * MIB), meanwhile=meanwhile)
    with pytest.raises(BootwrightError, match="does not give back what was written in the 1048576 bytes") as caught:
        carry_out(disk_image, FakeSystem(medium))
    assert caught.value.status == Status.NOT_VERIFIED


def test_a_build_that_renames_another_image_over_the_name_changes_nothing(disk_image: Path, tmp_path: Path) -> None:
    before = disk_image.read_bytes()

    def meanwhile(what: str, offset: int) -> None:
        if what == "write" and not other.exists():
            other.write_bytes(bytes(len(before)))
            other.rename(disk_image)
            other.touch()

    other = tmp_path / "other.img"
    medium = Memory(bytearray(8 * MIB), meanwhile=meanwhile)
    carry_out(disk_image, FakeSystem(medium))
    assert medium.data[MIB : 3 * MIB - 33 * 512] == before[MIB : -33 * 512]


def test_an_image_that_is_not_what_was_built_is_refused_before_the_first_byte(disk_image: Path, tmp_path: Path) -> None:
    image = tmp_path / "build" / "debug" / "hello.img"
    image.parent.mkdir(parents=True)
    image.write_bytes(disk_image.read_bytes())
    (tmp_path / "build" / "manifest").write_text(f"{file_digest(image)}  debug/hello.img\n")
    carry_out(image, FakeSystem(Memory(bytearray(8 * MIB))))
    rewrite(image, 2 * MIB + 7)
    medium = Memory(bytearray(8 * MIB))
    with pytest.raises(BootwrightError, match=r"is not what was built: .*manifest names another SHA-256") as caught:
        carry_out(image, FakeSystem(medium))
    assert (caught.value.status, medium.done) == (Status.BAD_IMAGE, [])


@pytest.mark.parametrize("kind", ["fifo", "directory"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    os.mkfifo(path) if kind == "fifo" else path.mkdir()
    with pytest.raises(BootwrightError, match="is no regular file") as caught:
        carry_out(path, FakeSystem(Memory(bytearray(8 * MIB)), [replace(STICK)]))
    assert caught.value.status == Status.BAD_IMAGE
