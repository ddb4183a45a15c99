"""The programs of a build are remembered: searched again when something changed, and for each question apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.fake_toolchains import BARE, add_core, empty_debian_12, write_program, write_rustc

from bootwright.rust import build_tools as tools_module
from bootwright.rust import llvm_tools
from bootwright.rust.build_tools import REMEMBERED, Question, Tools, remember_tools
from bootwright.rust.toolchain import Toolchain


class Machine:
    """A made-up machine with one compiler, a linker and an objcopy; searches counts the searches."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.searches = 0
        self.version = "1.96.0"
        self.said: list[str] = []
        for name in ("rustc", "lld", "objcopy"):
            (root / name).write_text(name)

    def find(self, question: Question, environ: object) -> Tools:
        self.searches += 1
        program = self.root / "rustc"
        toolchain = Toolchain(
            program, f"rustc {self.version}\n", self.version, "host", "22", self.root, "PATH", ("a note",), False,
            (str(program),),
        )  # fmt: skip
        return Tools(toolchain, self.root / "lld", "LLD 22", self.root / "objcopy", "objcopy 22")

    def ask(self, target: str = "a-none") -> Tools:
        memory = self.root / "memory.json"
        return remember_tools(memory, Question(self.root, target, None), os.environ, self.said.append)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setattr(tools_module, "find_tools", machine.find)
    return machine


def test_the_second_time_nothing_is_searched_and_nothing_said(machine: Machine) -> None:
    first = machine.ask()
    assert machine.said == ["a note"]
    assert machine.ask() == first
    assert (machine.searches, machine.said) == (1, ["a note"])


def test_going_to_and_fro_between_two_targets_searches_once_each(machine: Machine) -> None:
    for target in ("a-none", "b-none", "a-none", "b-none"):
        machine.ask(target)
    assert machine.searches == 2


def test_a_changed_compiler_is_searched_again_and_said(machine: Machine) -> None:
    machine.ask()
    machine.version = "1.97.0"
    (machine.root / "rustc").write_text("another one")
    machine.ask()
    assert machine.searches == 2
    assert machine.said[-1] == (
        "the compiler changed from rustc 1.96.0 with LLD 22 to rustc 1.97.0 with LLD 22: what it made is built again"
    )


@pytest.mark.parametrize("program", ["lld", "objcopy"])
def test_a_changed_program_is_searched_again(machine: Machine, program: str) -> None:
    machine.ask()
    (machine.root / program).write_text("another one")
    machine.ask()
    assert machine.searches == 2


def test_a_program_that_is_gone_is_searched_again(machine: Machine) -> None:
    machine.ask()
    (machine.root / "lld").unlink()
    machine.ask()
    assert machine.searches == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"q": 1}', '{"q": {"stamp": 1}}'])
def test_a_memory_that_cannot_be_read_is_made_anew(machine: Machine, text: str) -> None:
    (machine.root / "memory.json").write_text(text)
    machine.ask()
    machine.ask()
    assert machine.searches == 1


def test_only_the_last_questions_are_kept(machine: Machine) -> None:
    most = REMEMBERED // 2
    for number in range(most + 1):
        machine.ask(f"t{number}-none")
    machine.ask("t1-none")
    assert machine.searches == most + 1
    machine.ask("t0-none")
    assert machine.searches == most + 2


def test_two_terminals_with_different_paths_search_once_each(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/usr/bin", "/opt/bin", "/usr/bin", "/opt/bin"):
        monkeypatch.setenv("PATH", path)
        machine.ask()
    assert (machine.searches, machine.said) == (2, ["a note", "a note"])


def test_a_compiler_that_only_another_terminal_has_is_said_at_each_change(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, version in (("/usr/bin", "1.96.0"), ("/opt/bin", "1.97.0"), ("/usr/bin", ""), ("/usr/bin", "")):
        monkeypatch.setenv("PATH", path)
        machine.version = version
        machine.ask()
    changes = [line for line in machine.said if line.startswith("the compiler changed")]
    assert [line.split(" to ")[1].split(" with")[0] for line in changes] == ["rustc 1.97.0", "rustc 1.96.0"]
    assert machine.searches == 2


def test_what_a_search_finds_is_taken_and_a_second_build_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made up here but the programs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(llvm_tools, "VERSIONED_DIRECTORY", tmp_path / "lib")
    machine, log, said = empty_debian_12(tmp_path, monkeypatch), tmp_path / "log", list[str]()
    sysroot = machine.distribution()
    add_core(sysroot)

    def install(release: str) -> None:
        programs = [write_rustc(sysroot, release)]
        for name, version in (("ld.lld", "LLD 22.1.8"), ("llvm-objcopy", "LLVM version 22.1.8")):
            programs.append(write_program(sysroot / "bin" / name, {"--version": version}))
        for program in programs:
            program.write_text(program.read_text().replace("\n", f"\necho {program.name} >> '{log}'\n", 1))

    def ask() -> Tools:
        question = Question(machine.kernel, BARE, None)
        return remember_tools(tmp_path / "memory.json", question, machine.environ, said.append)

    install("1.96.0")
    first = ask()
    found = [path and path.resolve() for path in (first.toolchain.rustc, first.linker, first.objcopy)]
    assert found == [sysroot / "bin" / name for name in ("rustc", "ld.lld", "llvm-objcopy")]
    assert first.objcopy_version == "LLVM version 22.1.8"
    assert {"rustc", "ld.lld", "llvm-objcopy"} <= set(log.read_text().split())
    log.unlink()
    assert ask() == first
    assert not log.exists()
    install("1.97.0")
    second = ask()
    assert (second.toolchain.release, second.digest != first.digest) == ("1.97.0", True)
    assert said[-1].startswith("the compiler changed from rustc 1.96.0 (ac68faa20) with LLD 22.1.8 to rustc 1.97")
