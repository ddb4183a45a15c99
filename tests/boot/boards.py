"""A kernel that dies on any board in the way that it is told to: compiled and run by plain calls, without SCons."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from tests.boot.kernels import HOME, SMALL_KERNELS

from bootwright.base.procs import attempt
from bootwright.faults.subject import Subject
from bootwright.machine.boards import Board
from bootwright.machine.verdict import Verdict
from bootwright.run.config import RunConfig
from bootwright.run.explained import run_and_report
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.search import find_toolchain
from bootwright.rust.sysroot import build_sysroot
from bootwright.rust.toolchain import find_rust_src, has_core
from bootwright.storage.store import Store

SOURCE = SMALL_KERNELS / "boards" / "faults.rs"
# By the board: a triple that it runs, and where the kernel looks for the number of the way that it is to die in.
TRIPLES = {
    "mps2-an386": ("thumbv7em-none-eabihf", 0x20200000),
    "microbit": ("thumbv6m-none-eabi", 0x20002000),
    "riscv32-virt": ("riscv32imac-unknown-none-elf", 0x84000000),
    "riscv64-virt": ("riscv64gc-unknown-none-elf", 0x84000000),
    "aarch64-virt": ("aarch64-unknown-none", 0x44000000),
}
NO_MEMORY, PANIC, HANG, ILLEGAL, WILD, OVERFLOW, DEADLOCK, TRAP, NULL_FUNCTION, BOUNDS, NOTHING = range(1, 12)
SECONDS = 0.7  # after which a kernel that runs on is looked at


@dataclass(frozen=True)
class Dead:
    """How a kernel ended, and its report."""

    end: Verdict
    report: str

    @property
    def chain(self) -> str:
        """The lines of the calls, as one."""
        return " ".join(self.report.partition("  calls ")[2].partition("  state ")[0].split())


class Yard:
    """Compiles the kernel for a board, once, and lets it die there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._elfs: dict[str, Path] = {}

    def die(self, board: Board, how: int, *flags: str, seconds: float = SECONDS) -> Dead:
        """Runs the kernel until it dies in one of its ways, or for so many seconds; flags are more for QEMU."""
        elf, flags = self.elf(board), (*self.poke(board, how), *flags)
        config = RunConfig(elf, board=board.name, headless=True, timeout=seconds, qemu_flags=flags)
        subject = Subject(elf, elf.with_suffix(".png"), HOME)
        return Dead(*run_and_report(config, subject, io.StringIO(), io.StringIO()))

    def elf(self, board: Board) -> Path:
        """Returns the kernel for a board."""
        if board.name not in self._elfs:
            self._elfs[board.name] = self._compile(board, TRIPLES[board.name][0])
        return self._elfs[board.name]

    def poke(self, board: Board, how: int) -> tuple[str, str]:
        """Returns the words for QEMU that tell the kernel how to die."""
        return "-device", f"loader,addr={TRIPLES[board.name][1]:#x},data={how},data-len=4"

    def _compile(self, board: Board, triple: str) -> Path:
        toolchain = find_toolchain(HOME / "kernel", triple, os.environ.get("RUSTC"), os.environ)
        elf = self._directory / f"{board.name}.elf"
        script = HOME / "linker" / board.script
        argv = [str(toolchain.rustc), str(SOURCE), "--edition", "2024", "--target", triple, "-C", "panic=abort", "-g"]
        argv += ["-C", f"linker={find_llvm_tool(toolchain, 'ld.lld', os.environ)}", "-C", "linker-flavor=ld.lld"]
        argv += ["-C", "relocation-model=static", "-C", f"link-arg=-T{script}", "-D", "warnings", "-o", str(elf)]
        if not has_core(toolchain, triple):
            library = find_rust_src(toolchain)
            assert library is not None, "the toolchain was found, so it has core or its source"
            key = sysroot_key(toolchain, triple, library)
            made = Store().take_or_build(
                "sysroot", key, lambda out: build_sysroot(toolchain, triple, None, library, out)
            )
            argv += ["--sysroot", str(made)]
        result = attempt(argv, cwd=HOME)
        assert result.status == 0, result.stderr
        return elf
