"""core from the real sources: the same bytes wherever it is built, no path of this machine in them, and it links.

It is built a second time by a build whose compiler became another one, which is shown on the way: each time takes 45 s.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from tests.build.checkouts import HOME, Built, copy_checkout
from tests.scripts import write_script

from bootwright.rust.build_tools import Question, find_tools
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.search import find_toolchain
from bootwright.rust.sysroot import build_sysroot, manifest_text
from bootwright.rust.toolchain import Toolchain, find_rust_src
from bootwright.storage.store import Store

pytestmark = pytest.mark.xdist_group("core")  # one process makes it for all
BARE = "x86_64-unknown-none"
# Copies a slice, formats, and allocates: what needs compiler_builtins' memcpy, core and alloc.
PROGRAM = """#![no_std]
#![no_main]
extern crate alloc;
use core::alloc::{GlobalAlloc, Layout};

struct Nothing;
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 { core::ptr::null_mut() }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }

#[unsafe(no_mangle)]
pub extern "C" fn _start(to: &mut [u8], from: &[u8], wide: u128) -> usize {
    to.copy_from_slice(from);
    alloc::format!("{wide} {:?}", wide / 7).len()
}
"""

# What many a kernel has, beside another function of compiler_builtins that one object of it may share with its own.
OWN = """
#[unsafe(no_mangle)]
#[unsafe(link_section = ".own")]
pub unsafe extern "C" fn memcpy(to: *mut u8, _: *const u8, _: usize) -> *mut u8 {
    loop { core::hint::spin_loop(); if to.is_null() { return to; } }
}
"""


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    """The toolchain that a kernel gets here; its own core is not looked at."""
    return find_toolchain(Path(__file__).parent, "sources.json", None, os.environ)


@pytest.fixture(scope="module")
def stored(toolchain: Toolchain) -> Path:
    """The sysroot of the person's store, which is built if it is not there."""
    library = find_rust_src(toolchain)

    def build(out: Path) -> None:
        build_sysroot(toolchain, BARE, None, library, out)

    return Store().take_or_build("sysroot", sysroot_key(toolchain, BARE, library), build)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Path]:
    """How a build ended whose compiler became another one, and the directory of its store, which was empty."""
    place = tmp_path_factory.mktemp("a place with blanks")
    checkout = copy_checkout(place / "checkout")
    checkout.build()
    copy, note = place / "other-rustc", place / "note"
    note.write_text("")
    real = find_tools(Question(HOME / "kernel", BARE, None), os.environ).toolchain.rustc
    write_script(
        copy,
        "import subprocess, sys\n"
        f"done = subprocess.run([{str(real)!r}, *sys.argv[1:]], stdout=subprocess.PIPE, text=True)\n"
        f"sys.stdout.write(done.stdout + (open({str(note)!r}).read() if '-vV' in sys.argv else ''))\n"
        "sys.exit(done.returncode)\n",
    )
    first = checkout.scons(f"RUSTC={copy}")
    assert first.status == 0, first.output
    note.write_text("build: 2\n")
    copy.touch()
    return checkout.scons(f"RUSTC={copy}", environment={"XDG_CACHE_HOME": str(place / "store")}), place / "store"


def test_a_changed_compiler_rebuilds_and_says_so(changed: tuple[Built, Path]) -> None:
    again, _ = changed
    assert again.status == 0, again.output
    assert "is not the same any more: what it made is built again" in again.output
    assert "rustc hello.elf hello.map" in again.steps
    assert "loader boot_sector.bin cd_boot.bin stages.bin pvh.elf bootx64.efi network.bin" in again.steps


def test_core_has_the_same_bytes_at_another_place_and_time_and_names_none(
    toolchain: Toolchain, stored: Path, changed: tuple[Built, Path]
) -> None:
    _, place = changed
    library = find_rust_src(toolchain)
    assert library is not None
    made = list(place.glob("bootwright/sysroot/*"))
    if not made:  # the compiler has core itself
        made.append(place / "core")
        made[0].mkdir(parents=True)
        build_sysroot(toolchain, BARE, None, library, made[0])
    (out,) = made
    assert manifest_text(out) == manifest_text(stored)
    places = {str(name).encode() for name in (place, stored, library, library.resolve(), Path.home() / ".rustup")}
    for rlib in out.rglob("*.rlib"):
        data = rlib.read_bytes()
        assert not [name for name in places if name in data], rlib


def test_a_program_that_copies_with_its_own_formats_and_allocates_links_with_stable_flags(
    toolchain: Toolchain, stored: Path, tmp_path: Path
) -> None:
    (tmp_path / "program.rs").write_text(PROGRAM + OWN)
    linker = find_llvm_tool(toolchain, "ld.lld", os.environ)
    argv = [str(toolchain.rustc), "--edition=2024", "--target", BARE, f"--sysroot={stored}", "-Cpanic=abort"]
    environment = {name: value for name, value in os.environ.items() if name != "RUSTC_BOOTSTRAP"}
    for profile in (["-Copt-level=0"], ["-Copt-level=3", "-Clto=fat"]):
        flags = [*profile, f"-Clinker={linker}", "-o", str(tmp_path / "program"), str(tmp_path / "program.rs")]
        done = subprocess.run([*argv, *flags], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        with (tmp_path / "program").open("rb") as stream:
            elf: Any = ELFFile(stream)
            (memcpy,) = elf.get_section_by_name(".symtab").get_symbol_by_name("memcpy")
            assert elf.get_section(memcpy["st_shndx"]).name == ".own"
