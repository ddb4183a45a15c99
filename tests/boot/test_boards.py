"""Kernels on boards of other architectures, by the real scons: what a reader types, and what it must come to."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from tests.build.checkouts import HOME, IDLE, Checkout, copy_checkout

EMULATORS = (
    "qemu-system-x86_64", "qemu-system-arm", "qemu-system-riscv64", "qemu-system-riscv32", "qemu-system-aarch64",
)  # fmt: skip
pytestmark = pytest.mark.needs(*EMULATORS)

CORTEX_M = "thumbv7em-none-eabihf"
BOARDS = {CORTEX_M: "hello-arm", "riscv64gc-unknown-none-elf": "hello-riscv64", "aarch64-unknown-none": "hello-aarch64"}
# The others, whose kernels differ from these in their addresses alone.
ALL_BOARDS = {
    **BOARDS, "thumbv6m-none-eabi": "hello-cortex-m0", "riscv32imac-unknown-none-elf": "hello-riscv32",
}  # fmt: skip
UNSET = 0x41  # the instruction behind the table, which jumps to itself; bit 0 says Thumb
TESTED = "hello::the_fpu_multiplies"
OWN_TESTS = ("hello::memory_that_was_not_written_is_zero", TESTED)
IN_A_TEST = "assert_eq!(product"
RUNS = "    run()\n"  # how _start ends
STACK_TOP = 0x20400000  # 4 MiB from where RAM begins
ON_THE_STACK = """    let mut room = [1.5_f32; 64];
    for number in &mut room {
        *number *= core::hint::black_box(2.5);
    }
    core::hint::black_box(room);
"""
# The linker leaves this out, and its lines are told from the address 0 on, near which a Cortex-M has its code.
LEFT_OUT = """
#[no_mangle]
pub extern "C" fn left_out(number: u32) -> u32 {
    let mut sum = 0;
    for n in 0..number {
        sum += n;
    }
    sum
}
"""
# JUMP is the architecture's; what follows a word of data has a symbol of its own, that begins with a $.
IN_ASSEMBLY = """#![no_std]
#![no_main]
core::arch::global_asm!(
    ".globl _start", ".type _start, %function", "_start: JUMP _start + 8", ".balign 4", ".word 7", ".balign 8",
    "JUMP .",
);
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}
"""
# The first hart that comes says after 0.2 s, by the board's clock of 10 MHz, how many have come.
COUNTS_HARTS = """#![no_std]
#![no_main]
core::arch::global_asm!(
    ".globl _start", "_start: la t0, entered", "li t1, 1", "amoadd.w t2, t1, (t0)", "bnez t2, 3f",
    "li t3, 0x200bff8", "lw t4, (t3)", "li t5, 2000000", "1: lw t6, (t3)", "sub t6, t6, t4", "bltu t6, t5, 1b",
    "lw t2, (t0)", "addi t2, t2, '0'", "la t0, number", "sb t2, (t0)", "la t0, said", "li t3, 0x10000000",
    "2: lbu t2, (t0)", "beqz t2, 3f", "sb t2, (t3)", "addi t0, t0, 1", "j 2b", "3: wfi", "j 3b",
    ".section .data.said", "said: .ascii \\"harts: \\"", "number: .asciz \\"?\\\\n\\"",
    ".section .bss.entered, \\"aw\\", @nobits", ".balign 4", "entered: .space 4",
);
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}
"""
CARGO_TOML = """[package]
name = "reader"
version = "0.1.0"
authors = ["A Reader <reader@example.org>"]
edition = "{edition}"

[dependencies]

[profile.dev]
panic = "abort"

