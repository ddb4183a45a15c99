"""An entry of the shared cache as one file: a tar of regular files, compressed by zstd."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import zstandard

from bootwright.base import regular
from bootwright.base.sizes import MIB

CONTENT_LIMIT = 4096 * MIB
# Of zstd: core takes 16 MB, and 1.3 s to compress; level 19 would take 35 s for 2 MB less. A crate's metadata stands in
# its rlib once more, farther back than the window of that level reaches.
LEVEL, WINDOW = 9, 25
NAMES_ARE_BAD = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)  # what unpack() may raise for names


def pack(directory: Path, names: Iterable[str] | None, out: tempfile.SpooledTemporaryFile[bytes]) -> None:
    """Writes the files of an entry, without times and owners; raises ValueError for what is no regular file."""
    found = sorted(names) if names is not None else files_of(directory)
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, window_log=WINDOW)
    with (
        zstandard.ZstdCompressor(compression_params=parameters).stream_writer(out, closefd=False) as stream,
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
        zstandard.ZstdDecompressor().stream_reader(blob, closefd=False) as stream,
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


def empty(directory: Path) -> None:
    """Removes what lies in a directory."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
