"""The variables and the switches of the command line, a row each: its default, its help, its legal values.

The command line, the help, the project's file and the tests go by these rows; the targets are those of verbs.py.
"""

from __future__ import annotations

from bootwright.base.records import record


@record(frozen=True)
class Variable:
    """One NAME=value: its default as it is shown, its help, and its legal values where they are few.

    takes says what else its value is, where a shell can complete it: a file, a directory, a program or a target. once:
    it is about one call, so that no file of a project says it.
    """

    name: str
    default: str
    help: str
    values: tuple[str, ...] = ()
    takes: str = ""
    once: bool = False


VARIABLES = (
    Variable("VARIANT", "debug", "the profile of Cargo.toml: debug is [profile.dev]", ("debug", "release", "all")),
    Variable("TARGET", "", "a triple or a JSON file; default: build.target of KERNEL's .cargo/config.toml, else "
             "what its files imply, else x86_64-unknown-none", takes="target"),
    Variable("KERNEL", "", "the directory of the kernel's Cargo.toml; default: the example, kernel/, or for another "
             "architecture's TARGET tests/kernels/hello-ARCH", takes="directory", once=True),
    Variable("PACKAGE", "", "the package of KERNEL's workspace that is the kernel; default: KERNEL's own, else the "
             "only one with a program"),
    Variable("BIN", "", "the program or the example of the package that is the kernel; default: default-run, else "
             "the one with the package's name"),
    Variable("FEATURES", "", "features of the package, separated by blanks or commas, as `cargo build --features` "
             "takes them"),
    Variable("NO_DEFAULT_FEATURES", "0", "1 leaves the package's default features out", ("0", "1")),
    Variable("PROFILE", "", "another profile of Cargo.toml than VARIANT's; build/PROFILE gets what it makes"),
    Variable("HOST", "", "link a program for a host instead of bare metal: native, or one of the hosts below"),
    Variable("ARCH", "", "the architecture of HOST=; default: the builder's", ("x86_64", "aarch64")),
    Variable("RUSTC", "", "the compiler; default: rustup's for KERNEL, else the one on PATH", takes="program"),
    Variable("RUSTFLAGS", "", "more arguments for every crate of the kernel"),
    Variable("LDSCRIPT", "", "the kernel's linker script; default: none, which links it at 0x200000; for a board "
             "the one in linker/", takes="file"),
    Variable("UNSTABLE", "", "RUSTC_BOOTSTRAP=1, by which a stable compiler takes #![feature] and -Z: 1 for all of the "
             "kernel, 0 for none of it; default: for the crates that ask for either", ("0", "1")),
    Variable("BUILD", "", "where all that is made lies; default: build/ of the checkout, or of the package where "
             "bootwright is installed", takes="directory"),
    Variable("ACTIVE", "dummy", "which MBR entry is active: a dummy, the protective one or none",
             ("dummy", "ee", "none")),
    Variable("RAMDISK", "", "a file that a kernel of bootloader_api 0.11 finds in memory", takes="file"),
    Variable("FIRMWARE", "bios", "run, screenshot, gdb, test: what starts the image", ("bios", "uefi", "secure")),
    Variable("SIGN", "0", "1 signs the EFI program with the keys that `scons keys` made", ("0", "1")),
    Variable("SIGN_KEY", "", "the key that signs the EFI program, as PEM; SIGN_CERT= goes with it", takes="file"),
    Variable("SIGN_CERT", "", "the certificate of SIGN_KEY=, as PEM", takes="file"),
    Variable("QEMU", "", "the emulator; default: that of run-command in Cargo.toml, else qemu-system-x86_64 on "
             "PATH, or the one of TARGET's board", takes="program"),
    Variable("QEMUFLAGS", "", "more arguments for QEMU"),
    Variable("MEMORY", "128M", "the machine's memory, as QEMU's -m takes it"),
    Variable("TIMEOUT", "", "seconds after which a run or a test ends; default: 10 headless, none with a window; for a "
             "test test-timeout in Cargo.toml, else 30"),
    Variable("SERIAL", "", "run: a file that gets each byte of the guest's serial port", takes="file"),
    Variable("RAW", "0", "run: 1 has a terminal obey the guest; else it gets text and colours alone", ("0", "1")),
    Variable("TESTS", "*", "which tests: patterns over their printed names, separated by blanks", once=True),
    Variable("SHARD", "", "test, matrix: k/n, the k-th of n parts; all parts together are all there is", once=True),
    Variable("ROW", "", "matrix: the numbers of the rows that are booted, separated by blanks; default: all",
             once=True),
    Variable("POOL", "", "test: the scheduler of a Dask pool whose machines boot the kernel's tests, tls://HOST:PORT"),
    Variable("POOL_CA", "", "a file of certificates (PEM) that the pool's members are trusted by", takes="file"),
    Variable("POOL_CERT", "", "a file with our own certificate for the pool, and its key (PEM)", takes="file"),
    Variable("BOARD", "", "run, test: a place of labgrid's, a board in a rack, boots the image"),
    Variable("BOARD_WAIT", "600", "seconds that a place which somebody holds is waited for; 0: not at all"),
    Variable("DEV", "", "the whole disk that `scons usb` writes to, such as /dev/sdX; without it the disks are listed",
             takes="file", once=True),
    Variable("YES", "", "the serial of DEV (where it has none, its size in bytes): nothing is asked then", once=True),
    Variable("BIG", "0", "1 allows disks over 256 GiB", ("0", "1"), once=True),
    Variable("LOOP", "0", "1 allows loop devices", ("0", "1"), once=True),
    Variable("UNMOUNT", "0", "1 unmounts DEV first, without force", ("0", "1"), once=True),
    Variable("CACHE", "", "a cache that machines share: https://HOST/PATH, as Bazel's HTTP cache, or a directory",
             takes="directory"),
    Variable("CACHE_WRITE", "0", "1 puts what is made here into it", ("0", "1")),
    Variable("CACHE_CA", "", "a file of certificates (PEM) that its server is trusted by; default: the system's",
             takes="file"),
    Variable("CACHE_CREDENTIALS", "", "a file with one line for its server, user:password or a header as Name: value",
             takes="file"),
    Variable("IMAGE", "", "push, pull: a kernel's name in an OCI registry, registry/name:tag"),
    Variable("PRUNE", "", "what `scons store` removes: all, or entries not used for this many days", once=True),
)  # fmt: skip

