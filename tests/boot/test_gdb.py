"""gdb on a machine that stands at the kernel's first instruction."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.boot.boards import HANG, Yard
from tests.boot.kernels import KERNEL, SMALL_KERNELS, Built, Workshop
from tests.boot.loader_rig import PAGE, Rig, write_sparse
from tests.boot.sectors import is_alive
from tests.boot.test_loader_011 import PIE, Config, kernel

from bootwright.base.errors import BootwrightError
from bootwright.image.kernel_file import KernelSettings, write_kernel_file
from bootwright.loader.settings import settings_of
from bootwright.machine.boards import board_named
from bootwright.machine.gdb import find_gdb
from bootwright.run import debugger
from bootwright.run.config import RunConfig
from bootwright.run.debugger import gdb_arguments

GDT = bytes(8) + bytes.fromhex("ffff0000009baf00")
JUMP = bytes.fromhex("31ed6a0041ffe2")
PROGRAM = """
import sys
from pathlib import Path
from bootwright.machine import machine
from bootwright.run import debugger
from bootwright.run.config import RunConfig
from bootwright.run.run import RunConfig
start = machine.Machine._start
def tell(self):
    start(self)
    print("pid", self.pid, file=sys.stderr, flush=True)
machine.Machine._start = tell
image, elf, source, serial = map(Path, sys.argv[1:5])
flags = tuple(sys.argv[7].split()) if len(sys.argv) > 7 else ()
board = sys.argv[6] if len(sys.argv) > 6 else "pc"
loader = Path(sys.argv[8]) if len(sys.argv) > 8 else None
config = RunConfig(image, headless=True, firmware=sys.argv[5], board=board, qemu_flags=flags, loader=loader)
sys.exit(debugger.debug(config, elf, source, serial, sys.stderr))
"""


def gdb(
    built: Built, source: Path, serial: Path, *commands: str, firmware: str = "bios", more: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    site_scons = str(Path(debugger.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(built.image), str(built.elf), str(source), str(serial), firmware, *more],
        input="\n".join([*commands, "kill", "quit", ""]),
        env={**os.environ, "PYTHONPATH": site_scons},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.needs("gdb")
def test_gdb_stops_at_the_entry_with_symbols_and_leaves_no_machine(hello: Built, tmp_path: Path) -> None:
    serial = tmp_path / "not yet there" / "serial.txt"
    done = gdb(
        hello, KERNEL, serial, "info registers rip", "info symbol $rip", "break hello::cpu::halt", "continue", "bt"
    )
    assert done.returncode == 0, done.stderr
    assert "hello::_start () at" in done.stdout and "_start in section .text" in done.stdout, done.stdout
    assert "Breakpoint 2, hello::cpu::halt ()" in done.stdout and "#1 " in done.stdout
    assert "Hello World!" in serial.read_text()
    assert not is_alive(int(done.stderr.partition("pid ")[2].split()[0]))


@pytest.mark.needs("gdb-multiarch", "qemu-system-arm", "qemu-system-riscv64")
@pytest.mark.parametrize("name", ["mps2-an386", "riscv64-virt"])
def test_gdb_stops_at_a_boards_first_function(name: str, yard: Yard, tmp_path: Path) -> None:
    elf, flags = yard.elf(board_named(name)), " ".join(yard.poke(board_named(name), HANG))
    done = gdb(Built(elf, elf, elf), SMALL_KERNELS, tmp_path / "serial.txt", "info symbol $pc", "break faults::inner",
               "continue", "bt", more=(name, flags))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "_start in section .text" in done.stdout, done.stdout
    assert re.search(r"#0 +faults::inner .*\n(?:.*\n)*#1 .*faults::outer", done.stdout), done.stdout


@pytest.mark.needs("gdb")
@pytest.mark.parametrize(("firmware", "fast"), [("bios", False), ("bios", True), ("uefi", False)])
def test_gdb_has_the_symbols_where_a_position_independent_kernel_lies(
    workshop: Workshop, tmp_path: Path, firmware: str, fast: bool
) -> None:
    rig = Rig(workshop, tmp_path)
    elf = kernel(rig, Config(aslr=True), flags=(*PIE, "-Cstrip=none", "-Copt-level=0"))
    write_sparse(tmp_path / "disk.img", rig.image(elf.read_bytes(), settings_of(elf, KernelSettings())))
    image, loader = tmp_path / "disk.img", (str(workshop.loader.pvh),) if fast else ()
    if fast:
        image = tmp_path / "011.kernel"
        image.write_bytes(write_kernel_file(elf.read_bytes(), settings_of(elf, KernelSettings())))
    done = gdb(Built(elf, image, image), KERNEL, tmp_path / "serial.txt", "info symbol $rip", "print /x $slide",
               "break handover_011::tell", "continue", "bt", firmware=firmware, more=("pc", "", *loader))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "_start in section .text" in done.stdout, done.stdout
    assert re.search(r"\$1 = 0x[1-9a-f]", done.stdout), "by chance it lies elsewhere"
    assert re.search(r"Breakpoint \d+, handover_011::tell", done.stdout) and "#1 " in done.stdout, done.stdout
    assert len(done.stdout.splitlines()) < 60, "not a line for each page"


@pytest.mark.needs("gdb")
def test_a_kernel_that_leaves_the_machine_lets_gdb_stay(workshop: Workshop, tmp_path: Path) -> None:
    built = workshop.build(SMALL_KERNELS / "faults" / "unknown_exit_code.rs", tests=False)
    done = gdb(built, KERNEL, tmp_path / "serial.txt", "continue", "echo still here\\n")
    assert "still here" in done.stdout, done.stdout + done.stderr


def test_gdb_gets_the_entry_and_the_sources_directory() -> None:
    words = gdb_arguments("/bin/gdb", Path("/b/hello.elf"), Path("/with space/kernel"), "/run/socket", 0x2021B0)
    assert words[0] == "/bin/gdb" and words[-1] == "/b/hello.elf"
    steps = words[3::2]
    assert "target remote /run/socket" in steps and 'directory "/with space/kernel"' in steps
    assert steps.index("thbreak *0x2021b0") < steps.index("continue")


def test_where_the_processor_stands_at_the_entry_gdb_need_not_go_there() -> None:
    steps = gdb_arguments("/bin/gdb", Path("/b/hello.elf"), Path("/kernel"), "/run/socket", None, is_pc=False)[3::2]
    assert not {"continue", "set architecture i386:x86-64"} & set(steps) and not any("thbreak" in s for s in steps)


def test_what_keeps_a_position_independent_kernel_from_gdb_is_one_sentence(tmp_path: Path) -> None:
    elf, image = tmp_path / "k.elf", tmp_path / "k.img"
    head = bytes.fromhex("7f454c46020101000000000000000000")
    elf.write_bytes(head + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, *[0] * 10))
    image.write_bytes(bytes(PAGE))
    config = RunConfig(image, headless=True)
    with pytest.raises(BootwrightError, match=r"k\.img has no loader of ours, so nothing tells where it puts"):
        debugger.debug(config, elf, tmp_path, tmp_path / "serial", sys.stderr)
    image.write_bytes(GDT + JUMP)
    config = RunConfig(image, headless=True, firmware="uefi", qemu_flags=("-accel", "kvm"))
    with pytest.raises(BootwrightError, match="with UEFI that takes more breakpoints than a processor has"):
        debugger.debug(config, elf, tmp_path, tmp_path / "serial", sys.stderr)


def test_without_gdb_there_is_one_sentence(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(BootwrightError, match="gdb is not on PATH"):
        find_gdb(True, environ)
    with pytest.raises(BootwrightError, match="gdb-multiarch is not on PATH, and gdb is not there either"):
        find_gdb(False, environ)
    gdb = tmp_path / "gdb"
    gdb.write_text("#!/bin/sh\necho 'Undefined item: \"aarch64\".' >&2\n")
    gdb.chmod(0o755)
    with pytest.raises(BootwrightError, match=r"gdb-multiarch is not on PATH, and .*/gdb is built for this machine's"):
        find_gdb(False, environ)
    gdb.write_text("#!/bin/sh\n")  # as Fedora and Arch build theirs
    assert find_gdb(False, environ) == gdb
