"""Kernels that die, each in another way: what the report says about them, wherever their text stands."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile
from tests.boot.kernels import SMALL_KERNELS, Built, Workshop
from tests.boot.sectors import SPIN, Sector, child_that_runs

from bootwright.base.errors import Status
from bootwright.elf.demangle import demangle
from bootwright.elf.lines import read_sequences
from bootwright.elf.symbols import read_symbols
from bootwright.elf.units import find_functions
from bootwright.faults.catalogue import CATALOGUE
from bootwright.faults.subject import Subject
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.explained import run_and_report
from bootwright.testing.boot import run_test_program
from bootwright.testing.judge import Outcome

FAULTS = SMALL_KERNELS / "faults"
BEHIND = ("--cfg", "behind_two_calls")
MARK = "// FAULT"
INSERTED = 37


@dataclass(frozen=True)
class Dead:
    """A kernel that ended: its verdict, its report and that report's lines by their keywords, and its source."""

    verdict: Verdict
    report: str
    source: Path
    picture: Path

    def said(self, keyword: str) -> list[str]:
        """Returns what the report says under a keyword."""
        found: list[str] = []
        current = ""
        for line in self.report.splitlines()[1:]:
            current = line[2:10].strip() or current
            if current == keyword:
                found.append(line[11:])
        return found

    @property
    def title(self) -> str:
        """Returns the name of the fault, without the place."""
        return self.report.splitlines()[0].removeprefix("fault: ").partition(" in ")[0]

    def expect(self, name: str, crate: str) -> None:
        """Fails unless the report names the fault, and the function, file and one of the lines that are marked."""
        assert self.title == name, self.report
        where = re.fullmatch(r"(\S+), (.+):(\d+)", self.said("where")[0])
        assert where, self.report
        function = "recurse" if name == "stack overflow" else "cause"
        assert (where[1], where[2]) == (f"{crate}::{function}", str(self.source)), self.report
        text = self.source.read_text().splitlines()
        marked = {number for number, line in enumerate(text, 1) if MARK in line}
        # A statement's DWARF line is its first, the mark stands in its last.
        statement = int(where[3])
        while MARK not in text[statement - 1] and not text[statement - 1].endswith(";"):
            statement += 1
        assert statement in marked, self.report


def kill(
    workshop: Workshop, source: Path, *flags: str, qemu_flags: tuple[str, ...] = (), firmware: str = "bios"
) -> Dead:
    built = workshop.build(source, tests=False, flags=flags)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=2.5, qemu_flags=qemu_flags, firmware=firmware)
    verdict, report = run_and_report(config, subject, io.StringIO(), io.StringIO(), in_test=True)
    return Dead(verdict, report, source, subject.picture)


def moved(source: Path, directory: Path) -> Path:
    """Returns a copy of source under another crate's name, with lines before it."""
    copy = directory / f"moved_{source.stem}.rs"
    copy.write_text("// Nothing.\n" * INSERTED + source.read_text())
    for shared in FAULTS.glob("*.inc"):
        (directory / shared.name).write_text(shared.read_text())
    return copy


@pytest.mark.parametrize("name", [fault.name for fault in CATALOGUE])
def test_the_report_names_cause_function_file_and_line(workshop: Workshop, name: str, tmp_path: Path) -> None:
    source = FAULTS / f"{next(fault for fault in CATALOGUE if fault.name == name).kernel}.rs"
    kill(workshop, source).expect(name, source.stem)
    other = moved(source, tmp_path)
    dead = kill(workshop, other, *BEHIND)
    dead.expect(name, other.stem)
    chain = " ".join(dead.said("calls"))
    known = rf"{other.stem}::inner,.*{other.stem}::outer,.*_start," if name != "kernel not mapped" else "not known"
    assert re.search(known, chain), dead.report  # where nothing is mapped the stack is not either
    assert dead.said("serial")[0] == "before the fault"
    assert dead.said("screen") == [str(dead.picture)] and dead.picture.stat().st_size > 500


def test_a_page_fault_tells_vector_error_code_cr2_and_its_mapping(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "write_to_read_only.rs")
    assert dead.said("what") == ["page fault (vector 14, error code 0x3): a write to a page that forbids it"]
    (address,) = dead.said("address")
    assert re.fullmatch(r"CR2=0x20\w+: mapped to physical 0x\w+, read, page of 4 KiB", address)
    assert re.search(r"RIP=0x20\w+ RSP=0x\w+ ", dead.said("state")[0])
    assert dead.said("where")[1].endswith("unsafe { letter.write_volatile(b'J') } // FAULT")


def test_of_two_candidates_the_one_that_killed_it_is_named_and_the_other_told(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "two_candidates.rs")
    dead.expect("null pointer", "two_candidates")
    (before,) = dead.said("before")
    assert before.startswith("page fault (14, error code 0x2) in two_candidates::survives, ")


