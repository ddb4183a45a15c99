"""What a medium is to hold: the image, with tables for the medium's own size; and what is no image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flash.images import write_small_image

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
