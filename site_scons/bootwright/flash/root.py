"""The writing as root: this program once more through sudo, which tells how far it is, and ends when this one does.

The pipe to its standard input is held open as long as this process lives. What it has done comes as lines on its
standard output, since sudo closes all else: the status of sudo alone does not tell whose it is.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import SITE
from bootwright.flash.device import Device
from bootwright.flash.order import Order
from bootwright.flash.programs import ENVIRONMENT
from bootwright.flash.signals import handle_signals, interrupt
from bootwright.flash.trust import check_trusted

MODULE = "bootwright.flash.program"
STARTED = "started"  # it runs, as root
WRITES = "writes"  # from here on the medium may be changed
PATIENCE = 2.0  # seconds for a sudo that asks for a password and was told to end


def write_as_root(order: Order, device: Device) -> int:
    """Has root write, with the answer that was given; returns the status, or raises where there was no writing."""
    sudo = shutil.which("sudo") if os.name == "posix" and os.geteuid() != 0 else None
    if sudo is None:
        raise BootwrightError(f"{device.path} may not be written by you", "an administrator may", Status.NO_PERMISSION)
    check_trusted()
    argv = [sudo, "--", *root_command(order, device)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stage, interrupted = "", False
    assert process.stdin is not None and process.stdout is not None
    while True:
        try:
            line = process.stdout.readline()
            if not line:
                break
            stage = line.decode(errors="replace").strip()
            if stage == WRITES:  # a terminal that closes is no reason to leave a stick half written
                handle_signals(signal.SIG_IGN, ["SIGHUP"])
        except KeyboardInterrupt:
            # The other one ends by itself, and says what it leaves. A sudo that asks for a password has no other one.
            interrupted = True
            process.stdin.close()
            if not stage and not _end(process):
                break
    waits_for_nothing = interrupted and not stage and process.poll() is None
    return _judge(device, stage, None if waits_for_nothing else process.wait(), interrupted)


def _end(process: subprocess.Popen[bytes]) -> bool:
    """Asks sudo to end; tells whether it did. It may be root's, and then it finds the pipe closed later."""
    with suppress(PermissionError, ProcessLookupError):
        process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return True


def _judge(device: Device, stage: str, status: int | None, interrupted: bool) -> int:
    """Returns the writer's own status, or raises the sentence for one that had none."""
    if not stage and interrupted:
        raise BootwrightError("interrupted; nothing was written", status=Status.INTERRUPTED)
    if not stage:
        raise BootwrightError(
            f"{device.path} was not written: sudo started nothing, and gave status {status}",
            "where it cannot ask for a password, run this as root; nothing was written",
            Status.NO_PERMISSION,
        )
    if status in (Status.DONE, Status.INTERRUPTED, *(own for own in Status if own >= Status.NO_SUCH_DEVICE)):
        return status
    how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
    if stage != WRITES:
        raise BootwrightError(f"the writer {how}; nothing was written", status=Status.INTERRUPTED)
    raise BootwrightError(
        f"{device.path} was begun and could not be finished: the writer {how}",
        "it boots whole or not at all; the same command writes it anew",
        Status.NOT_FINISHED,
    )


def root_command(order: Order, device: Device) -> list[str]:
    """Returns the command that root is to run.

    -I, -S and -B: nothing of the person's environment, no package but this one, and no file of root's is left.
    """
    start = f"from {MODULE} import main_as_root; sys.exit(main_as_root())"
    program = f"import sys; sys.path.append({str(SITE)!r}); {start}"
    words = [os.path.abspath(order.image), os.path.abspath(order.dev)]  # noqa: PTH100  # links stay
    words += [f"YES={device.token}", f"IDENTITY={'/'.join(device.identity)}"]
    switches = {"BIG": order.wish.big, "LOOP": order.wish.loop, "UNMOUNT": order.wish.unmount}
    words += [f"{name}=1" for name, on in switches.items() if on]
    return [sys.executable, "-I", "-S", "-B", "-c", program, *words]


class Leash:
    """The other end, in root's process: it tells its stages, and is interrupted when who started it is gone."""

    def __init__(self) -> None:
        handle_signals(interrupt)  # whatever sudo had them do
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        threading.Thread(target=self._watch, daemon=True).start()
        self.tell(STARTED)

    def tell(self, stage: str) -> None:
        """Tells the process that started this one how far it is; raises KeyboardInterrupt where that is gone."""
        if select.select([0], [], [], 0)[0]:  # at its end: nothing is ever sent
            raise KeyboardInterrupt
        with suppress(OSError):  # it is gone, which the thread sees
            os.write(1, f"{stage}\n".encode())

    @staticmethod
    def _watch() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