SWITCHES = (
    ("--headless", "run without a window; serial goes to stdout"),
    ("--cd", "run, screenshot, gdb: boot the image as a CD"),
    ("--fast", "run, screenshot, gdb: start NAME.kernel without image, disk and BIOS, in half the time"),
    ("--full", "test: boot the image of each program of the kernel's tests; else they start as with --fast"),
    ("--cargo", "let `cargo build` and `cargo test` make the ELF files, where else their plan is carried out here"),
    ("--check", "store: hash all that it holds; status 2 where an entry is not what was stored"),
    ("--explain", "with CACHE=: say of what the cache has not why it has not"),
    ("--verbose", "show commands in full"),
    ("--json[=FILE]", "doctor, usb without DEV, test --list: as JSON, to stdout (with scons's own -Q) or to FILE"),
    ("--junit=FILE", "test, matrix: also write a JUnit report"),
    ("--retries=N", "test: run what failed up to N times more; what passes then is flaky, which is no failure"),
    ("--stress=N", "test: run each test N times; it passes where it never failed"),
    ("--list", "test: print the names of the tests that TESTS= chooses, one a line, and run none; --json: as JSON"),
    ("--private", "of sconsw: what is missing comes below your cache directory, and nothing is installed"),
    ("--system", "of sconsw: what is missing is installed, or the command that does is printed"),
)
OF_SCONSW = {"--private", "--system"}
