"""Which system this is, and what writes to its disks: the one module that knows all three."""

from __future__ import annotations

import sys

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash.device import System


def this_system(platform: str = sys.platform) -> System:
    """Returns the System of this machine."""
    if platform == "linux":
        from bootwright.flash.linux import LinuxSystem

        return LinuxSystem()
    if platform == "darwin":
        from bootwright.flash.macos import MacSystem

        return MacSystem()
    if platform == "win32":
        from bootwright.flash.windows import WindowsSystem

        return WindowsSystem()
    raise BootwrightError(f"disks of {platform} cannot be written yet", "Linux, macOS and Windows are known",
                          Status.NO_FLASHER)  # fmt: skip
