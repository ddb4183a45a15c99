"""The errors of the first chapters, provoked with the real compiler and the real linkers: each has its line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.build.checkouts import HOME

from bootwright.rust import explanations, rustc
from bootwright.rust.build_tools import Question, find_tools
from bootwright.rust.explain import Situation
from bootwright.rust.explanations import CATALOGUE
from bootwright.rust.toolchain import Toolchain, release_number

NO_STD = "#![no_std]\n#![no_main]\n"
HANDLER = "#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n"
START = '#[unsafe(no_mangle)] pub extern "C" fn _start() -> ! { loop {} }\n'
WHOLE = NO_STD + HANDLER + START
# For systems whose core is not installed: their linkers complain all the same. Newer compilers know more traits.
NO_CORE = """#![feature(no_core, lang_items)]
#![no_core]
#![no_main]
#![allow(internal_features)]
#[cfg(sized_hierarchy)] #[lang = "pointee_sized"] pub trait PointeeSized {}
#[cfg(sized_hierarchy)] #[lang = "meta_sized"] pub trait MetaSized: PointeeSized {}
#[cfg(sized_hierarchy)] #[lang = "sized"] pub trait Sized: MetaSized {}
#[cfg(not(sized_hierarchy))] #[lang = "sized"] pub trait Sized {}
#[lang = "copy"] pub trait Copy {}
unsafe extern "C" { fn CALLED(); }
#[unsafe(no_mangle)] pub extern "C" fn _start() -> ! { #[cfg(calls)] unsafe { CALLED(); } loop {} }
"""
ABORT = ("-Cpanic=abort",)
UNSTABLE = {"RUSTC_BOOTSTRAP": "1"}
WINDOWS = (*ABORT, "--target=x86_64-pc-windows-msvc")
LLD_LINK = (*WINDOWS, "-Clinker=LLD", "-Clinker-flavor=lld-link")
MACOS = (*ABORT, "--target=aarch64-apple-darwin", "-Clinker=LLD", "-Clinker-flavor=ld64.lld")
SOMEWHERE = Situation()
CALLS = ("--cfg=calls",)
FAR_AWAY = ("-Crelocation-model=static", "-Clink-arg=FAR")
CONSOLE = ("-Clink-arg=/SUBSYSTEM:console",)


@dataclass(frozen=True)
class Case:
    """A source that is compiled with arguments (LLD: the linker of that flavour); words are some of the line's."""

    id: str
    entry: str
    source: str
    arguments: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    edition: str = "2024"
    bootstrap: bool = False
    situation: Situation = SOMEWHERE


