"""The errors of a freestanding program's first steps as data: how compilers and linkers word each, and what cures it.

rustc's output is shown as it is; under it stands one line of this catalogue. The first entry that fits is the one: they
are in the order in which a reader meets and mends them. site_scons/README.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootwright.rust.explain import Explanation, Situation, Wording
from bootwright.rust.rustc import Diagnostic

# Linkers quote a name as `x', `x`, "x" or not at all; Mach-O puts a _ before it.
UNDEFINED = (
    r"(?:undefined (?:reference to|symbol:)|unresolved external symbol|^\s*(?=\"\w+\", referenced from)) ?[`'\"]?"
)
OF_CRT1 = r"(?=[\s\S]*crt1\.o)[\s\S]*"
GNU_LD, LLD, LINK, APPLE = "GNU ld", "lld", "link.exe", "Apple's ld64"
BOOK, OLD = "rustc of 2018", "rustc of 2019 to 1.85"

NOT_A_KERNELS = "is std's, and a freestanding program has none"
HOST_ARGUMENTS = {
    "Linux": "-C link-arg=-nostartfiles (lld itself: -static -e _start)",
    "Windows": '-C link-args="/ENTRY:_start /SUBSYSTEM:console"',
    "macOS": '-C link-args="-e __start -static -nostartfiles" (ld64.lld: -e __start)',
}
BY_HOST = "; HOST={} gives them, and TARGET=x86_64-unknown-none makes a kernel, which needs none"

CATALOGUE = (
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
        (Wording("unsafe attribute used without unsafe", "rustc 1.82 on, edition 2024"),),
        "edition 2024 wants such attributes as unsafe: {no_mangle}, #[unsafe(export_name = ...)], "
        "#[unsafe(link_section = ...)]",
    ),
    Explanation(
        "unsafe extern block",
        (Wording("extern blocks must be unsafe", "rustc 1.82 on, edition 2024"),),
        "edition 2024 wants `unsafe extern \"C\" {{ ... }}`: that the declared functions are so is your promise",
    ),
    Explanation(
        "variable of env!",
        (Wording(r"environment variable `(?P<variable>\w+)` not defined at compile time", "rustc"),),
        "a variable reaches env!() where the shell has it and Cargo.toml names it: [package.metadata.bootwright] "
        "env = [\"{variable}\"]",
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
    Explanation(
        "linker missing, cc",
        (
            Wording("linker `(?P<linker>cc|gcc|clang|[^`]*-gcc)` not found", "rustc 1.20 on"),
            Wording("could not exec the linker `(?P<linker>cc|gcc|clang|[^`]*-gcc)`", BOOK),
        ),
        "this target is linked through the C compiler {linker}, which is not on PATH: install it (Debian: apt install "
        "gcc; Fedora: dnf install gcc; macOS: xcode-select --install); kernels are linked by lld and need none",
    ),
    Explanation(
        "linker missing, link.exe",
        (
            Wording("linker `link(?:.exe)?` not found", "rustc"),
            Wording("the msvc targets depend on the msvc linker", "rustc"),
            Wording("link: (?:extra operand|missing operand)|link.exe` may be .* not the Visual Studio linker",
                    "link of the GNU coreutils"),
        ),
        "Windows programs are linked by link.exe of Visual Studio's Build Tools (with C++), which is not first on "
        "PATH; HOST=windows links with lld instead, and kernels need neither",
    ),
    Explanation(
        "linker missing, lld",
        (
            Wording("linker `[^`]*lld[^`]*` not found", "rustc"),
            Wording("cannot find 'ld'|invalid linker name in .*-fuse-ld=lld", "gcc and clang"),
        ),
        "LLVM's linker is not where it is looked for: install lld (`scons doctor` names the command; with "
        "rustup: rustup component add llvm-tools), and leave -C linker= and -fuse-ld= out of RUSTFLAGS",
    ),
    Explanation(
        "linker missing",
        (
            Wording("linker `(?P<linker>[^`]+)` not found", "rustc 1.20 on"),
            Wording("could not exec the linker `(?P<linker>[^`]+)`", BOOK),
        ),
        "{linker} is no program on PATH: -C linker= in RUSTFLAGS names it; without it bootwright takes lld",
    ),
    Explanation(
        "start-up code of C",
        (
            Wording(rf"{OF_CRT1}multiple definition of [`']_start'", GNU_LD),
            Wording(rf"{OF_CRT1}duplicate symbol: _start\b", LLD),
            Wording(rf"{OF_CRT1}undefined (?:reference to|symbol:) [`']?(?:main|__libc_start_main|__libc_csu_\w+)\b",
                    f"{GNU_LD}, {LLD}, the book"),
        ),
        "the host's C start-up code (crt1.o) has a `_start` of its own, which calls a C `main`; a freestanding program "
        f"is linked without it: on Linux {HOST_ARGUMENTS['Linux']}{BY_HOST.format('linux')}",
    ),
    Explanation(
        "option of a compiler driver",
        (
            Wording(r"unknown argument '(?P<option>-(?:nostartfiles|nodefaultlibs|nostdinc|Wl,|f|m)[^']*)'", LLD),
        ),
        "{option} is an option of a C compiler that links; kernels are linked by lld itself, which has no start files "
        "and no C library: take it out, and write what -Wl, passes on as an argument of its own",
    ),
    Explanation(
        "out of reach",
        (
            Wording(r"relocation R_X86_64_(?P<kind>32S?|PC32|PLT32) out of range", LLD),
            Wording(r"relocation truncated to fit: R_X86_64_(?P<kind>32S?|PC32|PLT32)", GNU_LD),
        ),
        "the program is linked at addresses that its code does not reach ({kind}): code-model=kernel reaches the "
        "upper 2 GiB, so link it at 0xffffffff80000000, and small the lower ones; or RUSTFLAGS=\"-C code-model=large\"",
    ),
    Explanation(
        "two entries",
        (
            Wording(r"multiple definition of [`']_start'", GNU_LD),
            Wording(r"duplicate symbol: _start\b", LLD),
        ),
        "two of the files that are linked define `_start`, the linker names them above: a program has one entry; take "
        "one of them out, or give it another name",
    ),
    Explanation(
        "start-up code of Windows",
        (
            Wording(r"undefined symbol: (?:_?mainCRTStartup|_?WinMain\w*)", "lld-link"),
            Wording("subsystem must be defined|entry point must be defined", f"lld-link, {LINK} 1561, the book"),
            Wording(r"LNK1561|LNK1221|a subsystem can't be inferred", f"{LINK}, the book"),
            Wording(r"unresolved external symbol (?:_?mainCRTStartup|_?main\b|_?WinMain)", LINK),
            Wording(r"undefined reference to [`'](?:WinMain|mainCRTStartup)", "GNU ld of MinGW"),
        ),
        "Windows starts a program at the C runtime's mainCRTStartup, which is not there: name the own entry and the "
        f"subsystem, {HOST_ARGUMENTS['Windows']}{BY_HOST.format('windows')}",
    ),
    Explanation(
        "start-up code of macOS",
        (
            Wording(r"entry point \(_main\) undefined", f"{APPLE}, the book"),
            Wording(r"undefined symbol: _main\b", "ld64.lld"),
            Wording(r"\"_main\", referenced from", APPLE),
            Wording("dynamic (?:main )?executables must link with libSystem", f"{APPLE}, the book"),
            Wording(r"library (?:not found for -lcrt0\.o|'?crt0\.o'? not found)", f"{APPLE}, the book"),
        ),
        "macOS looks for `_main` of the C runtime and wants its libSystem; a freestanding program starts at `_start`, "
        f"`__start` to its linker: {HOST_ARGUMENTS['macOS']}{BY_HOST.format('macos')}",
    ),
    Explanation(
        "memory functions",
        (
            Wording(rf"(?m){UNDEFINED}_?(?P<symbol>mem(?:cpy|move|set|cmp)|bcmp|strlen)\b", f"{GNU_LD}, {LLD}, {LINK}"),
        ),
        "the compiler itself calls `{symbol}`, which the installed library of a system leaves to its C library: "
        "core as TARGET= and HOST= take it has it (compiler_builtins with mem), a --sysroot in RUSTFLAGS may not",
    ),
    Explanation(
        "personality at link",
        (
            Wording(rf"(?m){UNDEFINED}_?(?P<symbol>rust_eh_personality|_Unwind_\w+)", f"{GNU_LD}, {LLD}, {LINK}"),
        ),
        "the core that was linked unwinds and calls `{symbol}`: panic = \"abort\" in both profiles of Cargo.toml, and "
        "a core that was compiled so, as TARGET= and HOST= take it without --sysroot in RUSTFLAGS",
    ),
    Explanation(
        "no entry symbol",
        (
            Wording(r"<root>: undefined symbol: _start\b", "lld-link"),
            Wording(r"undefined symbol: __start\s+>>> referenced by the entry point", LLD),
            Wording(r"LNK2001: unresolved external symbol _start\b", LINK),
            Wording(r'"__start", referenced from:\s+(?:implicit|-u command|start)', APPLE),
        ),
        "there is no entry: nothing in {main} is exported as `_start`, since its name is mangled or another; write "
        "{start}",
    ),
    Explanation(
        "undefined symbol",
        (
            Wording(rf"(?m){UNDEFINED}(?P<symbol>[^\s`'\"]+)", f"{GNU_LD}, {LLD}, {LINK}, {APPLE}"),
        ),
        "nothing that is linked defines `{symbol}`: an extern block or assembly names it, and a freestanding program "
        "has no C library; write it ({no_mangle} extern \"C\"), define it in the linker script, or take the use out",
    ),
)  # fmt: skip


def find(said: Iterable[Diagnostic], situation: Situation) -> tuple[str, str]:
    """Returns the name and the line of the first entry that fits, two empty words where the catalogue has none."""
    said = list(said)
    found = ((entry.name, entry.explain(said, situation)) for entry in CATALOGUE)
    return next((pair for pair in found if pair[1]), ("", ""))
