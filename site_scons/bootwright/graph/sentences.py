"""What a person is told: a sentence in place of a traceback, a line once, and the status that goes with it."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from SCons.Script import GetOption

from bootwright.base.called import as_called
from bootwright.base.errors import BootwrightError, Lacks, Status

# What SCons says where a node of the graph finds something else in its place.
MISMATCH = r"(File|Directory) (.+) found where (file|directory) expected\."


_told: set[str] = set()
said_in: dict[str, str] = {}  # of the variables that a kernel's files say, where these stand


def tell(line: str) -> None:
    """Prints one line for the person, apart from what a guest or a table writes to stdout."""
    _told.add(line)
    _clear()
    text = f"bootwright: {as_called(line)}"
    if sys.stderr.isatty():
        from bootwright.base.folding import fit  # who writes to a file does not pay for it

        text = fit(text, sys.stderr)
    print(text, file=sys.stderr, flush=True)


def print_command(line: str, *_: object) -> None:
    """Prints what SCons says of a step that it begins (its PRINT_CMD_LINE_FUNC).

    A list and JSON have stdout for themselves, since programs read them.
    """
    _clear()
    stream = sys.stderr if GetOption("list") or GetOption("json") else sys.stdout
    stream.write(f"{line}\n")


def _clear() -> None:
    """Prints what waits for it, and takes a line that counts away."""
    sys.stdout.flush()
    # A build that never counts does not pay for it, and while another thread imports it there is no line yet.
    hide_all = getattr(sys.modules.get("bootwright.base.counting"), "hide_all", None)
    if hide_all is not None:
        hide_all()


def sentence_of(error: BootwrightError) -> str:
    """Returns the error's sentence and hint; what the machine lacks has the command that brings it.

    A sentence that begins with a variable of a file's names the file.
    """
    if isinstance(error, Lacks):
        from bootwright.setup.told import add_cure  # 10 ms that a build without an error does not pay

        add_cure(error, os.environ)
    text = str(error)
    name = text.partition("=")[0]
    if name not in said_in:
        return text
    sentence, end, hint = text.partition("\n")
    return f"{sentence} ({said_in[name]} says {name}){end}{hint}"


def was_quiet() -> bool:
    """Says whether this run told nothing, in its own words or in another program's."""
    return not _told and not _last


def tell_once(line: str) -> None:
    """Tells what this run did not tell yet: several programs, as a kernel's and its tests', have the same sources."""
    if line not in _told:
        tell(line)


_last: list[str] = []
PIPE_CLOSED = 128 + 13  # what a shell says of a program that SIGPIPE ended
BOLD, PLAIN = "\x1b[1m", "\x1b[m"


def tell_last(line: str) -> None:
    """Tells what a person is to read last, below what SCons says of a step that failed."""
    if as_called(line) not in _last:
        _last.append(as_called(line))


def tell_what_is_last() -> None:
    """Prints these lines; called once the build has ended."""
    if not _last:
        return
    from bootwright.base.folding import fit  # a build without an error does not pay for these
    from bootwright.base.terminal import takes_colour

    name = f"{BOLD}bootwright{PLAIN}" if takes_colour(sys.stderr, os.environ) else "bootwright"
    sys.stdout.flush()
    for line in _last:
        print(fit(f"bootwright: {line}", sys.stderr).replace("bootwright", name, 1), file=sys.stderr)
    sys.stderr.flush()


def show_once(text: str) -> None:
    """Shows what another program said, in its own words, unless this run did so already."""
    if text not in _told:
        _told.add(text)
        _clear()
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


def leave(status: int) -> None:
    """Ends the process with status at once: at exit nothing else can set it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        status = lost_output(error)
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(status)


def flush_last() -> None:
    """Writes what is printed and not written, at the very end: Python itself says "Exception ignored", and 120."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os._exit(lost_output(error))


def lost_output(error: OSError) -> int:
    """Tells, where it is worth a word, of output that could not be printed; returns the status of that.

    Who closed a pipe, as `| head` does, has seen enough.
    """
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    with suppress(OSError):
        print(f"bootwright: what is printed cannot be written: {error.strerror}", file=sys.stderr)
    return 1


@contextmanager
def sentences_at_exit() -> Iterator[None]:
    """Like sentences, where sys.exit has no effect any more; a fault of our own shows its traceback and status 1."""
    try:
        yield
    except BootwrightError as error:
        with suppress(OSError):  # nobody may be there any more to read it, and the status is the same
            tell(sentence_of(error))
        leave(error.status)
    except KeyboardInterrupt as error:
        from bootwright.base.interrupts import Terminated  # a run that ends by itself does not pay for it

        if isinstance(error, Terminated):
            with suppress(OSError):
                tell(f"ended by {error}")
            leave(error.status)
        leave(Status.INTERRUPTED)
    except BaseException as error:
        # Of a file an error bears the name, or was told where the file is written.
        if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC) and error.filename is None:
            os._exit(lost_output(error))
        import traceback

        traceback.print_exc()
        leave(1)
