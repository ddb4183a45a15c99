"""Several machines of a kernel's tests at once, each in a process that is forked from pytest's own.

A worker of pytest-xdist is a second Python that imports and collects everything again, which takes longer than ten
machines. A fork has all that already. Linux alone has fork together with PR_SET_PDEATHSIG, by which no machine outlives
a pytest that was killed; elsewhere xdist's workers do this.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bootwright.errors import BootwrightError

IS_SERVED = sys.platform == "linux"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
JOIN_SECONDS = 5.0  # for a machine to end after Ctrl-C, which its process got as well

Job = Callable[[], Any]


class ForkedMachines:
    """At most `limit` jobs at once; they begin in the order given, and each gives one result."""

    def __init__(self, jobs: Sequence[Job], limit: int) -> None:
        self._waiting = list(jobs)
        self._limit = limit
        self._running: dict[Connection, tuple[Job, BaseProcess]] = {}
        self._ended: dict[Job, tuple[Any, object]] = {}

    def result(self, job: Job) -> Any:
        """Returns what job returned, once it has; raises as it did."""
        while job not in self._ended:
            while self._waiting and len(self._running) < self._limit:
                self._begin(self._waiting.pop(0))
            self._take(wait(list(self._running)))
        result, error = self._ended[job]
        if isinstance(error, tuple):
            raise BootwrightError(*error)
        if error is not None:
            raise RuntimeError(f"in a machine's process:\n{error}")
        return result

    def close(self) -> None:
        """Waits for what still runs, which an interrupt has reached too, and ends what does not end."""
        for _, process in self._running.values():
            process.join(JOIN_SECONDS)
            process.kill()

    def _begin(self, job: Job) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(job, theirs, os.getpid()), daemon=True
        )
        process.start()
        theirs.close()  # else the end of the process would not end the pipe
        self._running[ours] = (job, process)

    def _take(self, ready: Sequence[object]) -> None:
        for connection in [connection for connection in self._running if connection in ready]:
            job, process = self._running.pop(connection)
            try:
                self._ended[job] = connection.recv()
            except EOFError:
                process.join()
                self._ended[job] = (None, f"it ended with status {process.exitcode} and said nothing")
            process.join()
            connection.close()


def _work(job: Job, connection: Connection, parent: int) -> None:
    """Runs job in a process of its own and sends its result, or what it raised, as it can be sent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it was dead before the signal was asked for
    try:
        connection.send((job(), None))
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    except BootwrightError as error:
        connection.send((None, (error.message, error.hint, error.status)))
    except BaseException:
        connection.send((None, traceback.format_exc()))
