"""The door between SCons and bootwright: sentences instead of tracebacks, the lock, and what starts after a build.

SCons gives 2 for every failing action and holds its signatures in memory until it ends. So an alias like `run` only
records what is to be started; the one function that Python calls at its exit empties the journal, frees the lock and
starts it on the main thread, and its status becomes SCons's own.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import SCons.Errors
import SCons.Node
import SCons.Taskmaster.Job
from SCons.Action import Action, FunctionAction
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry, File
from SCons.Script import GetBuildFailures, Main
from SCons.Util import hash_file_signature

from bootwright.base import atomic, loaded
from bootwright.base.errors import BootwrightError, Lacks, Status
from bootwright.storage.builddir import SIGNATURES, BuildDirectory

Function = Callable[[list[Entry], list[Entry], Environment], None]
# What SCons says where a node of the graph finds something else in its place.
MISMATCH = r"(File|Directory) (.+) found where (file|directory) expected\."
INTERRUPTED = SCons.Taskmaster.Job.interrupt_msg
SHA256_LENGTH = 64  # hexadecimal digits
PACKAGE = Path(__file__).resolve().parents[1]


def tell(line: str) -> None:
    """Prints one line for the person, apart from what a guest or a table writes to stdout."""
    sys.stdout.flush()
    print(f"bootwright: {line}", file=sys.stderr, flush=True)


def sentence_of(error: BootwrightError) -> str:
    """Returns the error's sentence and hint; what the machine lacks has the command that brings it."""
    if isinstance(error, Lacks):
        from bootwright.setup.told import add_cure  # 10 ms that a build without an error does not pay

        add_cure(error, os.environ)
    return str(error)


_told: set[str] = set()


def tell_once(line: str) -> None:
    """Tells what this run did not tell yet: several programs, as a kernel's and its tests', have the same sources."""
    if line not in _told:
        _told.add(line)
        tell(line)


def show_once(text: str) -> None:
    """Shows what another program said, in its own words, unless this run did so already."""
    if text not in _told:
        _told.add(text)
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Turns a user's mistake found while SConscripts are read into its sentence and exit status."""
    try:
        yield
    except BootwrightError as error:
        tell(sentence_of(error))
        sys.exit(error.status)
    except TypeError as error:
        found = re.fullmatch(MISMATCH, str(error))
        if found is None:
            raise
        tell(f"{found[2]} is a {found[1].lower()}; the build needs a {found[3]} there\n  hint: remove or rename it")
        sys.exit(Status.BUILD_ERROR)


class Session:
    """One run of scons: the build directory it holds, the targets it began, and what it starts at the end."""

    def __init__(self, build: Path) -> None:
        self.directory = BuildDirectory(build)
        self.start: Callable[[], int] | None = None
        self.start_anyway: Callable[[], int] | None = None  # where something of the build failed
        self.remove_at_end = False
        self.inputs: dict[Entry, Inputs] = {}  # of the actions that were begun
        self.at_end: list[Callable[[], None]] = []  # what is said once all is built
        self._began: list[Entry] = []
        self._interrupted = False
        self._signatures = build / SIGNATURES

    def open(self) -> None:
        """Takes the build directory; from here on the end of this process gives it back."""
        self.directory.take(" ".join(["scons", *sys.argv[1:]]), tell)
        self._recorded_before = loaded.stamp(self._signatures)
        atexit.register(self._close)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: object) -> None:
        """Takes Ctrl-C while no action runs: SCons ends with status 2 then, and does not say why."""
        self._interrupted = True
        raise KeyboardInterrupt

    def begin(self, targets: Sequence[Entry]) -> None:
        """Records that an action which writes targets begins."""
        self.directory.started(Path(target.abspath) for target in targets)
        self._began += targets

    def show(self, text: str) -> None:
        """Prints one whole diagnostic at once, so that those of parallel actions do not mix."""
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()

    def give_up(self, targets: Sequence[Entry]) -> None:
        """Records that the action raised, and sees to it that it left nothing behind."""
        for target in targets:
            atomic.remove_file(Path(target.abspath))

    def _close(self) -> None:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not come between these steps
        if self._began:
            # A full disk can keep SCons from writing its signatures; then it knows of nothing that was made.
            recorded = loaded.stamp(self._signatures) != self._recorded_before
            made = [t for t in self._began if recorded and t.get_state() == SCons.Node.executed]
            gone = [Path(t.abspath) for t in self._began if t not in made]
            with sentences_at_exit():
                self.directory.finish({Path(t.abspath): _sha256(t) for t in made}, gone, self.remove_at_end)
        else:
            self.directory.finish(remove=self.remove_at_end)
        signal.signal(signal.SIGINT, handler)
        # SCons says 2 of a build that was interrupted; of tasks that failed it keeps a list.
        in_actions = Main.this_build_status and all(str(f.errstr) == INTERRUPTED for f in GetBuildFailures())
        if self._interrupted or in_actions:
            leave(Status.INTERRUPTED)
        with sentences_at_exit():
            for say in self.at_end:
                say()
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


class Inputs:
    """The files that an action reads: what SCons took them for, and what they were when the action began."""

    def __init__(self, target: Entry, env: Environment) -> None:
        files = [node for node in target.children() if isinstance(node, File)]
        self._made = target
        self._seen = [(Path(node.abspath), node.get_csig(), loaded.stamp(node.abspath)) for node in files]
        self._programs: Sequence[Path] = env["BOOTWRIGHT"].files if "BOOTWRIGHT" in env else ()

    def check(self) -> None:
        """Raises if one of them is another now, or was in between: what was made of it has no known source."""
        for path, digest, before in self._seen:
            same = before is not None and loaded.stamp(path) == before and not loaded.changed(str(path))
            if not same or hash_file_signature(str(path)) != digest:
                raise BootwrightError(f"{path} changed while {self._made} was made of it", "run scons again")
        for path in self._programs:
            if loaded.changed(str(path)):
                raise BootwrightError(f"{path} changed while {self._made} was made with it", "run scons again")