@pytest.mark.parametrize(
    ("how", "ending"), [("panics", "panicked"), ("halts", "halted"), ("loops", "does not come back")]
)
def test_of_an_exception_that_a_handler_got_the_cause_is_told_and_how_the_handler_ended(
    workshop: Workshop, how: str, ending: str
) -> None:
    dead = kill(workshop, FAULTS / "handled.rs", "--cfg", how, *BEHIND)
    dead.expect("null pointer", "handled")
    assert dead.report.splitlines()[0].endswith(f"; the kernel's handler {ending}")
    assert dead.said("what") == [
        "page fault (vector 14, error code 0x0): a read from a page that is not mapped, at 0x8 (null)"
    ]
    assert dead.said("address")[0].startswith("CR2=0x8: not mapped")
    assert dead.said("handler")[0].startswith("handled::handler, " if how != "halts" else "hello::cpu::")
    assert dead.said("message") == (["a page fault"] if how == "panics" else [])
    chain = " ".join(dead.said("calls"))
    assert re.search(r"handled::cause,.*handled::inner,.*handled::outer,.*_start,", chain), dead.report
    assert dead.verdict.status == Status.GUEST_DIED


def test_of_a_jump_into_nowhere_that_a_handler_got_the_cause_is_told(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "handled.rs", "--cfg", "halts", "--cfg", "jumps", *BEHIND)
    dead.expect("wild jump", "handled")
    assert dead.report.splitlines()[0].endswith("; the kernel's handler halted")
    assert dead.said("address")[0].startswith("CR2=0x44440000: not mapped")
    chain = " ".join(dead.said("calls"))
    assert re.search(r"0x44440000 no function.*handled::cause,.*handled::inner,.*_start,", chain), dead.report


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        ("panic", (), "fault: panic in panic::cause, "),
        ("silent_panic", (), "fault: panic in silent_panic::cause, "),
        ("hang", (), "fault: hang in hang::cause, "),
        ("deadlock", (), "fault: deadlock in deadlock::cause, "),
        ("handled", ("--cfg", "halts"), "fault: null pointer in handled::cause, "),
        ("halt", (), ""),
    ],
)
def test_a_run_returns_6_for_a_guest_that_is_called_dead_and_0_for_one_that_halts(
    workshop: Workshop, name: str, flags: tuple[str, ...], said: str
) -> None:
    built = workshop.build(FAULTS / f"{name}.rs", tests=False, flags=flags)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=4)
    verdict, report = run_and_report(config, subject, io.StringIO(), io.StringIO())
    assert report.startswith(said) and bool(report) == bool(said)
    assert verdict.status == (Status.GUEST_DIED if said else Status.DONE)


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "once it was told"])
def test_ctrl_c_over_a_guest_in_a_handler_gives_the_report_and_its_status(workshop: Workshop, wait: bool) -> None:
    built = workshop.build(FAULTS / "handled.rs", tests=False, flags=("--cfg", "loops"))
    call = f"""
import os
os.environ.pop("DISPLAY", None), os.environ.pop("WAYLAND_DISPLAY", None)
config = run.RunConfig(config.image, accelerator="tcg")
subject = subjects.Subject(Path({str(built.elf)!r}), Path({str(built.elf)!r} + ".png"), Path())
sys.exit(fault_run.run_and_tell(config, subject, sys.stdout, sys.stderr))
"""
    with child_that_runs(built.image, call) as (child, _):
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline() == "before the fault\n"
        told = ""
        while wait and "  screen " not in told:
            told += child.stderr.readline()
        time.sleep(0.3)
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert (told + said).count("fault: null pointer in handled::cause, ") == 1, told + said
    assert "bootwright: left by Ctrl-C" in said and child.returncode == Status.GUEST_DIED


def test_a_machine_that_does_not_come_to_its_kernel_in_time_is_told_so(workshop: Workshop, sector: Sector) -> None:
    built = workshop.build(FAULTS / "halt.rs", tests=False)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(sector(SPIN), headless=True, timeout=1)
    verdict, where = run_and_report(config, subject, io.StringIO(), io.StringIO(), in_test=True)
    assert where == "  where    in the firmware or the loader: the kernel did not begin; TIMEOUT= gives it longer\n"
    assert verdict.kind is Kind.STILL_RUNNING


def test_a_stack_overflow_that_a_double_fault_handler_caught_is_called_so(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "caught_overflow.rs")
    dead.expect("stack overflow", "caught_overflow")
    assert dead.said("then") == ["double fault (8, error code 0x0), the kernel's handler panicked"], dead.report
    assert dead.said("message") == ["a double fault"]