[profile.release]
panic = "abort"
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of this checkout with its small kernels, and what `scons test` wants."""
    copied = copy_checkout(tmp_path_factory.mktemp("boards") / "a checkout")
    shutil.copytree(HOME / "tests" / "kernels", copied.path / "tests" / "kernels", dirs_exist_ok=True)
    shutil.copy2(HOME / "conftest.py", copied.path)
    return copied


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """The kernels of boards in a place where a test may change them."""
    for name in ("boards", *BOARDS.values()):
        shutil.copytree(HOME / "tests" / "kernels" / name, tmp_path / name)
    return tmp_path


def write_reader(directory: Path, edition: str) -> Path:
    """Writes the package of a reader of the book's first chapters, as the book has it for the edition."""
    (directory / "src").mkdir(parents=True)
    (directory / "Cargo.toml").write_text(CARGO_TOML.format(edition=edition))
    attribute = "#[unsafe(no_mangle)]" if edition == "2024" else "#[no_mangle]"
    (directory / "src" / "main.rs").write_text(IDLE.replace("#[no_mangle]", attribute))
    return directory


def symbol(elf: Path, name: str) -> tuple[int, int]:
    """Returns a symbol's address, without the bit that says Thumb, and its size."""
    with elf.open("rb") as stream:
        table: Any = ELFFile(stream).get_section_by_name(".symtab")
        found = table.get_symbol_by_name(name)[0]
        return found["st_value"] & ~1, found["st_size"]


@pytest.mark.parametrize("target", [*ALL_BOARDS, "x86_64-unknown-none", "x86_64-old.json"])
def test_it_boots_to_hello_world_and_a_null_build_executes_nothing(checkout: Checkout, target: str) -> None:
    if target.endswith(".json"):
        shutil.copy2(HOME / "tests" / "kernels" / "specs" / "2021.json", checkout.path / target)
    run = checkout.scons("run", "--headless", f"TARGET={target}")
    assert run.status == 0, run.output
    assert re.search(r"^Hello World!\r?$", run.output, re.MULTILINE), run.output
    assert target not in ALL_BOARDS or "1.5 * 2.5 = 3.75" in run.output, run.output
    assert checkout.build(f"TARGET={target}") == []
    again = checkout.scons("run", "--headless", f"TARGET={target}")
    assert (again.status, again.steps) == (0, []), again.output


@pytest.mark.parametrize("target", [target for target in ALL_BOARDS if target.startswith("riscv")])
def test_of_two_harts_one_begins(checkout: Checkout, tmp_path: Path, target: str) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    (package / "src" / "main.rs").write_text(COUNTS_HARTS)
    words = (f"TARGET={target}", f"KERNEL={package}", "QEMUFLAGS=-smp 2", "TIMEOUT=1")
    run = checkout.scons("run", "--headless", *words)
    assert "\nharts: 1\n" in run.output.replace("\r", ""), run.output


@pytest.mark.parametrize(("target", "name"), ALL_BOARDS.items())
def test_its_tests_pass_alone_and_optimised_too(checkout: Checkout, target: str, name: str) -> None:
    run = checkout.scons("test", f"TARGET={target}", "VARIANT=all")
    assert run.status == 0 and "4 passed" in run.output, run.output
    assert sorted(re.findall(rf"^passed .* kernel/{name}/([\w:]+)$", run.output, re.MULTILINE)) == sorted(2 * OWN_TESTS)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2.5), 3.75", "2.5), 4.0", "assertion `left == right` failed"),
        (IN_A_TEST, f"while product(1.0, 1.0) == 1.0 {{}}\n{IN_A_TEST}", "still running at TIMEOUT=2"),
        (RUNS, "    board::exit(0)\n", "the kernel ended with the success code 0"),
        (RUNS, "    board::exit(9)\n", "the kernel ended with code 9; success is 0"),
        (IN_A_TEST, f"unsafe {{ (0xf000_0000_usize as *mut u32).write_volatile(1) }};\n{IN_A_TEST}",
         "the kernel died of an exception that it has no handler for"),
    ],
    ids=["failing", "hanging", "silent", "leaving", "dying"],
)  # fmt: skip
@pytest.mark.parametrize(("target", "name"), BOARDS.items())
def test_a_test_that_goes_wrong_fails(
    checkout: Checkout, kernels: Path, target: str, name: str, old: str, new: str, told: str
) -> None:
    source = kernels / "boards" / "hello.rs"
    text = source.read_text()
    assert text.count(old) == 1
    source.write_text(text.replace(old, new))
    run = checkout.scons("test", f"TARGET={target}", f"KERNEL={kernels / name}", "TIMEOUT=2")
    assert run.status == 1 and told in run.output, run.output
    # Of a program that began no test the first is told, and which that is the linker says.
    failed = re.findall(rf"^FAILED (kernel/{name}/\S+)$", run.output, re.MULTILINE)
    assert failed == [f"kernel/{name}/{TESTED}"] or (old == RUNS and len(failed) == 1), run.output


