"""Reading a file that anybody may have put there: no FIFO is waited for, no device is read without end.

Cargo, rustup, rustc and linkers do wait, and read until memory ends: what they are about to read is looked at before
they are started.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
from pathlib import Path

from bootwright.base.errors import BootwrightError

LIMIT = 16 << 20  # bytes; what is read as text here is a list or a table of some kilobytes
LARGEST = 1 << 30  # bytes; rustc takes no source of 4 GiB, and to hash this much takes a second
AS_UTF8 = "save it as UTF-8"
AWAY = "remove or rename it"
NAMED = "{}= names it, and takes a file"  # where the person did, it is the word that is to be another
# For a file that became another since it was looked at. (Windows has O_BINARY in its place.)
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def kind(mode: int) -> str:
    """Returns what a file is by its st_mode, with its article; "" for a regular one."""
    found = stat.S_IFMT(mode)
    if found == stat.S_IFREG:
        return ""
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return "a directory" if found == stat.S_IFDIR else kinds.get(found, "a special file")


def matching(root: Path, pattern: str) -> list[Path]:
    """Returns what a pattern of a person's names below root; nothing where no name could match it."""
    if not Path(pattern).parts:  # the dot
        return [root]
    try:
        return list(root.glob(pattern))
    except (ValueError, NotImplementedError):  # ** within a name; an absolute one
        return []
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return []


def why_lost(path: str | Path, error: OSError) -> str:
    """Returns why the file at path, of which stat raised error, is not to be had, as the end of a sentence."""
    try:
        target = f" to {os.readlink(path)}"  # noqa: PTH115
    except OSError:
        return f"cannot be read: {error.strerror or error}"
    if error.errno == errno.ELOOP:
        return f"is a link{target} that leads back to itself"
    return f"is a link{target}, where nothing is"


def why_unreadable(path: str | Path, found: os.stat_result, limit: int = LIMIT) -> str:
    """Returns why the file at path, of which stat returned found, is not read, as the end of a sentence; "": it is."""
    if what := kind(found.st_mode):
        return f"is {what}, no regular file"
    if found.st_size > limit:
        return f"is {found.st_size} bytes; the limit is {limit}"
    if not os.access(path, os.R_OK):
        return f"cannot be read: {os.strerror(errno.EACCES)}"
    return ""


def is_there(path: str | Path, limit: int = LIMIT, hint: str = AWAY) -> bool:
    """Says whether a file to read is at path; False where nothing is, or nothing that programs of the person's find.

    Raises BootwrightError for what cannot be read as a file, whoever is about to: a link to nowhere, too, which most
    programs pass over without a word.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114
            raise BootwrightError(f"{path} {why_lost(path, error)}", hint) from error
        if isinstance(error, (FileNotFoundError, NotADirectoryError, PermissionError)):
            return False
        raise BootwrightError(f"{path} {why_lost(path, error)}", hint) from error
    if why := why_unreadable(path, found, limit):
        raise BootwrightError(f"{path} {why}", hint)
    return True


def check_named(path: Path, variable: str) -> None:
    """Raises BootwrightError where there is no file at path, which a variable of the command line names."""
    if not is_there(path, hint=NAMED.format(variable)):
        raise BootwrightError(f"{variable}={path}: there is no such file")


def read_if_there(path: Path, limit: int = LIMIT) -> bytes | None:
    """Returns what the file at path holds, None where nothing is; raises as is_there does."""
    try:
        return read_bytes(path, limit) if is_there(path, limit) else None
    except FileNotFoundError:  # it went meanwhile
        return None


def opened(path: Path) -> io.BufferedReader:
    """Opens a regular file of any size for reading; raises OSError as open does, BootwrightError for another kind."""
    if what := kind(os.stat(path).st_mode):  # noqa: PTH116
        raise BootwrightError(f"{path} is {what}, no regular file", AWAY)
    return os.fdopen(os.open(path, os.O_RDONLY | NO_WAIT), "rb")


def read_bytes(path: Path, limit: int = LIMIT) -> bytes:
    """Returns what a regular file of at most limit bytes holds.

    Raises FileNotFoundError where there is none, and BootwrightError for any other reason why it cannot be read.
    """
    try:
        found = path.stat()
        if what := kind(found.st_mode):
            raise BootwrightError(f"{path} is {what}, no regular file", AWAY)
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
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or data[:2].count(0) == 1:  # of a letter of ASCII
        raise BootwrightError(f"{path} is UTF-16", AS_UTF8)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BootwrightError(f"{path} is not UTF-8: byte {error.start}", AS_UTF8) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
