"""Running a program against the clock: to its end, or until it says something."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import LAST_LINES, pasteable


@dataclass(frozen=True)
class Taken:
    """How long a program took, in seconds, and what it said on both of its outputs.

    processor is the processor time of it and of all that it waited for, in seconds; 0 where it was not waited for.
    """

    seconds: float
    output: str
    processor: float = 0.0


def take(
    argv: Sequence[str], cwd: Path, environment: Mapping[str, str], until: str = "", *, stop: bool = False,
    limit: float = 1800.0,
) -> Taken:  # fmt: skip
    """Runs a program; the time counts to its end, or to where it has said until.

    stop ends it then; else it is waited for and must succeed. Raises BootwrightError where it fails, does not say
    until, or takes longer than limit seconds.
    """
    start, before = time.monotonic(), _processor_time()
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
    said, seconds = b"", None
    try:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, start + limit - time.monotonic())):
                data = os.read(process.stdout.fileno(), 1 << 16)
                said += data
                if until and seconds is None and until.encode() in said:
                    seconds = time.monotonic() - start
                    if stop:
                        return Taken(seconds, said.decode(errors="replace"))
                if not data:
                    break
            else:
                raise _failure(argv, said, f"was not through after {limit:g} s")
        status = process.wait(limit)
        if status:
            raise _failure(argv, said, f"ended with status {status}")
        if until and seconds is None:
            raise _failure(argv, said, f"did not say {until}")
    finally:
        if process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    seconds = time.monotonic() - start if seconds is None else seconds
    return Taken(seconds, said.decode(errors="replace"), _processor_time() - before)


def _processor_time() -> float:
    """Returns what all children took that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _failure(argv: Sequence[str], said: bytes, how: str) -> BootwrightError:
    lines = said.decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    return BootwrightError(
        f"{Path(argv[0]).name} {how}", "\n    ".join([f"the command was: {pasteable(argv)}", *lines])
    )
