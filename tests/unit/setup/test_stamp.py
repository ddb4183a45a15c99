"""What sconsw looks at when all is there: which programs an errand needs, and whether the stamp still holds."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from bootwright.cargo.config import read_configuration
from bootwright.machine.boards import EMULATORS, OTHER_EMULATORS
from bootwright.setup import needs, of_tests, stamp, verbs
from bootwright.setup import programs as hostprograms

HOME = Path(__file__).parents[3]
ENVIRON = {"PATH": "/usr/bin"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout with a .venv whose Python exists, and two programs."""
    python = Path(stamp.venv_python(str(tmp_path)))
    python.parent.mkdir(parents=True)
    for program in (python, tmp_path / "rustc", tmp_path / "a linker"):
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "requirements.txt").write_text("scons==4.11.1\n")
    return tmp_path


def wanted(home: Path, *arguments: str, environ: dict[str, str] = ENVIRON) -> needs.Wanted:
    return needs.Wanted(str(home), arguments, environ)


def stamped(home: Path, *arguments: str, **more: str) -> None:
    found = {
        "rustc": str(home / "rustc"),
        "cargo": str(home / "rustc"),
        "ld.lld": str(home / "a linker"),
        "llvm-objcopy": str(home / "rustc"),
        **(more or {needs.core_name(arguments): str(home / "rustc")}),
    }
    Path(stamp.stamp_path(str(home))).write_text(stamp.write(wanted(home, *arguments), found))


def test_a_build_needs_a_compiler_and_no_machine() -> None:
    assert "rustc" in needs.needed_programs([])
    assert "qemu-system-x86_64" not in needs.needed_programs(["VARIANT=release", "-j2", "build/debug/kernel.img"])


HOST_UNITS = ("cc", "rust-std")
FAT = ("fsck.fat", "mcopy", "xorriso")
KEYS = ("openssl", "sbsign")
FLASH = ("sgdisk", "losetup", "mkfs.ext4", "fusermount3", "sudo")
WORDS: dict[str, tuple[str, ...]] = {
    "": verbs.BUILD,
    "VARIANT=release -j2 build/debug/kernel.img": verbs.BUILD,
    "size": verbs.BUILD,
    "soak": needs.needed_programs(["test", f"TESTS={' '.join(of_tests.SOAKED)}"]),
    "usb DEV=/dev/sdx": verbs.BUILD,
    "run": verbs.RUN,
    "run --headless --private": verbs.RUN,
    "run FIRMWARE=uefi": (*verbs.RUN, "ovmf"),
    "run FIRMWARE=bios": verbs.RUN,
    "FIRMWARE=uefi": verbs.BUILD,
    "run FIRMWARE=uefi QEMU=/my/qemu": (*verbs.BUILD, "ovmf"),
    "screenshot": verbs.RUN,
    "gdb": (*verbs.RUN, "gdb"),
    "doctor": (),
    "store PRUNE=all": (),
    "verify": (),
    "usb": (),
    "usb --json": (),
    "hosts": verbs.HOSTED,
    "run HOST=native": verbs.HOSTED,
    "test KERNEL=/another/kernel": verbs.RUN,
    "test KERNEL=kernel": needs.needed_programs(["test"]),
    "test TESTS=kernel": verbs.RUN,
    "test TESTS=kernel/*": verbs.RUN,
    "test TESTS=kernel/hello/memory::*": verbs.RUN,
    "test TESTS=unit": (*verbs.BUILD, "sgdisk", *FAT, "openssl"),
    "test TESTS=unit/image": (*verbs.BUILD, "sgdisk", *FAT),
    "test TESTS=unit/elf::reads_it": (*verbs.BUILD, "sgdisk"),
    "test TESTS=unit/*\\ kernel/*": (*verbs.BUILD, "sgdisk", *FAT, "openssl", "qemu-system-x86_64"),
    "test TESTS=lint/python": verbs.BUILD,
    "test TESTS=lint/rust::clippy": (*verbs.BUILD, "rustfmt", "clippy-driver"),
    "test TESTS=lint/r*": (*verbs.BUILD, "rustfmt", "clippy-driver"),
    "test TESTS=boot/kernel": verbs.RUN,
    "test TESTS=boot/boards": (*verbs.RUN, *OTHER_EMULATORS),
    "test TESTS=boot/uefi": (*verbs.RUN, "ovmf"),
    "test TESTS=boot/gdb": (*verbs.RUN, "gdb", "gdb-multiarch", *OTHER_EMULATORS),
    "gdb TARGET=riscv32imac-unknown-none-elf": (*verbs.BUILD, "qemu-system-riscv32", "gdb-multiarch"),
    "test TESTS=boot/window": (*verbs.RUN, verbs.WINDOW, "Xvfb"),
    "test TESTS=flash": (*verbs.RUN, *FLASH, verbs.OVMF, "fsck.fat", "mcopy", "xorriso"),
    "test TESTS=build/loader": (*verbs.RUN, "gdb", *HOST_UNITS, "strace", *KEYS),
    "test TESTS=build/hosts": (*verbs.RUN, "gdb", *HOST_UNITS, "strace", "qemu-aarch64", "wine64"),
    "test TESTS=build/graph": (*verbs.RUN, "gdb", *HOST_UNITS, "strace", "ovmf"),
    "test TARGET=riscv64gc-unknown-none-elf": (*verbs.BUILD, "qemu-system-riscv64"),
}


