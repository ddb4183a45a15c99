"""`scons hosts` and HOST=: every row that can be linked here is run or checked, and linked again when it changed.

A row of lld needs a core of its own, which takes half a minute of a processor. A part of them is made, each system and
each processor among them; all with --soak.
"""

from __future__ import annotations

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, IDLE, Checkout, copy_checkout

from bootwright.hosts.table import read_rows, this_builder

# The builder of these tests is a Linux: cc links for its own architecture, lld for every host.
ARCH = this_builder().arch
OTHER = "x86_64" if ARCH == "aarch64" else "aarch64"
OWN = f"linux-{ARCH}"
ALL_BY_LLD = ("linux-x86_64", "linux-aarch64", "windows-x86_64", "windows-aarch64", "macos-x86_64", "macos-aarch64")
PART_BY_LLD = (OWN, f"linux-{OTHER}", f"windows-{ARCH}", "macos-aarch64")
PART = (("HOST=linux",), ("HOST=windows", f"ARCH={ARCH}"), ("HOST=macos", "ARCH=aarch64"))

# SSE's own instructions want 16 bytes at a multiple of 16, which the compiler gives where it is called as it expects.
FOUR = "#[repr(align(16))]\nstruct Four([f32; 4]);\n"
MOVAPS = """    let four = Four([1.5; 4]);
    unsafe { core::arch::asm!("movaps xmm0, [{}]", in(reg) &four, out("xmm0") _) };
"""
ALIGNED = """core::arch::global_asm!(
    ".globl _start", "_start: xor ebp, ebp", "and rsp, -16", "call {main}", main = sym main
);
"""


@dataclass(frozen=True)
class Hosts:
    """`scons hosts`: the rows of lld that it makes, and the words of each of the runs that make them."""

    by_lld: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]

    def make(self, checkout: Checkout, *words: str) -> tuple[dict[tuple[str, str], list[str]], list[str]]:
        """Returns the table and the steps of all runs, which must succeed."""
        table, steps = {}, []
        for run in self.runs:
            built = checkout.scons("hosts", *run, *words)
            assert built.status == 0, built.output
            table.update(rows(built.output))
            steps += built.steps
        return table, steps


@pytest.fixture
def hosts(soak: bool) -> Hosts:
    """All of them in one run with --soak, else a part."""
    return Hosts(ALL_BY_LLD, ((),)) if soak else Hosts(PART_BY_LLD, PART)


def rows(output: str) -> dict[tuple[str, str], list[str]]:
    """Returns file, size and verdict of each line of the table, by host and linker."""
    lines = [line.split("\t") for line in output.splitlines() if line.count("\t") == 5]
    return {(line[0], line[1]): line[3:] for line in lines[1:]}


@pytest.mark.needs("cc", f"qemu-{OTHER}", "wine64")
@pytest.mark.xdist_group("hosts")
def test_every_row_that_can_be_linked_here_is_linked_and_runs_or_is_checked(tmp_path: Path, hosts: Hosts) -> None:
    checkout = copy_checkout(tmp_path / "a checkout")
    table, _ = hosts.make(checkout)
    assert len(table) == 2 * len(hosts.by_lld)
    ran = {row: verdict for row, (_, _, verdict) in table.items() if verdict.startswith("ran")}
    assert ran == {
        (OWN, "cc"): "ran: status 42",
        (OWN, "lld"): "ran: status 42",
        (f"linux-{OTHER}", "lld"): f"ran under qemu-{OTHER}: status 42",
        (f"windows-{ARCH}", "lld"): "ran under wine64: status 42",
    }
    checked = {row for row, (_, _, verdict) in table.items() if verdict.startswith("checked; ")}
    assert checked == {(name, "lld") for name in hosts.by_lld} - set(ran)
    elsewhere = {row: line for row, line in table.items() if row not in ran and row not in checked}
    assert all(line[:2] == ["-", "-"] and line[2].startswith("needs a builder with") for line in elsewhere.values())
    for row in ran.keys() | checked:
        assert (checkout.path / table[row][0]).stat().st_size == int(table[row][1].replace(",", ""))
    assert hosts.make(checkout) == (table, [])
    assert checkout.scons("verify").status == 0

    # One row of the table is edited: its products alone are linked again, with what the edit asked for.
    checkout.edit(
        "linker/hosts.toml", '["-static", "-e", "_start"]', '["-static", "-e", "_start", "-z", "separate-code"]'
    )
    _, edited = hosts.make(checkout)
    assert sorted(edited) == ["check hello-host"] * 2 + ["rustc hello-host hello-host.map"] * 2

    # A product that breaks its check is an error that names the field, and does not stay.
    checkout.edit("linker/hosts.toml", "SUBSYSTEM:console", "SUBSYSTEM:windows")
    said = checkout.refuse("HOST=windows")
    assert f"Subsystem is WINDOWS_GUI; windows-{ARCH} by lld wants WINDOWS_CUI" in said
    assert not (checkout.path / f"build/debug/hosts/windows-{ARCH}/hello-host.exe").exists()