@pytest.mark.parametrize("variant", ["debug", "release"])
@pytest.mark.parametrize("edition", ["2018", "2021", "2024"])
def test_a_readers_unedited_crate_runs_on_a_cortex_m(
    checkout: Checkout, tmp_path: Path, edition: str, variant: str
) -> None:
    package = write_reader(tmp_path / "reader", edition)
    words = (f"TARGET={CORTEX_M}", f"KERNEL={package}", f"VARIANT={variant}")
    run = checkout.scons("run", "--headless", "TIMEOUT=1", *words)
    elf = checkout.path / "build" / variant / "reader.elf"
    address, size = symbol(elf, "_start")
    with elf.open("rb") as stream:
        image = ELFFile(stream)
        first = min(image.iter_segments("PT_LOAD"), key=lambda segment: int(segment["p_paddr"]))
        assert first["p_paddr"] == 0
        table = struct.unpack("<16I", first.data()[:64])
    assert table == (STACK_TOP, address | 1, *[UNSET] * 14)
    still = re.search(r"still running at TIMEOUT=1, PC=0x([0-9a-f]+)", run.output)
    assert run.status == 0 and still, run.output
    assert address <= int(still[1], 16) < address + size


@pytest.mark.parametrize("target", [target for target in BOARDS if target != CORTEX_M])
def test_elsewhere_a_readers_crate_is_given_a_stack_and_floating_point(
    checkout: Checkout, tmp_path: Path, target: str
) -> None:
    package = write_reader(tmp_path / "reader", "2024")
    main = package / "src" / "main.rs"
    text = main.read_text().replace("{\n    loop {}", f"{{\n{ON_THE_STACK}    loop {{}}", 2)
    assert text.count(ON_THE_STACK) == 2
    main.write_text(text)
    run = checkout.scons("run", "--headless", "TIMEOUT=1", f"TARGET={target}", f"KERNEL={package}")
    address, size = symbol(checkout.path / "build" / "debug" / "reader.elf", "_start")
    still = re.search(r"still running at TIMEOUT=1, PC=0x([0-9a-f]+)", run.output)
    assert run.status == 0 and still and address <= int(still[1], 16) < address + size, run.output


def test_a_kernel_that_dies_is_told_with_cause_and_line(checkout: Checkout, tmp_path: Path) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    main = package / "src" / "main.rs"
    main.write_text(
        main.read_text().replace("    loop {}", "    unsafe { *(0xf000_0000_usize as *mut u32) = 1 };\n    loop {}")
    )
    line = main.read_text()[: main.read_text().rindex("0xf000")].count("\n") + 1
    for target in BOARDS:
        run = checkout.scons("run", "--headless", f"TARGET={target}", f"KERNEL={package}")
        assert run.status == 3, run.output
        assert "no handler for: " in run.output and "about the address 0xf0000000" in run.output, run.output
        assert f"fault: no memory in _start, src/main.rs:{line}\n" in run.output, run.output
        assert "Traceback" not in run.output