LACKING = ("[profile.dev]", "[profile.release]")
CASES = (
    Case("println", "printing", "#![no_std]\nfn main() { println!(\"hello\"); }", words=("`println!`",)),
    Case("no handler", "no panic handler", "#![no_std]\nfn main() {}", words=("#[panic_handler]",)),
    Case("two handlers", "two panic handlers", WHOLE + HANDLER.replace("panic(", "other("), ABORT,
         ("#[cfg(not(test))]",)),
    Case("unwinding", "unwinding", "#![no_std]\n" + HANDLER + "fn main() {}", (), LACKING,
         situation=Situation(lacking=LACKING)),
    Case("unwinding in one profile", "unwinding", "#![no_std]\n" + HANDLER + "fn main() {}", (),
         ("(missing in [profile.release])",), situation=Situation(lacking=LACKING[1:])),
    Case("unwinding by a flag", "unwinding by flag", WHOLE, ("-Cpanic=unwind",), ("RUSTFLAGS",)),
    Case("fn main", "no main", "#![no_std]\n" + HANDLER + "fn main() {}", ABORT,
         ("#![no_main]", "#[unsafe(no_mangle)] pub extern \"C\" fn _start() -> !")),
    Case("fn main in edition 2018", "no main", "#![no_std]\n" + HANDLER + "fn main() {}", ABORT,
         ("write #[no_mangle] pub",), "2018", situation=Situation("2018")),
    Case("no main at all", "no main", "#![no_std]\n" + HANDLER + START, ABORT, ("#![no_main]",)),
    Case("no no_std", "std", "#![no_main]\n" + HANDLER + START, ABORT, ("#![no_std]", "src/main.rs")),
    Case("no std for the target", "std", "#![no_main]\n", ("--sysroot=EMPTY",), ("x86_64-unknown-none has no std",),
         situation=Situation(target="x86_64-unknown-none")),
    Case("path of std", "paths of std", WHOLE + "fn f() { std::process::exit(0) }", ABORT, ("`core::`",)),
    Case("vec!", "heap", WHOLE + "fn f() { vec![1]; }", ABORT, ("`vec`", "#[global_allocator]")),
    Case("String", "heap", WHOLE + "fn f(_: String) {}", ABORT, ("`String`",)),
    Case("Box::new", "heap", WHOLE + "fn f() { Box::new(1); }", ABORT, ("`Box`",)),
    Case("alloc not taken", "no alloc crate", WHOLE + "use alloc::boxed::Box;", ABORT, ("extern crate alloc;",)),
    Case("no allocator", "no allocator", WHOLE + "extern crate alloc; pub use alloc::boxed::Box;", ABORT),
    Case("no core", "target without core", WHOLE, ("--sysroot=EMPTY",), ("rustup target add thumbv7em-none-eabihf",),
         situation=Situation(target="thumbv7em-none-eabihf")),
    Case("test", "test harness", NO_CORE, (*ABORT, "--test", "--sysroot=EMPTY"), ("#[test_case]", "harness = false"),
         bootstrap=True),
    Case("extern crate", "unknown crate", WHOLE + "extern crate spin;", ABORT, ("`spin`",)),
    Case("import", "unknown crate", WHOLE + "use spin::Mutex;", ABORT, ("`mod spin;`",)),
    Case("path", "unknown crate", WHOLE + "fn f() { spin::f() }", ABORT, ("`spin`",)),
    Case("message of a panic", "panic message", NO_STD + START + HANDLER.replace("_:", "i:").replace(
        "loop", "i.message().unwrap(); loop"), ABORT, ("since rustc 1.81",)),
    Case("if let", "panic message", NO_STD + START + HANDLER.replace("_:", "i:").replace(
        "loop", "if let Some(_) = i.message() {} loop"), ABORT, ("no Option",)),
    Case("llvm_asm", "llvm_asm", WHOLE + "fn f() { unsafe { llvm_asm!(\"hlt\") } }", ABORT, ("core::arch::asm!",)),
    Case("asm", "asm", WHOLE + "core::arch::global_asm!(\"\"); global_asm!(\"nop\");", ABORT,
         ("`use core::arch::global_asm;`", "rust-toolchain")),
    Case("register", "assembly of another machine", WHOLE + "fn f() { unsafe { core::arch::asm!(\"\", in(\"a7x\") 1)"
         " } }", ABORT, ("TARGET= names that one",)),
    Case("instruction", "assembly of another machine", WHOLE + "core::arch::global_asm!(\"csrrx x0, x1\");", ABORT,
         ("has no such register or instruction",)),
    Case("a source in UTF-16", "source of another encoding", WHOLE + "mod wide;", ABORT, ("src/wide.rs is UTF-16",)),
    Case("removed feature", "removed feature", "#![feature(const_raw_ptr_to_usize_cast)]\n" + WHOLE, ABORT,
         ("a rust-toolchain file that names the nightly",), bootstrap=True),
    Case("feature", "feature on stable", "#![feature(abi_x86_interrupt)]\n" + WHOLE, ABORT, ("UNSTABLE=1",)),
    Case("unstable language", "unstable without feature", WHOLE + "extern \"x86-interrupt\" fn f(_: u64) {}", ABORT,
         ("the extern \"x86-interrupt\" ABI",)),
    Case("unstable library", "unstable without feature", WHOLE + "fn f() { core::intrinsics::abort() }", ABORT,
         ("core_intrinsics",)),
    Case("-Z", "nightly flag", WHOLE, ("-Zthreads=2",), ("UNSTABLE=1",)),
    Case("specification", "nightly flag", WHOLE, ("--target=SPEC",), ("TARGET=file.json",)),
    Case("old specification", "old specification", WHOLE, ("-Zunstable-options", "--target=SPEC"), ("migrated",),
         bootstrap=True),
    Case("no_mangle in edition 2024", "unsafe attribute", WHOLE.replace("unsafe(no_mangle)", "no_mangle"), ABORT,
         ("#[unsafe(no_mangle)]",)),
    Case("naked in edition 2021", "unsafe attribute",
         WHOLE + "#[naked]\nextern \"C\" fn f() { core::arch::naked_asm!(\"ret\") }", ABORT,
         ("#[unsafe(naked)] in every edition",), "2021"),
    Case("extern block in edition 2024", "unsafe extern block", WHOLE + "extern \"C\" { fn f(); }", ABORT,
         ("unsafe extern \"C\" {",)),
    Case("env", "variable of env!", WHOLE + "static WHO: &str = env!(\"NOBODYS\");", ABORT,
         ("nobody sets NOBODYS", "option_env!()")),
    Case("no cc", "linker missing, cc", WHOLE, (*ABORT, "-Clinker=no-such-gcc"), ("no-such-gcc", "apt install gcc")),
    Case("no link.exe", "linker missing, link.exe", NO_CORE, (*WINDOWS, "-Clinker=link.exe"), ("HOST=windows",),
         bootstrap=True),
    Case("no lld", "linker missing, lld", WHOLE, (*ABORT, "-Clinker=no-such-lld"), ("scons doctor",)),
    Case("no linker", "linker missing", WHOLE, (*ABORT, "-Clinker=no-such-linker"), ("no-such-linker is no program",)),
    Case("crt1 by GNU ld", "start-up code of C", WHOLE, (*ABORT, "-Clink-arg=-fuse-ld=bfd"),
         ("-nostartfiles", "HOST=linux")),
    Case("crt1 without _start by GNU ld", "start-up code of C", NO_STD + HANDLER,
         (*ABORT, "-Clink-arg=-fuse-ld=bfd"), ("HOST=linux",)),
    Case("crt1 by lld", "start-up code of C", WHOLE, (*ABORT, "-Clink-arg=-BLINKS", "-Clink-arg=-fuse-ld=lld"),
         ("-nostartfiles", "HOST=linux")),
    Case("an option for cc", "option of a compiler driver", NO_CORE,
         (*ABORT, "-Clinker=LLD", "-Clinker-flavor=ld.lld", "-Clink-arg=-nostartfiles"),
         ("-nostartfiles is", "lld itself"), bootstrap=True),
    *(Case(f"{word} for lld", entry, NO_CORE,
           (*ABORT, "-Clinker=LLD", "-Clinker-flavor=ld.lld", f"-Clink-arg={word}"), told, bootstrap=True)
      for word, entry, told in (
          ("-m64", "machine of a compiler driver", ("-m64 is an option of a C compiler",)),
          ("-lgcc", "library that is not there", ("there is no libgcc.a", "take -lgcc out")),
          ("/ENTRY:_start", "argument of link.exe", ("/ENTRY:_start is an argument of Windows's linker",)),
          ("-Tnowhere.ld", "script that is not there", ("there is no nowhere.ld", "LDSCRIPT=")))),
    Case("a byte order mark", "script of another encoding", NO_CORE,
         (*ABORT, "-Clinker=LLD", "-Clinker-flavor=ld.lld", "-Clink-arg=-TMARKED"),
         ("marked.ld is UTF-16, or begins with a byte order mark",), bootstrap=True),
    Case("UTF-16", "script of another encoding", NO_CORE,
         (*ABORT, "-Clinker=LLD", "-Clinker-flavor=ld.lld", "-Clink-arg=-TWIDE"), ("wide.ld is UTF-16",),
         bootstrap=True),
    Case("far away by lld", "out of reach", NO_CORE,
         (*ABORT, *FAR_AWAY, "-Clinker=LLD", "-Clinker-flavor=ld.lld", "-Clink-arg=--no-gc-sections",
          "-Clink-arg=--image-base=0xffff800000000000"),
         ("(32S)", "code-model=large", "0xffffffff80000000"), bootstrap=True),
    Case("far away by GNU ld", "out of reach", NO_CORE,
         (*ABORT, *FAR_AWAY, "-Clink-arg=-nostartfiles", "-Clink-arg=-static", "-Clink-arg=-fuse-ld=bfd",
          "-Clink-arg=-Wl,--no-gc-sections", "-Clink-arg=-Wl,-Ttext=0xffff800000000000"), ("(32S)",), bootstrap=True),
    Case("two entries by lld", "two entries", NO_CORE,
         (*ABORT, "-Clinker=LLD", "-Clinker-flavor=ld.lld", "-Clink-arg=OTHER"), bootstrap=True),
    Case("two entries by GNU ld", "two entries", NO_CORE,
         (*ABORT, "-Clink-arg=-nostartfiles", "-Clink-arg=-fuse-ld=bfd", "-Clink-arg=OTHER"), bootstrap=True),
    Case("no lld for cc", "linker missing, lld", WHOLE, (*ABORT, "-Clink-arg=-BEMPTY", "-Clink-arg=-fuse-ld=lld"),
         ("-fuse-ld=",)),
    Case("no subsystem", "start-up code of Windows", NO_CORE, LLD_LINK, ("HOST=windows",), bootstrap=True),
    Case("no mainCRTStartup", "start-up code of Windows", NO_CORE, (*LLD_LINK, *CONSOLE),
         ("/ENTRY:_start /SUBSYSTEM:console",), bootstrap=True),
    Case("no _main", "start-up code of macOS", NO_CORE, MACOS, ("-e __start -static -nostartfiles", "HOST=macos"),
         bootstrap=True),
    Case("memcpy by GNU ld", "memory functions", NO_CORE.replace("CALLED", "memcpy"),
         (*ABORT, *CALLS, "-Clink-arg=-nostartfiles", "-Clink-arg=-fuse-ld=bfd"), ("`memcpy`",), bootstrap=True),
    Case("memset by lld", "memory functions", NO_CORE.replace("CALLED", "memset"),
         (*ABORT, *CALLS, "-Clinker=LLD", "-Clinker-flavor=ld.lld"), ("`memset`",), bootstrap=True),
    Case("memmove by lld-link", "memory functions", NO_CORE.replace("CALLED", "memmove"),
         (*LLD_LINK, *CALLS, *CONSOLE, "-Clink-arg=/ENTRY:_start"), ("`memmove`",), bootstrap=True),
    Case("memcmp by ld64.lld", "memory functions", NO_CORE.replace("CALLED", "memcmp"),
         (*MACOS, *CALLS, "-Clink-arg=-e", "-Clink-arg=__start"), ("`memcmp`",), bootstrap=True),
    Case("personality by GNU ld", "personality at link", NO_CORE.replace("CALLED", "rust_eh_personality"),
         (*ABORT, *CALLS, "-Clink-arg=-nostartfiles", "-Clink-arg=-fuse-ld=bfd"), ("`rust_eh_personality`",),
         bootstrap=True),
    Case("personality by lld", "personality at link", NO_CORE.replace("CALLED", "rust_eh_personality"),
         (*ABORT, *CALLS, "-Clinker=LLD", "-Clinker-flavor=ld.lld"), ("`rust_eh_personality`",), bootstrap=True),
    Case("no entry for Windows", "no entry symbol", NO_CORE.replace("_start", "other"),
         (*LLD_LINK, "-Clink-arg=/ENTRY:_start", *CONSOLE, "-Clink-arg=/NODEFAULTLIB"), ("`_start`",), bootstrap=True),
    Case("no entry for macOS", "no entry symbol", NO_CORE.replace("_start", "other"),
         (*MACOS, "-Clink-arg=-e", "-Clink-arg=__start"), ("`_start`",), bootstrap=True),
    Case("a function of C by GNU ld", "undefined symbol", NO_CORE.replace("CALLED", "puts"),
         (*ABORT, *CALLS, "-Clink-arg=-nostartfiles", "-Clink-arg=-fuse-ld=bfd"), ("`puts`",), bootstrap=True),
    Case("a function of C by lld", "undefined symbol", NO_CORE.replace("CALLED", "puts"),
         (*ABORT, *CALLS, "-Clinker=LLD", "-Clinker-flavor=ld.lld"), ("`puts`",), bootstrap=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    """The compiler of the example kernel."""
    return find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).toolchain


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the words in capitals stand for.

    That is lld by the name of each flavour, an empty place, an old specification, and an object with a `_start`.
    """
    linker = find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).linker
    assert linker is not None
    for name in ("links", "empty"):
        (tmp_path / name).mkdir()
    for name in ("ld.lld", "lld-link", "ld64.lld"):
        (tmp_path / "links" / name).symlink_to(linker.resolve())
    spec = (HOME / "tests" / "kernels" / "specs" / "2021.json").read_text()
    (tmp_path / "old.json").write_text(spec)
    (tmp_path / "other.s").write_text(".globl _start\n.text\n_start: ret\n")
    (tmp_path / "far.s").write_text(".text\nmovq $_start, %rax\n")
    subprocess.run(["cc", "-c", "other.s", "far.s"], cwd=tmp_path, check=True)
    (tmp_path / "marked.ld").write_text("\ufeffENTRY(_start)\n", encoding="utf-8")
    (tmp_path / "wide.ld").write_text("ENTRY(_start)\n", encoding="utf-16")
    yield {
        "MARKED": str(tmp_path / "marked.ld"),
        "WIDE": str(tmp_path / "wide.ld"),
        "OTHER": str(tmp_path / "other.o"),
        "FAR": str(tmp_path / "far.o"),
        "EMPTY": str(tmp_path / "empty"),
        "LINKS": f"{tmp_path / 'links'}/",
        "SPEC": str(tmp_path / "old.json"),
    }


def compile_case(case: Case, toolchain: Toolchain, places: dict[str, str], tmp_path: Path) -> rustc.Outcome:
    """Runs rustc as the Tool does; the output goes where a failing test shows it."""
    flavour = next((word.partition("flavor=")[2] for word in case.arguments if "linker-flavor=" in word), "")
    words = {**places, "LLD": f"{places['LINKS']}{flavour}"}
    arguments = list(case.arguments)
    for name, value in words.items():
        arguments = [word.replace(name, value) for word in arguments]
    if release_number(toolchain.release) >= (1, 90):
        arguments.append("--cfg=sized_hierarchy")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text(case.source)
    (tmp_path / "src" / "wide.rs").write_text("// wide\n", encoding="utf-16")
    argv = [str(toolchain.rustc), "--edition", case.edition, "--crate-name=kernel", *arguments, "--out-dir=out"]
    environment = {"PATH": os.environ["PATH"], **(UNSTABLE if case.bootstrap else {})}
    return rustc.run_rustc([*argv, *rustc.JSON_FLAGS, "src/main.rs"], tmp_path, environment, print, False)


@pytest.mark.needs("cc")
@pytest.mark.parametrize("case", CASES, ids=[case.id.replace(" ", "_") for case in CASES])
def test_an_error_has_its_line(case: Case, toolchain: Toolchain, places: dict[str, str], tmp_path: Path) -> None:
    outcome = compile_case(case, toolchain, places, tmp_path)
    assert outcome.status != 0
    name, line = explanations.find(outcome.said, case.situation)
    assert name == case.entry
    assert "\n" not in line
    for word in case.words:
        assert word in line


def test_every_entry_is_provoked() -> None:
    assert {entry.name for entry in CATALOGUE} == {case.entry for case in CASES}
