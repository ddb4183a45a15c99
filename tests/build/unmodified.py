"""Packages as authors write them: what their manifests and configurations say must be obeyed, or named in a line."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.build.unmodified_boards import ASTRAY, LM3S, RASPBERRY, THUMB

MANIFEST = """[package]
name = "{name}"
version = "1.2.3-rc.4"
edition = "2021"

[profile.dev]
panic = "abort"

[profile.release]
panic = "abort"
"""
# A serial port, a panic handler, and an entry that runs what stands behind it.
PC = """#![no_std]
#![no_main]
struct Com1;
impl core::fmt::Write for Com1 {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            unsafe { core::arch::asm!("out dx, al", in("dx") 0x3f8u16, in("al") byte) };
        }
        Ok(())
    }
}
macro_rules! say { ($($word:tt)*) => {{ use core::fmt::Write; let _ = writeln!($crate::Com1, $($word)*); }} }
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! { say!("{}", info); halt() }
fn halt() -> ! { loop { unsafe { core::arch::asm!("cli; hlt") } } }
"""
START = '#[no_mangle]\npub extern "C" fn _start() -> ! { %s halt() }\n'
AT = START % 'say!("at {:p}", _start as *const ());'
SCRIPT = (
    "ENTRY(_start)\nSECTIONS { . = %s; .rodata : { *(.rodata*) } . = ALIGN(4K); .text : { *(.text*) } "
    ". = ALIGN(4K); .data : { *(.data*) } .bss : { *(.bss*) } }\n"
)
HIGH = "0xffffffff88000000"


def config(rustflags: str, table: str = "target.x86_64-unknown-none", more: str = "") -> str:
    """Returns a .cargo/config.toml with rustflags in table."""
    return f'[build]\ntarget = "x86_64-unknown-none"\n\n[{table}]\nrustflags = {rustflags}\n{more}'


@dataclass(frozen=True)
class Package:
    """A package whose files are written, and what `scons run --headless` with words must end with and say.

    Each of says is in the output, none of lacks is; line are words that one line of ours holds together. A status of
    None is any.
    """

    id: str
    files: dict[str, str]
    says: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    status: int | None = 0
    manifest: str = ""
    lacks: tuple[str, ...] = ()
    line: tuple[str, ...] = ()
    verb: tuple[str, ...] = field(default=("run", "--headless", "TIMEOUT=20"))
    slow: bool = False  # it has a core compiled
    links: dict[str, str] = field(default_factory=dict)  # symbolic links, and what they name


def main(body: str) -> dict[str, str]:
    """Returns src/main.rs for the PC whose entry runs body."""
    return {"src/main.rs": PC + START % body}


SCRIPTED = {"src/main.rs": PC + AT, "link.ld": SCRIPT % HIGH}
FLAG = '["-C", "link-arg=-Tlink.ld"]'
ENVIRONMENT = main(
    'say!("board {} level {:?}", if cfg!(board = "pc") { "pc" } else { "none" }, option_env!("LOG_LEVEL"));'
)
SMP = main('say!("smp {} debug {}", cfg!(feature = "smp"), cfg!(debug_assertions));')
COMMAND = "\n[features]\nsmp = []\n\n[package.metadata.bootimage]\nbuild-command = %s\n"
NAMES = PC + START % (
    'say!("{} {:?} {:?} {}", env!("CARGO_PKG_NAME"), option_env!("CARGO_BIN_NAME"), '
    'option_env!("CARGO_CRATE_NAME"), module_path!());'
)
GCC_JSON = """{"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "target-endian": "little", "os": "none",
"data-layout": "e-m:e-i64:64-f80:128-n8:16:32:64-S128", "target-pointer-width": "64", "target-c-int-width": "32",
"linker": "gcc", "linker-flavor": "gcc", "executables": true, "features": "-mmx,-sse,+soft-float",
"disable-redzone": true, "relocation-model": "static", "panic-strategy": "abort",
"pre-link-args": {"gcc": ["-m64", "-nostdlib", "-static", "-Wl,--script=layout.ld"]},
"post-link-args": {"gcc": ["-Wl,--build-id=none"]}}
"""
JSON_TARGET = '[build]\ntarget = "x86_64-old.json"\n'
TESTED = (
    PC.replace(
        "#![no_main]",
        "#![no_main]\n#![feature(custom_test_frameworks)]\n#![test_runner(crate::run)]\n"
        '#![reexport_test_harness_main = "test_main"]',
    )
    + START % "#[cfg(test)] test_main();"
    + """