@pytest.mark.xdist_group("hosts")
def test_the_bytes_of_a_product_depend_on_neither_the_path_nor_the_run(tmp_path: Path, hosts: Hosts) -> None:
    products = []
    for place in ("one", "another place"):
        checkout = copy_checkout(tmp_path / place)
        hosts.make(checkout)
        files = sorted((checkout.path / "build/debug/hosts").rglob("hello-host*"))
        assert len(files) == 2 * (len(hosts.by_lld) + 1)  # a product of each and the one by cc, and their maps
        products.append({str(path.relative_to(checkout.path)): path.read_bytes() for path in files})
    different = [name for name in products[0] if products[0][name] != products[1][name]]
    assert different == []


def test_HOST_and_its_triple_are_the_same_row(checkout: Checkout, hosts: Hosts) -> None:
    for name in sorted({*hosts.by_lld} - {OWN}):
        host, _, arch = name.partition("-")
        triple = {"linux": "unknown-linux-gnu", "windows": "pc-windows-msvc", "macos": "apple-darwin"}[host]
        steps = checkout.build(f"HOST={host}", f"ARCH={arch}")
        assert any(step.startswith("check hello-host") for step in steps), name
        assert checkout.build(f"TARGET={arch}-{triple}") == [], name


@pytest.mark.needs("cc")
@pytest.mark.parametrize("variant", ["debug", "release"])
def test_a_readers_crate_is_linked_for_every_host_unedited(
    variant: str, package: Path, checkout: Checkout, hosts: Hosts
) -> None:
    (package / "src/main.rs").write_text(IDLE)
    manifest = package / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace('"2024"', '"2018"'))
    table, _ = hosts.make(checkout, f"KERNEL={package}", f"VARIANT={variant}")
    made = {row: line for row, line in table.items() if line[0] != "-"}
    assert set(made) == {(OWN, "cc"), *((name, "lld") for name in hosts.by_lld)}
    # The program loops for ever, and says no status: it is checked and not run.
    assert {line[2] for line in made.values()} == {"checked"}
    assert int(made[f"windows-{ARCH}", "lld"][1].replace(",", "")) <= 4096


@pytest.mark.needs("cc")
def test_a_crate_with_a_library_and_a_large_frame_is_linked_for_every_host(
    package: Path, checkout: Checkout, hosts: Hosts
) -> None:
    (package / "src/lib.rs").write_text(
        "#![no_std]\npub fn zeroes(n: usize) -> u8 {\n    let mut room = [0_u8; 20000];\n"
        "    for i in 0..n { room[i] = i as u8 }\n    core::hint::black_box(&mut room)[n]\n}\n"
    )
    (package / "src/main.rs").write_text(IDLE.replace("no_mangle", "unsafe(no_mangle)").replace(
        "    loop {}\n}\n", "    while reader::zeroes(core::hint::black_box(3)) != 9 {}\n    loop {}\n}\n"
    ))  # fmt: skip
    table, _ = hosts.make(checkout, f"KERNEL={package}")
    assert sum(line[2] == "checked" for line in table.values()) == len(hosts.by_lld) + 1


