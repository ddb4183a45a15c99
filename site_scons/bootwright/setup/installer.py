"""Running a long installer: its progress on one line of a terminal, its last words kept for when it fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootwright.base.called import as_called
from bootwright.base.errors import BootwrightError
from bootwright.base.folding import columns, fit

TAIL = 6  # lines of an installer's own words that are shown when it fails
CLEAR = "\r\x1b[K"
COLUMNS = 80  # of a terminal that does not say how wide it is
WIDTH = 150  # characters of each: pip's are up to 300 long
ERROR = re.compile(r"E: |ERROR|dpkg: error|error")
NO_NETWORK = (
    "could not resolve",
    "temporary failure in name resolution",
    "temporary failure resolving",
    "name or service not known",
    "failed to establish a new connection",
    "could not connect to",
    "unable to connect to",
    "network is unreachable",
    "connection timed out",
    "connection refused",
    "error sending request",
    "nodename nor servname provided",
)
DISK_FULL = ("no space left on device", "enough free space", "errno 28", "disk quota exceeded")
READ_ONLY = ("read-only file system", "permission denied")


def tell(words: str) -> None:
    """Prints a line of sconsw's own; standard output belongs to scons."""
    print(fit(f"{as_called('sconsw')}: {as_called(words)}", sys.stderr), file=sys.stderr, flush=True)


def show_progress(words: str) -> None:
    """Shows words on a terminal's last line, in place of those before; empty words clear it."""
    if sys.stderr.isatty():
        sys.stderr.write(CLEAR + f"  {words}"[: (columns(sys.stderr) or COLUMNS) - 1] if words else CLEAR)
        sys.stderr.flush()


@dataclass(frozen=True)
class Ended:
    """How an installer ended: its status and the last lines that it said."""

    status: int
    lines: tuple[str, ...]

    def said(self, signs: Sequence[str]) -> bool:
        """Tells whether one of the signs (lower case) is among its words."""
        words = "\n".join(self.lines).lower()
        return any(sign in words for sign in signs)

    def error(self, message: str, hint: str) -> BootwrightError:
        """Returns the one sentence, with the cure and the tail of the installer's own words."""
        errors = (number for number, line in enumerate(self.lines) if ERROR.match(line))
        first = max(next(errors, len(self.lines) - TAIL + 1) - 1, 0)  # the line before often says why
        last = self.lines[first : first + TAIL]
        tail = "".join(f"\n  | {line[:WIDTH]}" for line in last)
        return BootwrightError(message + tail, hint)


def watch(argv: Sequence[str], environ: Mapping[str, str], progress: Callable[[str], str | None]) -> Ended:
    """Runs argv and returns how it ended; progress turns a line of its output into a few words, or None to keep it.

    It inherits the lock of the set-up (close_fds=False): when sconsw is killed, the next one waits for its orphan.
    """
    lines: deque[str] = deque(maxlen=60)
    try:
        process = subprocess.Popen(
            argv, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", close_fds=False,
        )  # fmt: skip
    except OSError as error:
        return Ended(127, (f"{argv[0]}: {error.strerror}",))
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                words = progress(line.rstrip())
                if words is None and line.strip():
                    lines.append(line.rstrip())
                elif words:
                    show_progress(words)
        except KeyboardInterrupt:
            process.terminate()  # sudo hands it on to what it started
            raise
        finally:
            show_progress("")
    return Ended(process.returncode, tuple(lines))
