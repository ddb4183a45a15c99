"""The build directory: one build at a time, and no half-written target after a crash.

lock is held by a running build and taken over from a dead one, since the system frees it with the process.
journal names the targets of the actions that were started; a later build finds what SCons could not record
(its signatures are written at the end alone) and removes those targets before it trusts them.
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
from bootwright.storage import outputs

SIGNATURES = ".sconsign.dblite"


class BuildDirectory:
    """A build directory that this process has, or waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = path / "journal"
        self._lock: IO[str] | None = None

    def take(self, command: str, tell: Callable[[str], None]) -> None:
        """Locks the directory for command, waiting for another build to end; then removes what a dead one left."""
        told = False
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
        stream.truncate(0)
        stream.write(f"process {os.getpid()}: {command}\n")
        stream.flush()
        self._lock = stream
        self._recover(tell)

    def started(self, targets: Iterable[Path]) -> None:
        """Records, safely on the disk, that an action which writes targets begins."""
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.writelines(json.dumps(str(target)) + "\n" for target in targets)
            journal.flush()
            os.fsync(journal.fileno())

    def finish(self, made: Mapping[Path, str] | None = None, gone: Iterable[Path] = (), remove: bool = False) -> None:
        """Lets the next build in, once all is on the disk that it relies on.

        made are the outputs that SCons has recorded, with their SHA-256; gone are the targets of actions that failed or
        were not recorded: they are removed, so that none is trusted. remove takes the whole directory away.
        """
        if self._lock is None:
            return
        if remove:
            self._remove()
        else:
            gone = list(gone)
            for target in gone:
                atomic.remove(target)
            outputs.update_manifest(self.path, made or {}, gone)
            self._journal.unlink(missing_ok=True)
            self._lock.truncate(0)
        self._lock.close()
        self._lock = None
        if remove and sys.platform == "win32":  # where no file is removed that is open here or in a waiting build
            shutil.rmtree(self.path, ignore_errors=True)

    def _open_lock(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / "lock").open("a+", encoding="utf-8")
        except FileNotFoundError:  # `scons -c` removed the directory between the two
            return self._open_lock()
        except OSError as error:
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
            if path.name != "lock":
                atomic.remove(path)
        if sys.platform != "win32":
            shutil.rmtree(self.path, ignore_errors=True)

    def _recover(self, tell: Callable[[str], None]) -> None:
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        targets = []
        for line in lines:
            try:
                name = json.loads(line)
            except ValueError:  # the last line of a build that was killed while it wrote it: its action never began
                continue
            if not isinstance(name, str):
                tell(f"{self._journal}: {line} is no name of a target; passed over")
                continue
            targets.append(Path(name))
        removed = sorted({str(target) for target in targets if atomic.remove(target)})
        atomic.remove_leftovers(self.path)
        if removed:
            tell(f"the last build did not end; removed what it had begun: {', '.join(removed)}")
        outputs.update_manifest(self.path, {}, targets)
        self._journal.unlink()