@pytest.mark.parametrize("dwarf", [4, 5])
@pytest.mark.parametrize("target", BOARDS)
def test_a_kernel_that_panics_or_hangs_is_told_with_function_file_and_line(
    checkout: Checkout, tmp_path: Path, target: str, dwarf: int
) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    main = package / "src" / "main.rs"
    hangs = main.read_text() + LEFT_OUT
    panics = "    if core::hint::black_box(true) {\n        panic!();\n    }\n    loop {}".join(
        hangs.rsplit("    loop {}", 1)
    )
    words = ("run", "--headless", "TIMEOUT=1", f"TARGET={target}", f"KERNEL={package}")
    for text in (hangs, panics):
        main.write_text(text)
        line = text[: text.index("panic!()") if text is panics else text.rindex("loop {}")].count("\n") + 1
        run = checkout.scons(*words, f"RUSTFLAGS=-C dwarf-version={dwarf}")
        end = r"(?:still running at TIMEOUT=1|comes no further), PC=0x\w+\n"
        told = rf"{end}fault: panic in _start, " if text is panics else rf"{end}  where    _start, "
        assert re.search(rf"{told}src/main\.rs:{line}\n", run.output), run.output
        assert run.status == (6 if text is panics else 0)


@pytest.mark.parametrize("target", BOARDS)
def test_without_debug_information_the_function_is_told(checkout: Checkout, tmp_path: Path, target: str) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    words = ("run", "--headless", "TIMEOUT=1", "VARIANT=release", f"TARGET={target}", f"KERNEL={package}")
    run = checkout.scons(*words)
    assert run.status == 0 and run.output.endswith("\n  where    _start, no line is known\n"), run.output


@pytest.mark.parametrize("begins", ["JUMP .", "JUMP _start + 8"], ids=["at its first instruction", "behind data"])
@pytest.mark.parametrize("target", BOARDS)
def test_a_function_in_assembly_is_told(checkout: Checkout, tmp_path: Path, target: str, begins: str) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    jump = "j" if target.startswith("riscv") else "b"
    source = IN_ASSEMBLY.replace("JUMP _start + 8", begins).replace("JUMP", jump)
    (package / "src" / "main.rs").write_text(source)
    run = checkout.scons("run", "--headless", "TIMEOUT=1", f"TARGET={target}", f"KERNEL={package}")
    assert run.status == 0 and run.output.endswith("\n  where    _start, no line is known\n"), run.output


def test_without_a_start_symbol_the_link_says_what_is_missing(checkout: Checkout, tmp_path: Path) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    main = package / "src" / "main.rs"
    main.write_text(main.read_text().replace("#[no_mangle]\n", ""))
    for target in BOARDS:
        output = checkout.refuse(f"TARGET={target}", f"KERNEL={package}")
        assert "error: there is no symbol `_start`: it takes #[unsafe(no_mangle)]" in output, output


def test_the_persons_own_linker_script_replaces_ours(checkout: Checkout, tmp_path: Path) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    own = tmp_path / "own.ld"
    ours = (HOME / "linker" / "thumbv7em.ld").read_text()
    own.write_text(ours.replace("0x20000000, LENGTH = 4M", "0x20000000, LENGTH = 2M"))
    assert own.read_text() != ours
    checkout.build(f"TARGET={CORTEX_M}", f"KERNEL={package}", f"LDSCRIPT={own}")
    with (checkout.path / "build" / "debug" / "reader.elf").open("rb") as stream:
        section: Any = ELFFile(stream).get_section_by_name(".vectors")
        vectors = section.data()
    assert struct.unpack_from("<I", vectors) == (STACK_TOP - (2 << 20),)


def test_an_edited_script_links_again_what_it_is_for_and_nothing_else(checkout: Checkout) -> None:
    before = checkout.path / "linker" / "riscv64.ld"
    text = before.read_text()
    for target in BOARDS:
        checkout.build(f"TARGET={target}")
    before.write_text(text.replace("+= 1M", "+= 2M"))
    try:
        steps = {target: checkout.build(f"TARGET={target}") for target in BOARDS}
    finally:
        before.write_text(text)
    assert [target for target in BOARDS if steps[target]] == ["riscv64gc-unknown-none-elf"]
    assert steps["riscv64gc-unknown-none-elf"] == ["rustc hello-riscv64.elf hello-riscv64.map"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("screenshot",), "mps2-an386, which runs hello-arm, has no screen"),
        (("screenshot",), f"`scons run --headless TARGET={CORTEX_M}` shows what its serial port says"),
        (("usb", "DEV=none"), "mps2-an386, which runs hello-arm, starts from an ELF; there is no disk to write"),
        (("run", "--fast"), "--fast is for x86-64 kernels: mps2-an386 has one way in"),
        (("test", "--full"), "--full is for x86-64 kernels: mps2-an386 has one way in"),
        (("run", "--headless", "MEMORY=64M"), "MEMORY=64M: mps2-an386 has 16M, always"),
    ],
    ids=["screenshot", "screenshot-hint", "usb", "fast", "full", "memory"],
)
def test_what_a_board_does_not_do_is_a_sentence(checkout: Checkout, words: tuple[str, ...], told: str) -> None:
    assert told in checkout.refuse(*words, f"TARGET={CORTEX_M}")