_session: Session | None = None


def session() -> Session:
    """Returns this run's session."""
    assert _session is not None, "open_session was not called"
    return _session


def open_session(build: Path) -> Session:
    """Takes the build directory for this run of scons; called once, before the first Environment."""
    global _session
    _session = Session(build)
    _session.open()
    return _session


def leave(status: int) -> None:
    """Ends the process with status at once: at exit nothing else can set it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def sentences_at_exit() -> Iterator[None]:
    """Like sentences, where sys.exit has no effect any more; a fault of our own shows its traceback and status 1."""
    try:
        yield
    except BootwrightError as error:
        tell(sentence_of(error))
        leave(error.status)
    except KeyboardInterrupt:
        leave(Status.INTERRUPTED)
    except BaseException as error:
        from bootwright.base.interrupts import Terminated

        if isinstance(error, Terminated):
            leave(error.status)
        import traceback

        traceback.print_exc()
        leave(1)


def action(function: Function, command: str, varlist: Sequence[str]) -> Action:
    """Returns the Action of one of our Builders.

    function writes its targets whole or raises; command names the construction variable with its full form, and
    commandSTR, where it is set, the short one. varlist names every variable that the bytes depend on.
    """

    def act(target: list[Entry], source: list[Entry], env: Environment) -> None:
        inputs = session().inputs[target[0]] = Inputs(target[0], env)
        try:
            session().begin(target)
        except BootwrightError as error:
            raise SCons.Errors.BuildError(target[0], str(error), status=error.status, exitstatus=2) from error
        try:
            function(target, source, env)
            inputs.check()
        except BootwrightError as error:
            session().give_up(target)
            raise SCons.Errors.BuildError(target[0], sentence_of(error), status=error.status, exitstatus=2) from error
        except OSError as error:
            session().give_up(target)
            name = error.filename or target[0]
            sentence = f"{name}: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                from bootwright.base import storage_space

                sentence = storage_space.full(Path(target[0].abspath), sentence)
            raise SCons.Errors.BuildError(target[0], sentence, status=Status.BUILD_ERROR, exitstatus=2) from error

    def show(target: list[Entry], source: list[Entry], env: Environment) -> str:
        short = env.get(f"{command}STR")
        return str(env.subst(short if short is not None else f"${command}", target=target, source=source))

    return _OwnAction(act, show, [*varlist, command], function.__code__.co_filename)


class _OwnAction(FunctionAction):
    """An Action that SCons takes for another one when the file of the Tool that it is written in is another.

    SCons itself would hash the function's own code, not what it calls in that file; and it would do so for each Action
    as it is made, with all that the function refers to: 1 ms of each build.
    """

    def __init__(self, act: Function, show: Callable[..., str], varlist: Sequence[str], tool: str) -> None:
        super().__init__(_Act(act), {"strfunction": show, "varlist": tuple(varlist)})
        self._tool = tool

    def get_presig(self, target: Any, source: Any, env: Environment, executor: Any = None) -> str:
        """Returns the SHA-256 of the Tool's file."""
        if self._tool not in _digests:
            _digests[self._tool] = hashlib.sha256(Path(self._tool).read_bytes()).hexdigest()
        return _digests[self._tool]


_digests: dict[str, str] = {}  # of the files of Tools


class _Act:
    """What such an Action, or that of an alias, does.

    A class, since SCons hashes a function with all that it refers to, the graph of the kernels included: 60 ms each.
    """

    def __init__(self, act: Function) -> None:
        self._act = act

    def __call__(self, target: list[Entry], source: list[Entry], env: Environment) -> None:
        self._act(target, source, env)


def check_inputs(target: Sequence[Entry]) -> None:
    """Raises if an input of the running action changed: the store keeps what it makes longer than this build does."""
    session().inputs[target[0]].check()


def check(env: Environment, name: str, function: Callable[[], None]) -> None:
    """Adds the alias name, which does something while this process still has the build directory; raising fails it."""

    def act(target: list[Entry], source: list[Entry], env: Environment) -> None:
        try:
            function()
        except BootwrightError as error:
            raise SCons.Errors.BuildError(target[0], sentence_of(error), status=error.status, exitstatus=2) from error

    env.AlwaysBuild(env.Alias(name, [], Action(_Act(act), _say_nothing)))


def record(env: Environment, name: str, sources: list[Entry], start: Callable[[], int], anyway: bool = False) -> None:
    """Adds the alias name, which starts something once all is built and SCons has recorded it.

    With anyway it starts too where some of it could not be built; as much as can be is then.
    """
    if anyway:
        session().start_anyway = start
        Main.OptionsParser.values.keep_going = True

    def note(target: list[Entry], source: list[Entry], env: Environment) -> None:
        session().start = start

    env.AlwaysBuild(env.Alias(name, sources, Action(_Act(note), _say_nothing)))


def _say_nothing(target: list[Entry], source: list[Entry], env: Environment) -> str:
    return ""


def modules(env: Environment, *names: str) -> list[Any]:
    """Returns the nodes of bootwright's modules with these names (a/b for one in a package)."""
    return [env.File(str(PACKAGE / f"{name}.py")) for name in names]
