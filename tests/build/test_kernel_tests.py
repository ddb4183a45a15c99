"""A kernel's tests where they are not the book's: what cargo would run is run, or a line tells of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout
from tests.build.unmodified import MANIFEST, PC, START, TESTED

# What runs them words a test's line in its own way: a word before the name, a colour, OK in capitals.
RUNNER = r"""
pub trait Test { fn run(&self); }
impl<T: Fn()> Test for T {
    fn run(&self) {
        say!("[test] \x1b[1m{}\x1b[0m ...", core::any::type_name::<T>());
        self();
        say!("\x1b[32m[OK]\x1b[0m");
    }
}
pub fn run(all: &[&dyn Test]) {
    say!("Running {} tests", all.len());
    for test in all { test.run(); }
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4u16, in("eax") 0x10u32) }
}
"""
FRAMEWORK = """#![feature(custom_test_frameworks)]
#![test_runner(case::run)]
#![reexport_test_harness_main = "test_main"]
"""
OUTSIDE = (
    f"#![no_std]\n#![no_main]\n{FRAMEWORK}use case::{{halt, say}};\n{START % 'test_main();'}"
    "#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { halt() }\n#[test_case]\n"
)
EXPORTED = (
    ("#![no_main]\n", f"#![cfg_attr(test, no_main)]\n{FRAMEWORK.replace('case:', 'crate:')}"),
    ("macro_rules", "#[macro_export]\nmacro_rules"),
    ("struct Com1", "pub struct Com1"),
    ("#[panic_handler]", "#[cfg(test)]\n#[panic_handler]"),
    ("fn halt", "pub fn halt"),
)
INSIDE = """#[test_case]
fn adds_up() { assert_eq!(1 + 1, 2); }
#[cfg(feature = "more")] #[test_case]
fn of_a_feature() {}
"""
TARGETS = """
[features]
more = []

[[example]]
name = "shown"
test = true

[[test]]
name = "gated"
required-features = ["more"]
harness = false

[[test]]
name = "loose"
harness = false
"""
LOOSE = """#![no_std]
#![no_main]
mod part;
use case::halt;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { halt() }
"""
TOLD = {
    "tests/loose/part.rs: #[test] functions are not run: harness = false has the program run what it chooses",
    "tests/gated.rs is not run: [[test]] gated has required-features in Cargo.toml; FEATURES=more gives them",
    "not run: of_a_feature (src/lib.rs): no program told of this #[test_case]; a cfg hides it",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A library without a program, with tests in it, beside it, in an example, and behind a feature."""
    library = PC
    for old, new in EXPORTED:
        library = library.replace(old, new)
    files = {
        "Cargo.toml": MANIFEST.format(name="case") + TARGETS,
        "src/lib.rs": f"{library}{RUNNER}#[cfg(test)]\n{START % 'test_main();'}{INSIDE}",
        "tests/boots/main.rs": f'{OUTSIDE}fn it_says_so() {{ say!("it failed [warn]"); }}\n',
        "tests/gated.rs": "",
        "tests/loose/main.rs": LOOSE + START % "case::run(&[]);",
        "tests/loose/part.rs": "#[test]\nfn of_nobody() {}\n",
        "examples/shown.rs": f"{OUTSIDE}fn of_an_example() {{ say!(); }}\n",
    }
    for name, text in files.items():
        (tmp_path / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "library" / name).write_text(text)
    return tmp_path / "library"


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_a_library_without_a_program_has_its_tests_run(checkout: Checkout, package: Path) -> None:
    shutil.copy2(HOME / "conftest.py", checkout.path)
    # One test by its printed name, which the guest alone tells: what cannot hold it is not made.
    built = checkout.scons("test", f"KERNEL={package}", "TESTS=kernel/case/adds_up")
    assert built.status == 0 and "1 passed" in built.output, built.output
    assert not list(checkout.path.rglob("boots.elf"))
    built = checkout.scons("test", f"KERNEL={package}")
    assert built.status == 0, built.output
    passed = sorted(line.split()[-1] for line in built.output.splitlines() if line.startswith("passed "))
    names = ("adds_up", "boots::it_says_so", "loose", "shown::of_an_example")
    assert passed == [f"kernel/case/{name}" for name in names], built.output
    assert [line for line in TOLD if line not in built.output] == [], built.output
    refused = checkout.refuse(f"KERNEL={package}")
    assert f"{package} has no program: neither src/main.rs nor a [[bin]] with a path" in refused
    assert "`scons test` runs its tests" in refused
    checkout.edit(str(package / "tests/boots/main.rs"), "fn _start", "fn start")
    refused = checkout.refuse("test", f"KERNEL={package}", "TESTS=kernel/case/boots")
    assert "boots.elf has no entry: no symbol `_start` was linked" in refused and "boots/main.rs:" in refused


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_of_two_programs_of_one_file_cargo_makes_both(checkout: Checkout, tmp_path: Path) -> None:
    shutil.copy2(HOME / "conftest.py", checkout.path)
    package = tmp_path / "twins"
    (package / "src").mkdir(parents=True)
    names = ("case", "twin")
    bins = "".join(f'[[bin]]\nname = "{name}"\npath = "src/same.rs"\n\n' for name in names)
    (package / "Cargo.toml").write_text(MANIFEST.format(name="case").replace("[profile.dev]", f"{bins}[profile.dev]"))
    says = 'say!(concat!("this is ", env!("CARGO_BIN_NAME")));'
    (package / "src/same.rs").write_text(TESTED.replace("assert_eq!(1 + 1, 2);", says))
    built = checkout.scons("test", "--cargo", f"KERNEL={package}")
    assert built.status == 0 and "2 passed" in built.output, built.output
    elfs = [next(checkout.path.rglob(f"{place}.elf")) for place in ("unit/main", "bin/twin")]
    assert [
        name for name, elf in zip(names, elfs, strict=True) if f"this is {name}".encode() not in elf.read_bytes()
    ] == []
