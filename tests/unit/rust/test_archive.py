"""The names of an rlib's objects are the same in every run."""

from __future__ import annotations

from pathlib import Path

from bootwright.rust.archive import name_objects_alike

HASH = b"czmbh0qdx1ihgjfnvwfsyhv4w"


def archive(*names: bytes) -> bytes:
    table = b"".join(name + b"/\n" for name in names)
    table += b"\n" * (len(table) % 2)
    header = b"//".ljust(48) + str(len(table)).encode().ljust(10) + b"`\n"
    data = b"k." + HASH + b".05ia5zh.rcgu.o"
    member = b"/0".ljust(48) + str(len(data)).encode().ljust(10) + b"`\n" + data
    return b"!<arch>\n" + header + table + member


def test_the_word_of_chance_goes_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "libk.rlib"
    path.write_bytes(archive(b"k-1." + HASH + b".05ia5zh.rcgu.o", b"lib.rmeta"))
    name_objects_alike(path)
    assert path.read_bytes() == archive(b"k-1." + HASH + b".0000000.rcgu.o", b"lib.rmeta")


def test_an_archive_without_it_and_what_is_no_archive_stay_as_they_are(tmp_path: Path) -> None:
    for data in (archive(b"k-1." + HASH + b".rcgu.o"), b"no archive at all", b"!<arch>\n"):
        path = tmp_path / "libk.rlib"
        path.write_bytes(data)
        name_objects_alike(path)
        assert path.read_bytes() == data