@pytest.mark.parametrize("words", WORDS)
def test_each_word_needs_its_programs_and_no_more(words: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.chdir(home)
    arguments = [word.replace("\\", " ") for word in words.replace("\\ ", "\\").split()]
    assert set(needs.needed_programs(arguments, home=str(home))) == set(WORDS[words])


@pytest.mark.parametrize("file", ["build.rs", "Cargo.toml"])
def test_a_package_that_may_have_units_for_the_builder_needs_what_links_them(home: Path, file: str) -> None:
    package = home / "package"
    package.mkdir()
    (package / "Cargo.toml").write_text('[package]\nname = "package"\n')
    assert set(needs.needed_programs([f"KERNEL={package}"])) == set(verbs.BUILD)
    with (package / file).open("a") as stream:
        stream.write('[dependencies]\nspin = "0.9"\n')
    assert set(HOST_UNITS) <= set(needs.needed_programs(["run", f"KERNEL={package}"]))
    assert set(HOST_UNITS) <= set(needs.needed_programs(["HOST=linux", f"KERNEL={package}"]))
    assert set(needs.needed_programs(["doctor", f"KERNEL={package}"])) == set()


def test_all_tests_need_whatever_one_of_them_needs() -> None:
    every = {name for _, names in of_tests.TESTS for name in names}
    assert set(needs.needed_programs(["test"])) == {*verbs.BUILD, *every}
    for pattern in ("*", "*elf*", "[a-z]*", "?oot/*"):
        assert set(needs.needed_programs(["test", f"TESTS={pattern}"])) >= {*verbs.RUN, *OTHER_EMULATORS}


def test_a_soak_has_what_its_tests_boot_flash_and_compile_with() -> None:
    assert {"qemu-system-x86_64", "ovmf", "sbsign", "nginx", "losetup", "cc"} <= set(needs.needed_programs(["soak"]))


def test_what_a_test_is_marked_to_need_is_among_the_needs_of_its_room() -> None:
    marks = re.compile(r"needs\(([^)]*)\)")
    for file in sorted((HOME / "tests").glob("*/test_*.py")):
        name = f"{file.parent.name}/{file.stem.removeprefix('test_')}"
        here = set(needs.needed_programs(["test", f"TESTS={name}"]))
        for words in marks.findall(file.read_text()):
            for program in re.findall(r'"([a-z][\w.-]*)"', words):
                assert program in here or program not in hostprograms.PROGRAMS, f"{name}: {program}"


def test_the_switches_of_sconsw_do_not_reach_scons(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert needs.scons_arguments(str(home), ["--private", "run", "--system"]) == ["run"]


def test_private_programs_are_behind_all_others_and_pass_when_they_are_gone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "programs" / "key" / "bin"
    private.mkdir(parents=True)
    found = {"rustc": str(home / "rustc"), "core:*": ""}
    Path(stamp.stamp_path(str(home))).write_text(stamp.write(wanted(home), found, str(private)))
    for before in ("/usr/bin", f"/usr/bin{os.pathsep}{tmp_path / 'programs' / 'older' / 'bin'}"):
        monkeypatch.setenv("PATH", before)
        for _ in range(2):
            stamp.add_private_programs(str(home))
            assert os.environ["PATH"] == f"/usr/bin{os.pathsep}{private}"
        assert stamp.has_older({"PATH": before}, str(private)) == ("older" in before)
    private.rmdir()
    assert stamp.private_programs(str(home)) == ""


@pytest.mark.parametrize("name", ["config.toml", "spec.json"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_a_pipe_in_a_files_place_keeps_nobody_waiting(home: Path, name: str) -> None:
    (home / "kernel" / ".cargo").mkdir(parents=True)
    os.mkfifo(home / "kernel" / ".cargo" / "config.toml")
    os.mkfifo(home / "spec.json")
    assert wanted(home, "run", f"TARGET={home / 'spec.json'}").programs == verbs.RUN
    assert wanted(home, "run").arguments == ["run"]


def test_a_kernel_of_another_architecture_needs_its_board_and_no_pc(tmp_path: Path) -> None:
    arm = needs.needed_programs(["run", "TARGET=thumbv7em-none-eabihf"], display=True)
    assert arm == (*verbs.BUILD, "qemu-system-arm")
    tests = needs.needed_programs(["test", "TARGET=riscv64gc-unknown-none-elf"])
    assert tests == (*verbs.BUILD, "qemu-system-riscv64")
    spec = tmp_path / "mine.json"
    spec.write_text('{"arch": "aarch64", "llvm-target" : "aarch64-unknown-none"}')
    assert needs.needed_programs(["run", f"TARGET={spec}"])[-1] == "qemu-system-aarch64"
    assert needs.needed_programs(["run", f"TARGET={spec}", "QEMU=mine"]) == verbs.BUILD
    spec.write_text('{"llvm-target": 7')
    assert needs.needed_programs(["run", f"TARGET={spec}"]) == verbs.RUN
    assert needs.needed_programs(["TARGET=thumbv7em-none-eabihf"]) == verbs.BUILD


@pytest.mark.parametrize(
    "text",
    [
        '[build]\ntarget = "thumbv7em-none-eabihf"\n',
        "[ build ] # of Cargo\njobs = 1\ntarget=['thumbv7em-none-eabihf'] # the board\n[profile.dev]\n",
        'build.target = "thumbv7em-none-eabihf"',
        '[build]\ntarget = "mine.json"\n',
        '[alias]\ntarget = "thumbv7em-none-eabihf"\n',
        '[build]\ntarget-dir = "thumbv7em-none-eabihf"\n',
        '[target.thumbv7em-none-eabihf]\nrunner = "qemu"\n[unstable]\nbuild-std = ["core"]\n',
        "",
    ],
)
@pytest.mark.parametrize("name", ["config", "config.toml"])
def test_a_target_in_cargos_configuration_is_what_is_needed_for(home: Path, name: str, text: str) -> None:
    package = home / "lib" / "package"
    (package / ".cargo").mkdir(parents=True)
    (home / ".cargo").mkdir()
    of_home = "" if "['" in text else "riscv64gc-unknown-none-elf"  # cargo joins a list to no word
    (home / ".cargo" / "config.toml").write_text(f'[build]\ntarget = "{of_home}"\n' if of_home else "")
    (package / ".cargo" / name).write_text(text)
    target = read_configuration(package, {"CARGO_HOME": str(home / "cargo")}).default_target()
    assert wanted(home, "run", f"KERNEL={package}").arguments[2:] == [f"TARGET={target}"]
    # Of kernel/, which has none.
    assert wanted(home, "run").arguments[1:] == ([f"TARGET={of_home}"] if of_home else [])
    for word in ("TARGET=x86_64-unknown-none", "HOST=linux", "hosts"):
        assert wanted(home, f"KERNEL={package}", word).arguments[2:] == []
    if target == "thumbv7em-none-eabihf":
        assert wanted(home, "run", f"KERNEL={package}").programs == (*verbs.BUILD, "qemu-system-arm")


def test_a_target_may_come_from_a_variable_from_what_is_included_and_from_cargos_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def target() -> str:
        return wanted(home, "run", f"KERNEL={home / 'mine'}").arguments[-1]

    monkeypatch.delenv("CARGO_BUILD_TARGET", raising=False)
    monkeypatch.setenv("CARGO_HOME", str(home / "cargo"))
    (home / "cargo").mkdir()
    (home / "mine/.cargo").mkdir(parents=True)
    (home / "cargo/config.toml").write_text('build.target = "homes"\n')
    assert target() == "TARGET=homes"
    included = 'include = ["more.toml", { path = "last.toml", optional = true }]\n'
    (home / "mine/.cargo/config.toml").write_text(included)
    (home / "mine/.cargo/more.toml").write_text('[build]\ntarget = "first"\n')
    assert target() == "TARGET=first"
    (home / "mine/.cargo/last.toml").write_text('include = "config.toml"\n[build]\ntarget = "last.json"\n')
    assert target() == f"TARGET={home / 'mine/last.json'}"
    (home / "mine/.cargo/config.toml").write_text(f'{included}[build]\ntarget = "own"\n')
    assert target() == "TARGET=own"
    monkeypatch.setenv("CARGO_BUILD_TARGET", "variables")
    assert target() == "TARGET=variables"


@pytest.mark.parametrize("words", [["HOST=native"], ["run", "HOST=linux"], ["hosts"], ["ARCH=aarch64", "HOST=macos"]])
def test_a_program_for_a_host_needs_no_machine_and_nothing_to_cut(words: list[str]) -> None:
    assert needs.needed_programs(words, display=True) == verbs.HOSTED
    assert needs.needed_programs([*words, "RUSTC=mine"]) == ("cargo", "ld.lld")
    assert needs.needed_programs([*words, "-h"]) == ()


def test_the_tests_of_this_checkout_need_every_board() -> None:
    assert set(EMULATORS.values()) <= set(needs.needed_programs(["test"]))


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["-h"], ["-c", "run"], ["--version"], ["store", "PRUNE=all"]], ids=" ".join
)
def test_help_doctor_and_cleaning_need_no_program(arguments: list[str]) -> None:
    assert needs.needed_programs(arguments) == ()


def test_writing_a_stick_needs_a_compiler_and_listing_them_does_not() -> None:
    assert needs.needed_programs(["usb", "DEV=/dev/sdx"]) == needs.needed_programs([])
    assert needs.needed_programs(["usb", "--json"]) == needs.needed_programs(["usb", "DEV="]) == ()


def test_a_window_is_wanted_where_a_run_can_show_one() -> None:
    assert verbs.WINDOW in needs.needed_programs(["run"], display=True)
    assert verbs.WINDOW not in needs.needed_programs(["run"], display=False)
    assert verbs.WINDOW not in needs.needed_programs(["run", "--headless"], display=True)
    assert verbs.WINDOW not in needs.needed_programs(["test", "TESTS=boot/run"], display=True)


def test_a_program_named_by_hand_is_not_looked_for() -> None:
    assert "rustc" not in needs.needed_programs(["run", "RUSTC=/opt/rustc"])
    assert "qemu-system-x86_64" not in needs.needed_programs(["run", "QEMU=qemu"])
    assert "qemu-system-x86_64" in needs.needed_programs(["run", "QEMU="])


def test_a_stamp_just_written_is_valid(home: Path) -> None:
    stamped(home)
    assert needs.are_met(wanted(home))


ARM, RISC_V = "TARGET=thumbv7em-none-eabihf", "TARGET=riscv64gc-unknown-none-elf"


def test_a_compiler_that_serves_one_target_vouches_for_no_other(home: Path) -> None:
    stamped(home, ARM)
    assert needs.are_met(wanted(home, ARM))
    others: tuple[list[str], ...] = (
        [],
        [RISC_V],
        ["HOST=native"],
        ["ARCH=aarch64"],
        ["hosts"],
        ["TARGET=thumbv7em-none-eabihf.json"],
    )
    assert [words for words in others if needs.are_met(wanted(home, *words))] == []
    assert needs.are_met(wanted(home, "RUSTC=/opt/rustc"))  # which scons judges
    (home / "rustc").unlink()
    assert not needs.are_met(wanted(home, ARM))


def test_a_compiler_with_the_sources_of_core_vouches_for_every_target(home: Path) -> None:
    stamped(home, **{needs.ANY_CORE: str(home / "rustc")})
    others: tuple[list[str], ...] = ([], [RISC_V], [ARM], ["HOST=native"], ["hosts"], ["TARGET=mine.json"])
    assert [words for words in others if not needs.are_met(wanted(home, *words))] == []


def test_without_a_stamp_nothing_is_valid(home: Path) -> None:
    assert not needs.are_met(wanted(home, "doctor"))


def test_a_verb_that_needs_more_than_was_found_is_not_valid(home: Path) -> None:
    stamped(home)
    assert not needs.are_met(wanted(home, "run"))


def test_a_program_that_went_away_makes_the_stamp_invalid(home: Path) -> None:
    stamped(home)
    (home / "a linker").unlink()
    assert not needs.are_met(wanted(home))
    assert needs.are_met(wanted(home, "doctor"))


def test_other_requirements_make_the_stamp_invalid(home: Path) -> None:
    stamped(home)
    (home / "requirements.txt").write_text("scons==4.11.2\n")
    assert not needs.are_met(wanted(home, "doctor"))


def test_another_interpreter_behind_the_venv_makes_the_stamp_invalid(home: Path) -> None:
    stamped(home)
    Path(stamp.venv_python(str(home))).write_text("#!/bin/sh\n# newer\n")
    assert not needs.are_met(wanted(home, "doctor"))


def test_another_path_makes_the_stamp_invalid_for_what_needs_programs(home: Path) -> None:
    stamped(home)
    elsewhere = {"PATH": "/opt/bin"}
    assert not needs.are_met(wanted(home, environ=elsewhere))
    assert needs.are_met(wanted(home, "doctor", environ=elsewhere))


@pytest.mark.parametrize("length", [0, 5, 19, 40, 90])
def test_a_stamp_that_was_cut_off_is_not_valid(home: Path, length: int) -> None:
    stamped(home)
    path = Path(stamp.stamp_path(str(home)))
    path.write_text(path.read_text()[:length])
    assert not needs.are_met(wanted(home))


def test_what_programs_read_quietens_scons(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert needs.scons_arguments(str(home), ["doctor", "--json=x"]) == ["doctor", "-Q", "--json=x"]
    assert needs.scons_arguments(str(home), ["test", "--list"]) == ["test", "-Q", "--list"]


def test_paths_are_from_where_the_person_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = home / "my kernel"
    mine.mkdir()
    monkeypatch.chdir(mine)
    changed = needs.scons_arguments(str(home), ["run", "KERNEL=.", "TARGET=x86_64-unknown-none", "VARIANT=debug"])
    assert changed == ["run", f"KERNEL={mine}", "TARGET=x86_64-unknown-none", "VARIANT=debug"]
    words = ["KERNEL=no", "TARGET=my.json", "LDSCRIPT=a.ld", "RUSTC=./rustc", "QEMU=bin/qemu", "--junit=r.xml"]
    there = [f"{word.partition('=')[0]}={mine / word.partition('=')[2]}" for word in words]
    assert needs.scons_arguments(str(home), words) == there
    by_name = ["RUSTC=rustc", "QEMU=qemu", "KERNEL=", "RUSTFLAGS=a/b"]
    assert needs.scons_arguments(str(home), by_name) == by_name
    monkeypatch.chdir(home)
    assert needs.scons_arguments(str(home), [f"KERNEL=my kernel{os.sep}"]) == [f"KERNEL=my kernel{os.sep}"]


@pytest.mark.parametrize("name", ["PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"])
def test_what_was_found_elsewhere_holds_nothing(home: Path, name: str) -> None:
    stamped(home)
    assert needs.are_met(wanted(home))
    assert not needs.are_met(wanted(home, environ={**ENVIRON, name: "another"}))
