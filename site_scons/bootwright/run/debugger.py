"""`scons gdb`: a machine that stands at the kernel's first instruction, and gdb on the terminal with its symbols."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TextIO

from bootwright.base.errors import BootwrightError
from bootwright.base.interrupts import interrupts_are_the_childs
from bootwright.base.scratch import scratch_directory
from bootwright.base.terminal import printable
from bootwright.elf.symbols import read_entry, read_start
from bootwright.loader.failures import loader_sentences
from bootwright.machine import verdict
from bootwright.machine.boards import board_named
from bootwright.machine.channel import POSIX
from bootwright.machine.config import BIOS
from bootwright.machine.display import Display, find_display
from bootwright.machine.gdb import find_gdb
from bootwright.machine.machine import Machine
from bootwright.machine.options import TCG, accelerators
from bootwright.machine.qemu import find_qemu
from bootwright.run.config import RunConfig
from bootwright.run.leaving import find_jumps
from bootwright.run.started import started
from bootwright.run.voice import write

LOOK_SECONDS = 0.1


def debug(config: RunConfig, elf: Path, source: Path, serial: Path, notes: TextIO) -> int:
    """Starts the image, lets it run to the kernel's entry, and returns gdb's status when the person has left gdb.

    The terminal is gdb's, so the guest's serial port goes to the file serial. DWARF names files from the directory
    source. Raises BootwrightError where gdb or QEMU does not start.
    """
    is_pc = board_named(config.board).is_pc
    gdb = str(find_gdb(is_pc, os.environ))
    display = Display(None, False)
    if not config.headless and is_pc:
        display = find_display(find_qemu(config.qemu), config.flags, os.environ)
    entry, is_movable = read_entry(elf) if is_pc else (read_start(elf), False)
    jumps: list[int] = []
    if is_movable:
        jumps, config = _prepare(config)
    serial.parent.mkdir(parents=True, exist_ok=True)
    with _address() as address, serial.open("wb") as heard:
        config = dataclasses.replace(config, qemu_flags=(*config.qemu_flags, "-gdb", _listen(address)))
        with interrupts_are_the_childs(), started(config, display.name) as machine:
            write(
                notes, f"bootwright: the guest's serial port goes to {serial}; quit leaves gdb and ends the machine\n"
            )
            if is_movable:
                script = machine.directory / "gdb"
                script.write_text(_follow(elf, entry, jumps), encoding="utf-8")
                command = gdb_arguments(gdb, None, source, address, None, is_pc, script)
            else:
                stands = any(processor.rip == entry for processor in machine.registers()[:1])
                command = gdb_arguments(gdb, elf, source, address, None if stands else entry, is_pc)
            try:
                process = subprocess.Popen(command)
            except OSError as error:
                raise BootwrightError(f"{gdb} cannot be run: {error.strerror}") from error
            with process:
                _attend(machine, process, heard, notes)
            return process.returncode


def _prepare(config: RunConfig) -> tuple[list[int], RunConfig]:
    """Returns where a loader may jump to a kernel that it puts where it likes, and the machine that stops there."""
    start, uefi = config.loader or config.image, config.firmware != BIOS
    jumps = find_jumps(start, uefi)
    if not jumps:
        raise BootwrightError(f"{start} has no loader of ours, so nothing tells where it puts the kernel")
    if not uefi:
        return jumps, config
    # A processor has four breakpoints, TCG as many as are asked for.
    if [name for name in accelerators(config.flags) if name != TCG]:
        raise BootwrightError(
            "gdb cannot wait for a position-independent kernel here: with UEFI that takes more breakpoints than a "
            "processor has",
            "leave the accelerator out, for TCG, or FIRMWARE=uefi",
        )
    return jumps, dataclasses.replace(config, accelerator=TCG)


def gdb_arguments(
    gdb: str,
    elf: Path | None,
    source: Path,
    address: str,
    entry: int | None,
    is_pc: bool = True,
    script: Path | None = None,
) -> list[str]:
    """Returns the command that connects gdb to the machine and stops at the kernel's entry, None: where it stands.

    script has commands that do more, once gdb is connected.
    """
    steps = [
        # Pages of some hundred lines would stop before the person has seen the first prompt.
        "set pagination off",
        # The firmware's 16-bit code must not make gdb doubt what the kernel is. Of a board the ELF says it.
        *(["set architecture i386:x86-64"] if is_pc else []),
        f'directory "{source}"',
        f"target remote {address}",
        # A breakpoint of the processor's: where the loader puts the kernel a software one would be overwritten.
        *([] if entry is None else [f"thbreak *{entry:#x}", "continue"]),
        *([] if script is None else [f"source {script}"]),
        "set pagination on",
    ]
    return [gdb, "-q", *(word for step in steps for word in ("-ex", step)), *([] if elf is None else [str(elf)])]


def _follow(elf: Path, entry: int, jumps: Sequence[int]) -> str:
    """Returns gdb's commands that go with the loader to the kernel's entry, and put the symbols where the kernel lies.

    Symbols at the addresses of the link would have each breakpoint by name set where nothing is. Who stops a loader
    that has failed, by Ctrl-C, ends these commands.
    """
    return "\n".join([
        "define stop-at-jumps",
        *(f"thbreak *{jump:#x}" for jump in jumps),
        "end",
        # gdb tells of each breakpoint that it sets.
        "pipe stop-at-jumps | cat >/dev/null" if POSIX else "stop-at-jumps",
        "continue",
        "delete",
        f"set $slide = $r10 - {entry:#x}",
        "set confirm off",
        f"symbol-file -o $slide {_quoted(elf)}",
        "set confirm on",
        "thbreak *$r10",
        "continue",
        "",
    ])  # fmt: skip


def _quoted(path: Path) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", str(path)) + '"'


def _attend(machine: Machine, process: subprocess.Popen[bytes], heard: IO[bytes], notes: TextIO) -> None:
    """Takes what the guest says until gdb has ended: a guest that nobody listens to would stand still."""
    machine.heard["serial"].listen()
    told = False
    while process.poll() is None:
        if machine.gone:
            process.wait()
            break
        machine.step(LOOK_SECONDS)
        heard.write(machine.heard["serial"].take())
        heard.flush()
        end = None if told else verdict.find_loader_failure(machine.console, False, loader_sentences())
        if end:
            told = True
            write(notes, f"\nbootwright: {printable(end.sentence)}; Ctrl-C gives gdb's prompt\n")


@contextlib.contextmanager
def _address() -> Iterator[str]:
    """Yields where QEMU and gdb meet: a socket in a directory that only this user may enter, else a free port."""
    if POSIX:
        with scratch_directory("gdb") as directory:
            yield str(directory / "socket")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield f"127.0.0.1:{port}"


def _listen(address: str) -> str:
    kind = "unix" if POSIX else "tcp"
    return f"{kind}:{address},server=on,wait=off"
