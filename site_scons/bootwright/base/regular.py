"""Reading a file that anybody may have put there: no FIFO is waited for, no device is read without end."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from bootwright.base.errors import BootwrightError

LIMIT = 16 << 20  # bytes; what is read as text here is a list or a table of some kilobytes
AS_UTF8 = "save it as UTF-8"
# For a file that became another since it was looked at. (Windows has O_BINARY in its place.)
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def kind(mode: int) -> str:
    """Returns what a file is by its st_mode, with its article; "" for a regular one."""
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    found = stat.S_IFMT(mode)
    return (
        "" if found == stat.S_IFREG else "a directory" if found == stat.S_IFDIR else kinds.get(found, "a special file")
    )


def read_bytes(path: Path, limit: int = LIMIT) -> bytes:
    """Returns what a regular file of at most limit bytes holds.

    Raises FileNotFoundError where there is none, and BootwrightError for any other reason why it cannot be read.
    """
    try:
        found = path.stat()
        if what := kind(found.st_mode):
            raise BootwrightError(f"{path} is {what}, no regular file", "remove or rename it")
        if found.st_size > limit:
            raise BootwrightError(f"{path} is {found.st_size} bytes; the limit is {limit}")
        with os.fdopen(os.open(path, os.O_RDONLY | NO_WAIT), "rb") as stream:
            return stream.read(limit + 1)[:limit]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BootwrightError(f"{path} cannot be read: {error.strerror or error}") from error


def read_text(path: Path, limit: int = LIMIT, encoding: str = "utf-8") -> str:
    """Like read_bytes, for text with any ends of lines, which become "\\n"."""
    data = read_bytes(path, limit)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BootwrightError(f"{path} is UTF-16", AS_UTF8)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BootwrightError(f"{path} is not UTF-8: byte {error.start}", AS_UTF8) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
