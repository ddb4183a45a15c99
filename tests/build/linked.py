"""Programs linked by a row of linker/hosts.toml without scons, with what a test adds to break them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.build.checkouts import HOME

from bootwright.hosts.check import check_product
from bootwright.hosts.table import LLD, Row, find_program, linker_arguments, read_rows
from bootwright.rust.build_tools import Question, find_tools
from bootwright.rust.command import crate_words
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.sysroot import build_sysroot
from bootwright.rust.toolchain import find_rust_src
from bootwright.storage.store import Store

ROWS = read_rows(HOME / "linker" / "hosts.toml")

SOURCE = """#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    other()
}
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn other() -> ! {
    loop {}
}
"""


def row(name: str, linker: str = "lld") -> Row:
    """Returns the row of a name such as linux-x86_64."""
    return next(row for row in ROWS if row.name == name and row.linker == linker)


@dataclass(frozen=True)
class Linked:
    """A program and the map of its linker."""

    path: Path
    map: Path

    def check(self, row: Row) -> None:
        """Checks it as the row wants it."""
        check_product(self.path, self.map, row)


class Rig:
    """A directory in which programs are compiled and linked for one row; core comes from the store."""

    def __init__(self, row: Row, directory: Path) -> None:
        self.row = row
        self.directory = directory
        linker = row.programs[0] if set(row.programs) & set(LLD) else str(find_program(row, os.environ))
        self.tools = find_tools(Question(HOME / "kernel", row.triple, None, linker, objcopy=False), os.environ)
        toolchain = self.tools.toolchain
        library = find_rust_src(toolchain)
        key = sysroot_key(toolchain, row.triple, library)
        self.sysroot = Store().take_or_build(
            "sysroot", key, lambda out: build_sysroot(toolchain, row.triple, None, library, out)
        )

    def link(self, *extra: str, source: str = SOURCE, dropping: Sequence[str] = ()) -> Linked:
        """Links source by the row with extra arguments for the linker, without those that are to be dropped."""
        changed = dataclasses.replace(self.row, arguments=tuple(a for a in self.row.arguments if a not in dropping))
        path = self.directory / f"program{self.row.suffix}"
        arguments = linker_arguments(changed, str(self.directory), "program")
        words = (f"-Clinker={self.tools.linker}", *arguments, *(f"-Clink-arg={word}" for word in extra))
        self._rustc(source, "bin", path, *words)
        return Linked(path, self.directory / "program.map")

    def compile(self, name: str, source: str = "#![no_std]\n") -> Path:
        """Compiles an object file."""
        path = self.directory / name
        self._rustc(source, "lib", path, "-Ccodegen-units=1", emit="obj")
        return path

    def _rustc(self, source: str, kind: str, output: Path, *flags: str, emit: str = "") -> None:
        root = self.directory / "program.rs"
        root.write_text(source)
        environment = {**os.environ, **dict.fromkeys(self.row.directories, str(self.directory))}
        words = crate_words(
            "program", root, kind, target=self.row.triple, sysroot=self.sysroot, emit=emit,
            flags=("-Cpanic=abort", *flags), output=output,
        )  # fmt: skip
        ended = subprocess.run(
            [str(self.tools.toolchain.rustc), *words],
            env=environment, cwd=self.directory, capture_output=True, text=True,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
