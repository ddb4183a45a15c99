"""Whether a run can have a window here, and which of QEMU's displays draws it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.records import record
from bootwright.machine.known import answer, forget
from bootwright.machine.options import has_window

WINDOWS = {"darwin": ("cocoa", "gtk", "sdl"), "win32": ("gtk", "sdl")}


@record(frozen=True)
class Display:
    """name is what -display gets (None: none); window whether the guest's screen is seen outside the terminal."""

    name: str | None
    window: bool
    hint: str = ""


def find_display(
    qemu: Path, qemu_flags: tuple[str, ...], environ: Mapping[str, str], platform: str = sys.platform
) -> Display:
    """Returns the display of a run that is not headless: a window, unless there is no screen or no module for it."""
    asked = has_window(qemu_flags)
    if asked is not None:
        return Display(None, asked)
    if platform not in WINDOWS and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return Display(None, False)
    known: list[str] = []

    def first() -> str:
        known.extend(displays(qemu))
        return next((name for name in WINDOWS.get(platform, ("gtk", "sdl")) if name in known), "")

    name = str(answer(_question(qemu), [qemu], first))
    if name:
        return Display(name, True)
    hint = f"{qemu.name} has no window (-display {'|'.join(known)}); on Debian: apt install qemu-system-gui"
    return Display(None, False, hint)


def forget_display(qemu: Path) -> None:
    """Has the window looked for anew: QEMU did not start with the one that it had, whose package may be gone."""
    forget(_question(qemu))


def _question(qemu: Path) -> str:
    return f"window {qemu}"


def displays(qemu: Path) -> tuple[str, ...]:
    """Returns the names that `-display help` prints: only modules that are installed are among them."""
    result = subprocess.run(
        [qemu, "-display", "help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    lines = [line.strip() for line in result.stdout.splitlines()]
    return tuple(line for line in lines if line and " " not in line)
