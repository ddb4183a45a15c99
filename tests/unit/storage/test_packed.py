"""An entry of the shared cache as one file: what goes in comes out, and what is there twice is sent once."""

from __future__ import annotations

import random
import tarfile
import tempfile
from pathlib import Path

from bootwright.storage import packed


def test_what_a_crates_metadata_and_its_rlib_have_in_common_is_packed_once(tmp_path: Path) -> None:
    metadata = random.Random(0).randbytes(1_000_000)
    (tmp_path / "liba.rmeta").write_bytes(metadata)
    # More than the dictionary holds lies between the two, were the rlib the first.
    (tmp_path / "liba.rlib").write_bytes(metadata + bytes(2 * packed.DICTIONARY))
    with tempfile.SpooledTemporaryFile() as blob:
        packed.pack(tmp_path, None, blob)
        assert blob.tell() < 1_050_000
        blob.seek(0)
        (tmp_path / "into").mkdir()
        packed.unpack(blob, tmp_path / "into")
    assert (tmp_path / "into/liba.rlib").read_bytes() == (tmp_path / "liba.rlib").read_bytes()


def test_an_entry_of_any_length_comes_back(tmp_path: Path) -> None:
    """A tar ends with two blocks of zeros and is filled up to a record, of which the first may be in one before."""
    for blocks in range(tarfile.RECORDSIZE // tarfile.BLOCKSIZE + 1):
        (tmp_path / "a").write_bytes(b"x" * (blocks * tarfile.BLOCKSIZE))
        into = tmp_path / str(blocks)
        into.mkdir()
        with tempfile.SpooledTemporaryFile() as blob:
            packed.pack(tmp_path, ["a"], blob)
            blob.seek(0)
            packed.unpack(blob, into)
        assert (into / "a").read_bytes() == (tmp_path / "a").read_bytes()
