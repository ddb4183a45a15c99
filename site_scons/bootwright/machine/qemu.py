"""Which QEMU is started, and which firmware it has."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks, Status
from bootwright.machine.config import PROGRAM
from bootwright.machine.known import answer

OLDEST_QEMU = (7, 1)
NO_OPENSBI = re.compile(r'Unable to (?:load|find) the RISC-V (?:BIOS|firmware) "opensbi-riscv(\d+)-')
# Gets to a PVH kernel in a fifth of SeaBIOS's time; a QEMU without it starts one with SeaBIOS.
FAST_FIRMWARE = "qboot.rom"


def find_qemu(qemu: str | None, environ: Mapping[str, str] = os.environ, program: str = PROGRAM) -> Path:
    """Returns the program to start: what QEMU= names, else program of PATH."""
    found = shutil.which(qemu or program, path=environ.get("PATH"))
    if found:
        return Path(found)
    if qemu:
        raise BootwrightError(f"QEMU={qemu} is no program", f"give the path of a {program}", Status.QEMU_NOT_STARTED)
    raise Lacks(f"{program} is not on PATH", LackOfProgram(program), "or QEMU=path", Status.QEMU_NOT_STARTED)


@functools.cache
def data_directories(qemu: Path) -> tuple[Path, ...]:
    """Returns the directories in which the program qemu looks for its data, those of firmware among them."""

    def ask() -> str:
        words = [str(qemu), "-L", "help"]
        ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return ended.stdout

    said = str(answer(f"data {qemu}", [qemu], ask))
    return tuple(Path(os.path.normpath(line.strip())) for line in said.splitlines() if line.strip())


@functools.cache
def has_firmware(qemu: Path, name: str) -> bool:
    """Tells whether the program qemu finds the firmware file name in one of its data directories."""
    return any((directory / name).is_file() for directory in data_directories(qemu))


def cure_of(said: str) -> str:
    """Returns what to do about QEMU's words on why it does not start, and a semicolon; "" where nobody knows."""
    found = NO_OPENSBI.search(said)
    if not found:
        return ""
    others = "Debian's has the one for 64 bits alone" if found[1] == "32" else "Debian has it in the package opensbi"
    return f"this QEMU came without OpenSBI for {found[1]} bits ({others}): -bios FILE in QEMUFLAGS= names one; "
