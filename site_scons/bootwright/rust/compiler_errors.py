"""The catalogue's entries for what rustc says of a crate, before anything is linked."""

from __future__ import annotations

from bootwright.rust.explain import Explanation, Wording

BOOK, OLD = "rustc of 2018", "rustc of 2019 to 1.85"
OF_ITS_DAY = "a rust-toolchain file that names the nightly of their day builds the sources as they are"
NOT_A_KERNELS = "is std's, and a freestanding program has none"

ENTRIES = (
    Explanation(
        "std",
        (
            Wording("can't find crate for `std`", "rustc", "E0463"),
            Wording(r"duplicate lang item `panic_impl`[\s\S]*defined in crate `std`", "rustc 1.40 on", "E0152"),
            Wording("duplicate lang item (?:found|in crate `std`).*`panic_impl`", BOOK, "E0152"),
        ),
        "{target} has no std, or it is not to be linked: begin {main} with #![no_std], without `extern crate std`",
    ),
    Explanation(
        "source of another encoding",
        (Wording(r"couldn't read `?(?P<file>[^`\n]+?)`?: stream did not contain valid UTF-8", "rustc"),),
        "{file} is UTF-16 or of another encoding, and rustc takes UTF-8 alone: save it as UTF-8",
    ),
    Explanation(
        "two panic handlers",
        (
            Wording("found duplicate lang item `panic_impl`", "rustc 1.40 on", "E0152"),
        ),
        "a program has one panic handler, and the compiler names a second: take one of the two out (a crate such as "
        "panic-halt brings one), or say #[cfg(test)] over the tests' and #[cfg(not(test))] over the other",
    ),
    Explanation(
        "paths of std",
        (
            Wording("cannot find module or crate `std`", "rustc 1.96", "E0433"),
            Wording("unresolved module or unlinked crate `std`", "rustc 1.85", "E0433"),
            Wording("undeclared (?:crate or module|type or module) `std`", OLD, "E0433"),
            Wording(r"unresolved import `std\b", BOOK, "E0432"),
            Wording("Maybe a missing `extern crate std", BOOK, "E0433"),
        ),
        f"`std::` {NOT_A_KERNELS}: most of it is in `core::`, and Box, Vec and String are in `alloc::`",
    ),
    Explanation(
        "printing",
        (Wording(r"cannot find macro `(?P<macro>e?print(?:ln)?|dbg)!?` in this scope", "rustc"),),
        f"`{{macro}}!` {NOT_A_KERNELS}: take it out; a kernel prints with code of its own, to the VGA text buffer at "
        "0xb8000 or the serial port",
    ),
    Explanation(
        "no alloc crate",
        (
            Wording("cannot find module or crate `alloc`", "rustc 1.96", "E0433"),
            Wording("unresolved module or unlinked crate `alloc`", "rustc 1.85", "E0433"),
            Wording("undeclared (?:crate or module|type or module) `alloc`", OLD, "E0433"),
            Wording("unresolved import `alloc`", "rustc", "E0432"),
        ),
        "`alloc::` is a crate that is there but not taken: write `extern crate alloc;` in {main}, and give it memory "
        "with a #[global_allocator]",
    ),
    Explanation(
        "heap",
        (
            Wording(r"cannot find macro `(?P<name>vec|format)!?` in this scope", "rustc"),
            Wording(r"cannot find type `(?P<name>Vec|String|Box)` in this scope", "rustc 1.90 on", "E0425"),
            Wording(r"cannot find type `(?P<name>Vec|String|Box)` in this scope", OLD, "E0412"),
            Wording(r"cannot find type `(?P<name>Vec|String|Box)` in this scope", "rustc 1.96", "E0433"),
            Wording(r"use of undeclared type (?:or module )?`(?P<name>Vec|String|Box)`", OLD, "E0433"),
        ),
        "`{name}` needs a heap, which a kernel has once it makes one: `extern crate alloc;`, a #[global_allocator] and "
        "`use alloc::...`; until then arrays of a fixed length do",
    ),
    Explanation(
        "target without core",
        (Wording("can't find crate for `core`", "rustc", "E0463"),),
        "this compiler has no core for {target}: `rustup target add {target}` brings it; TARGET={target} without "
        "--sysroot in RUSTFLAGS takes it from there, or builds it from rust-src",
    ),
    Explanation(
        "test harness",
        (Wording("can't find crate for `test`", "rustc", "E0463"),),
        "`#[test]` functions are run by std's harness, and {target} has no std: with "
        "#![feature(custom_test_frameworks)] a kernel brings its own #![test_runner(...)], whose functions are "
        "#[test_case]; a file in tests/ without one has `harness = false` in its [[test]]",
    ),
    Explanation(
        "unknown crate",
        (
            Wording(r"can't find crate for `(?P<crate>\w+)`", "rustc", "E0463"),
            Wording(r"unresolved import `(?P<crate>\w+)[^\n]*\n(?:.*\n)*.*missing (?:a )?crate", "rustc", "E0432"),
            Wording(r"cannot find module or crate `(?P<crate>\w+)`", "rustc 1.96", "E0433"),
            Wording(r"unresolved module or unlinked crate `(?P<crate>\w+)`", "rustc 1.85", "E0433"),
            Wording(r"undeclared (?:crate or module|type or module) `(?P<crate>\w+)`", OLD, "E0433"),
        ),
        "there is no crate or module `{crate}`: a module needs `mod {crate};` and its file, a crate of others "
        "a line in [dependencies] of Cargo.toml",
    ),
    Explanation(
        "panic message",
        (
            Wording(r"no method named `\w+` found for struct `PanicMessage", "rustc 1.81 on", "E0599"),
            Wording(r"expected struct `PanicMessage<[^`]*>`\s+found enum `Option", "rustc 1.81 on", "E0308"),
        ),
        "PanicInfo::message() is the message itself since rustc 1.81 (2024), and no Option: take .unwrap() or "
        "Some(...) out, and #![feature(panic_info_message)] with it",
        {"own": True},
    ),
    Explanation(
        "llvm_asm",
        (Wording(r"cannot find macro `llvm_asm!?` in this scope", "rustc 1.61 on"),),
        "llvm_asm! is gone since rustc 1.61 (2022): core::arch::asm! is its successor, whose operands are written "
        f"otherwise; {OF_ITS_DAY}",
        {"own": True},
    ),
    Explanation(
        "asm",
        (Wording(r"cannot find macro `(?P<macro>(?:global_)?asm)!?` in this scope", "rustc 1.59 on"),),
        "`{macro}!` is in core::arch since rustc 1.59 (2022): `use core::arch::{macro};`. Where its operands do not "
        f"fit either, they are those of llvm_asm!, which is gone; {OF_ITS_DAY}",
        {"own": True},
    ),
    Explanation(
        "assembly of another machine",
        (
            Wording("invalid register `[^`]+`: unknown register", "rustc 1.59 on"),
            Wording("invalid instruction mnemonic '", "LLVM on x86"),
            Wording("unrecognized instruction mnemonic", "LLVM on RISC-V and AArch64"),
        ),
        "{target} has no such register or instruction: where the code is for another machine, TARGET= names that one, "
        "and target in [build] of .cargo/config.toml for good",
    ),
    Explanation(
        "removed feature",
        (Wording("feature has been removed", "rustc", "E0557"),),
        "what this #![feature] names was taken out of rustc, and the note above says when and for what: take it out "
        f"of the line; {OF_ITS_DAY}",
        {"own": True},
    ),
    Explanation(
        "feature on stable",
        (Wording(r"#!\[feature\]` may not be used on the .* release channel", "rustc", "E0554"),),
        "#![feature] needs a nightly compiler (rustup override set nightly), or RUSTC_BOOTSTRAP=1, which UNSTABLE=1 "
        "sets for this kernel and UNSTABLE=0 forbids",
    ),
    Explanation(
        "unstable without feature",
        (
            Wording(r"use of unstable library feature [`'](?P<feature>\w+)", "rustc", "E0658"),
            Wording(r"(?P<feature>[^\n]*) (?:is|are) (?:experimental|unstable)", "rustc", "E0658"),
        ),
        "not stable yet ({feature}): it needs a nightly compiler (rustup override set nightly) or UNSTABLE=1, and the "
        "#![feature(...)] that the compiler then names",
    ),
    Explanation(
        "nightly flag",
        (
            Wording("the option `.*` is only accepted on the nightly compiler", "rustc"),
            Wording("custom targets are unstable and require `-Zunstable-options`", "rustc 1.95 on"),
            Wording("the `?-Z ?unstable-options`?(?: flag)? must also be passed", "rustc"),
        ),
        "-Z flags and specifications are for nightly compilers: UNSTABLE=1 lets this one take a flag in RUSTFLAGS, "
        "`rustup override set nightly` chooses another; TARGET=file.json needs neither",
    ),
    Explanation(
        "old specification",
        (
            Wording("error loading target specification: .*(?:invalid type: string|expected u16|not valid)",
                    "rustc 1.91 on"),
            Wording("data-layout for target .* differs from LLVM target's", "rustc 1.77 on"),
            Wording("soft-float`? is incompatible with the ABI", "rustc 1.86 on"),
        ),
        "the specification was written for another rustc: TARGET=file.json builds with a migrated copy of it, and your "
        "file stays as it is",
    ),
    Explanation(
        "unsafe attribute",
        (Wording("unsafe attribute used without unsafe", "rustc 1.82 on"),),
        "such an attribute is a promise of yours, and written so: #[unsafe(no_mangle)], #[unsafe(export_name = ...)] "
        "and #[unsafe(link_section = ...)] since edition 2024, #[unsafe(naked)] in every edition since rustc 1.88",
    ),
    Explanation(
        "unsafe extern block",
        (Wording("extern blocks must be unsafe", "rustc 1.82 on, edition 2024"),),
        "edition 2024 wants `unsafe extern \"C\" {{ ... }}`: that the declared functions are so is your promise",
    ),
    Explanation(
        "variable of env!",
        (Wording(r"environment variable `(?P<variable>\w+)` not defined at compile time", "rustc"),),
        "nobody sets {variable}: env!() takes what the shell has, what [env] of .cargo/config.toml gives, or what a "
        "build script says by cargo::rustc-env={variable}=...; option_env!() does without",
    ),
    Explanation(
        "no allocator",
        (Wording("no global memory allocator found", "rustc"),),
        "`extern crate alloc` has no memory to give: a static with #[global_allocator] must say where it comes from",
    ),
    Explanation(
        "no panic handler",
        (
            Wording(r"`#\[panic_handler\]` function required, but not found", "rustc 1.30 on"),
            Wording("language item required, but not found: `panic_(?:fmt|impl)`", BOOK),
            Wording(r"`#\[panic_implementation\]` function required, but not found", BOOK),
        ),
        "what is missing next is the panic handler, which std has and core has not: #[panic_handler] "
        "fn panic(_info: &core::panic::PanicInfo) -> ! {{ loop {{}} }}",
    ),
    Explanation(
        "unwinding",
        (
            Wording("unwinding panics are not supported without std", "rustc 1.78 on"),
            Wording("language item required, but not found: `eh_personality`", "the book, rustc until 1.77"),
        ),
        "nobody unwinds the stack without std: Cargo.toml needs panic = \"abort\" in [profile.dev] and "
        "[profile.release] (missing in {lacking})",
        {"aborts": False},
    ),
    Explanation(
        "unwinding by flag",
        (
            Wording("unwinding panics are not supported without std", "rustc 1.78 on"),
            Wording("language item required, but not found: `eh_personality`", "the book, rustc until 1.77"),
        ),
        "nobody unwinds the stack without std, and Cargo.toml says panic = \"abort\" in both profiles: "
        "-C panic=unwind in RUSTFLAGS has the last word; take it out",
        {"aborts": True},
    ),
    Explanation(
        "no main",
        (
            Wording("using `fn main` requires the standard library", "rustc 1.80 on"),
            Wording("requires `start` lang_item", "the book, rustc until 1.79"),
            Wording("language item required, but not found: `start`", BOOK),
            Wording("`?main`? function not found", "rustc", "E0601"),
        ),
        "what is missing next is the entry: `fn main` is called by std's runtime, which is not there; write "
        "#![no_main] under #![no_std], take `fn main` out, and write {start}",
    ),
)  # fmt: skip
