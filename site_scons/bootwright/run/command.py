"""A run-command that is no QEMU: a script or another emulator, started with the image's path.

Of such a program only its output and its status are known: no serial port, no screen, no processor. In a run it has the
terminal; in a test its output is what the guest said.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.interrupts import Terminated, interruptible
from bootwright.base.procs import pasteable
from bootwright.machine import verdict
from bootwright.machine.transcript import Transcript
from bootwright.machine.verdict import Verdict
from bootwright.run.config import HEADLESS_TIMEOUT, RunConfig
from bootwright.run.voice import write

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    import queue
    from typing import IO, TextIO

END_SECONDS = 2.0  # for what a program that was killed still had in its pipe


def program_arguments(config: RunConfig) -> list[str]:
    """Returns what is started: the run-command with the image for {}, then the arguments, as bootimage orders them."""
    path = str(config.image.absolute())
    return [*(word.replace("{}", path) for word in config.program), *config.qemu_flags]


def run_program(config: RunConfig, out: TextIO, in_test: bool) -> Verdict:
    """Runs the program to its end or to its time-out and returns the verdict.

    In a test its output is the verdict's serial text, else it goes where ours goes. Raises BootwrightError with status
    5 where it cannot be started.
    """
    argv = program_arguments(config)
    timeout = config.timeout if config.timeout or not config.headless else HEADLESS_TIMEOUT
    # What may have to be killed gets a group of its own, so that all that it started ends too. What may not keeps the
    # terminal, and Ctrl-C is its own affair.
    alone = in_test or timeout is not None
    try:
        process = subprocess.Popen(
            argv,
            cwd=config.directory,
            stdin=subprocess.DEVNULL if alone else None,
            stdout=subprocess.PIPE if in_test else None,
            stderr=subprocess.STDOUT if in_test else None,
            start_new_session=alone,
        )
    except OSError as error:
        hint = f"the command was: {pasteable(argv)}"
        raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror}", hint, Status.QEMU_NOT_STARTED) from error
    allowed = timeout or float("inf")
    try:
        with interruptible():
            said, over = _listen(process, config, allowed, out) if in_test else ("", _wait(process, allowed))
    except Terminated:
        raise
    except KeyboardInterrupt:
        if not alone:
            process.wait()
        return verdict.left("Ctrl-C", Status.INTERRUPTED)
    finally:
        _kill(process, alone)
    if not over:
        return verdict.still_running(allowed, None, said)
    return verdict.program_ended(process.returncode, config.success_exit_code, in_test, pasteable(argv), said)


def _wait(process: subprocess.Popen[bytes], allowed: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(None if allowed == float("inf") else allowed)
    return process.poll() is not None


def _listen(process: subprocess.Popen[bytes], config: RunConfig, allowed: float, out: TextIO) -> tuple[str, bool]:
    """Returns what the program said and whether it ended in time, which counts anew from each mark of a test."""
    import queue  # a run does without, and starts the sooner

    assert process.stdout is not None
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, heard), daemon=True).start()
    transcript, marks = Transcript(config.restart_mark), 0
    start = time.monotonic()
    over = killed = False
    while True:
        try:
            more = heard.get(timeout=max(0.0, start + allowed - time.monotonic()))
        except queue.Empty:
            if killed:
                break
            killed = True
            _kill(process, True)
            start = time.monotonic() + END_SECONDS - allowed
            continue
        if not more:
            over = not killed and _wait(process, max(0.0, start + allowed - time.monotonic()))
            break
        transcript.add(more)
        if transcript.marks > marks and not killed:
            marks, start = transcript.marks, time.monotonic()
    text = transcript.text
    write(out, text)
    return text, over


def _read(pipe: IO[bytes], heard: queue.SimpleQueue[bytes]) -> None:
    while data := os.read(pipe.fileno(), 1 << 16):
        heard.put(data)
    heard.put(b"")


def _kill(process: subprocess.Popen[bytes], group: bool) -> None:
    """Ends the program, and with group all that it started, also where it has itself ended before."""
    with contextlib.suppress(OSError):
        if group and os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
    process.wait()
