"""The build directory: one build at a time, and no half-written target after a crash.

lock is held by a running build and taken over from a dead one, since the system frees it with the process.
journal names the targets of the actions that were started; a later build finds what SCons could not record
(its signatures are written at the end alone) and removes those targets before it trusts them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from bootwright import atomic
from bootwright.errors import BootwrightError

if sys.platform == "win32":
    import msvcrt

    LOCK_AT = 1 << 30  # Windows locks bytes, and nobody could read the holder's name if it were locked

    def _lock(stream: IO[str]) -> None:
        stream.seek(LOCK_AT)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(stream: IO[str]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


class BuildDirectory:
    """A build directory that this process has, or waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = path / "journal"
        self._lock: IO[str] | None = None

    def take(self, command: str, tell: Callable[[str], None]) -> None:
        """Locks the directory for command, waiting for another build to end; then removes what a dead one left."""
        stream, told = self._open(), False
        while True:
            try:
                _lock(stream)
                if self._is_there(stream):
                    break
                stream.close()  # `scons -c` removed it while this process waited
                stream = self._open()
            except OSError:
                if not told:
                    stream.seek(0)
                    tell(f"waiting for {stream.read().strip() or 'another build'}, which has {self.path}")
                    told = True
                time.sleep(0.05)
        stream.truncate(0)
        stream.write(f"process {os.getpid()}: {command}\n")
        stream.flush()
        self._lock = stream
        self._recover(tell)

    def _open(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise BootwrightError(
                f"{self.path} cannot be written: {error.strerror}", "the build needs a directory of its own"
            ) from error

    def _is_there(self, stream: IO[str]) -> bool:
        try:
            return os.path.samestat(os.fstat(stream.fileno()), (self.path / "lock").stat())
        except FileNotFoundError:
            return False

    def started(self, targets: Iterable[Path]) -> None:
        """Records, safely on the disk, that an action which writes targets begins."""
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.writelines(json.dumps(str(target)) + "\n" for target in targets)
            journal.flush()
            os.fsync(journal.fileno())

    def finish(self, unrecorded: Iterable[Path] = (), remove: bool = False) -> None:
        """Forgets the journal but for the unrecorded targets, since SCons knows the others; lets the next build in.

        remove takes the whole directory away while no other build can be in it.
        """
        if self._lock is None:
            return
        self._journal.unlink(missing_ok=True)
        left = list(unrecorded)
        if left:
            self.started(left)
        self._lock.truncate(0)
        if remove:
            self._remove()
        self._lock.close()
        self._lock = None

    def _remove(self) -> None:
        """Removes the directory with all that is left in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _recover(self, tell: Callable[[str], None]) -> None:
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        removed = []
        for line in lines:
            try:
                target = Path(json.loads(line))
            except ValueError:  # the last line of a build that was killed while it wrote it: its action never began
                continue
            atomic.remove(atomic.beside(target))
            if atomic.remove(target):
                removed.append(str(target))
        if removed:
            tell(f"the last build did not end; removed what it had begun: {', '.join(sorted(set(removed)))}")
        self._journal.unlink()
