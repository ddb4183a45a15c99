"""Several machines of a kernel's tests at once, in processes that are forked from pytest's own.

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
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.interrupts import interrupts_held_back, is_pending

IS_SERVED = sys.platform == "linux"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
JOIN_SECONDS = 5.0  # for a machine to end after Ctrl-C, which its process got as well
NUMBER_SIZE = 4

Job = Callable[[], Any]


class ForkedMachines:
    """At most `limit` jobs at once; they begin in the order given, and each gives one result."""

    def __init__(self, jobs: Sequence[Job], limit: int, begins: Callable[[int], None] = lambda number: None) -> None:
        self._jobs = list(jobs)
        self._begins = begins  # hears of the number of each job that begins
        self._limit = min(limit, len(self._jobs))
        self._queue: int | None = None  # a descriptor, once the first result is asked for
        self._workers: dict[Connection, BaseProcess] = {}
        self._begun: dict[Connection, int] = {}
        self._ended: dict[int, tuple[Any, object]] = {}

    def result(self, job: Job) -> Any:
        """Returns what job returned, once it has; raises as it did."""
        number = self._jobs.index(job)
        self._start()
        while number not in self._ended and self._workers:
            self._listen()
        return self._result_of(number)

    def as_they_end(self) -> Iterator[tuple[int, Any]]:
        """Yields the number and the result of each job, in the order in which they end; raises as one of them did."""
        self._start()
        told: set[int] = set()
        while len(told) < len(self._jobs):
            for number in sorted((set(self._ended) if self._workers else set(range(len(self._jobs)))) - told):
                told.add(number)
                yield number, self._result_of(number)
            if len(told) < len(self._jobs) and not set(self._ended) - told:
                self._listen()

    def _start(self) -> None:
        if self._queue is None:
            self._queue = _new_queue(len(self._jobs))
            for _ in range(self._limit):
                self._start_worker(self._queue)

    def _listen(self) -> None:
        assert self._queue is not None, "_start was called"
        for connection in wait(list(self._workers)):
            assert isinstance(connection, Connection)
            self._hear(connection, self._queue)

    def _result_of(self, number: int) -> Any:
        result, error = self._ended.get(number, (None, "whoever took it ended before it began"))
        if isinstance(error, tuple):
            raise BootwrightError(*error)
        if error is not None:
            raise RuntimeError(f"in a machine's process:\n{error}")
        return result

    def close(self) -> None:
        """Waits for what still runs, which an interrupt has reached too, and ends what does not end."""
        if self._queue is not None:
            os.ftruncate(self._queue, 0)
            os.close(self._queue)
        for connection, process in self._workers.items():
            process.join(JOIN_SECONDS)
            process.kill()
            connection.close()

    def _start_worker(self, queue: int) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(self._jobs, queue, theirs, os.getpid()), daemon=True
        )
        with interrupts_held_back():
            process.start()
            theirs.close()  # else the end of the process would not end the pipe
            self._workers[ours] = process
            if is_pending():
                process.kill()  # it may have come before there was this process to hear of it

    def _hear(self, connection: Connection, queue: int) -> None:
        """Takes one message of a worker's: the number of the job that it begins, then its end; or the worker's own."""
        try:
            message = connection.recv()
        except EOFError:
            process = self._workers.pop(connection)
            process.join()
            connection.close()
            if connection in self._begun:  # there may be more jobs than the others can do
                said = f"it ended with status {process.exitcode} and said nothing"
                self._ended[self._begun.pop(connection)] = (None, said)
                self._start_worker(queue)
            return
        if isinstance(message, int):
            self._begun[connection] = message
            self._begins(message)
        else:
            self._ended[self._begun.pop(connection)] = message


def _new_queue(count: int) -> int:
    """Returns a file of the numbers 0 to count - 1: who reads one has taken it, as forks share the position in it."""
    queue = os.memfd_create("jobs")
    os.write(queue, b"".join(number.to_bytes(NUMBER_SIZE, "little") for number in range(count)))
    os.lseek(queue, 0, os.SEEK_SET)
    return queue


def _work(jobs: Sequence[Job], queue: int, connection: Connection, parent: int) -> None:
    """Runs one job after the other in a process of its own and sends each result, or what it raised, as can be sent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it was dead before the signal was asked for
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while number := os.read(queue, NUMBER_SIZE):
            connection.send(int.from_bytes(number, "little"))
            connection.send(_end_of(jobs[int.from_bytes(number, "little")]))
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


def _end_of(job: Job) -> tuple[Any, object]:
    try:
        return job(), None
    except BootwrightError as error:
        return None, (error.message, error.hint, error.status)
    except Exception:
        return None, traceback.format_exc()