@pytest.mark.needs(*(["qemu-x86_64"] if ARCH != "x86_64" else []))
def test_a_large_frame_touches_each_page_of_its_stack(checkout: Checkout) -> None:
    """The probe of linker/support, as Windows calls it, run on Linux: only its lowest page may not be there before."""
    source = (HOME / "linker/support/lib.rs").read_text()
    probe = source[source.index('    ".globl __chkstk"') : source.index("// AArch64")]
    main = checkout.path / "tests/kernels/hello-host/src/main.rs"
    main.write_text(
        "#![no_std]\n#![no_main]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! {\n    loop {}\n}\n"
        f"core::arch::global_asm!(\n{probe.strip()}\n"
        # The stack pointer is moved to three pages below a fresh page that may be touched; those below may not. A
        # probe of 2 pages and a half stays above them; registers that the caller keeps have to be the same after it.
        'core::arch::global_asm!(\n    ".globl _start",\n    "_start:",\n'
        '    "mov eax, 9", "xor edi, edi", "mov esi, 65536", "mov edx, 3", "mov r10d, 0x22", "mov r8, -1",'
        ' "xor r9d, r9d", "syscall",\n'  # mmap 16 pages, private and anonymous
        '    "lea rbx, [rax + 32768]",\n'  # the middle
        '    "mov rdi, rax", "mov eax, 10", "mov esi, 16384", "xor edx, edx", "syscall",\n'  # mprotect 4 pages: none
        '    "mov rsp, rbx", "mov rax, 10240", "mov rcx, 77", "mov rdx, 78", "call __chkstk",\n'
        '    "cmp rax, 10240", "jne 9f", "cmp rcx, 77", "jne 9f", "cmp rdx, 78", "jne 9f", "cmp rsp, rbx", "jne 9f",\n'
        # Which pages were touched: mincore says 1 for those that are there.
        '    "lea rdi, [rbx - 16384]", "mov esi, 16384", "lea rdx, [rip + pages]", "mov eax, 27", "syscall",\n'
        '    "mov edi, dword ptr [rip + pages]", "mov eax, 60", "and edi, 0x01010101",\n'
        '    "cmp edi, 0x01010100", "sete dil", "movzx edi, dil", "add edi, 41", "syscall",\n'
        '    "9:", "mov edi, 9", "mov eax, 60", "syscall",\n    ".bss", "pages: .zero 8",\n);\n'
    )
    checkout.build("TARGET=x86_64-unknown-linux-gnu")
    program = checkout.path / "build/debug/hosts/linux-x86_64/hello-host"
    emulator = ["qemu-x86_64"] if ARCH != "x86_64" else []
    assert subprocess.run([*emulator, program], check=False).returncode == 42


def test_a_linker_script_is_refused_where_the_linker_takes_none(checkout: Checkout) -> None:
    said = checkout.refuse("HOST=windows", "LDSCRIPT=linker/x86_64.ld")
    assert "LDSCRIPT=linker/x86_64.ld: a linker of PE takes no linker script" in said


def test_a_triple_without_a_row_is_refused_with_those_that_have_one(checkout: Checkout) -> None:
    said = checkout.refuse("TARGET=x86_64-unknown-uefi")
    assert "TARGET=x86_64-unknown-uefi has an operating system or firmware under it" in said
    assert "aarch64-apple-darwin" in said


def test_an_edit_of_the_program_links_it_again_and_its_undo_too(checkout: Checkout) -> None:
    checkout.build("HOST=linux", "ARCH=aarch64")
    product = checkout.path / "build/debug/hosts/linux-aarch64/hello-host"
    before = product.read_bytes()
    assert struct.unpack_from("<H", before, 18) == (183,)  # EM_AARCH64
    checkout.edit("tests/kernels/hello-host/src/main.rs", "const RIGHT: u32 = 42", "const RIGHT: u32 = 43")
    assert checkout.build("HOST=linux", "ARCH=aarch64") == ["rustc hello-host hello-host.map", "check hello-host"]
    checkout.edit("tests/kernels/hello-host/src/main.rs", "const RIGHT: u32 = 43", "const RIGHT: u32 = 42")
    checkout.build("HOST=linux", "ARCH=aarch64")
    assert product.read_bytes() == before
    assert os.access(product, os.X_OK)


@pytest.mark.parametrize("variable", ["HOST=linux", f"TARGET={ARCH}-unknown-linux-gnu"])
def test_run_starts_the_program_and_returns_its_status(variable: str, checkout: Checkout) -> None:
    built = checkout.scons("run", variable)
    assert built.output.endswith("bootwright: hello-host ended: status 42\n")
    assert built.status == 42


@pytest.mark.needs("wine64")
def test_run_starts_a_program_for_windows_under_wine_without_its_own_lines(checkout: Checkout) -> None:
    built = checkout.scons("run", "HOST=windows")
    assert built.status == 42
    lines = [line for line in built.output.splitlines() if "wine" in line]
    slow = "bootwright: hello-host.exe runs under wine64; Ctrl-C ends it"  # which a busy machine's wine may come to
    assert [line for line in lines if line != slow] == ["bootwright: hello-host.exe ended under wine64: status 42"]


