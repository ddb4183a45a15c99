"""The door between SCons and bootwright: sentences instead of tracebacks, the lock, and what starts after a build.

SCons gives 2 for every failing action and holds its signatures in memory until it ends. So an alias like `run` only
records what is to be started; the one function that Python calls at its exit empties the journal, frees the lock and
starts it on the main thread, and its status becomes SCons's own.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import SCons.Errors
import SCons.Node
from SCons.Action import Action
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.builddir import BuildDirectory
from bootwright.errors import BootwrightError, Status

Function = Callable[[list[Entry], list[Entry], Environment], None]
PACKAGE = Path(__file__).resolve().parent / "bootwright"


def tell(line: str) -> None:
    """Prints one line for the person, apart from what a guest or a table writes to stdout."""
    sys.stdout.flush()
    print(f"bootwright: {line}", file=sys.stderr, flush=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Turns a user's mistake found while SConscripts are read into its sentence and exit status."""
    try:
        yield
    except BootwrightError as error:
        tell(str(error))
        sys.exit(error.status)


class Session:
    """One run of scons: the build directory it holds, the targets it began, and what it starts at the end."""

    def __init__(self, build: Path) -> None:
        self.directory = BuildDirectory(build)
        self.start: Callable[[], int] | None = None
        self.remove_at_end = False
        self._began: list[Entry] = []

    def open(self) -> None:
        """Takes the build directory; from here on the end of this process gives it back."""
        self.directory.take(" ".join(["scons", *sys.argv[1:]]), tell)
        atexit.register(self._close)

    def begin(self, targets: Sequence[Entry]) -> None:
        """Records that an action which writes targets begins."""
        self._began += targets
        self.directory.started(Path(target.abspath) for target in targets)

    def show(self, text: str) -> None:
        """Prints one whole diagnostic at once, so that those of parallel actions do not mix."""
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()

    def give_up(self, targets: Sequence[Entry]) -> None:
        """Records that the action raised, so that it left nothing behind."""
        self._began = [target for target in self._began if target not in targets]

    def _close(self) -> None:
        unrecorded = [t for t in self._began if t.get_state() != SCons.Node.executed]
        self.directory.finish([Path(target.abspath) for target in unrecorded])
        if self.remove_at_end:
            self.directory.remove()
        if self.start is not None:
            with sentences_at_exit():
                leave(self.start())


@dataclass(frozen=True)
class Core:
    """What rustc needs for one target: word is what --target takes, directory the --sysroot (None: its own has core).

    nodes are what every crate depends on; environment and flags are what rustc wants for a JSON specification.
    """

    name: str
    word: str
    directory: Path | None = None
    nodes: list[Entry] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    x86_64: bool = False


@dataclass
class KernelNodes:
    """The nodes of one kernel in one variant; kernel and image are None where the target is no x86-64 machine."""

    name: str
    target: str
    variant: str
    elf: Entry
    kernel: Entry | None = None
    image: Entry | None = None
    success_exit_code: int | None = None
    suite: str = ""  # of a program of tests: "src", or its stem in tests/
    tests: list[KernelNodes] = field(default_factory=list)

    @property
    def disk(self) -> Path:
        """The path of the image."""
        assert self.image is not None, f"{self.name} has no image"
        return Path(self.image.abspath)

    @property
    def final(self) -> list[Entry]:
        """What `scons` makes of this kernel."""
        return [node for node in (self.image, self.kernel, self.elf) if node is not None]


def only(name: str, kernels: Sequence[KernelNodes]) -> KernelNodes:
    """Returns the one kernel with an image that the alias name starts or writes; raises where that is not clear."""
    if len(kernels) != 1:
        raise BootwrightError(f"VARIANT=all: `scons {name}` takes one kernel", "say VARIANT=debug or VARIANT=release")
    if kernels[0].image is None:
        raise BootwrightError(
            f"{kernels[0].name} is built for {kernels[0].target}; `scons {name}` is for x86-64 machines"
        )
    return kernels[0]


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
    import traceback

    try:
        yield
    except BootwrightError as error:
        tell(str(error))
        leave(error.status)
    except KeyboardInterrupt:
        leave(130)
    except BaseException:
        traceback.print_exc()
        leave(1)


def action(function: Function, command: str, varlist: Sequence[str]) -> Action:
    """Returns the Action of one of our Builders.

    function writes its targets whole or raises; command names the construction variable with its full form, and
    commandSTR, where it is set, the short one. varlist names every variable that the bytes depend on.
    """

    def act(target: list[Entry], source: list[Entry], env: Environment) -> None:
        session().begin(target)
        try:
            function(target, source, env)
        except BootwrightError as error:
            session().give_up(target)
            raise SCons.Errors.BuildError(target[0], str(error), status=error.status, exitstatus=2) from error
        except OSError as error:
            session().give_up(target)
            name = error.filename or target[0]
            sentence = f"{name}: {error.strerror or error}"
            raise SCons.Errors.BuildError(target[0], sentence, status=Status.BUILD_ERROR, exitstatus=2) from error

    def show(target: list[Entry], source: list[Entry], env: Environment) -> str:
        short = env.get(f"{command}STR")
        return str(env.subst(short if short is not None else f"${command}", target=target, source=source))

    return Action(act, show, varlist=[*varlist, command])


def record(env: Environment, name: str, sources: list[Entry], start: Callable[[], int]) -> None:
    """Adds the alias name, which starts something once all is built and SCons has recorded it."""

    def note(target: list[Entry], source: list[Entry], env: Environment) -> None:
        if session().start is not None:
            raise BootwrightError(f"{name}: only one target of this kind at a time")
        session().start = start

    env.AlwaysBuild(env.Alias(name, sources, Action(note, lambda *_: "")))


def modules(env: Environment, *names: str) -> list[Any]:
    """Returns the nodes of bootwright's modules with these names (a/b for one in a package)."""
    return [env.File(str(PACKAGE / f"{name}.py")) for name in names]
