"""What a run is: the machine, and when it ends."""

from __future__ import annotations

from pathlib import Path

from bootwright.base.records import record
from bootwright.machine.config import MachineConfig

HEADLESS_TIMEOUT = 10.0
FIRMWARE_SECONDS = 60.0  # that a UEFI firmware may take before a time-out begins to count


@record(frozen=True)
class RunConfig(MachineConfig):
    """A run: the machine, and when it ends. timeout is in seconds; None means 10 headless and none with a window.

    success_exit_code is the status of QEMU that means success; None means the default, 33. restart_mark, where it is
    not empty, restarts the time-out whenever the serial port says it once more. program is what is started instead of a
    machine of ours: a run-command that is no QEMU, where {} is the image's path; see run_program. serial is a file that
    gets each byte of the serial port; raw has a terminal obey what the guest says. place is the board in a rack that is
    taken instead of a QEMU, "" for none, and place_wait the seconds that it is waited for.
    """

    headless: bool = False
    timeout: float | None = None
    success_exit_code: int | None = None
    restart_mark: str = ""
    program: tuple[str, ...] = ()
    serial: Path | None = None
    raw: bool = False
    place: str = ""
    place_wait: float = 0.0
