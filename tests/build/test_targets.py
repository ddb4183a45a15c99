"""Targets: specifications of three years, each with its own choices, and bare-metal triples without a disk."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from tests.build.checkouts import HOME, IDLE, Checkout

from bootwright.rust.build_tools import Question, Tools, find_tools
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.storage.store import Store

SPECS = HOME / "tests" / "kernels" / "specs"
# What they are called here. The name of a specification is in its core, which takes a processor 45 s: the kernel
# `ticker` and other tests have the first under the same name, and what is edited has the others in turn.
NAMES = {"2021": "x86_64-old.json", "2024": "x86_64-mine.json", "2026": "x86_64-mine.json"}

# Each choice leaves a mark: cfg(target_has_atomic) and cfg(panic) become a word of the text that the kernel prints, the
# red zone and the code model show in the instructions of two functions.
PROBE = """#![no_std]
#![no_main]
use core::panic::PanicInfo;
#[panic_handler]
fn panic(_: &PanicInfo) -> ! { loop {} }

pub static WORDS: [&str; 3] = [
    if cfg!(target_has_atomic = "64") { "atomic64" }
    else if cfg!(target_has_atomic = "32") { "atomic32" }
    else if cfg!(target_has_atomic = "16") { "atomic16" } else { "atomic8" },
    if cfg!(target_feature = "sse") { "sse" } else { "soft-float" },
    "Hello World!",
];
static mut COUNTER: u64 = 7;

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn address_of_a_static() -> *mut u64 { &raw mut COUNTER }

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn leaf_with_locals(seed: u64) -> u64 {
    let mut room = [seed; 4];
    for i in 0..4 { unsafe { room.as_mut_ptr().add(i).write_volatile(seed + i as u64) } }
    unsafe { room.as_ptr().add((seed & 3) as usize).read_volatile() }
}

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    // Through pointers that the optimiser cannot see through, so that both functions stay whole.
    let address: extern "C" fn() -> *mut u64 = core::hint::black_box(address_of_a_static);
    let leaf: extern "C" fn(u64) -> u64 = core::hint::black_box(leaf_with_locals);
    unsafe { *address() += leaf(1) };
    let mut at = 0xb8000 as *mut u8;
    for word in WORDS {
        for byte in word.bytes().chain([b' ']) {
            unsafe { at.write_volatile(byte); at.add(1).write_volatile(7); at = at.add(2) };
        }
    }
    loop { unsafe { core::arch::asm!("cli; hlt") } }
}
"""


@dataclass(frozen=True)
class Choices:
    """What a specification asks for, as the kernel shows it."""

    atomic: str
    red_zone: bool
    large: bool


CHOICES = {
    "2021": Choices("atomic64", red_zone=False, large=False),
    "2024": Choices("atomic32", red_zone=True, large=True),
    "2026": Choices("atomic16", red_zone=False, large=False),
}


@pytest.fixture(scope="module")
def tools() -> Tools:
    """The programs that this machine builds with."""
    return find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ)


def instructions(tools: Tools, elf: Path, function: str) -> str:
    """Returns the disassembly of one function."""
    objdump = find_llvm_tool(tools.toolchain, "llvm-objdump", os.environ)
    argv = [str(objdump), "-d", "--x86-asm-syntax=intel", f"--disassemble-symbols={function}", str(elf)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize("year", sorted(CHOICES))
def test_a_specification_of_each_year_builds_boots_and_keeps_its_choices(
    checkout: Checkout, package: Path, tools: Tools, year: str, tmp_path: Path
) -> None:
    spec = tmp_path / NAMES[year]
    spec.write_bytes((SPECS / f"{year}.json").read_bytes())
    (package / "src" / "main.rs").write_text(PROBE)
    (package / "Cargo.toml").write_text((package / "Cargo.toml").read_text() + "opt-level = 2\n")
    words = [f"KERNEL={package}", f"TARGET={spec}", "VARIANT=release"]
    built = checkout.scons(*words)
    assert built.status == 0, built.output
    assert spec.read_bytes() == (SPECS / f"{year}.json").read_bytes()

    chosen = CHOICES[year]
    elf = checkout.path / "build/release/reader.elf"
    leaf = instructions(tools, elf, "leaf_with_locals")
    assert ("[rsp -" in leaf or "[rsp - " in leaf) == chosen.red_zone, leaf
    assert ("movabs" in instructions(tools, elf, "address_of_a_static")) == chosen.large
    run = checkout.scons("run", "--headless", *words)
    assert run.status == 0, run.output
    assert f"{chosen.atomic} soft-float Hello World!" in run.output


def test_each_change_of_a_specification_is_named_once(
    checkout: Checkout, package: Path, tools: Tools, tmp_path: Path
) -> None:
    spec = tmp_path / NAMES["2021"]
    spec.write_bytes((SPECS / "2021.json").read_bytes())
    first = checkout.scons(f"KERNEL={package}", f"TARGET={spec}")
    assert first.status == 0, first.output
    told = [line for line in first.output.splitlines() if str(spec) in line]
    for word in ("target-pointer-width", "data-layout", "rustc-abi"):
        assert len([line for line in told if word in line]) == 1, first.output
    assert "RUSTC_BOOTSTRAP=1" in first.output and "your code stays on stable" not in first.output
    assert "no stable interface for; it lets #![feature] in your code through, too\n" in first.output
    again = checkout.scons(f"KERNEL={package}", f"TARGET={spec}")
    assert (again.steps, str(spec) in again.output) == ([], False)
    main = package / "src" / "main.rs"
    main.write_text(f"#![feature(abi_x86_interrupt)]\n{main.read_text()}")
    assert checkout.scons(f"KERNEL={package}", f"TARGET={spec}").status == 0  # as was said
    # A cargo of one's own, a build script's maybe, has the linker that it names as well; core is build-std's there.
    cores = (Store().path("sysroot", path.name) for path in (checkout.path / "build/sysroot").iterdir())
    (core,) = (core for core in cores if (core / "lib/rustlib" / spec.stem).is_dir())
    linked, copy = tmp_path / "linked", checkout.path / "build/spec" / spec.name
    words: list[str | Path] = [HOME / "tools/bootwright-rustc", tools.toolchain.rustc]
    words += ["--target", copy, "--sysroot", core]
    words += ["-Zunstable-options", "-Cpanic=abort", "--edition=2024", main, "-o", linked, "-Clinker=rust-lld"]
    subprocess.run(words, check=True, env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
    assert linked.read_bytes().startswith(b"\x7fELF")


def test_an_edited_specification_rebuilds_and_the_copy_is_the_compilers(
    checkout: Checkout, package: Path, tmp_path: Path
) -> None:
    spec = tmp_path / NAMES["2026"]
    spec.write_bytes((SPECS / "2026.json").read_bytes())
    words = [f"KERNEL={package}", f"TARGET={spec}"]
    checkout.build(*words)
    # What is said to the linker alone wants no other core, which takes 20 s: the program is linked anew.
    text = spec.read_text()
    first, last = (
        '"pre-link-args": {"ld.lld": ["--image-base=0x500000"]},\n  "link-script": "in_the_script = 0x5678;",\n  ',
        ',\n  "post-link-args": {"gnu-lld": ["--defsym=from_the_end=0x1234"]}',
    )
    more = text.replace('"os"', first + '"os"').rstrip().removesuffix("}").rstrip()
    spec.write_text(more + last + "\n}\n")
    assert checkout.build(*words)[:1] == ["rustc reader.elf reader.map"]
    with (checkout.path / "build/debug/reader.elf").open("rb") as file:
        image = ELFFile(file)
        symbols = image.get_section_by_name(".symtab")
        assert isinstance(symbols, SymbolTableSection)
        for name, value in (("from_the_end", 0x1234), ("in_the_script", 0x5678)):
            found = symbols.get_symbol_by_name(name)
            assert found is not None and found[0]["st_value"] == value
        assert 0x500000 <= image["e_entry"] < 0x600000
    spec.write_text(text)
    checkout.build(*words)
    spec.write_text(json.dumps(json.loads(text), indent=8))
    assert not [step for step in checkout.build(*words) if step.startswith("rustc")]
    spec.write_bytes((SPECS / "2024.json").read_bytes())
    assert "rustc reader.elf reader.map" in checkout.build(*words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"arch": "x86_64", "target-pointer-width": 64}', 'has no key "llvm-target"'),
        ('{"llvm-target": "vax-unknown-none", "arch": "vax", "target-pointer-width": 32}', "vax"),
    ],
)
def test_a_specification_that_is_none_is_one_sentence(
    checkout: Checkout, tmp_path: Path, text: str, words: str
) -> None:
    spec = tmp_path / "bad.json"
    spec.write_text(text)
    said = checkout.refuse(f"TARGET={spec}")
    assert f"{spec}" in said
    assert words in said


def test_a_bare_triple_of_another_machine_gives_its_elf(checkout: Checkout, tmp_path: Path) -> None:
    package = tmp_path / "arm"
    (package / "src").mkdir(parents=True)
    (package / "Cargo.toml").write_text('[package]\nname = "arm"\nversion = "0.1.0"\nedition = "2021"\n')
    (package / "src" / "main.rs").write_text(IDLE)
    steps = checkout.build(f"KERNEL={package}", "TARGET=thumbv7em-none-eabihf")
    assert steps[-1] == "rustc arm.elf arm.map"
    with (checkout.path / "build/debug/arm.elf").open("rb") as stream:
        assert ELFFile(stream).header["e_machine"] == "EM_ARM"
    assert not (checkout.path / "build/debug/arm.img").exists()
