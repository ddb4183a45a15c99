"""The catalogue's entries for what a linker says, and rustc where there is none."""

from __future__ import annotations

from bootwright.rust.explain import Explanation, Wording

# Linkers quote a name as `x', `x`, "x" or not at all; Mach-O puts a _ before it.
UNDEFINED = (
    r"(?:undefined (?:reference to|symbol:)|unresolved external symbol|^\s*(?=\"\w+\", referenced from)) ?[`'\"]?"
)
OF_CRT1 = r"(?=[\s\S]*crt1\.o)[\s\S]*"
GNU_LD, LLD, LINK, APPLE = "GNU ld", "lld", "link.exe", "Apple's ld64"
BOOK = "rustc of 2018"
HOST_ARGUMENTS = {
    "Linux": "-C link-arg=-nostartfiles (lld itself: -static -e _start)",
    "Windows": '-C link-args="/ENTRY:_start /SUBSYSTEM:console"',
    "macOS": '-C link-args="-e __start -static -nostartfiles" (ld64.lld: -e __start)',
}
# Options of gcc and clang that no linker has.
DRIVERS = (
    "-(?:nostartfiles|nodefaultlibs|nostdinc|static-pie|Xlinker|pthread|rdynamic|dynamiclinker|target|W[lap],|f|O|D|I)"
    "|-?-(?:std|specs)="
)
BY_HOST = "; HOST={} gives them, and TARGET=x86_64-unknown-none makes a kernel, which needs none"

ENTRIES = (
    Explanation(
        "linker missing, cc",
        (
            Wording("linker `(?P<linker>cc|gcc|clang|[^`]*-gcc)` not found", "rustc 1.20 on"),
            Wording("could not exec the linker `(?P<linker>cc|gcc|clang|[^`]*-gcc)`", BOOK),
        ),
        "this target is linked through the C compiler {linker}, which is not on PATH: install it (Debian: apt install "
        "gcc, or clang; Fedora: dnf install gcc, or clang; macOS: xcode-select --install); kernels are linked by lld "
        "and need none",
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
            Wording(rf"unknown argument '(?P<option>(?:{DRIVERS})[^']*)'", LLD),
        ),
        "{option} is an option of a C compiler that links; kernels are linked by lld itself, which has no start files "
        "and no C library: take it out, and write what -Wl, passes on as an argument of its own",
    ),
    Explanation(
        "machine of a compiler driver",
        (Wording(r"unknown emulation: (?P<machine>\S+)", LLD),),
        "-m{machine} is an option of a C compiler, and kernels are linked by lld itself, to which the target says what "
        "machine it is: take it out (-mcmodel is -C code-model, -march -C target-cpu)",
    ),
    Explanation(
        "library that is not there",
        (Wording(r"unable to find library -l(?P<library>\S+)", LLD),),
        "there is no lib{library}.a in a directory that -L names; a C compiler's own libraries (gcc, c, m) are nothing "
        "for a kernel, which has compiler_builtins: take -l{library} out",
    ),
    Explanation(
        "argument of link.exe",
        (Wording(r"(?i)cannot open (?P<option>/(?:entry|subsystem|nodefaultlib|machine|base)\b\S*): No such", LLD),),
        "{option} is an argument of Windows's linker: HOST=windows gives what it wants, and a kernel is linked without",
    ),
    Explanation(
        "script that is not there",
        (Wording(r"cannot find linker script\s+(?P<script>\S+)", LLD),),
        "there is no {script} in the directory of the workspace, or of a package without one, where rustc runs: -T is "
        "seen from there, with nothing between it and the path; LDSCRIPT= names one from where you are",
    ),
    Explanation(
        "script of another encoding",
        (
            Wording(r"(?P<script>[^\s:]+):\d+: unknown directive: (?:\\x(?:ef|fe|ff)|[^\x00-\x7f])", LLD),
        ),
        "{script} is UTF-16, or begins with a byte order mark, which linkers do not take: save it as UTF-8 without one",
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
