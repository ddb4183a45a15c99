"""What a medium is to hold: the image, with tables for the medium's own size; and what is no image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flash.images import write_small_image

from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import MIB
from bootwright.flash.content import TAIL, Content, Image
from bootwright.image import gpt, kernel_file, mbr
from bootwright.image.layout import SECTOR_SIZE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "k.img"
    write_small_image(path, "k", b"code", b"stage" * 300, kernel_file.write_kernel_file(b"elf" * 999))
    return path


@pytest.mark.parametrize("more", [0, SECTOR_SIZE, 20 * SECTOR_SIZE, 5 * MIB + SECTOR_SIZE])
def test_a_medium_gets_the_image_with_tables_for_its_own_size(path: Path, more: int) -> None:
    image = path.read_bytes()
    size = len(image) + more
    tables = gpt.retarget(image[SECTOR_SIZE : 34 * SECTOR_SIZE], size // SECTOR_SIZE)
    wanted = bytearray(image + bytes(more))
    wanted[len(image) - TAIL : len(image)] = bytes(TAIL)
    wanted[:SECTOR_SIZE] = mbr.retarget(image[:SECTOR_SIZE], size // SECTOR_SIZE)
    wanted[SECTOR_SIZE : 2 * SECTOR_SIZE] = tables.primary[:SECTOR_SIZE]
    wanted[size - len(tables.backup) :] = tables.backup
    content, found = Content(Image(path), size), bytearray(size)
    for offset, length in content.pieces():
        found[offset : offset + length] = content.read(offset, length)
    assert found == wanted


def _cut(data: bytearray) -> None:
    del data[-1]


def _flip(place: int) -> Callable[[bytearray], None]:
    def spoil(data: bytearray) -> None:
        data[place] ^= 1

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "it has no GPT"),
        (_flip(510), "it has no GPT"),
        (_flip(SECTOR_SIZE), "it has no GPT"),
        (_flip(SECTOR_SIZE + 72), "it has no GPT"),
        (_flip(2 * SECTOR_SIZE), "no valid GPT"),
    ],
    ids=["cut", "no signature", "no header", "a spoilt header", "a spoilt entry"],
)
def test_what_is_no_whole_image_is_refused(path: Path, spoil: Callable[[bytearray], None], words: str) -> None:
    data = bytearray(path.read_bytes())
    spoil(data)
    path.write_bytes(data)
    with pytest.raises(BootwrightError, match=words) as refused:
        Content(Image(path), 64 * MIB)
    assert refused.value.status == Status.BAD_IMAGE


def read_all(image: Image) -> None:
    """Reads the image from its start to its end, as writing it does."""
    for offset in range(0, image.size, MIB):
        image.piece(offset)


def test_an_image_that_changed_after_it_was_checked_and_before_it_was_read_is_not_the_builds(path: Path) -> None:
    (path.parent / "manifest").write_text(f"{file_digest(path)}  {path.name}\n")
    with Image(path) as image:
        read_all(image)
        image.check_unchanged()
    with Image(path) as image:
        changed = bytearray(path.read_bytes())
        changed[MIB + 5] ^= 1
        path.write_bytes(changed)
        read_all(image)
        with pytest.raises(BootwrightError, match=r"was changed meanwhile: .*manifest names another SHA-256") as raised:
            image.check_unchanged()
    assert raised.value.status == Status.BAD_IMAGE


def test_an_image_that_became_shorter_is_an_error_and_no_endless_reading(path: Path) -> None:
    with Image(path) as image:
        os.truncate(path, MIB + 100)
        with pytest.raises(BootwrightError, match=f"ends at {MIB + 100}: it was changed meanwhile") as raised:
            read_all(image)
    assert raised.value.status == Status.BAD_IMAGE


def test_what_is_refused_as_no_image_is_not_held_open(path: Path) -> None:
    (path.parent / "manifest").write_text(f"{'0' * 64}  {path.name}\n")
    before = sorted(place.name for place in Path("/dev/fd").iterdir())
    with pytest.raises(BootwrightError, match="is not what was built"):
        Image(path)
    assert sorted(place.name for place in Path("/dev/fd").iterdir()) == before
