"""Which gdb steps through a kernel: distributions build theirs for their own processors, and another one for all."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import find_on_path

PROGRAM = "gdb"
FOR_BOARDS = "gdb-multiarch"  # as Debian and Alpine call it; elsewhere gdb itself is built for all
FOREIGN = ("aarch64", "arm", "riscv:rv64")  # what a gdb for boards knows; one of these is the builder's own
UNKNOWN = "Undefined item"
ASK_SECONDS = 30.0


def find_gdb(is_pc: bool, environ: Mapping[str, str]) -> Path:
    """Returns the gdb for the PC, or for boards; raises where there is none."""
    if is_pc:
        found = find_on_path(PROGRAM, environ)
        if found is None:
            raise BootwrightError(f"{PROGRAM} is not on PATH", "./sconsw gdb installs it, or says how")
        return found
    named, own = find_on_path(FOR_BOARDS, environ), find_on_path(PROGRAM, environ)
    if named or (own and _knows_boards(own, environ)):
        return named or Path(str(own))
    why = f"{own} is built for this machine's processor alone" if own else f"{PROGRAM} is not there either"
    raise BootwrightError(
        f"{FOR_BOARDS} is not on PATH, and {why}", "./sconsw gdb with that TARGET installs it, or says how"
    )


def _knows_boards(gdb: Path, environ: Mapping[str, str]) -> bool:
    questions = [word for name in FOREIGN for word in ("-ex", f"set architecture {name}")]
    try:
        asked = subprocess.run(
            [str(gdb), "-nx", "-batch", *questions], env=dict(environ), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=ASK_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and UNKNOWN not in asked.stderr
