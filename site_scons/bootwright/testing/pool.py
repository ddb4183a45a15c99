"""Test machines on other computers: POOL=tls://HOST:PORT is the scheduler of a Dask pool, and each boot a task of it.

A worker takes one for each unit of its resource `machine`. A worker that dies loses no test: the scheduler gives the
task to another one, and the test says so. A client that goes, in whatever way, ends what boots for it. Both sides
prove who they are by certificates; who has one may run programs on the workers.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootwright.base.errors import BootwrightError
from bootwright.base.extras import lacking
from bootwright.run.config import RunConfig
from bootwright.testing import job
from bootwright.testing.judge import TestProgram, TestResult

if TYPE_CHECKING:
    from distributed import Client, Future

EXTRA = "pool"
RESOURCE = "machine"
CONNECT_SECONDS = 10.0
WORKER_SECONDS = 60.0  # for a worker with a machine to come
LOOK_SECONDS = 0.5


class Pool:
    """The pool at address (tls://HOST:PORT); authority and certificate, with its key, are PEM files of this side's."""

    def __init__(self, address: str, authority: str, certificate: str) -> None:
        self._address, self._authority, self._certificate = address, authority, certificate
        self._client: Client | None = None
        self._topic = f"bootwright-{uuid.uuid4()}"
        self._waiting: dict[TestProgram, tuple[str, Future]] = {}
        self._begun: Counter[str] = Counter()

    def begin(self, program: TestProgram, config: RunConfig) -> None:
        """Has a program boot when a machine is free; boot() returns what came of it."""
        if program not in self._waiting:
            key, packed = f"{self._topic}-{uuid.uuid4()}", job.pack(program, config)
            with self._asking():
                task = self._connected().submit(
                    _work, packed, self._topic, key, key=key, resources={RESOURCE: 1}, pure=False
                )
            self._waiting[program] = (key, task)

    def boot(self, program: TestProgram, config: RunConfig) -> tuple[list[TestResult], int]:
        """Returns the results of a program, and how many workers died while it ran."""
        self.begin(program, config)
        key, task = self._waiting[program]
        with self._asking():
            said = self._wait(task)
        del self._waiting[program]
        try:
            return job.results(said, program), max(0, self._begun[key] - 1)
        except BootwrightError as error:
            error.message = f"{self._address}: {error.message}"
            raise

    def close(self) -> None:
        """Gives up what still runs: the scheduler tells the workers."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.cancel([task for _, task in self._waiting.values()])
                self._client.close(timeout=2)
            self._client = None

    def _wait(self, task: Future) -> dict[str, Any]:
        assert self._client is not None, "the task is of it"
        deadline = time.monotonic() + WORKER_SECONDS
        while not self._is_done(task):
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            if any(worker["resources"].get(RESOURCE) for worker in workers):
                deadline = time.monotonic() + WORKER_SECONDS
            elif time.monotonic() > deadline:
                hint = f"`dask worker {self._address} --resources {RESOURCE}=1` starts one"
                raise BootwrightError(f"POOL={self._address}: no worker has the resource {RESOURCE}", hint)
        return dict(task.result())

    def _is_done(self, task: Future) -> bool:
        with contextlib.suppress(TimeoutError):
            task.exception(timeout=LOOK_SECONDS)
        return bool(task.done())

    def _connected(self) -> Client:
        if self._client is None:
            try:
                from distributed import Client
                from distributed.security import Security
            except ModuleNotFoundError as error:
                raise lacking(EXTRA, f"POOL={self._address}", error) from error
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said in a sentence
            for path in filter(None, (self._authority, self._certificate)):
                if not Path(path).is_file():
                    raise BootwrightError(f"POOL={self._address}: there is no file {path}")
            files: dict[str, str] = {}
            if self._authority:
                files["tls_ca_file"] = self._authority
            if self._certificate:
                files |= {"tls_client_cert": self._certificate, "tls_client_key": self._certificate}
            security = Security(require_encryption=True, **files)
            with self._asking():
                self._client = Client(self._address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
                self._client.subscribe_topic(self._topic, self._hear)
        return self._client

    def _hear(self, event: tuple[float, Any]) -> None:
        self._begun[event[1]] += 1

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Makes one sentence of what the pool does not do."""
        from concurrent.futures import CancelledError

        from distributed.scheduler import KilledWorker

        try:
            yield
        except KilledWorker as error:
            raise BootwrightError(f"POOL={self._address}: worker after worker died over this program") from error
        except CancelledError as error:
            raise BootwrightError(f"POOL={self._address}: the scheduler went away") from error
        except (ModuleNotFoundError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserialization" not in str(error):
                raise
            who = "scheduler" if isinstance(error, RuntimeError) else "worker"
            hint = f"`pip install 'bootwright[{EXTRA}]'` on each machine of the pool"
            raise BootwrightError(f"POOL={self._address}: the {who} has not this bootwright", hint) from error
        except OSError as error:
            raise BootwrightError(f"POOL={self._address} does not answer: {_reason(error)}") from error


def _work(packed: dict[str, Any], topic: str, key: str) -> dict[str, Any]:
    """Runs on a worker: tells that it begins, and boots while somebody waits for that."""
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(topic, key)

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)  # the scheduler has it cancelled when its client does so, or is gone
        return task is not None and task.state != "cancelled"

    return job.run_apart(packed, is_wanted)


def _reason(error: BaseException) -> str:
    """Returns what was first wrong, of a time-out that wraps it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip() or type(error).__name__
