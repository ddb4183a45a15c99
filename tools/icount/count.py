"""What a boot costs: guest instructions from 0x7C00 to the kernel's entry, and reads of the disk, under TCG.

Unlike seconds they hardly depend on the builder: only the firmware's circles while it waits for the disk do, and the
plugin (tools/icount/icount.rs) keeps them few. The least of several boots is taken.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.scratch import scratch_directory
from bootwright.machine.config import MachineConfig
from bootwright.machine.machine import Machine
from bootwright.machine.options import TCG
from bootwright.machine.qemu import find_qemu
from bootwright.rust.command import crate_words

# Since which QEMU the plugin is compiled for which version of the interface.
PLUGIN_APIS = 'cfg(plugin_api, values("1", "2", "3"))'
PLUGIN_API = {(9, 1): "3", (9, 0): "2", (0, 0): "1"}


@dataclass(frozen=True)
class Counts:
    """Guest instructions, each round of a repeated string instruction being one; reads include the firmware's one."""

    instructions: int
    reads: int


def qemu_version(qemu: Path) -> tuple[int, int]:
    """Returns major and minor version of the program qemu."""
    said = subprocess.run([qemu, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    if version is None:
        raise BootwrightError(f"{qemu} --version does not say a version")
    return int(version[1]), int(version[2])


def build_plugin(rustc: Path, linker: Path, source: Path, out: Path, version: tuple[int, int]) -> Path:
    """Returns the plugin in the directory out, compiled from source for the builder's QEMU of this version.

    A static library and an ELF linker are enough: no C compiler is asked for. rustc must have the builder's own core.
    """
    api = next(api for since, api in PLUGIN_API.items() if version >= since)
    library, plugin = out / "libicount.a", out / "icount.so"
    words = crate_words(
        "icount", source, "staticlib", output=library, cfgs=[f'plugin_api="{api}"'],
        flags=("-Cpanic=abort", "-Copt-level=3", "-Crelocation-model=pic", f"--check-cfg={PLUGIN_APIS}"),
    )  # fmt: skip
    link: list[str | Path] = [
        linker,
        "-shared",
        "--gc-sections",
        "-u",
        "qemu_plugin_version",
        "-u",
        "qemu_plugin_install",
    ]
    commands: tuple[list[str | Path], ...] = ([rustc, *words], [*link, library, "-o", plugin])
    for command in commands:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            said = " ".join(map(str, command))
            raise BootwrightError(f"the plugin was not built: {result.stderr.strip()}", f"the command was: {said}")
    return plugin


def count_boot(config: MachineConfig, plugin: Path, entry: int, boots: int = 2, timeout: float = 60.0) -> Counts:
    """Boots config's image until its kernel's first instruction, at the virtual address entry; the least of boots.

    Raises BootwrightError when the kernel is not reached within timeout seconds.
    """
    qemu = find_qemu(config.qemu)
    if not takes_plugins(qemu):
        raise BootwrightError(f"{qemu} takes no plugins", "a QEMU built with --enable-plugins does")
    counts = [_count_once(config, plugin, entry, timeout) for _ in range(boots)]
    return min(counts, key=lambda count: count.instructions)


def _count_once(config: MachineConfig, plugin: Path, entry: int, timeout: float) -> Counts:
    with scratch_directory("count") as directory:
        log = directory / "log"
        flags = ("-plugin", f"{plugin.absolute()},entry={entry}", "-d", "plugin", "-D", str(log))
        config = dataclasses.replace(config, qemu_flags=(*config.qemu_flags, *flags), accelerator=TCG)
        with Machine(config) as machine:
            machine.resume()
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline and not machine.gone:
                machine.step(0.02)
                found = re.search(r"^icount (\d+)$", log.read_text(), re.MULTILINE) if log.exists() else None
                if found:
                    return Counts(int(found[1]), machine.disk_reads())
            said = machine.console.strip() or machine.stderr.strip() or "nothing on port E9"
            raise BootwrightError(f"the kernel's entry {entry:#x} was not reached in {timeout:g} s: {said}")


def takes_plugins(qemu: Path) -> bool:
    """Returns whether the program qemu was built with plugins; only then its help names -plugin."""
    said = subprocess.run([qemu, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    return re.search(r"^-plugin ", said, re.MULTILINE) is not None
