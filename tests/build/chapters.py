"""The first chapters of a Rust OS book as a table: what a reader has after each step, and what must be said of it.

A later chapter's step is one more entry here; test_first_chapters.py walks them in one package, in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HANDLER = """
use core::panic::PanicInfo;

/// This function is called on panic.
#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    loop {}
}
"""
ABORT = '\n[profile.dev]\npanic = "abort"\n\n[profile.release]\npanic = "abort"\n'
RELEASE_ALONE = ABORT.partition("\n[profile.release]")[2]


@dataclass(frozen=True)
class Step:
    """What the reader has: main.rs and what follows [package] in Cargo.toml; and what must come of it.

    says holds words of the one line under the error, by "bare" and "host"; without an entry for a place it is built.
    error holds words of the compiler's own, which must be shown as they are.
    """

    name: str
    main: str
    manifest: str = ""
    says: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)


def both(*words: str) -> dict[str, tuple[str, ...]]:
    """Returns words for both places."""
    return {"bare": words, "host": words}


def cargo_toml(edition: str, rest: str) -> str:
    """Returns the Cargo.toml of `cargo new` in that edition, with authors as older cargos wrote them, and rest."""
    return (
        f'[package]\nname = "blog_os"\nversion = "0.1.0"\nauthors = ["Reader <reader@example.org>"]\n'
        f'edition = "{edition}"\n\n[dependencies]\n{rest}'
    )


def steps(edition: str) -> tuple[Step, ...]:
    """Returns the steps, with no_mangle as the edition spells it."""
    no_mangle = "#[no_mangle]" if edition < "2024" else "#[unsafe(no_mangle)]"
    start = f'\n{no_mangle}\npub extern "C" fn _start() -> ! {{\n    loop {{}}\n}}\n'
    no_std, head = "#![no_std]\n", "#![no_std]\n#![no_main]\n"
    unwinds = "unwinding panics are not supported without std"
    fn_main = "using `fn main` requires the standard library"
    main = "\nfn main() {}\n"
    no_entry = ("no symbol `_start` was linked", "src/main.rs:13 has `_start` without no_mangle")
    next_is_main = ("what is missing next is the entry", "#![no_main]", f'{no_mangle} pub extern "C" fn _start() -> !')
    return (
        Step(
            "cargo new, with no_std", no_std + '\nfn main() {\n    println!("Hello, world!");\n}\n', "",
            both("`println!` is std's"), dict.fromkeys(("bare", "host"), "cannot find macro `println` in this scope"),
        ),
        Step(
            "without println", no_std + main, "",
            both("what is missing next is the panic handler", "#[panic_handler]"),
            dict.fromkeys(("bare", "host"), "`#[panic_handler]` function required, but not found"),
        ),
        Step(
            "with a panic handler", no_std + HANDLER + main, "",
            {"bare": next_is_main, "host": ('panic = "abort" in [profile.dev] and [profile.release]',)},
            {"bare": fn_main, "host": unwinds},
        ),
        Step(
            "with panic = abort in one profile", no_std + HANDLER + main, "\n[profile.release]" + RELEASE_ALONE,
            {"bare": next_is_main, "host": ("(missing in [profile.dev])",)}, {"bare": fn_main, "host": unwinds},
        ),
        Step(
            "with panic = abort in both", no_std + HANDLER + main, ABORT,
            both(*next_is_main), dict.fromkeys(("bare", "host"), fn_main),
        ),
        Step(
            "with an entry of another name", head + HANDLER + start.replace("_start", "begin"), ABORT,
            both("what the sources export instead is `begin` (src/main.rs:13)"),
        ),
        Step(
            "without no_mangle", head + HANDLER + start.replace(no_mangle, "// to be called by the loader"), ABORT,
            {"bare": no_entry, "host": no_entry[1:]},
        ),
        Step("without extern C", head + HANDLER + start.replace('extern "C" ', ""), ABORT),
        Step("as the chapter ends", head + HANDLER + start, ABORT),
        Step("with a dependency on the loader", head + HANDLER + start,
             'bootloader = "0.9.23"\n' + ABORT),
    )  # fmt: skip