@pytest.mark.parametrize("logged", [True, False], ids=["logged", "not logged"])
def test_of_a_handler_that_faults_itself_the_first_fault_is_told(workshop: Workshop, logged: bool) -> None:
    flags = () if logged else ("-d", "guest_errors", "-D", os.devnull)
    dead = kill(workshop, FAULTS / "faulting_handler.rs", *BEHIND, qemu_flags=flags)
    dead.expect("faulting handler", "faulting_handler")
    assert dead.said("handler")[0].startswith("faulting_handler::handler, ") and not dead.said("again"), dead.report
    assert not logged or dead.said("what")[0].endswith("at 0x8 (null)"), dead.report


@pytest.mark.parametrize("level", ["1", "3"])
def test_optimised_code_keeps_its_names_and_lines(workshop: Workshop, level: str, tmp_path: Path) -> None:
    other = moved(FAULTS / "null_pointer.rs", tmp_path)
    kill(workshop, other, f"-Copt-level={level}").expect("null pointer", other.stem)


def test_without_dwarf_functions_are_named_and_the_report_says_why_no_line_is(workshop: Workshop) -> None:
    built = workshop.build(FAULTS / "null_pointer.rs", tests=False, flags=BEHIND)
    elf = built.elf.with_name("stripped.elf")
    subprocess.run([workshop.objcopy, "--strip-debug", built.elf, elf], check=True)
    subject = Subject(elf, elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=5)
    _, report = run_and_report(config, subject, io.StringIO(), io.StringIO())
    assert report.startswith("fault: null pointer in null_pointer::cause, no line is known\n")
    assert "stripped.elf holds no DWARF" in report
    assert re.search(r"null_pointer::inner\n.*null_pointer::outer\n.*_start\n", report), report


def test_without_any_symbol_the_addresses_are_told(workshop: Workshop) -> None:
    built = workshop.build(FAULTS / "null_pointer.rs", tests=False)
    elf = built.elf.with_name("bare.elf")
    subprocess.run([workshop.objcopy, "--strip-all", built.elf, elf], check=True)
    subject = Subject(elf, elf.with_suffix(".png"), Path())
    _, report = run_and_report(RunConfig(built.image, headless=True), subject, io.StringIO(), io.StringIO())
    assert report.startswith("fault: null pointer in no function"), report
    assert re.search(r"#0 0x20[0-9a-f]{4} no function of the kernel", report), report


def test_where_the_first_run_told_no_vector_a_second_one_under_tcg_does(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "mine.log"
    dead = kill(workshop, FAULTS / "divide_error.rs", qemu_flags=("-d", "cpu_reset", "-D", str(log)))
    assert "Triple fault" in log.read_text()
    dead.expect("divide error", "divide_error")
    assert dead.said("again") == ["vector and error code come from a second run, under TCG"]
    assert dead.verdict.status == 3


def test_a_silent_panic_is_found_by_its_calls(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "silent_panic.rs")
    dead.expect("panic", "silent_panic")
    assert dead.said("usually") == ["its handler prints no message: the PanicInfo that it gets holds one"]


def test_of_a_panic_handler_that_panics_the_first_panic_is_told(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "panicking_handler.rs")
    assert dead.title == "stack overflow" and dead.said("where")[0].startswith("panicking_handler::cause, "), (
        dead.report
    )
    assert dead.said("usually")[0].startswith("a panic handler that panics itself: mend it first"), dead.report


def test_of_two_processors_the_report_says_which_it_is_about(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "null_pointer.rs", qemu_flags=("-smp", "2"))
    dead.expect("null pointer", "null_pointer")
    assert "of processor 0, of 2" in dead.said("state"), dead.report
    dead = kill(workshop, FAULTS / "silent_panic.rs", qemu_flags=("-smp", "2"))
    assert "of processor 0, of 2" in dead.said("state"), dead.report


def test_out_of_memory_is_told_with_the_way_that_it_went(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "out_of_memory.rs")
    assert dead.said("message") == ["memory allocation of 4096 bytes failed"]
    assert re.search(r"handle_alloc_error.* out_of_memory::cause,.*_start, \S+\Z", " ".join(dead.said("calls"))), (
        dead.report
    )


def test_of_a_generic_function_the_instance_that_panicked_is_named(workshop: Workshop) -> None:
    dead = kill(workshop, FAULTS / "generic_panic.rs", "-Csymbol-mangling-version=v0")
    assert "generic_panic::take::<u64>, " in dead.said("where")[0], dead.report


def test_where_the_callers_are_not_known_the_report_says_so(workshop: Workshop) -> None:
    built = workshop.build(FAULTS / "lost_stack.rs", tests=False)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=5)
    verdict, report = run_and_report(config, subject, io.StringIO(), io.StringIO())
    calls = Dead(verdict, report, FAULTS, subject.picture).said("calls")
    assert re.match(r"#0 0x\w+ lost_stack::cause, ", calls[0]) and len(calls) == 2, report
    assert calls[1] == "who called that is not known: nothing on the stack fits"