def test_a_kernel_without_tests_is_told_so(checkout: Checkout, tmp_path: Path) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    run = checkout.scons("test", f"TARGET={CORTEX_M}", f"KERNEL={package}")
    assert run.status == 1 and "reader has no tests" in run.output and "no tests ran" not in run.output, run.output


def test_a_target_without_a_board_is_told_which_have_one(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    assert "there is no example kernel for it" in checkout.refuse("run", "TARGET=thumbv8m.main-none-eabi")
    package = write_reader(tmp_path / "reader", "2021")
    output = checkout.refuse("run", "TARGET=thumbv8m.main-none-eabi", f"KERNEL={package}")
    assert "there is no machine for thumbv8m.main-none-eabi; there is one for x86_64 (pc), thumbv7em" in output
    assert not (checkout.path / "build" / "debug").exists()  # no core was compiled to say so
    assert "there is no machine for" in checkout.refuse("test", "TARGET=thumbv8m.main-none-eabi", f"KERNEL={package}")


def test_without_the_emulator_the_cure_is_named(checkout: Checkout, tmp_path: Path) -> None:
    checkout.build(f"TARGET={CORTEX_M}")
    output = checkout.scons("run", f"TARGET={CORTEX_M}", environment={"PATH": str(tmp_path)})
    assert output.status == 5 and "qemu-system-arm is not on PATH\n  hint: " in output.output, output.output


# As kernels for RISC-V mostly are: linked behind OpenSBI, which they call, by a script that the configuration names.
BEHIND_FIRMWARE = """#![no_std]
#![no_main]
core::arch::global_asm!(
    ".section .text.entry", ".globl _start", "_start: la sp, stack_top", "call rust_main",
    ".section .bss.stack", ".space 65536", "stack_top:",
);
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[no_mangle]
extern "C" fn rust_main() -> ! {
    for byte in b"Hello from S-mode\\n" {
        unsafe { core::arch::asm!("ecall", inlateout("a0") *byte as usize => _, inlateout("a1") 0usize => _,
                                  in("a6") 0usize, in("a7") 1usize) };
    }
    loop {}
}
"""
BEHIND_SCRIPT = """OUTPUT_ARCH(riscv)
ENTRY(_start)
SECTIONS {
    . = 0x80200000;
    .text : { *(.text.entry) *(.text .text.*) }
    .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
    .data : { *(.data .data.* .sdata .sdata.*) }
    .bss : { *(.bss.stack) *(.bss .bss.* .sbss .sbss.*) }
    /DISCARD/ : { *(.eh_frame) }
}
"""


def test_a_kernel_that_is_linked_behind_qemus_firmware_is_started_by_it(checkout: Checkout, tmp_path: Path) -> None:
    package = write_reader(tmp_path / "reader", "2021")
    (package / "src" / "main.rs").write_text(BEHIND_FIRMWARE)
    (package / "src" / "linker.ld").write_text(BEHIND_SCRIPT)
    (package / ".cargo").mkdir()
    flags = '[target.riscv64gc-unknown-none-elf]\nrustflags = ["-Clink-arg=-Tsrc/linker.ld"]\n'
    (package / ".cargo" / "config.toml").write_text(f'[build]\ntarget = "riscv64gc-unknown-none-elf"\n{flags}')
    run = checkout.scons("run", "--headless", "TIMEOUT=5", f"KERNEL={package}")
    assert run.status == 0 and "\nHello from S-mode\n" in run.output.replace("\r", ""), run.output
