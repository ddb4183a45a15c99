"""Several jobs at once, each in a fork: as many as are allowed, results and errors as they were, none left behind."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.testing.forks import IS_SERVED, ForkedMachines, Job

pytestmark = pytest.mark.skipif(not IS_SERVED, reason="xdist's workers run the machines where there is no fork")


def note(directory: Path, name: str) -> str:
    """Says that it runs, waits until the file `go` is there, and returns name."""
    (directory / f"{name}.runs").touch()
    while not (directory / "go").exists():
        time.sleep(0.01)
    return name


def wait_for(directory: Path, count: int) -> set[str]:
    """Returns which jobs run once count of them do."""
    deadline = time.monotonic() + 30
    while len(found := {path.stem for path in directory.glob("*.runs")}) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_results_come_as_the_jobs_end_and_each_that_begins_is_told(tmp_path: Path) -> None:
    def late() -> str:
        note(tmp_path, "late")
        return "late"

    begun: list[int] = []
    machines = ForkedMachines([late, lambda: "early"], 2, begun.append)
    ends = machines.as_they_end()
    assert next(ends) == (1, "early")
    (tmp_path / "go").touch()
    assert list(ends) == [(0, "late")] and sorted(begun) == [0, 1]
    machines.close()


def test_as_many_run_at_once_as_are_allowed_and_each_gives_its_result(tmp_path: Path) -> None:
    jobs = [functools.partial(note, tmp_path, name) for name in ("a", "b", "c", "d")]
    machines = ForkedMachines(jobs, 2)
    starter = os.fork()  # another process lets them go, once two of them run
    if starter == 0:
        running = wait_for(tmp_path, 2)
        time.sleep(0.2)
        running |= {path.stem for path in tmp_path.glob("*.runs")}
        (tmp_path / "seen").write_text(" ".join(sorted(running)))
        (tmp_path / "go").touch()
        os._exit(0)
    assert [machines.result(job) for job in reversed(jobs)] == ["d", "c", "b", "a"]
    os.waitpid(starter, 0)
    assert (tmp_path / "seen").read_text() == "a b"
    machines.close()


def test_a_result_is_kept_for_the_next_who_asks(tmp_path: Path) -> None:
    job = functools.partial(os.getpid)
    machines = ForkedMachines([job], 1)
    first = machines.result(job)
    assert first != os.getpid()
    assert machines.result(job) == first
    machines.close()


def refuse() -> None:
    """Raises a mistake of the user's."""
    raise BootwrightError("QEMU did not start", "install it", Status.QEMU_NOT_STARTED)


def stumble() -> None:
    """Raises a fault of ours."""
    raise ZeroDivisionError("ours")


def test_a_sentence_comes_over_whole() -> None:
    with pytest.raises(BootwrightError) as caught:
        ForkedMachines([refuse], 1).result(refuse)
    error = caught.value
    assert (error.message, error.hint, error.status) == ("QEMU did not start", "install it", Status.QEMU_NOT_STARTED)


def test_a_fault_of_ours_comes_over_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"in stumble\n[\s\S]*ZeroDivisionError: ours"):
        ForkedMachines([stumble], 1).result(stumble)


def vanish() -> None:
    """Ends its process without a word."""
    os._exit(7)


def test_a_process_that_ends_without_a_word_is_told_and_the_rest_is_done() -> None:
    jobs: list[Job] = [vanish, functools.partial(os.getpid)]
    machines = ForkedMachines(jobs, 1)
    with pytest.raises(RuntimeError, match="it ended with status 7 and said nothing"):
        machines.result(vanish)
    assert machines.result(jobs[1]) != os.getpid()
    machines.close()


def test_an_interrupt_in_the_midst_of_a_fork_is_not_lost() -> None:
    # What a hook of os.fork() raises is dropped; a signal's handler runs in whatever Python runs next, and so in these.
    program = (
        "import os, signal, time\n"
        "from bootwright.testing.forks import ForkedMachines\n"
        "os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "def job():\n"
        "    time.sleep(60)\n"
        "machines = ForkedMachines([job], 1)\n"
        "try:\n"
        "    machines.result(job)\n"
        "except KeyboardInterrupt:\n"
        "    machines.close()\n"
        "    print('interrupted')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # The job holds standard output as well: the output ends when it does.
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_no_job_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "from bootwright.testing.forks import ForkedMachines\n"
        "def job():\n"
        "    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
        "    time.sleep(1000)\n"
        "ForkedMachines([job], 1).result(job)\n"
    )
    told = tmp_path / "pid"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program, str(told)], env=environment)
    deadline = time.monotonic() + 30
    while not (told.exists() and told.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    pid = int(told.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    """Says whether the process is there and no zombie, whose parent may be slow."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