def test_of_dwarf_the_unit_is_read_that_holds_the_address(workshop: Workshop, hello: Built) -> None:
    symbols = read_symbols(hello.elf)
    assert symbols.image.read_units == 0
    assert symbols.places(symbols.entry)[-1].function == "_start"
    assert symbols.image.read_units == 1
    with hello.elf.open("rb") as stream:
        assert sum(1 for _ in ELFFile(stream).get_dwarf_info().iter_CUs()) > 1
    panics = read_symbols(workshop.build(FAULTS / "panic.rs", tests=False).elf)
    assert panics.function_with_line(str(FAULTS / "panic.rs"), 11) == "panic::cause"


def test_functions_stand_where_a_reader_of_all_entries_finds_them(hello: Built) -> None:
    symbols, seen = read_symbols(hello.elf), 0
    with hello.elf.open("rb") as stream:
        image = ELFFile(stream)
        dwarf, section = image.get_dwarf_info(), image.get_section_by_name(".debug_info")
        assert section is not None
        info = section.data()
        for unit in dwarf.iter_CUs():
            entries = [die for die in unit.iter_DIEs() if die.tag == "DW_TAG_subprogram"]
            with_code = [die for die in entries if {"DW_AT_low_pc", "DW_AT_ranges"} & set(die.attributes)]
            assert find_functions(unit, info) == [die.offset for die in with_code]
            for die in with_code:
                low = die.attributes["DW_AT_low_pc"].value
                if low:
                    found = symbols.function(low)
                    assert found and found[:2] == (low, low + die.attributes["DW_AT_high_pc"].value)
                    seen += 1
    assert seen > 10


def test_lines_are_those_that_a_reader_of_objects_finds(hello: Built) -> None:
    seen = 0
    with hello.elf.open("rb") as stream:
        dwarf = ELFFile(stream).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            assert program is not None
            program.stream.seek(program.program_start_offset)
            data = program.stream.read(program.program_end_offset - program.program_start_offset)
            ours = [row for rows, end in read_sequences(data, program.header) for row in (*rows, (end, 0, 0))]
            states = [entry.state for entry in program.get_entries() if entry.state]
            theirs = [(s.address, 0, 0) if s.end_sequence else (s.address, s.file, s.line) for s in states]
            assert ours == theirs
            seen += len(ours)
    assert seen > 100


def test_frames_and_symbols_are_those_that_a_reader_of_objects_finds(hello: Built) -> None:
    symbols, frames, named = read_symbols(hello.elf), 0, 0
    with hello.elf.open("rb") as stream:
        image = ELFFile(stream)
        entries = [entry for entry in image.get_dwarf_info().CFI_entries() if isinstance(entry, FDE)]
        for entry in (entry for entry in entries if entry["initial_location"]):
            last = entry.get_decoded().table[-1]
            row = symbols.frame(entry["initial_location"] + entry["address_range"] - 1)
            assert row and (row.base, row.offset) == (last["cfa"].reg, last["cfa"].offset)
            frames += 1
        table: Any = image.get_section_by_name(".symtab")
        functions = [s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC" and s["st_size"]]
        for place in {symbol["st_value"] for symbol in functions}:
            # Two functions of the same code may have become one.
            assert symbols.symbol(place) in {demangle(s.name) for s in functions if s["st_value"] == place}
            named += 1
    assert frames > 10 and named > 10


def test_a_test_that_kills_the_machine_fails_with_the_report(workshop: Workshop) -> None:
    program = workshop.program(SMALL_KERNELS / "faulting_test.rs")
    (result,) = run_test_program(dataclasses.replace(program, source=SMALL_KERNELS), RunConfig(Path()))
    assert result.outcome is Outcome.FAILED
    assert "fault: unmapped address in faulting_test::it_says_something_first, " in result.message
    assert "faulting_test.rs:22\n" in result.message
    assert program.subject.picture.exists()


def test_where_a_kernel_left_with_an_unknown_code_is_looked_up_in_a_second_run(workshop: Workshop) -> None:
    built = workshop.build(FAULTS / "unknown_exit_code.rs", tests=False, flags=BEHIND)
    subject = Subject(built.elf, built.elf.with_suffix(".png"), Path())
    config = RunConfig(built.image, headless=True, timeout=5)
    verdict, report = run_and_report(config, subject, io.StringIO(), io.StringIO())
    assert verdict.status == verdict.exit_code == 0x2B * 2 + 1
    place = f"unknown_exit_code::cause, {FAULTS / 'unknown_exit_code.rs'}:11"
    assert report.startswith(f"fault: unknown exit code in {place}\n"), report
    assert "the kernel ended with code 87; success is 33" in report and "unknown_exit_code::outer, " in report
    assert str(subject.picture) in report and subject.picture.exists()
