"""The table of boards, the arguments that make one, and what of QEMU's log says why a kernel died."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.faults.board_catalogue import find_death
from bootwright.faults.board_log import FPU_TRAP, Cause, find_cause
from bootwright.machine import verdict
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.boards import BOARDS, EMULATORS, PC, Board, board_named, board_of, find_board, no_machine
from bootwright.machine.config import MachineConfig
from bootwright.machine.qemu import find_qemu
from bootwright.machine.verdict import Kind
from bootwright.rust.targets import Target

HOME = Path(__file__).parents[3]
OTHERS = [board for board in BOARDS if board is not PC]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_what_a_row_names_is_there(board: Board) -> None:
    assert [other for other in BOARDS if set(other.words) & set(board.words)] == [board]
    assert {EMULATORS[word] for word in board.words} == {board.qemu}
    assert (HOME / board.example / "Cargo.toml").is_file()
    assert board.is_pc or (HOME / "linker" / board.script).is_file()
    assert board_named(board.name) is board


@pytest.mark.parametrize(
    ("triple", "name"),
    [
        ("thumbv7em-none-eabihf", "mps2-an386"),
        ("thumbv7em-none-eabi", "mps2-an386"),
        ("thumbv7m-none-eabi", "mps2-an385"),
        ("thumbv6m-none-eabi", "microbit"),
        ("riscv64gc-unknown-none-elf", "riscv64-virt"),
        ("riscv32imac-unknown-none-elf", "riscv32-virt"),
        ("riscv32imc-unknown-none-elf", "riscv32-virt"),
        ("aarch64-unknown-none-softfloat", "aarch64-virt"),
        ("x86_64-unknown-none", "pc"),
    ],
)
def test_a_triple_has_its_board(triple: str, name: str) -> None:
    board = board_of(Target(triple))
    assert board is not None and board.name == name


@pytest.mark.parametrize("triple", ["thumbv8m.base-none-eabi", "msp430-none-elf", "aarch64_be-unknown-none"])
def test_a_target_without_a_board_is_told_which_have_one(triple: str) -> None:
    assert board_of(Target(triple)) is None
    sentence = no_machine(triple)
    assert triple in sentence and all(board.name in sentence for board in BOARDS) and "\n" not in sentence


def test_what_runs_under_a_system_has_no_board() -> None:
    assert find_board("aarch64-apple-darwin") is not None  # so it is the target that says so
    assert board_of(Target("aarch64-apple-darwin")) is None
    assert board_of(Target("x86_64-unknown-linux-gnu")) is None


@pytest.mark.parametrize(
    ("llvm_target", "arch", "name"),
    [
        ("thumbv7em-none-eabihf", "arm", "mps2-an386"),
        ("riscv64", "riscv64", "riscv64-virt"),
        ("arm64-none", "aarch64", "aarch64-virt"),
        ("x86_64-unknown-none", "x86_64", "pc"),
    ],
)
def test_a_specification_gets_the_board_of_its_architecture(
    tmp_path: Path, llvm_target: str, arch: str, name: str
) -> None:
    spec = tmp_path / "mine.json"
    spec.write_text(json.dumps({"llvm-target": llvm_target, "arch": arch, "target-pointer-width": 64}))
    board = board_of(Target("mine", spec))
    assert board is not None and board.name == name


@pytest.mark.parametrize("board", OTHERS, ids=lambda board: board.name)
def test_a_board_starts_from_the_elf_and_is_always_emulated(board: Board) -> None:
    config = MachineConfig(Path("/b/hello.elf"), board=board.name, accelerator="kvm", memory=board.memory or "64M")
    words = machine_arguments(config, "gtk")
    assert words[words.index("-kernel") + 1] == "/b/hello.elf"
    assert words[words.index("-accel") + 1] == "tcg" and words[words.index("-display") + 1] == "none"
    assert ("-m" in words) == (not board.memory)
    assert words[words.index("-action") + 1] == "reboot=shutdown,shutdown=poweroff"
    assert not {"-drive", "-vga", "-device"} & set(words)


@pytest.mark.parametrize(
    ("board", "flags", "kept"),
    [
        ("aarch64-virt", ("-machine", "virt,gic-version=3"), ["virt", "cortex-a57", "128M"]),
        ("aarch64-virt", ("-machine", "gic-version=3"), ["virt", "cortex-a57", "128M"]),
        ("aarch64-virt", ("-M", "raspi3b"), []),
        ("mps2-an385", ("-machine", "type=lm3s6965evb"), []),
        ("mps2-an385", (), ["mps2-an385"]),
    ],
)
def test_another_machine_than_the_boards_has_its_own_processor_and_memory(
    board: str, flags: tuple[str, ...], kept: list[str]
) -> None:
    words = machine_arguments(MachineConfig(Path("/b/hello.elf"), board=board, qemu_flags=flags), None)
    ours = words[: len(words) - len(flags)]
    found = [ours[ours.index(name) + 1] for name in ("-machine", "-cpu", "-m") if name in ours]
    assert found == kept
    assert words[len(ours) :] == list(flags)
    assert "-semihosting-config" in ours


def test_memory_that_is_asked_for_goes_to_another_machine_too() -> None:
    flags = ("-machine", "netduino2")
    config = MachineConfig(Path("/b/hello.elf"), board="mps2-an386", memory="64M", qemu_flags=flags)
    words = machine_arguments(config, None)
    assert words[words.index("-m") + 1] == "64M"


def test_a_board_whose_memory_is_fixed_refuses_another_size() -> None:
    config = MachineConfig(Path("/b/hello.elf"), board="mps2-an386", memory="64M")
    with pytest.raises(BootwrightError, match="MEMORY=64M: mps2-an386 has 16M"):
        machine_arguments(config, None)


@pytest.mark.parametrize("board", OTHERS, ids=lambda board: board.name)
def test_a_missing_emulator_is_named_with_its_cure(board: Board, tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match=f"{board.qemu} is not on PATH") as caught:
        find_qemu(None, {"PATH": str(tmp_path)}, board.qemu)
    assert caught.value.status == Status.QEMU_NOT_STARTED and "QEMU=path" in caught.value.hint


RISCV_LOG = """riscv_cpu_do_interrupt: hart:0, async:1, cause:7, epc:0x0000000080000010, tval:0x0, desc=m_timer
riscv_cpu_do_interrupt: hart:0, async:0, cause:7, epc:0x0000000080000054, tval:0x00000000f0000000, desc=fault_store
riscv_cpu_do_interrupt: hart:0, async:0, cause:1, epc:0x0000000000000000, tval:0x0000000000000000, desc=fault_fetch
riscv_cpu_do_interrupt: hart:0, async:0, cause:1, epc:0x0000000000000000, tval:0x0000000000000000, desc=fault_fetch
"""
AARCH64_LOG = """Taking exception 4 [Data Abort] on CPU 0
...from EL1 to EL1
...with ESR 0x25/0x96000050
...with FAR 0xf0000000
...with ELR 0x40200080
...to EL1 PC 0x200 PSTATE 0x3c5
Taking exception 1 [Undefined Instruction] on CPU 0
...from EL1 to EL1
...with ESR 0x0/0x2000000
...with ELR 0x200
...to EL1 PC 0x200 PSTATE 0x3c5
"""
CORTEX_M_LOG = """Loaded reset SP 0x20400000 PC 0x11d from vector table
Taking exception 4 [Data Abort] on CPU 0
...at fault address 0xf0000000
...with CFSR.PRECISERR and BFAR 0xf0000000
...taking pending nonsecure exception 3
Taking exception 18 [v7M INVSTATE UsageFault] on CPU 0
"""


# The vector leads to the script's endless loop: it was this one, and no other came of it.
HANDLED_LOG = """Taking exception 4 [Data Abort] on CPU 0
...taking pending nonsecure exception 3
Taking exception 18 [v7M INVSTATE UsageFault] on CPU 0
...taking pending nonsecure exception 3
...loading from element 3 of non-secure vector table at 0xc
...loaded new PC 0x41
"""
NO_VECTORS_LOG = """Taking exception 1 [Undefined Instruction] on CPU 0
...from EL1 to EL1
...with ESR 0x7/0x1fe00000
...with ELR 0x40200090
...to EL1 PC 0x200 PSTATE 0x3c5
"""
NULL_JUMP_LOG = """CPU Reset (CPU 0)
riscv_cpu_do_interrupt: hart:0, async:0, cause:1, epc:0x0000000000000000, tval:0x0000000000000000, desc=fault_fetch
riscv_cpu_do_interrupt: hart:0, async:0, cause:1, epc:0x0000000000000000, tval:0x0000000000000000, desc=fault_fetch
"""
NO_FPU_LOG = """Taking exception 17 [v7M NOCP UsageFault] on CPU 0
...taking pending nonsecure exception 3
Taking exception 18 [v7M INVSTATE UsageFault] on CPU 0
"""
ILLEGAL_LOG = (
    "riscv_cpu_do_interrupt: hart:0, async:0, cause:2, epc:0x80000104, tval:0xf0050553, desc=illegal_instruction\n"
)


@pytest.mark.parametrize(
    ("log", "name", "words"),
    [
        (RISCV_LOG, "riscv64-virt", "fault store at PC=0x80000054, about the address 0xf0000000"),
        (AARCH64_LOG, "aarch64-virt", "Data Abort at PC=0x40200080, about the address 0xf0000000"),
        (CORTEX_M_LOG, "mps2-an386", "Data Abort, about the address 0xf0000000"),
        (NO_FPU_LOG, "mps2-an386", "v7M NOCP UsageFault: the FPU is off"),
        (ILLEGAL_LOG, "riscv64-virt", "illegal instruction at PC=0x80000104"),
        (HANDLED_LOG, "mps2-an386", "v7M INVSTATE UsageFault"),
        (NO_VECTORS_LOG, "aarch64-virt", "Undefined Instruction, trapped at PC=0x40200090: the FPU is off"),
        (NULL_JUMP_LOG, "riscv64-virt", "fault fetch at PC=0x0, about the address 0x0"),
    ],
)
def test_the_exception_that_began_it_is_told_and_not_those_that_followed(log: str, name: str, words: str) -> None:
    cause = find_cause(log, board_named(name).unset)
    assert cause is not None and cause.words == words


@pytest.mark.parametrize(
    ("name", "pc", "address", "fault"),
    [
        ("fault_store", 0x80000054, 0xF0000000, "no memory"),
        ("load_page_fault", 0x80000054, 0x10, "null pointer"),
        ("fault_fetch", 0x10, 0x10, "null function"),
        ("Prefetch Abort", 0xF0000000, 0xF0000000, "wild jump"),
        ("v7M INVSTATE UsageFault", None, None, "wild jump"),
        ("v7M NOCP UsageFault", None, None, "FPU is off"),
        (FPU_TRAP, 0x40200090, None, "FPU is off"),
        ("Undefined Instruction", None, None, "illegal instruction"),
        ("Undefined Instruction", 0, None, "null function"),
        ("machine_ecall", 0x80000000, None, "trap without handler"),
        ("m_timer", 0x80000000, None, "interrupt without handler"),
        ("misaligned_load", 0x80000000, 0x80000001, "misaligned"),
        ("something new", None, None, "exception"),
    ],
)
def test_an_exception_has_its_entry_of_the_catalogue(
    name: str, pc: int | None, address: int | None, fault: str
) -> None:
    assert find_death(Cause(name, pc, address)).name == fault


def test_a_log_that_tells_nothing_makes_no_cause() -> None:
    assert find_cause("", range(4)) is None
    assert find_cause(RISCV_LOG.split("\n", 2)[2], range(4)) is None  # the beginning was lost


def test_a_death_is_a_reset_to_who_asks_for_the_status() -> None:
    end = verdict.died("fault store", 0x80000054)
    assert (end.kind, end.status) == (Kind.DIED, Status.GUEST_RESET)
    assert end.sentence.endswith("no handler for: fault store")
    assert verdict.died("", None).sentence.endswith("no handler for")


@pytest.mark.parametrize(
    "dump",
    ["R12=00000000 R13=203fffa8 R14=fffffff9 R15=0000011c", " PC=000000000000011c X00=0", " pc       000000000000011c"],
    ids=["arm", "aarch64", "riscv"],
)
def test_the_program_counter_is_read_in_each_architectures_words(dump: str) -> None:
    [registers] = verdict.parse_program_counters(f"CPU#0\n{dump}\n")
    assert registers.rip == 0x11C
    assert verdict.still_running(2, registers).sentence.endswith("TIMEOUT=2, PC=0x11c")


def test_a_cortex_m_handles_an_exception_or_not() -> None:
    words = "CPU#0\nR12=00000000 R13=203fffa8 R14=fffffff9 R15=00000040\nXPSR={}1000003 --C- T handler\n"
    assert [verdict.parse_program_counters(words.format(n))[0].in_handler for n in "02"] == [True, True]
    [idle] = verdict.parse_program_counters(words.format(0).replace("003 ", "000 "))
    assert (idle.rip, idle.in_handler) == (0x40, False)  # code of a kernel with a table of its own may lie there


SPARC = """    Board(
        "leon3_generic", ("sparc",),
        Emulator("qemu-system-sparc", "qemu-system-sparc", "qemu-system-sparc", "qemu-extra"),
        ("-machine", "leon3_generic"), "sparc.ld", "tests/kernels/hello-sparc", "an APBUART at 0x80000100", "none",
        arch="sparc",
    ),
