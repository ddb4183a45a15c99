"""A guest that asked for a reset, by which its machine stands, starts anew."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from bootwright.machine.qmp import QemuGone, QmpClient

SECONDS = 10.0


def start_anew(qmp: QmpClient) -> None:
    """Lets the guest have its reset; the next one stops it again. Of a QEMU that is gone the machine tells."""
    with contextlib.suppress(QemuGone):
        # QEMU tells of the reset before it stands, and answers before it has done what it was told.
        _await_status(qmp, lambda status: status == "shutdown")
        qmp.execute("set-action", {"reboot": "reset"})
        qmp.execute("system_reset")
        _await_status(qmp, lambda status: status != "shutdown")
        qmp.execute("set-action", {"reboot": "shutdown"})
        qmp.execute("cont")


def _await_status(qmp: QmpClient, is_so: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so(qmp.execute("query-status")["status"]) and time.monotonic() < deadline:
        time.sleep(0.01)