@pytest.mark.skipif(ARCH != "x86_64", reason="elsewhere a stack is aligned alike at an entry and in a function")
def test_run_says_why_a_rust_function_as_the_entry_dies_of_its_stack(package: Path, checkout: Checkout) -> None:
    before, loops, after = IDLE.replace("no_mangle", "unsafe(no_mangle)").rpartition("    loop {}\n")
    source = f"{before}{MOVAPS}{loops}{after}{FOUR}"
    (package / "src/main.rs").write_text(source)
    built = checkout.scons("run", "HOST=linux", f"KERNEL={package}")
    assert built.status == 128 + 11, built.output
    assert "reader ended: killed by SIGSEGV\nbootwright: a Rust function as the entry finds its stack" in built.output
    # The hint's entry, before the same function.
    (package / "src/main.rs").write_text(source.replace("fn _start", "fn main") + ALIGNED)
    built = checkout.scons("run", "HOST=linux", f"KERNEL={package}", "TIMEOUT=0.5")
    assert built.output.endswith("bootwright: reader is still running after 0.5 s, and was ended\n"), built.output


def test_run_ends_a_program_that_loops_at_TIMEOUT(package: Path, checkout: Checkout) -> None:
    (package / "src/main.rs").write_text(IDLE.replace("no_mangle", "unsafe(no_mangle)"))
    built = checkout.scons("run", "HOST=linux", f"KERNEL={package}", "TIMEOUT=0.5")
    assert built.status == 0
    assert built.output.endswith("bootwright: reader is still running after 0.5 s, and was ended\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "HOST=macos", "ARCH=aarch64"), "is a program for macos-aarch64: a Mac alone runs it"),
        (("screenshot", "HOST=linux"), f"hello-host is a program for {OWN}; `scons screenshot` is for machines"),
        (("test", "HOST=linux"), f"hello-host is a program for {OWN}; `scons test` is for machines"),
        (("usb", "HOST=linux", "DEV=/dev/null"), f"is a program for {OWN}; `scons usb` is for machines"),
        (("size", "HOST=windows"), "hello-host.exe is PE; `scons size` reads ELF"),
    ],
    ids=["run", "screenshot", "test", "usb", "size"],
)
def test_what_a_program_of_a_host_is_not_for_is_a_sentence(
    words: tuple[str, ...], said: str, checkout: Checkout
) -> None:
    assert said in checkout.refuse(*words)


def test_the_help_documents_every_row(checkout: Checkout) -> None:
    shown = [" ".join(line.split()) for line in checkout.scons("-h").output.splitlines()]
    for row in read_rows(HOME / "linker" / "hosts.toml"):
        assert f"{row.host} {row.linker} {' '.join(row.arguments)}" in shown


def test_a_package_without_a_program_is_a_sentence(package: Path, checkout: Checkout) -> None:
    (package / "src/main.rs").rename(package / "src/lib.rs")
    for words in (("hosts",), ("HOST=linux",)):
        assert f"{package} has no program" in checkout.refuse(*words, f"KERNEL={package}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('allows = ["PT_INTERP"]', "allows = []", "PT_INTERP is /lib"),
        ('entry = "_start"\n\n# The compiler', 'entry = "_strat"\n\n# The compiler', "wants `_strat`"),
    ],
    ids=["allows", "entry"],
)
@pytest.mark.needs("cc")
def test_what_the_check_wants_is_checked_again_when_the_table_changes(
    old: str, new: str, said: str, checkout: Checkout
) -> None:
    checkout.build("HOST=linux")
    checkout.edit("linker/hosts.toml", old, new)
    assert said in checkout.refuse("HOST=linux")


@pytest.mark.needs("cc")
def test_a_row_that_does_not_link_leaves_the_others_in_the_table(checkout: Checkout) -> None:
    checkout.edit("linker/hosts.toml", 'arguments = ["-nostartfiles"]', "arguments = []")
    built = checkout.scons("hosts", "HOST=linux")
    table = rows(built.output)
    assert set(table) == {("linux-x86_64", "cc"), ("linux-x86_64", "lld"), ("linux-aarch64", "cc"),
                          ("linux-aarch64", "lld")}  # fmt: skip
    assert table["linux-x86_64", "cc"] == ["-", "-", "FAILED: see above"]
    assert table["linux-x86_64", "lld"][2] == "ran: status 42"
    assert built.status == 2