"""
WALK = """
from pathlib import Path
from bootwright.graph.help_text import help_text
from bootwright.machine.boards import find_board, no_machine
from bootwright.setup import abilities, apt, needs, packagers
from bootwright.setup.programs import PROGRAMS, System
words = needs.needed_programs(["run", "TARGET=sparc-unknown-none-elf"])
print(find_board("sparc-unknown-none-elf").name, "qemu-system-sparc" in words, "qemu-system-x86_64" in words)
of_the_example = abilities.needed_for("run", HOME, HOME, "")
print("qemu-system-sparc" in needs.needed_programs(["test"]), "qemu-system-sparc" in of_the_example)
print(PROGRAMS["qemu-system-sparc"].purpose, apt.SIMPLE["qemu-system-sparc"], sep="; ")
print(packagers.command(["qemu-system-sparc"], System.DNF))
print("leon3_generic" in help_text(Path(HOME)), "sparc (leon3_generic)" in no_machine("m68k-none"))
"""


def with_a_board(site: Path) -> None:
    """Adds the row of a machine that nobody has here to a copy of site_scons."""
    table = site / "bootwright" / "machine" / "boards.py"
    text = table.read_text()
    table.write_text(text.replace("BOARDS = (\n    PC,\n", f"BOARDS = (\n    PC,\n{SPARC}"))


def test_a_board_is_one_row(tmp_path: Path) -> None:
    shutil.copytree(HOME / "site_scons", tmp_path / "site_scons", ignore=shutil.ignore_patterns("__pycache__"))
    with_a_board(tmp_path / "site_scons")
    said = subprocess.run(
        [sys.executable, "-c", f"HOME = {str(HOME)!r}\n{WALK}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site_scons")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout.splitlines() == [
        "leon3_generic True False",
        "True False",
        "is the board that runs a kernel for sparc; qemu-system-sparc",
        "sudo dnf install qemu-system-sparc",
        "True True",
    ], said.stderr


def test_sconsw_reads_the_boards_without_what_is_dear_to_import() -> None:
    program = "import sys; from bootwright.machine import boards; print(*sorted(sys.modules))"
    argv = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(HOME / 'site_scons')!r}); {program}",
    ]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert not {"dataclasses", "typing", "pathlib", "re"} & set(loaded)
