"""`bootwright new NAME`: a kernel that runs, is tested and opens in an editor as it is, in a new directory.

Its files lie in cli/kernel; what differs by the board is one file, board.rs. The directory appears whole or not at all,
and nothing that is there is ever written to.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.home import HOME, PACKAGE
from bootwright.base.records import record
from bootwright.machine.boards import BOARDS, PC, Board

USAGE = "usage: bootwright new NAME [--board=BOARD] [--handover=0.9|0.11] [--cargo]"
FILES = PACKAGE / "cli" / "kernel"
TARGETS = {
    "pc": "x86_64-unknown-none",
    "mps2-an386": "thumbv7em-none-eabihf",
    "mps2-an385": "thumbv7m-none-eabi",
    "microbit": "thumbv6m-none-eabi",
    "riscv32-virt": "riscv32imac-unknown-none-elf",
    "riscv64-virt": "riscv64gc-unknown-none-elf",
    "aarch64-virt": "aarch64-unknown-none",
}
WRAPPER = "bootwright-rustc"
# As `cargo new` has it: what is a word of Rust's, a crate of its library's, or a directory that cargo makes.
KEYWORDS = """Self abstract as async await become box break const continue crate do dyn else enum extern false final fn
for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true
try type typeof unsafe unsized use virtual where while yield"""
TAKEN = {"alloc", "core", "proc_macro", "proc-macro", "std", "test", "build", "deps", "examples", "incremental"}
OF_WINDOWS = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}

MANIFEST = """# A kernel: `bootwright run` starts it, `bootwright test` runs what is in tests/.
[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
{dependencies}
# The library has a name of its own, by which the programs use it, so that the package's may be changed at any time. All
# of it is for a machine without an operating system, which the harness of Rust's own tests needs.
[lib]
name = "kernel"
test = false
doctest = false
bench = false

[[bin]]
name = "{name}"
path = "src/main.rs"
test = false
bench = false

[[test]]
name = "boots"
harness = false

# There is nothing in a kernel that could unwind a stack.
[profile.dev]
panic = "abort"

[profile.release]
panic = "abort"
"""
API = """
[dependencies]
bootloader_api = "0.11"
"""
ENTRY_09 = re.compile(
    r"(?:/// Where the machine.*?\n)?#\[unsafe\(no_mangle\)\]\npub extern \"C\" fn _start\(\) -> ! \{\n"
)
ENTRY_011 = """bootloader_api::entry_point!(kernel_main);

/// Where the machine comes to.
fn kernel_main(_boot_info: &'static mut bootloader_api::BootInfo) -> ! {
"""
README_LINES = """# {name}

    bootwright run               starts it in QEMU
    bootwright run --headless    the same without a window
    bootwright test              runs tests/ in the machine
    bootwright usb               lists the sticks that it can be written to
"""
CARGO_LINES = """    cargo run, cargo test        the same by cargo: .cargo/config.toml names the runner
"""


@record(frozen=True)
class Wish:
    """What is to be made: where, and for what."""

    path: Path
    board: Board
    handover: str
    cargo: bool

    @property
    def name(self) -> str:
        """The package's name."""
        return self.path.name


def main(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Makes the kernel that words ask for; returns the status."""
    if {"-h", "--help"} & set(words):
        print(f"{USAGE}\nboards: {', '.join(TARGETS)}")
        return 0
    try:
        wish = read_wish(words)
        make(wish, environ)
    except BootwrightError as error:
        print(f"bootwright: {error}", file=sys.stderr)
        return error.status
    print(f"bootwright: {wish.path} is a kernel for {wish.board.name}; cd {words_for(wish.path)} && bootwright run")
    return 0


def words_for(path: Path) -> str:
    """Returns path as a person types it from here."""
    import shlex

    return shlex.quote(os.path.relpath(path))


def read_wish(words: Sequence[str]) -> Wish:
    """Reads the command line; raises for what it cannot be."""
    said, places, left = dict[str, str](), list[str](), list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("-"):
            places.append(f"{name}{equals}{value}")
            continue
        if name not in ("--board", "--handover", "--cargo"):
            raise BootwrightError(f"`bootwright new` has no switch {name}", USAGE)
        if name == "--cargo" and equals:
            raise BootwrightError(f"--cargo takes no value, and was given {value}", USAGE)
        if name != "--cargo" and not equals and not left:
            raise BootwrightError(f"{name} wants a value", USAGE)
        given = value if equals or name == "--cargo" else left.pop(0)
        if said.setdefault(name, given) != given:
            raise BootwrightError(f"{name} was said twice: {said[name]} and {given}", USAGE)
    if len(places) != 1 or not places[0]:
        raise BootwrightError(
            "`bootwright new` takes one name" if len(places) > 1 else "`bootwright new` wants a name", USAGE
        )
    path = Path(os.path.abspath(places[0]))  # noqa: PTH100  # links stay
    check_name(path.name)
    boards = {board.name: board for board in BOARDS}
    board = boards.get(said.get("--board", PC.name))
    if board is None:
        raise BootwrightError(f"--board={said['--board']} is none of {', '.join(boards)}")
    handover = said.get("--handover", "0.9")
    if handover not in ("0.9", "0.11"):
        raise BootwrightError(f"--handover={handover} is none of 0.9, 0.11")
    if not board.is_pc and ("--handover" in said or "--cargo" in said):
        what = "--handover" if "--handover" in said else "--cargo"
        why = "it has no boot loader" if what == "--handover" else "its linker script is bootwright's to give"
        raise BootwrightError(f"{what} is for the PC, not for {board.name}: {why}")
    return Wish(path, board, handover, "--cargo" in said)


def check_name(name: str) -> None:
    """Raises for a name that a Cargo package cannot have, or would regret."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) or name in ("_", "-"):
        raise BootwrightError(f"{name} is no name of a package: letters, digits, _ and - are, a letter first")
    for names, what in (
        (KEYWORDS.split(), "a keyword of Rust's"),
        (TAKEN, "a name of Rust's library or of cargo's own"),
    ):
        if name in names:
            raise BootwrightError(f"{name} is {what}, so no package can be called so")
    if name.lower() in OF_WINDOWS:
        raise BootwrightError(f"{name} is a device of Windows, where nobody could unpack it")


def make(wish: Wish, environ: Mapping[str, str]) -> None:
    """Makes the directory with all files; raises where something is there, or it cannot be written."""
    if os.path.lexists(wish.path):
        raise BootwrightError(f"{wish.path} exists already", "nothing is written to what is there; say another name")
    try:
        with atomic.new_directory(wish.path) as scratch:
            for name, text in files(wish, environ).items():
                path = scratch / "whole" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            (scratch / "whole").rename(wish.path)
    except OSError as error:
        raise BootwrightError(f"{wish.path} cannot be made: {error.strerror}") from error


def files(wish: Wish, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the text of each file of the kernel, by its name."""

    def text(name: str) -> str:
        words = (FILES / name).read_text(encoding="utf-8")
        rest = "board::rest()" if wish.board.is_pc else "board::exit(0)"
        words = words.replace("    REST\n", f"    {rest}\n")
        return ENTRY_09.sub(lambda _: ENTRY_011, words) if wish.handover == "0.11" else words

    board = FILES / "board.rs" if wish.board.is_pc else board_source(wish.board)
    screenless = wish.handover == "0.11"  # which has no text screen
    return {
        "Cargo.toml": MANIFEST.format(name=wish.name, dependencies=API if screenless else ""),
        "README.md": README_LINES.format(name=wish.name) + (CARGO_LINES if wish.cargo else ""),
        ".gitignore": "/build/\n/target/\n/rust-project.json\n/bootwright.local.toml\n",
        ".cargo/config.toml": configuration(wish, lacks_core(TARGETS[wish.board.name], environ)),
        "src/main.rs": text("main.rs"),
        "src/lib.rs": text("lib.rs"),
        "src/print.rs": text("print.rs"),
        "src/testing.rs": text("testing.rs"),
        "src/board.rs": without_screen(board.read_text("utf-8")) if screenless else board.read_text("utf-8"),
        "tests/boots.rs": text("tests.rs"),
    }


def board_source(board: Board) -> Path:
    """Returns the board.rs of the example for a board; two boards of one family share it."""
    own = HOME / board.example / "src" / "board.rs"
    return own if own.exists() else HOME / "tests" / "kernels" / "boards" / f"{board.arch.rstrip('0123456789')}.rs"


def without_screen(source: str) -> str:
    """Returns the PC's board.rs without the text screen."""
    source = re.sub(r"const SCREEN.*?\n\n/// There is", "/// There is", source, flags=re.DOTALL)
    source = re.sub(r"/// Writes a byte to the screen, which.*?\n}\n\n", "", source, flags=re.DOTALL)
    source = source.replace("    show(byte);\n", "").replace("use core::sync::atomic::{AtomicUsize, Ordering};\n", "")
    source = source.replace("its text screen, its first serial port", "its first serial port")
    return source.replace("the serial port and to the screen", "the serial port")


def configuration(wish: Wish, needs_wrapper: bool) -> str:
    """Returns .cargo/config.toml: the target, by which cargo and editors check the kernel as it is built."""
    target = TARGETS[wish.board.name]
    lines = ["[build]", f'target = "{target}"']
    if needs_wrapper:
        lines += [
            "# The compiler here has no core for this target, or no linker. This, of bootwright's, gives it both.",
            f'rustc-wrapper = "{WRAPPER}"',
            f'rustdoc = "{WRAPPER}"',
        ]
    if wish.board.is_pc:
        lines += ["", f"[target.{target}]"]
        if wish.cargo:
            lines += ["# What `cargo run` and `cargo test` start.", 'runner = "bootwright runner"']
        if wish.handover == "0.9":
            lines += [
                "# A kernel of this handover lies where it is linked.",
                'rustflags = ["-Crelocation-model=static"]',
                'rustdocflags = ["-Crelocation-model=static"]',
            ]
    return "\n".join(lines) + "\n"


def lacks_core(target: str, environ: Mapping[str, str]) -> bool:
    """Tells whether plain cargo could not build for target: the compiler has no core, no lld, or is not there."""
    from bootwright.base.procs import attempt, find_on_path

    rustc = find_on_path("rustc", environ)
    if rustc is None:
        return True
    said = attempt([str(rustc), "--print=sysroot", "--print=host-tuple"], env=environ)
    sysroot = Path(said.stdout.partition("\n")[0].strip() or os.devnull)
    rustlib = sysroot / "lib" / "rustlib"
    has_lld = any(rustlib.glob("*/bin/rust-lld")) or find_on_path("rust-lld", environ) is not None
    return not (has_lld and any((rustlib / target / "lib").glob("libcore-*.rlib")))
