"""A process that must not outlive us, however we die: QEMU, which would run on behind a scons that was killed.

On Linux the kernel itself ends it (PR_SET_PDEATHSIG), which util-linux's setpriv asks for before it becomes QEMU.
Elsewhere a Python process waits for our end, which costs some 10 ms of processor time for each machine. A thread or
preexec_fn does not serve: they are refused in an atexit function from Python 3.12 on, and a kill runs no handler.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence

from bootwright.machine.known import answer

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import IO

# What start_new_session is elsewhere: on Windows Ctrl-C reaches every process of the console's group.
_OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

# The signal comes when a parent dies after it was asked for; one that was dead by then has another number than $0.
_IF_THE_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'

# Its standard input is a pipe that nobody but us holds.
_WATCHDOG = """
import os, signal, sys
pid = int(sys.argv[1])
try:
    handle = os.pidfd_open(pid)
except (AttributeError, OSError):
    handle = None
sys.stdin.buffer.read()
try:
    if handle is not None:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    else:
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
except OSError:
    pass
"""

# Arguments with which QEMU becomes another user: the kernel forgets the signal then.
_NEW_USER = ("-runas", "--runas", "-run-with", "--run-with")


@functools.cache
def find_guard() -> tuple[str, ...]:
    """Returns the words before a program that have the kernel end it with its parent; none where that is not to be had.

    What follows them is the parent's process id, then the program and its arguments.
    """
    setpriv, shell = (shutil.which(name) if sys.platform == "linux" else None for name in ("setpriv", "sh"))
    if not setpriv or not shell:
        return ()
    guard = (setpriv, "--pdeathsig", "KILL", shell, "-c", _IF_THE_PARENT_LIVES)
    # Busybox's setpriv, and util-linux's before 2.33, do not know the option.
    tried = [*guard, str(os.getpid()), shell, "-c", "exit 0"]

    def serves() -> bool:
        return subprocess.run(tried, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    return guard if answer(f"guard {setpriv} {shell}", [setpriv, shell], serves) else ()


class Lifeline:
    """One process and what ends it when we die: start(), then watch(), and end() when it is gone."""

    def __init__(self) -> None:
        self._guarded = False
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(
        self, arguments: Sequence[str], *, cwd: os.PathLike[str] | None, output: IO[bytes], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Starts the program in a session of its own: Ctrl-C is ours to handle, and it has no terminal to change."""
        # The signal belongs to the thread that forks, and a process's first thread alone lives as long as the process.
        first = threading.current_thread() is threading.main_thread()
        guard = find_guard() if first and not set(_NEW_USER) & set(arguments) else ()
        self._guarded = bool(guard)
        return subprocess.Popen(
            [*guard, str(os.getpid()), *arguments] if guard else arguments,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )

    def watch(self, pid: int) -> None:
        """Has the process pid, which start() started, ended when we die, where the kernel does not see to it."""
        if self._guarded:
            return
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )

    def end(self) -> None:
        """Ends what waits for our end. Safe to call twice."""
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.kill()
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None
