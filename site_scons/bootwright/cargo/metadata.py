"""What a kernel's Cargo.toml says under [package.metadata]: bootloader, bootimage and bootwright.

The first two are of the crate bootloader 0.9 and of its program bootimage, and keep their meaning and defaults.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import kind, matching
from bootwright.base.sizes import PAGE_SIZE
from bootwright.cargo.build_command import told
from bootwright.cargo.toml import Table, show

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

DEFAULT_STACK_PAGES = 512
# bootimage's own run-command, which many manifests repeat: it says nothing that our machine does not do.
DEFAULT_COMMAND = ("qemu-system-x86_64", "-drive", "format=raw,file={}")
CANONICAL_BITS = 48  # x86-64 with four levels: the bits from 47 on are all equal
# Keys of older releases of bootimage, and where what they said belongs now.
OLD_BOOTIMAGE_KEYS = {
    "default-target": "it is target in [build] of .cargo/config.toml, or TARGET=",
    "output": "the image is build/VARIANT/NAME.img",
    "minimum-image-size": "an image is as large as its kernel wants, and a RAM disk is RAMDISK=",
    "package-filepath": "the boot loader is bootwright's own, and KERNEL= names the package",
}


@record(frozen=True)
class BootloaderSettings:
    """[package.metadata.bootloader]: the stack's size in pages, and virtual addresses, None for the loader's choice."""

    kernel_stack_size: int = DEFAULT_STACK_PAGES
    kernel_stack_address: int | None = None
    boot_info_address: int | None = None
    physical_memory_offset: int | None = None


@record(frozen=True)
class BootimageSettings:
    """[package.metadata.bootimage]: an empty run_command is bootimage's own.

    test_timeout is in seconds; bootimage's default is 300, ours is the machine's.
    """

    build_command: tuple[str, ...] = ()
    run_command: tuple[str, ...] = ()
    run_args: tuple[str, ...] = ()
    test_args: tuple[str, ...] = ()
    test_timeout: int | None = None
    test_success_exit_code: int | None = None
    test_no_reboot: bool = True


def own_command(settings: BootimageSettings) -> tuple[str, ...]:
    """Returns the run-command where it asks for something of its own: such a kernel is booted from its image."""
    return () if settings.run_command == DEFAULT_COMMAND else settings.run_command


def on_a_board(
    settings: BootimageSettings, tell: Callable[[str], None], machine: tuple[str, ...] = ()
) -> BootimageSettings:
    """Returns what holds on a machine that is no PC, the time-out of tests; tell hears of what else is asked for.

    machine are words for QEMU, of a run and of a test, which others say.
    """
    given = {
        "run-command": own_command(settings), "run-args": settings.run_args, "test-args": settings.test_args,
        "test-success-exit-code": settings.test_success_exit_code is not None,
        "test-no-reboot": not settings.test_no_reboot,
    }  # fmt: skip
    keys = [key for key, value in given.items() if value]
    if keys:
        tell(f"[package.metadata.bootimage] {', '.join(keys)}: no effect, since the machine is no PC")
    return BootimageSettings(run_args=machine, test_args=machine, test_timeout=settings.test_timeout)


@record(frozen=True)
class BootwrightSettings:
    """[package.metadata.bootwright]: globs of files that the crate reads, and variables that it may see by env!().

    host_status is the status that the program ends with where it is linked for a host; None: it is not run.
    """

    inputs: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    host_status: int | None = None

    def warnings(self, manifest: Path) -> list[str]:
        """Returns a line for each glob of inputs that names no file now."""
        return [
            f"{manifest}: no file matches {show(glob)} of inputs in [package.metadata.bootwright]"
            for glob in self.inputs
            if not any(not path.is_dir() for path in matching(manifest.parent, glob))
        ]

    def input_files(self, root: Path) -> list[Path]:
        """Returns the files that inputs name now in the package in root, absolute and sorted; raises for a FIFO."""
        found = {Path(os.path.normpath(path)) for glob in self.inputs for path in matching(root, glob)}
        files = sorted(path for path in found if not path.is_dir())
        for path in files:
            hint = f"inputs in {root / 'Cargo.toml'} names it"
            try:
                what = kind(path.stat().st_mode)
            except OSError as error:
                raise BootwrightError(f"{path} cannot be read: {error.strerror}", hint) from error
            if what:
                raise BootwrightError(f"{path} is {what}, no regular file", hint)
        return files


OWN_METADATA = ("bootloader", "bootimage", "bootwright")


@record(frozen=True)
class Settings:
    """What [package.metadata] says for the loader, the machine and the build; warnings are lines for the person."""

    bootloader: BootloaderSettings
    bootimage: BootimageSettings
    bootwright: BootwrightSettings
    warnings: tuple[str, ...] = ()


def read_settings(manifest: Path, metadata: Mapping[str, Any]) -> Settings:
    """Reads the tables of [package.metadata] in manifest that are read here; the others belong to other tools."""
    table = Table(manifest, "package.metadata", dict(metadata))
    bootimage, warnings = read_bootimage(table.table("bootimage"))
    bootloader, bootwright = read_bootloader(table.table("bootloader")), read_bootwright(table.table("bootwright"))
    return Settings(bootloader, bootimage, bootwright, (*_misspelt(table), *warnings))


def _misspelt(table: Table) -> Iterator[str]:
    """Yields a line for a table that is nearly one of those read here."""
    strange = [key for key in table.values if key not in OWN_METADATA]
    if not strange:
        return
    import difflib  # which most manifests do not need

    for key in strange:
        near = difflib.get_close_matches(key, OWN_METADATA, 1, 0.8)
        if near and abs(len(near[0]) - len(key)) < 2:
            yield f"{table.path}: [package.metadata.{key}] is read by nothing here; did you mean {near[0]}?"


def read_bootloader(table: Table) -> BootloaderSettings:
    """Reads [package.metadata.bootloader]."""
    addresses = ("kernel-stack-address", "boot-info-address", "physical-memory-offset")
    table.only((*addresses, "kernel-stack-size"))
    pages = table.get("kernel-stack-size", int, DEFAULT_STACK_PAGES)
    if pages < 1:
        raise table.error("kernel-stack-size", f"is {show(pages)} pages; the least is 1")
    stack, boot_info, offset = (_address(table, key) for key in addresses)
    return BootloaderSettings(pages, stack, boot_info, offset)


def _address(table: Table, key: str) -> int | None:
    text = table.get(key, str)
    if text is None:
        return None
    # As upstream reads it, by Rust's from_str_radix: a plus and zeroes may stand before the number.
    number = re.fullmatch(r"0x\+?0*([0-9A-Fa-f]{1,40})|\+?0*([0-9]{1,40})", text)
    if number is None:
        raise table.error(key, f'is "{text}", no address', "write it decimal, or hexadecimal with 0x")
    address = int(number[1], 16) if number[1] else int(number[2])
    if address % PAGE_SIZE:
        raise table.error(key, f"is {text}, which is no multiple of {PAGE_SIZE}")
    top = address >> (CANONICAL_BITS - 1)
    if top not in (0, (1 << (64 - CANONICAL_BITS + 1)) - 1):
        raise table.error(key, f"is {text}, which no x86-64 page table can map: its top 17 bits are not all equal")
    return address


def read_bootimage(table: Table) -> tuple[BootimageSettings, list[str]]:
    """Reads [package.metadata.bootimage]; returns warnings too, one for each key that has no meaning any more."""
    lists = ("build-command", "run-command", "run-args", "test-args")
    table.only((*lists, "test-timeout", "test-success-exit-code", "test-no-reboot", *OLD_BOOTIMAGE_KEYS))
    warnings = [
        table.error(key, f"has no effect, nor has it in today's bootimage: {now}").message
        for key, now in OLD_BOOTIMAGE_KEYS.items()
        if key in table.values
    ]
    timeout = table.get("test-timeout", int)
    code = table.get("test-success-exit-code", int)
    if timeout is not None and timeout < 1:
        raise table.error("test-timeout", f"is {show(timeout)} s; the least is 1")
    if code is not None and not 0 <= code <= 255:
        raise table.error("test-success-exit-code", f"is {show(code)}, not 0 to 255")
    build_command, run_command, run_args, test_args = (table.strings(key) for key in lists)
    warnings += [table.error("build-command", words).message for words in told(build_command)]
    no_reboot = table.get("test-no-reboot", bool, True)
    return BootimageSettings(build_command, run_command, run_args, test_args, timeout, code, no_reboot), warnings


def read_bootwright(table: Table) -> BootwrightSettings:
    """Reads [package.metadata.bootwright], but for names of variables: those project_file.py has read before."""
    table = Table(table.path, table.name, {key: value for key, value in table.values.items() if not key.isupper()})
    table.only(("inputs", "env", "host-status"))
    status = table.get("host-status", int)
    if status is not None and not 0 <= status <= 255:
        raise table.error("host-status", f"is {show(status)}, not 0 to 255")
    settings = BootwrightSettings(table.strings("inputs"), table.strings("env"), status)
    for name in settings.env:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise table.error("env", f"holds {show(name)}, no name of a variable")
    for glob in settings.inputs:
        if not glob or glob.startswith(("/", "\\")) or ":" in glob:
            raise table.error("inputs", f"holds {show(glob)}, no path relative to the package")
        if any("**" in part and part != "**" for part in glob.split("/")):
            raise table.error("inputs", f"holds {show(glob)}, where ** is not a whole part of the path")
    return settings
