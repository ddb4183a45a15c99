"""The build directory: one build at a time, and no half-written target after a crash.

lock is held by a running build and taken over from a dead one, since the system frees it with the process.
journal names the targets of the actions that were started, as they are seen from the directory; a later build finds
what SCons could not record (its signatures are written at the end alone) and removes those targets before it trusts
them. A directory that was copied names its own files then, and no line of a journal reaches anything outside.
manifest names what was built, see outputs.py; signatures are SCons's own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import try_lock
from bootwright.base.regular import read_bytes, read_text
from bootwright.storage import outputs

SIGNATURES = ".sconsign.dblite"
# By https://bford.info/cachedir/: cargo, backups and our own search for sources leave such a directory out.
MARK = "CACHEDIR.TAG"
MARK_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by bootwright: all in here is made again.\n"
IGNORE = ".gitignore"
ANOTHER_PLACE = "BUILD= names another directory"


class BuildDirectory:
    """A build directory that this process has, or waits for; own: nobody but bootwright has a reason to write there."""

    def __init__(self, path: Path, own: bool = True) -> None:
        self.path = path
        self._own = own
        self._journal = path / "journal"
        self._lock: IO[str] | None = None
        self._inside: dict[str, bool] = {}  # by the directory part of a name

    def take(self, command: str, tell: Callable[[str], None]) -> None:
        """Locks the directory for command, waiting for another build to end; then removes what a dead one left."""
        told = False
        if not self._own:
            self._check_others()
        while True:
            stream = self._open_lock()
            if not self._try_lock(stream):
                if not told:
                    stream.seek(0)
                    tell(f"waiting for {stream.read().strip() or 'another build'}, which has {self.path}")
                    told = True
                stream.close()
                time.sleep(0.05)
                continue
            if self._is_there(stream):
                break
            stream.close()  # `scons -c` removed the file while this process waited for it
        if not self._own:
            self._mark(tell)
        stream.truncate(0)
        command = os.fsencode(command).decode("utf-8", "backslashreplace")  # it is for people, and may name any file
        stream.write(f"process {os.getpid()}: {command}\n")
        stream.flush()
        self._lock = stream
        self._check_links()
        self._recover(tell)

    def started(self, targets: Iterable[Path]) -> None:
        """Records, safely on the disk, that an action which writes targets begins; raises for one that lies elsewhere.

        What is noted is removed after a crash, so it must be ours: links that lead out of the directory are followed.
        """
        names = []
        for target in targets:
            name = outputs.inner_name(self.path, target)
            if name is None or not self._holds(name):
                raise BootwrightError(
                    f"{target} does not lie in {self.path}, where every output belongs",
                    "if a link leads out of there, remove it",
                )
            names.append(name)
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.writelines(json.dumps(name) + "\n" for name in names)
            journal.flush()
            os.fsync(journal.fileno())

    def finish(self, made: Mapping[Path, str] | None = None, gone: Iterable[Path] = (), remove: bool = False) -> None:
        """Lets the next build in, once all is on the disk that it relies on.

        made are the outputs that SCons has recorded, with their SHA-256; gone are the targets of actions that failed or
        were not recorded: they are removed, so that none is trusted. remove takes the whole directory away.
        """
        if self._lock is None:
            return
        try:
            if remove:
                self._remove()
            else:
                gone = list(gone)
                for target in gone:
                    atomic.remove_file(target)
                outputs.update_manifest(self.path, made or {}, gone)
                self._journal.unlink(missing_ok=True)
                self._lock.truncate(0)
        finally:
            self._lock.close()
            self._lock = None
        if remove and sys.platform == "win32":  # where no file is removed that is open here or in a waiting build
            shutil.rmtree(self.path, ignore_errors=True)

    def _check_others(self) -> None:
        """Raises for a directory that holds others' files: all in a build directory is ours to remove."""
        try:
            there = {entry.name for entry in os.scandir(self.path)} if self.path.exists() else set()
            text = read_bytes(self.path / MARK).decode(errors="replace") if MARK in there else ""
        except OSError as error:
            raise BootwrightError(f"{error.filename} cannot be read: {error.strerror}", ANOTHER_PLACE) from error
        others = there - {MARK, IGNORE, "lock"}  # which a build has that was killed as it began
        if text == MARK_TEXT or (not others and MARK_TEXT.startswith(text)):
            return
        name = min(others or {MARK})
        raise BootwrightError(
            f"{self.path} is to hold what is built, and holds {name}, which bootwright did not make", ANOTHER_PLACE
        )

    def _mark(self, tell: Callable[[str], None]) -> None:
        """Marks a directory that is new, and is locked, as ours, and has git pass it over."""
        if (self.path / MARK).exists() and (self.path / MARK).stat().st_size:
            return
        (self.path / IGNORE).write_text("*\n", encoding="utf-8", newline="\n")
        (self.path / MARK).write_text(MARK_TEXT, encoding="utf-8", newline="\n")
        tell(f"what is built goes to {self.path}, which git passes over; BUILD= names another place")

    def _open_lock(self, tries: int = 20) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            # `scons -c` removed the directory between the two; or no directory can be made, as in /proc.
            if isinstance(error, FileNotFoundError) and tries:
                return self._open_lock(tries - 1)
            raise BootwrightError(
                f"{self.path} cannot be written: {error.strerror}", "the build needs a directory of its own"
            ) from error

    def _try_lock(self, stream: IO[str]) -> bool:
        try:
            return try_lock(stream.fileno())
        except OSError as error:  # a network's file system that has no locks
            stream.close()
            raise BootwrightError(
                f"{self.path / 'lock'} cannot be locked: {error.strerror}", "the build directory needs a local disk"
            ) from error

    def _is_there(self, stream: IO[str]) -> bool:
        """Says whether the lock file that was opened is still the one that others open."""
        try:
            return os.path.samestat(os.fstat(stream.fileno()), (self.path / "lock").stat())
        except FileNotFoundError:
            return False

    def _remove(self) -> None:
        """Removes the directory with all that is left in it, the lock last: until then nobody comes in."""
        for path in self.path.iterdir():
            if path.name not in ("lock", MARK):
                atomic.remove(path)
        if sys.platform != "win32":
            shutil.rmtree(self.path, ignore_errors=True)

    def _check_links(self) -> None:
        """Raises for a link in place of a variant's directory: SCons would remove old outputs through it."""
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.is_symlink() and entry.is_dir():
                    place = f"{entry.path} is a link to {os.path.realpath(entry.path)}"
                    raise BootwrightError(f"{place}; outputs lie in {self.path} itself", "remove the link")

    def _holds(self, name: str) -> bool:
        """Says whether the name's directory, links resolved, is this one or lies in it."""
        directory = name.rpartition("/")[0]
        if directory not in self._inside:
            here = os.path.realpath(self.path)
            place = os.path.realpath(f"{here}{os.sep}{directory}")
            self._inside[directory] = place == here or place.startswith(f"{here}{os.sep}")
        return self._inside[directory]

    def _recover(self, tell: Callable[[str], None]) -> None:
        """Removes what the journal names; where it does not say what that is, nothing that was made is trusted."""
        try:
            text = read_text(self._journal)
        except FileNotFoundError:
            return
        except BootwrightError as error:
            if not self._journal.is_file():
                raise
            self._distrust(error.message, tell)
            return
        names, strange = self._names(text)
        gone = [name for name in names if atomic.remove_file(self.path / name)]
        atomic.remove_leftovers(self.path)
        if gone:
            listed = ", ".join(str(self.path / name) for name in sorted(set(gone)))
            tell(f"the last build did not end; removed what it had begun: {listed}")
        if strange:
            self._distrust(f"{self._journal} holds {strange}, no name of an output in {self.path}", tell)
            return
        outputs.update_manifest(self.path, {}, [self.path / name for name in names])
        self._journal.unlink()

    def _names(self, text: str) -> tuple[list[str], str]:
        """Returns the names of a journal that lie in this directory, and the first line that is none, cut short."""
        names, strange = [], ""
        lines = text.split("\n")
        for number, line in enumerate(lines):
            try:
                name = json.loads(line)
            except (ValueError, RecursionError):
                name = None
                if number == len(lines) - 1:
                    continue  # a build was killed while it wrote it: its action never began
            if isinstance(name, str) and outputs.is_inner(name) and self._holds(name):
                names.append(name)
            else:
                strange = strange or ascii(line[:60])
        return names, strange

    def _distrust(self, why: str, tell: Callable[[str], None]) -> None:
        """Has all outputs made anew: it is not known which of them a build that was killed left half-written."""
        tell(f"{why}; all is made again")
        for name in (SIGNATURES, outputs.MANIFEST, self._journal.name):
            atomic.remove_file(self.path / name)