def test_what_an_earlier_build_made_is_no_product_of_a_build_that_fails(package: Path, checkout: Checkout) -> None:
    (package / "src/main.rs").write_text(IDLE.replace("no_mangle", "unsafe(no_mangle)"))
    (package / "src/lib.rs").write_text("#![no_std]\n")
    words = ("hosts", "HOST=linux", "ARCH=aarch64", f"KERNEL={package}")
    assert rows(checkout.scons(*words).output)["linux-aarch64", "lld"][2] == "checked"
    (package / "src/lib.rs").write_text("#![no_std]\nfn")  # the library fails, and the program is not even begun
    built = checkout.scons(*words)
    assert rows(built.output)["linux-aarch64", "lld"] == ["-", "-", "FAILED: see above"]
    assert built.status == 2


def test_hosts_takes_what_HOST_and_ARCH_leave(checkout: Checkout) -> None:
    built = checkout.scons("hosts", "HOST=macos", "ARCH=aarch64")
    assert set(rows(built.output)) == {("macos-aarch64", "clang"), ("macos-aarch64", "lld")}


def test_a_broken_table_is_a_sentence_for_the_help_too(checkout: Checkout) -> None:
    checkout.edit("linker/hosts.toml", "[linux.cc]", "[linux.cc")
    assert "linker/hosts.toml:" in checkout.refuse("-h")


def test_a_new_host_of_the_table_is_a_word_of_HOST(checkout: Checkout) -> None:
    table = checkout.path / "linker/hosts.toml"
    text = table.read_text()
    own = text[text.index("[linux]") : text.index("# The compiler driver")]
    lld = text[text.index("[linux.lld]") : text.index("[windows]")]
    table.write_text(text + (own + lld).replace("[linux", "[freebsd").replace("unknown-linux-gnu", "unknown-freebsd"))
    assert "HOST=Linux is none of native, linux, windows, macos, freebsd\n  hint: did you mean HOST=linux?" in (
        checkout.refuse("HOST=Linux")
    )
    assert "  freebsd           lld       -static -e _start" in checkout.scons("-h").output
    built = checkout.scons("-n", "HOST=freebsd", "ARCH=x86_64")
    assert built.status == 0 and "hosts/freebsd-x86_64/hello-host" in built.output, built.output


def test_a_start_that_is_wrong_nevertheless_gets_a_remark(package: Path, checkout: Checkout) -> None:
    (package / "src/main.rs").write_text(
        IDLE.replace("no_mangle", "unsafe(no_mangle)").replace('pub extern "C" fn _start() -> !', "pub fn _start()")
    )
    said = checkout.scons("hosts", "HOST=linux", f"KERNEL={package}").output
    assert said.count("linux-x86_64") > 1 and said.count("`_start` is without extern") == 1, said  # not for each row
    assert "`_start` may return, and there is nobody to return to" in said
    assert "may return" not in checkout.scons("HOST=windows", f"KERNEL={package}").output


@pytest.mark.needs("cc")
def test_a_shared_library_that_is_linked_is_named_and_no_input(package: Path, checkout: Checkout) -> None:
    (package / "src/main.rs").write_text(IDLE.replace("no_mangle", "unsafe(no_mangle)"))
    library = package / "libneeded.so"
    subprocess.run(["cc", "-shared", "-nostdlib", "-x", "c", os.devnull, "-o", str(library)], check=True)
    flags = "-C link-arg=-Wl,--no-as-needed -C link-arg=-lneeded -L ."
    said = checkout.refuse("HOST=linux", f"KERNEL={package}", f"RUSTFLAGS={flags}")
    assert "the program is linked with libneeded.so (DT_NEEDED)" in said
    assert "inputs" not in said


@pytest.mark.needs("wine64")
def test_a_crash_under_wine_is_no_status_and_leaves_nothing(package: Path, checkout: Checkout, tmp_path: Path) -> None:
    (package / "src/main.rs").write_text(
        IDLE.replace("no_mangle", "unsafe(no_mangle)").replace(
            "    loop {}\n}\n",
            "    unsafe { (core::hint::black_box(8) as *mut u32).write_volatile(1) };\n    loop {}\n}\n",
        )
    )
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write("[package.metadata.bootwright]\nhost-status = 5\n")
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    store = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    built = checkout.scons(
        "hosts", "HOST=windows", "ARCH=x86_64", f"KERNEL={package}",
        environment={"HOME": str(home), "TMPDIR": str(scratch), "XDG_CACHE_HOME": store},
    )  # fmt: skip
    verdict = rows(built.output)["windows-x86_64", "lld"][2]
    assert verdict == "FAILED under wine64: died of access violation (0xc0000005), not 5"
    assert {path.name for path in home.iterdir()} <= {".rustup", ".cargo"}  # of rustup and cargo themselves
    assert not list(scratch.glob("bootwright-wine*"))