#[cfg(test)]
fn run(all: &[&dyn Fn()]) {
    for test in all { test(); }
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4u16, in("eax") 0x10u32) }
}
#[test_case]
fn adds_up() { assert_eq!(1 + 1, 2); }
"""
)

PACKAGES = (
    # rustflags and [env] of .cargo/config.toml reach rustc and the linker, from whichever table.
    Package("script in target rustflags", {**SCRIPTED, ".cargo/config.toml": config(FLAG)}, (f"at {HIGH[:12]}",)),
    # LDSCRIPT= is in place of a script that cargo's words name, and one line tells of another.
    Package(
        "LDSCRIPT= and the script of rustflags",
        {**SCRIPTED, "other.ld": SCRIPT % "0x700000", ".cargo/config.toml": config(FLAG)},
        ("at 0x70", "the linker script link.ld is not used: LDSCRIPT= names "),
        ("LDSCRIPT={package}/other.ld",),
    ),
    Package(
        "LDSCRIPT= and the same script of rustflags",
        {**SCRIPTED, ".cargo/config.toml": config(FLAG)},
        (f"at {HIGH[:12]}",),
        ("LDSCRIPT={package}/link.ld",),
        lacks=("is not used",),
    ),
    Package(
        "LDSCRIPT= and a script, by cargo",
        {**SCRIPTED, "other.ld": SCRIPT % "0x700000", ".cargo/config.toml": config(FLAG)},
        ("at 0x70",),
        ("LDSCRIPT={package}/other.ld", "--cargo"),
    ),
    Package(
        "rustflags that others beat",
        {
            **ENVIRONMENT,
            ".cargo/config.toml": "[build]\nrustflags = ['--cfg', 'lost']\n\n"
            "[target.'cfg(target_os = \"none\")']\nrustflags = ['--cfg', 'board=\"pc\"']\n",
        },
        ("board pc",),
        line=("build.rustflags = ", "has no effect: those of [target.x86_64-unknown-none] or of a cfg() stand"),
    ),
    Package(
        "script in cfg() rustflags",
        {**SCRIPTED, ".cargo/config.toml": config(FLAG, "target.'cfg(target_os = \"none\")'")},
        (f"at {HIGH[:12]}",),
    ),
    Package(
        "script in build.rustflags",
        {
            **SCRIPTED,
            ".cargo/config.toml": '[build]\ntarget = "x86_64-unknown-none"\nrustflags = ' + '"-Clink-arg=-Tlink.ld"\n',
        },
        (f"at {HIGH[:12]}",),
    ),
    Package(
        "script of a build script",
        {
            **SCRIPTED,
            "build.rs": 'fn main() { println!("cargo:rustc-link-arg-bins=-T{}/link.ld", '
            'std::env::var("CARGO_MANIFEST_DIR").unwrap()); }\n',
        },
        (f"at {HIGH[:12]}",),
    ),
    Package(
        "env and cfg",
        {
            **ENVIRONMENT,
            ".cargo/config.toml": '[build]\ntarget = "x86_64-unknown-none"\n'
            'rustflags = ["--cfg", \'board="pc"\']\n\n[env]\nLOG_LEVEL = "trace"\n',
        },
        ('board pc level Some("trace")',),
    ),
    Package(
        "a profile in config",
        {
            **main('say!("checks {}", cfg!(debug_assertions));'),
            ".cargo/config.toml": "[profile.dev]\ndebug-assertions = false\n",
        },
        ("checks false",),
    ),
    # Names.
    Package(
        "the program's own name",
        {"src/bin/alpha.rs": PC + START % "", "src/bin/beta.rs": NAMES},
        ('multi-os Some("beta") Some("beta") beta',),
        manifest=MANIFEST.format(name="multi-os").replace("edition", 'default-run = "beta"\nedition'),
    ),
    Package(
        "a name that begins with a digit",
        {"src/kernel.rs": NAMES},
        ('minutes Some("45_minutes") Some("45_minutes") 45_minutes',),
        manifest=MANIFEST.format(name="minutes") + '\n[[bin]]\nname = "45_minutes"\npath = "src/kernel.rs"\n',
    ),
    Package(
        "BIN= chooses",
        {"src/bin/alpha.rs": PC + START % 'say!("alpha");', "src/bin/beta.rs": NAMES},
        ("alpha",),
        ("BIN=alpha",),
    ),
    Package(
        "two programs and no word",
        {"src/bin/alpha.rs": PC + AT, "src/bin/beta.rs": PC + AT},
        ("alpha", "beta", "BIN="),
        status=2,
    ),
    Package(
        "an empty workspace",
        main('say!("here");'),
        ("here",),
        manifest=MANIFEST.format(name="alone") + "\n[workspace]\n",
    ),
    Package(
        "#[path] in the package",
        {
            "src/main.rs": PC + '#[path = "../drivers/uart.rs"]\nmod uart;\n' + START % "uart::hello();",
            "drivers/uart.rs": 'pub fn hello() { say!("driven"); }\n',
        },
        ("driven",),
        lacks=("inputs",),
    ),
    # What Cargo refuses, in its words.
    Package(
        "rust-version",
        main(""),
        ("newer@1.2.3-rc.4 requires rustc 1.99",),
        status=2,
        manifest=MANIFEST.format(name="newer").replace("edition", 'rust-version = "1.99"\nedition'),
    ),
    # What bootimage would do.
    Package(
        "build-command",
        SMP,
        ("smp true debug false",),
        manifest=MANIFEST.format(name="command") + COMMAND % '["build", "--release", "--features", "smp"]',
    ),
    Package(
        "build-command that would write elsewhere",
        SMP,
        ("smp true debug true", "build-command holds --target-dir target, which has no effect"),
        ("VARIANT=debug",),
        manifest=MANIFEST.format(name="command")
        + COMMAND % '["build", "--release", "--features", "smp", "--target-dir", "target", "-q"]',
    ),
    Package(
        "run-args for the second serial port",
        {"src/main.rs": main('panic!("by COM2");')["src/main.rs"].replace("0x3f8", "0x2f8")},
        ("serial   panicked at src/main.rs", "message  by COM2"),
        status=6,
        manifest=MANIFEST.format(name="second")
        + '\n[package.metadata.bootimage]\nrun-args = ["-serial", "null", "-serial", "stdio"]\n',
    ),
    Package(
        "FEATURES=",
        SMP,
        ("smp true debug true",),
        ("FEATURES=smp",),
        manifest=MANIFEST.format(name="command") + "\n[features]\nsmp = []\n",
    ),
    # Old target specifications.
    Package(
        "pre-link-args of gcc",
        {
            "src/main.rs": PC + AT,
            "layout.ld": SCRIPT % "0x50100000",
            "x86_64-old.json": GCC_JSON,
            ".cargo/config.toml": JSON_TARGET,
        },
        ("at 0x501",),
        slow=True,
    ),
    Package(
        "a compiler's words for lld",
        {
            "src/main.rs": PC + AT,
            "layout.ld": SCRIPT % "0x50100000",
            "x86_64-old.json": GCC_JSON.replace('"gcc"', '"ld.lld"').replace('"-m64"', '"-m64", "-nostartfiles"'),
            ".cargo/config.toml": JSON_TARGET,
        },
        ("at 0x501",),
        line=("pre-link-args: ld.lld's words as lld itself takes them: ", "without -m64 -nostartfiles"),
        slow=True,
    ),
    Package(
        "words for another flavour",
        {
            "src/main.rs": PC + AT,
            "layout.ld": SCRIPT % "0x50100000",
            "x86_64-old.json": GCC_JSON.replace('-flavor": "gcc"', '-flavor": "ld.lld"'),
            ".cargo/config.toml": JSON_TARGET,
        },
        ("at 0x2",),
        line=("pre-link-args: gcc's words have no effect, lld links, and none are taken: ", "--script=layout.ld"),
        slow=True,
    ),
    # Boards.
    Package("a vector table of its own", THUMB, ("from the vector",)),
    Package(
        "a target that only a table names",
        {**THUMB, ".cargo/config.toml": THUMB[".cargo/config.toml"].partition("\n\n")[2]},
        ("from the vector", "bootwright: TARGET=thumbv7em-none-eabihf, since ", "config.toml has words for it"),
    ),
    Package(
        "what lies beside a build script",
        {
            **main('say!("here");'),
            "build.rs": "fn main() {}\n",
        },
        ("here",),
        links={"target": "../../target", "disk.img": "nowhere"},
    ),
    Package(
        "a runner that starts another board",
        LM3S,
        ("by its own UART", "runner is the machine: -cpu cortex-m3 -machine lm3s6965evb -semihosting-config "),
        lacks=("is not started",),
    ),
    Package(
        "a runner of a cfg(), for a Raspberry Pi",
        RASPBERRY,
        ("level 3, by a Raspberry's UART", "runner is the machine: -M raspi3b -serial stdio"),
        lacks=("is not started",),
    ),
    Package(
        "a Raspberry Pi's kernel8.img",
        {**RASPBERRY, ".cargo/config.toml": RASPBERRY[".cargo/config.toml"].partition("[target")[0]},
        ("level 2, by a Raspberry's UART", "case.elf is linked at 0x80000, where a Raspberry Pi starts kernel8.img: "),
    ),
    Package(
        "a Raspberry Pi whose other processors wait",
        {
            "link.ld": RASPBERRY["link.ld"],
            "src/main.rs": RASPBERRY["src/main.rs"].replace('"hlt 0xf000"', '"wfe"'),
            ".cargo/config.toml": RASPBERRY[".cargo/config.toml"].partition("[target")[0],
        },
        ("level 2, by a Raspberry's UART", "still running at TIMEOUT=3"),
        verb=("run", "--headless", "TIMEOUT=3"),
    ),
    Package(
        "a runner that is no QEMU",
        {**LM3S, ".cargo/config.toml": LM3S[".cargo/config.toml"].replace("qemu-system-arm", "probe-rs run")},
        ("runner = ", "is not started: run and test start the machine"),
        status=None,
    ),
    Package(
        "flash of another chip",
        {**THUMB, "memory.x": THUMB["memory.x"].replace("ORIGIN = 0,", "ORIGIN = 0x08000000,")},
        ("case.elf is linked at 0x8000000, where mps2-an386 has no memory for a kernel", "-machine in QEMUFLAGS="),
        status=None,
    ),
    Package(
        "an entry point that is not first",
        ASTRAY,
        ("and riscv64-virt at 0x80000000, whatever is there: the linker script has to put",),
        ("TIMEOUT=2",),
        status=None,
        verb=("run", "--headless"),
    ),
    # Code far up.
    Package(
        "code-model=large reaches it",
        {"src/main.rs": PC + AT, "k.ld": SCRIPT % "0xffff800000100000"},
        ("at 0xffff80",),
        ("LDSCRIPT={package}/k.ld", "RUSTFLAGS=-C code-model=large"),
    ),
)
