"""Boot sectors of a few bytes that take the place of a kernel, and processes that run them."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bootwright.machine.verdict import Verdict
from bootwright.run import run as run_module
from bootwright.run.config import RunConfig
from bootwright.run.run import run

SITE_SCONS = Path(run_module.__file__).parents[2]

HALT = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp back to hlt
SLEEP = b"\xfb\xf4\xeb\xfd"  # sti; hlt; jmp back to hlt
SPIN = b"\xeb\xfe"  # jmp to itself
TRIPLE_FAULT = b"\xfa\x0f\x01\x1e\x00\x7e\xcc"  # cli; lidt [0x7e00], which is zero; int3
RESET = b"\xb0\xfe\xe6\x64" + SPIN  # out 0x64, 0xfe
POWER_OFF = b"\xba\x04\x06\xb8\x00\x20\xef" + SPIN  # out 0x604, 0x2000: ACPI's S5 on q35
WRITE_DISK = b"\x31\xc0\x8e\xc0\xb8\x01\x03\xbb\x00\x7c\xb9\x02\x00\xb6\x00\xcd\x13"  # int 13h, ah=3: sector 2

Sector = Callable[[bytes], Path]


def debug_exit(value: int) -> bytes:
    return b"\xba\xf4\x00\xb0" + bytes([value]) + b"\xee" + SPIN


def say(port: int, text: bytes) -> bytes:
    """Writes text to port; for COM1 QEMU needs no set-up."""
    return b"".join(b"\xba" + struct.pack("<H", port) + b"\xb0" + bytes([byte]) + b"\xee" for byte in text)


def show(row: int, text: bytes) -> bytes:
    """Writes text into a row of the text screen, through ES = 0xb800."""
    cells = (b"\x26\xc6\x06" + struct.pack("<HB", row * 160 + 2 * column, byte) for column, byte in enumerate(text))
    return b"\xb8\x00\xb8\x8e\xc0" + b"".join(cells)


def headless(image: Path, timeout: float = 8.0, success_exit_code: int | None = None) -> tuple[Verdict, str]:
    out = io.StringIO()
    # TCG alone says that a reset came from a triple fault.
    config = RunConfig(image, headless=True, timeout=timeout, success_exit_code=success_exit_code, accelerator="tcg")
    return run(config, out, io.StringIO()), out.getvalue()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


@contextlib.contextmanager
def child_that_runs(
    image: Path, call: str, text: bool = True, **environment: str
) -> Iterator[tuple[subprocess.Popen[Any], int]]:
    """Starts a Python that runs image, and gives it with the process id of its QEMU."""
    program = f"""
import sys
from pathlib import Path
from bootwright.faults import report as fault_report, subject as subjects
from bootwright.machine import machine
from bootwright.run import explained as fault_run, run
resume = machine.Machine.resume
def tell(self):
    print(self.pid, flush=True)
    resume(self)
machine.Machine.resume = tell
config = run.RunConfig(Path({str(image)!r}), headless=True, timeout=60)
subject = subjects.Subject(Path("no.elf"), Path("no.png"), Path())
{call}
"""
    environment = os.environ | {"PYTHONPATH": str(SITE_SCONS)} | environment
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=text,
        start_new_session=True,
    )
    with child:
        assert child.stdout is not None
        try:
            yield child, int(child.stdout.readline())
        finally:
            child.kill()


RUN = "run.run(config, sys.stdout, sys.stderr)"
