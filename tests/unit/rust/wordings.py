"""What compilers and linkers said and say: quoted where it cannot be provoked here, with who said it.

The book is "Writing an OS in Rust", second edition, post 1 and its history; "tried" is rustc 1.96 with GNU ld 2.40 and
LLVM 22 on Linux, as recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.rust.explain import Situation
from bootwright.rust.rustc import Diagnostic

BOOK_LINUX = """/usr/lib/gcc/../x86_64-linux-gnu/Scrt1.o: In function `_start':
(.text+0x12): undefined reference to `__libc_csu_fini'
/usr/lib/gcc/../x86_64-linux-gnu/Scrt1.o: In function `_start':
(.text+0x19): undefined reference to `__libc_csu_init'
/usr/lib/gcc/../x86_64-linux-gnu/Scrt1.o: In function `_start':
(.text+0x25): undefined reference to `__libc_start_main'
collect2: error: ld returned 1 exit status"""
GNU_TWICE = """/usr/bin/ld: out/r4.r4.af5be476751ccc3e-cgu.0.rcgu.o: in function `_start':
r4.cgu.0:(.text._start+0x0): multiple definition of `_start'; /usr/lib/Scrt1.o:(.text+0x0): first defined here
(.text+0x17): undefined reference to `main'
collect2: error: ld returned 1 exit status
"""
LLD_TWICE = """rust-lld: error: duplicate symbol: _start
>>> defined at /usr/lib/gcc/x86_64-linux-gnu/12/../../../x86_64-linux-gnu/Scrt1.o:(_start)
>>> defined at r4.388d36cfcfd0d8d8-cgu.0"""
BOOK_SUBSYSTEM = "LINK : fatal error LNK1221: a subsystem can't be inferred and must be defined"
BOOK_MACOS = """ld: entry point (_main) undefined. for architecture x86_64
clang: error: linker command failed with exit code 1 (use -v to see invocation)"""
BOOK_LIBSYSTEM = """ld: dynamic main executables must link with libSystem.dylib
for architecture x86_64"""
APPLE_MAIN = """Undefined symbols for architecture arm64:
  "_main", referenced from:
      implicit entry/start for main executable
ld: symbol(s) not found for architecture arm64"""
APPLE_MEMCPY = """Undefined symbols for architecture arm64:
  "_memcpy", referenced from:
      __start in kernel.o"""
SOMEWHERE = Situation()
TWO_PROFILES = Situation(lacking=("[profile.dev]", "[profile.release]"))


@dataclass(frozen=True)
class Quote:
    """What source said, and the entry that explains it."""

    source: str
    entry: str
    said: Diagnostic
    situation: Situation = SOMEWHERE


def quote(
    source: str, entry: str, message: str, code: str = "", notes: str = "", situation: Situation = SOMEWHERE
) -> Quote:
    """Returns a quotation."""
    return Quote(source, entry, Diagnostic(code, message, (notes,) if notes else ()), situation)


def link(source: str, entry: str, words: str, linker: str = "cc") -> Quote:
    """Returns the quotation of a linker, as rustc hands it on."""
    notes = (f'"{linker}" "-m64" "out/main.o" "-nodefaultlibs"', words)
    return Quote(source, entry, Diagnostic("", f"linking with `{linker}` failed: exit code: 1", notes))


STD = "first defined in crate `std` (which `s5` depends on)"
QUOTES = (
    quote("tried", "std", "can't find crate for `std`", "E0463"),
    quote("tried", "std", "found duplicate lang item `panic_impl`", "E0152", f"the lang item is {STD}"),
    quote("rustc 1.29", "std", "duplicate lang item found: `panic_impl`.", "E0152"),
    quote("tried", "two panic handlers", "found duplicate lang item `panic_impl`", "E0152",
          "the lang item is first defined in crate `h` (which `d` depends on)"),
    *(quote("tried", "option of a compiler driver", f"ld.lld: error: unknown argument '{option}'")
      for option in ("-nostartfiles", "-Wl,-n", "-fuse-ld=lld", "-static-pie", "-Xlinker", "--specs=nosys.specs")),
    quote("tried", "machine of a compiler driver", "ld.lld: error: unknown emulation: 64"),
    quote("tried", "library that is not there", "ld.lld: error: unable to find library -lgcc"),
    quote("tried", "argument of link.exe", "ld.lld: error: cannot open /ENTRY:_start: No such file or directory"),
    quote("tried", "script that is not there", "ld.lld: error: cannot find linker script  link.ld"),
    quote("tried", "source of another encoding",
          "couldn't read `src/main.rs`: stream did not contain valid UTF-8"),
    quote("tried", "paths of std", "cannot find module or crate `std` in this scope", "E0433"),
    quote("rustc 1.85", "paths of std", "failed to resolve: use of unresolved module or unlinked crate `std`", "E0433"),
    quote("rustc 1.60", "paths of std", "failed to resolve: use of undeclared crate or module `std`", "E0433"),
    quote("rustc 1.30", "paths of std", "failed to resolve. Use of undeclared type or module `std`", "E0433"),
    quote("rustc 1.30", "paths of std", "unresolved import `std`", "E0432"),
    quote("rustc 1.29", "paths of std", "failed to resolve. Maybe a missing `extern crate std;`?", "E0433"),
    quote("tried", "printing", "cannot find macro `println` in this scope"),
    quote("rustc 1.30", "printing", "cannot find macro `println!` in this scope"),
    quote("tried", "no alloc crate", "cannot find module or crate `alloc` in this scope", "E0433"),
    quote("rustc 1.85", "no alloc crate", "failed to resolve: use of unresolved module or unlinked crate `alloc`",
          "E0433"),
    quote("rustc 1.60", "no alloc crate", "failed to resolve: use of undeclared crate or module `alloc`", "E0433"),
    quote("rustc 1.60", "no alloc crate", "unresolved import `alloc`", "E0432"),
    quote("tried", "heap", "cannot find macro `vec` in this scope"),
    quote("tried", "heap", "cannot find type `Vec` in this scope", "E0425"),
    quote("rustc 1.85", "heap", "cannot find type `String` in this scope", "E0412"),
    quote("tried", "heap", "cannot find type `Box` in this scope", "E0433"),
    quote("rustc 1.60", "heap", "failed to resolve: use of undeclared type `Box`", "E0433"),
    quote("tried", "target without core", "can't find crate for `core`", "E0463",
          "the `thumbv7em-none-eabihf` target may not be installed"),
    quote("tried", "test harness", "can't find crate for `test`", "E0463"),
    quote("tried", "unknown crate", "can't find crate for `spin`", "E0463"),
    quote("tried", "unknown crate", "unresolved import `foo`", "E0432", "you might be missing a crate named `foo`"),
    quote("tried", "unknown crate", "cannot find module or crate `spin` in this scope", "E0433"),
    quote("rustc 1.85", "unknown crate", "failed to resolve: use of unresolved module or unlinked crate `spin`",
          "E0433"),
    quote("rustc 1.60", "unknown crate", "failed to resolve: use of undeclared crate or module `spin`", "E0433"),
    quote("tried", "panic message", "no method named `unwrap` found for struct `PanicMessage<'a>` in the current scope",
          "E0599"),
    quote("tried", "panic message", "mismatched types\nexpected struct `PanicMessage<'_>`\n     found enum `Option<_>`",
          "E0308"),
    quote("tried", "llvm_asm", "cannot find macro `llvm_asm` in this scope"),
    quote("tried", "asm", "cannot find macro `asm` in this scope"),
    quote("tried", "assembly of another machine", "invalid register `a7`: unknown register"),
    quote("tried", "assembly of another machine", "invalid instruction mnemonic 'csrr'"),
    quote("tried", "assembly of another machine", "unrecognized instruction mnemonic"),
    quote("tried", "removed feature", "feature has been removed", "E0557"),
    quote("tried", "feature on stable", "`#![feature]` may not be used on the stable release channel", "E0554"),
    quote("tried", "unstable without feature", "use of unstable library feature `core_intrinsics`", "E0658"),
    quote("tried", "unstable without feature",
          'the extern "x86-interrupt" ABI is experimental and subject to change', "E0658"),
    quote("tried", "nightly flag", "error: the option `Z` is only accepted on the nightly compiler\n"),
    quote("tried", "nightly flag",
          "error loading target specification: custom targets are unstable and require `-Zunstable-options`"),
    quote("rustc 1.80", "nightly flag", "the `-Z unstable-options` flag must also be passed to enable the flag `x`"),
    quote("tried", "old specification", 'error loading target specification: target-pointer-width: invalid type: '
          'string "64", expected u16 at line 6 column 30'),
    quote("rustc 1.80", "old specification", "data-layout for target `x86_64-blog_os-1`, `e-m:e-i64:64`, differs from "
          "LLVM target's `x86_64-unknown-none` default layout, `e-m:e-p270:32:32`"),
    quote("rustc 1.86", "old specification", "soft-float is incompatible with the ABI"),
    quote("tried", "unsafe attribute", "unsafe attribute used without unsafe"),
    quote("tried", "unsafe extern block", "extern blocks must be unsafe"),
    quote("tried", "variable of env!", "environment variable `WHO` not defined at compile time"),
    quote("tried", "no allocator", "no global memory allocator found but one is required; link to std or add "
          "`#[global_allocator]` to a static item that implements the GlobalAlloc trait"),
    quote("tried, the book", "no panic handler", "`#[panic_handler]` function required, but not found"),
    quote("the book, June 2018", "no panic handler", "language item required, but not found: `panic_fmt`"),
    quote("rustc 1.29 nightly", "no panic handler", "`#[panic_implementation]` function required, but not found"),
    quote("tried", "unwinding", "unwinding panics are not supported without std", situation=TWO_PROFILES),
    quote("the book", "unwinding", "language item required, but not found: `eh_personality`", situation=TWO_PROFILES),
    quote("tried", "unwinding by flag", "unwinding panics are not supported without std"),
    quote("rustc 1.60", "unwinding by flag", "language item required, but not found: `eh_personality`"),
    quote("tried", "no main", "using `fn main` requires the standard library"),
    quote("the book", "no main", "requires `start` lang_item"),
    quote("the book, February 2018", "no main", "language item required, but not found: `start`"),
    quote("tried", "no main", "`main` function not found in crate `s4`", "E0601"),
    quote("tried", "linker missing, cc", "linker `cc` not found"),
    quote("rustc 1.19", "linker missing, cc", "could not exec the linker `cc`: No such file or directory"),
    quote("tried", "linker missing, link.exe", "linker `link.exe` not found"),
    quote("rustc on Windows", "linker missing, link.exe",
          "the msvc targets depend on the msvc linker but `link.exe` was not found"),
    link("coreutils in Git Bash", "linker missing, link.exe", "link: extra operand 'C:\\x\\main.o'\n", "link.exe"),
    quote("tried", "linker missing, lld", "linker `rust-lld` not found"),
    link("tried", "linker missing, lld", "collect2: fatal error: cannot find 'ld'\ncompilation terminated.\n"),
    link("clang", "linker missing, lld", "clang: error: invalid linker name in argument '-fuse-ld=lld'"),
    quote("tried", "linker missing", "linker `nolinker` not found"),
    quote("rustc 1.19", "linker missing", "could not exec the linker `nolinker`: No such file or directory"),
    link("tried", "start-up code of C", GNU_TWICE),
    link("tried, rustc 1.95 with rust-lld", "start-up code of C", LLD_TWICE),
    link("the book", "start-up code of C", BOOK_LINUX),
    link("tried", "option of a compiler driver", "ld.lld-22: error: unknown argument '-nostartfiles'"),
    link("tried", "script of another encoding",
         "Non-UTF-8 output: ld.lld-22: error: /k/my.ld:1: unknown directive: \\xef\\n>>> \\xef\\xbb\\xbfENTRY(_start)"),
    link("tried", "out of reach", "ld.lld-22: error: far.o:(.text+0x3): relocation R_X86_64_32S out of range: "
         "-140737487306496 is not in [-2147483648, 2147483647]; references '_start'"),
    link("tried", "out of reach", "far.o:(.text+0x3): relocation truncated to fit: R_X86_64_32S against `_start'"),
    link("tried", "two entries", "ld.lld-22: error: duplicate symbol: _start\n>>> defined at a.o:(.text._start+0x0)"),
    link("tried", "two entries", "b.o:(.text._start+0x0): multiple definition of `_start'; a.o: first defined here"),
    link("tried", "start-up code of Windows", "lld-link-22: error: <root>: undefined symbol: mainCRTStartup",
         "lld-link"),
    link("tried", "start-up code of Windows", "lld-link-22: error: subsystem must be defined", "lld-link"),
    link("the book", "start-up code of Windows", "LINK : fatal error LNK1561: entry point must be defined", "link.exe"),
    link("the book", "start-up code of Windows", BOOK_SUBSYSTEM, "link.exe"),
    link("link.exe", "start-up code of Windows",
         "LINK : error LNK2001: unresolved external symbol mainCRTStartup", "link.exe"),
    link("MinGW", "start-up code of Windows", "crtexewin.c:66: undefined reference to `WinMain'"),
    link("the book", "start-up code of macOS", BOOK_MACOS),
    link("tried", "start-up code of macOS", "ld64.lld-22: error: undefined symbol: _main\n>>> referenced by the entry "
         "point", "ld64.lld"),
    link("Xcode", "start-up code of macOS", APPLE_MAIN),
    link("the book", "start-up code of macOS", BOOK_LIBSYSTEM),
    link("the book", "start-up code of macOS", "ld: library not found for -lcrt0.o"),
    link("Xcode 15", "start-up code of macOS", "ld: library 'crt0.o' not found"),
    link("tried", "memory functions", "main.o: in function `_start':\n(.text+0xf): undefined reference to `memcpy'"),
    link("Xcode", "memory functions", APPLE_MEMCPY),
    link("link.exe", "memory functions",
         "main.o : error LNK2019: unresolved external symbol memset referenced in function _start", "link.exe"),
    link("tried", "personality at link", "ld.lld-22: error: undefined symbol: rust_eh_personality\n"),
    link("Xcode", "personality at link", APPLE_MEMCPY.replace("_memcpy", "__Unwind_Resume")),
    link("tried", "no entry symbol", "lld-link-22: error: <root>: undefined symbol: _start", "lld-link"),
    link("tried", "no entry symbol",
         "ld64.lld-22: error: undefined symbol: __start\n>>> referenced by the entry point"),
    link("link.exe", "no entry symbol", "LINK : error LNK2001: unresolved external symbol _start", "link.exe"),
    link("Xcode", "no entry symbol", 'Undefined symbols for architecture arm64:\n  "__start", referenced from:\n'
         "     implicit entry/start for main executable"),
    link("tried", "undefined symbol", "(.text._start+0x7): undefined reference to `puts'"),
    link("Xcode", "undefined symbol", APPLE_MEMCPY.replace("_memcpy", "_puts")),
)  # fmt: skip
