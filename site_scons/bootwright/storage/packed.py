"""An entry of the shared cache as one file: a tar of regular files, compressed as .xz."""

from __future__ import annotations

import errno
import io
import lzma
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from bootwright.base import regular
from bootwright.base.sizes import MIB

CONTENT_LIMIT = 4096 * MIB
# Rust's metadata is tables of small numbers, which LZMA's contexts know and zstd's do not: a kernel of 45 units takes
# 27 MB so and 11 s, 32 MB by zstd's level 9 and 3 s, 28 MB by its level 19 and 80 s. A crate's metadata stands in its
# rlib once more, at the beginning, and is packed just before it: the dictionary reaches from one to the other.
METADATA = ".rmeta"
DICTIONARY = 8 * MIB
FILTER = {"id": lzma.FILTER_LZMA2, "preset": 0, "mf": lzma.MF_HC4, "dict_size": DICTIONARY}
MEMORY_LIMIT = 2 * DICTIONARY  # of who unpacks, whatever an entry's header asks for
PIECE = 64 * 1024
NAMES_ARE_BAD = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)  # what unpack() may raise for names


def pack(directory: Path, names: Iterable[str] | None, out: tempfile.SpooledTemporaryFile[bytes]) -> None:
    """Writes the files of an entry, without times and owners; raises ValueError for what is no regular file."""
    given = names if names is not None else files_of(directory)
    found = sorted(given, key=lambda name: (not name.endswith(METADATA), name))
    with (
        lzma.open(out, "wb", check=lzma.CHECK_NONE, filters=[FILTER]) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in found:
            path = directory / name
            if path.is_symlink() or not path.is_file():
                raise ValueError(f"{path} is no regular file")
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with regular.opened(path) as file:
                archive.addfile(info, file)


def files_of(directory: Path) -> list[str]:
    """Returns the names of all that is no directory below one, sorted."""
    found = [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted(path.relative_to(directory).as_posix() for path in found)


def unpack(blob: tempfile.SpooledTemporaryFile[bytes], into: Path) -> None:
    """Unpacks an entry; raises ValueError for what does not lie in it, or is no regular file."""
    total = 0
    with (
        io.BufferedReader(_Stream(blob), MIB) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for member in archive:
            name = PurePosixPath(member.name)
            total += member.size
            if not member.isreg() or name.is_absolute() or ".." in name.parts or "\\" in member.name:
                raise ValueError(f"{member.name} has no place in an entry")
            if total > CONTENT_LIMIT:
                raise ValueError("too large")
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            assert source is not None
            with source, path.open("xb") as file:
                shutil.copyfileobj(source, file, MIB)
                if file.tell() != member.size:
                    raise ValueError("cut")
            if member.mode & 0o100:
                path.chmod(path.stat().st_mode | (path.stat().st_mode & 0o444) >> 2)
        # The rest of its last record, up to which tarfile need not have read; the end of the stream is behind it.
        if len(stream.read(tarfile.RECORDSIZE + 1)) > tarfile.RECORDSIZE:
            raise ValueError("more than an archive")


class _Stream(io.RawIOBase):
    """What is in an .xz file, as LZMAFile reads it, but with a limit to the memory; raises EOFError where it is cut."""

    def __init__(self, blob: tempfile.SpooledTemporaryFile[bytes]) -> None:
        self._blob = blob
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_LIMIT)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        decoder, data = self._decoder, b""
        while not (data or decoder.eof):
            piece = self._blob.read(PIECE) if decoder.needs_input else b""
            if decoder.needs_input and not piece:
                raise EOFError("cut")
            data = decoder.decompress(piece, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def empty(directory: Path) -> None:
    """Removes what lies in a directory."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
