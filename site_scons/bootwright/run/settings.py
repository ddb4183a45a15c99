"""What a kernel's [package.metadata.bootimage] asks of its machine, and what the command line says to that.

The keys mean what they mean to the program bootimage: the arguments are the run-command's, then run-args or test-args,
then what the person adds. The command line wins: QEMU=, TIMEOUT=, MEMORY= and QEMUFLAGS=, which come last.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.cargo.metadata import BootimageSettings, own_command
from bootwright.machine.config import MEMORY, MachineConfig
from bootwright.machine.options import without
from bootwright.run.config import RunConfig

QEMU = re.compile(r"qemu-system-[\w-]+(\.exe)?")


@record(frozen=True)
class CommandLine:
    """What the person said; memory_given: it is not the default. flags are QEMUFLAGS as words, serial is SERIAL=.

    place is BOARD=, for which place_wait seconds are waited.
    """

    qemu: str | None = None
    flags: tuple[str, ...] = ()
    memory: str = MEMORY
    memory_given: bool = False
    firmware: str = "bios"
    certificate: Path | None = None
    cd: bool = False
    timeout: float | None = None
    headless: bool = False
    raw: bool = False
    serial: Path | None = None
    place: str = ""
    place_wait: float = 0.0


def configure(
    settings: BootimageSettings, line: CommandLine, directory: Path, *, in_test: bool, fast: bool
) -> RunConfig:
    """Returns the run of a kernel whose package lies in directory; its image and loader are left for the caller.

    fast says that the fast lane was chosen: a run-command, which starts an image, has no meaning there.
    """
    command = () if fast or line.place else own_command(settings)
    asked = settings.test_args if in_test else settings.run_args
    is_qemu = bool(command) and QEMU.fullmatch(re.split(r"[/\\]", command[0])[-1]) is not None
    if line.headless:
        asked, command = without(asked, "-display"), (*command[:1], *without(command[1:], "-display"))
    memory = ("-m", line.memory) if line.memory_given and (asked or command) else ()
    program: tuple[str, ...] = ()
    if command and not is_qemu and not line.qemu:
        # As bootimage has it, so that the machine of a test that such a program starts ends at a triple fault.
        ends = ("-no-reboot",) if in_test and settings.test_no_reboot else ()
        program = (find_program(command[0], directory), *command[1:], *ends)
        if line.firmware != MachineConfig.firmware:
            raise BootwrightError(
                f"FIRMWARE={line.firmware}: the machine is {command[0]}'s, which run-command in Cargo.toml names",
                "QEMU=qemu-system-x86_64 starts a machine of ours",
            )
    if line.cd and command and not (line.qemu and not is_qemu):
        raise BootwrightError("--cd: the disk is what run-command in Cargo.toml makes of the image")
    timeout = line.timeout
    if in_test and timeout is None and settings.test_timeout is not None:
        timeout = float(settings.test_timeout)
    return RunConfig(
        image=Path(),
        qemu=line.qemu or (find_program(command[0], directory) if is_qemu else None),
        qemu_flags=(*asked, *(() if program else memory), *line.flags),
        memory=line.memory,
        firmware=line.firmware,
        certificate=line.certificate,
        disk="cd" if line.cd else MachineConfig.disk,
        command=command[1:] if is_qemu else None,
        directory=directory if asked or command else None,
        restarts=in_test and not settings.test_no_reboot,
        headless=line.headless,
        raw=line.raw,
        serial=line.serial,
        place=line.place,
        place_wait=line.place_wait,
        timeout=timeout,
        success_exit_code=settings.test_success_exit_code,
        program=program,
    )


def find_program(word: str, directory: Path) -> str:
    """Returns the program that a run-command starts with: of PATH, or, where it has a slash, seen from directory."""
    found = shutil.which(str(directory / word) if "/" in word or "\\" in word else word)
    if found is None:
        sentence = f"{directory / 'Cargo.toml'}: [package.metadata.bootimage] run-command starts with {word}"
        raise BootwrightError(f"{sentence}, which is no program", "QEMU=path starts another one")
    return found
