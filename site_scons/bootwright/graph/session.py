"""One run of scons: the lock, what it began, and what starts after it.

SCons gives 2 for every failing action and holds its signatures in memory until it ends. So an alias like `run` only
records what is to be started; the one function that Python calls at its exit empties the journal, frees the lock and
starts it on the main thread, and its status becomes SCons's own.
"""

from __future__ import annotations

import atexit
import errno
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import SCons.Errors
import SCons.Node
import SCons.SConsign
import SCons.Taskmaster.Job
from SCons.Node.FS import Entry
from SCons.Script import GetBuildFailures, Main

from bootwright.base import atomic, children, loaded
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.regular import LARGEST, is_there
from bootwright.graph import unchanged
from bootwright.graph.sentences import leave, sentences_at_exit, tell, tell_what_is_last, was_quiet
from bootwright.storage.builddir import SIGNATURES, BuildDirectory

if TYPE_CHECKING:
    from bootwright.graph.contents import Contents
    from bootwright.graph.sealed import Sealed

INTERRUPTED = SCons.Taskmaster.Job.interrupt_msg
_WRITE = SCons.SConsign.write
SHA256_LENGTH = 64  # hexadecimal digits


class Session:
    """One run of scons: the build directory it holds, the targets it began, and what it starts at the end."""

    def __init__(self, build: Path, own: bool) -> None:
        self.directory = BuildDirectory(build, own)
        self.start: Callable[[], int] | None = None
        self.start_anyway: Callable[[], int] | None = None  # where something of the build failed
        self.remove_at_end = False
        self.at_end: list[Callable[[], None]] = []  # what is said once all is built
        self._began: list[Entry] = []
        self._interrupted = False
        self._looked_at_all = False
        self._unwritten: OSError | None = None
        self._signatures = build / SIGNATURES
        self._contents: Contents | None = None
        self._sealed: dict[Path, Sealed] = {}

    def open(self) -> None:
        """Takes the build directory; from here on the end of this process gives it back."""
        self.directory.take(" ".join(["scons", *sys.argv[1:]]), tell)
        is_there(self._signatures, LARGEST)
        self._recorded_before = loaded.stamp(self._signatures)
        atexit.register(self._close)
        children.watch_signals()
        SCons.SConsign.write = self._write_signatures
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)

    @property
    def contents(self) -> Contents:
        """What is known of the products of units; what was found of them is kept as this run ends."""
        if self._contents is None:
            from bootwright.graph.contents import Contents  # of words that build nothing none is asked for

            self._contents = Contents(self.directory.path, self.directory.path / "lock")
        return self._contents

    def sealed(self, directory: Path) -> Sealed:
        """Returns what is remembered of units of registries below directory; what was seen is kept as this run ends."""
        if directory not in self._sealed:
            from bootwright.graph.sealed import Sealed  # of kernels without dependencies none is asked for

            self._sealed[directory] = Sealed(directory, self.contents)
        return self._sealed[directory]

    def _write_signatures(self) -> None:
        """Has SCons record what was made. Where nothing was, what it has recorded holds, and is not written again.

        SCons comes here once all targets were looked at.
        """
        self._looked_at_all = not Main.this_build_status
        try:
            if self._began or Main.this_build_status:
                _WRITE()
        except OSError as error:
            self._unwritten = error  # which SCons would show with the lines of its own source

    def _interrupt(self, number: int, frame: object) -> None:
        """Takes Ctrl-C while no action runs: SCons ends with status 2 then, and does not say why."""
        self._interrupted = True
        raise KeyboardInterrupt

    def begin(self, targets: Sequence[Entry]) -> None:
        """Records that an action which writes targets begins."""
        self.directory.started(Path(target.abspath) for target in targets)
        self._began += targets
        unchanged.forget()

    def show(self, text: str) -> None:
        """Prints one whole diagnostic at once, so that those of parallel actions do not mix."""
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()

    def give_up(self, targets: Sequence[Entry]) -> None:
        """Records that the action raised, and sees to it that it left nothing behind."""
        for target in targets:
            atomic.remove_file(Path(target.abspath))

    def _lost(self, error: OSError) -> BootwrightError:
        """Returns the sentence for what cannot be recorded: the next build makes it again."""
        from bootwright.base import storage_space  # a disk that has room does not pay for it

        place = self.directory.path
        words = f"what was built cannot be recorded in {place}: {error.strerror or error}"
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return BootwrightError(storage_space.full(place, words) if is_full else words, "scons makes it again")

    def _close(self) -> None:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not come between these steps
        if self._contents is not None and not self.remove_at_end:
            self._contents.keep()
        if self._looked_at_all and not self.remove_at_end:
            for sealed in self._sealed.values():
                sealed.keep()
        if self._began:
            # A full disk can keep SCons from writing its signatures; then it knows of nothing that was made.
            recorded = loaded.stamp(self._signatures) != self._recorded_before
            made = [t for t in self._began if recorded and t.get_state() == SCons.Node.executed]
            gone = [Path(t.abspath) for t in self._began if t not in made]
            with sentences_at_exit():
                try:
                    self.directory.finish({Path(t.abspath): _sha256(t) for t in made}, gone, self.remove_at_end)
                except OSError as error:
                    raise self._lost(error) from error
                if self._unwritten is not None:
                    raise self._lost(self._unwritten)
        else:
            self.directory.finish(remove=self.remove_at_end)
        signal.signal(signal.SIGINT, handler)
        tell_what_is_last()
        # SCons says 2 of a build that was interrupted; of tasks that failed it keeps a list.
        in_actions = Main.this_build_status and all(str(f.errstr) == INTERRUPTED for f in GetBuildFailures())
        if self._interrupted or in_actions:
            leave(Status.INTERRUPTED)
        with sentences_at_exit():
            for say in self.at_end:
                say()
        if self._looked_at_all and not self._began and not self.remove_at_end:
            unchanged.remember(was_quiet())
        start = self.start_anyway if GetBuildFailures() else self.start
        if start is not None:
            with sentences_at_exit():
                leave(start())


def _sha256(node: Entry) -> str:
    """Returns the SHA-256 of a file that was made, which SCons mostly knows: the SConstruct sets this hash."""
    known = node.get_csig()
    if len(known) == SHA256_LENGTH:
        return known
    from bootwright.base.digests import file_digest

    return file_digest(Path(node.abspath))


_session: Session | None = None


def session() -> Session:
    """Returns this run's session."""
    assert _session is not None, "open_session was not called"
    return _session


def open_session(build: Path, own: bool = True) -> Session:
    """Takes the build directory for this run of scons; called once, before the first Environment.

    own: it is the checkout's, in which nothing but bootwright writes.
    """
    global _session
    _session = Session(build, own)
    _session.open()
    return _session
