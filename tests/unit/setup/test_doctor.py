"""The doctor and the search behind it, with a PATH of small fake programs."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.home import HOME
from bootwright.machine.accelerator import Choice
from bootwright.rust.toolchain import Toolchain, UnknownTarget
from bootwright.setup import apt, doctor, lookup
from bootwright.setup import packagers as host_system
from bootwright.setup import programs as hostprograms
from bootwright.setup.lookup import Search
from bootwright.setup.programs import System

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n'
UBUNTU = "ID=ubuntu\nID_LIKE=debian\n"
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
FEDORA = "ID=fedora\n"
ARCH = "ID=arch\n"
VERBOSE = "rustc 1.96.0\nrelease: 1.96.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.8\n"


class Machine:
    """A directory of programs that is all of PATH."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "toolchain" / "bin"
        self.bin.mkdir(parents=True)
        self.environ = {"PATH": str(self.bin), "HOME": str(root)}
        self.toolchain = Toolchain(
            self.bin / "rustc", VERBOSE, "1.96.0", "x86_64-unknown-linux-gnu", "22.1.8", self.bin.parent, "a test"
        )

    def add(self, name: str, says: str, status: int = 0) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(says)}\nexit {status}\n")  # all of it built in
        path.chmod(0o755)
        return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    for name, says in (
        ("rustc", VERBOSE), ("cargo", "cargo 1.96.0"), ("ld.lld", "LLD 22.1.8"),
        ("llvm-objcopy", "LLVM version 22.1.8"), ("gdb", "GNU gdb 13.1"),
        ("rustfmt", "rustfmt 1.9.0"), ("clippy-driver", VERBOSE), ("sgdisk", "GPT fdisk (sgdisk) version 1.0.9"),
        ("strace", "strace -- version 6.1"), ("fsck.fat", "fsck.fat 4.2"), ("mcopy", "mcopy (GNU mtools) 4"),
        ("xorriso", "xorriso 1.5.4"), ("sbsign", "sbsign 0.9.4"),
        ("openssl", "OpenSSL 3.0"), ("bwrap", "bubblewrap 0.8.0"), ("Xvfb", "Xvfb 21.1.7"),
        ("losetup", "losetup from util-linux 2.38.1"), ("mkfs.ext4", "mke2fs 1.47.0"), ("fusermount3", "3.14.0"),
        ("sudo", "Sudo version 1.9.13p3"),
        ("qemu-system-x86_64", "QEMU emulator version 7.2.22 (Debian 1:7.2)"),
    ):  # fmt: skip
        made.add(name, says)
    monkeypatch.setattr(lookup, "find_toolchain", lambda *question: made.toolchain)
    monkeypatch.setattr(lookup, "find_llvm_tool", lambda chosen, name, environ: made.bin / name)
    monkeypatch.setattr(doctor, "choose_accelerator", lambda qemu: Choice("tcg", f"{qemu.name} says so"))
    monkeypatch.setattr(host_system, "this_system", lambda environ: System.DNF)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # the person's own store is other builds' too
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    return made


def findings(machine: Machine) -> dict[str, doctor.Finding]:
    report = doctor.examine(Path("/a/kernel"), "", None, machine.environ)
    return {finding.name: finding for finding in report.findings}


def test_each_program_is_told_with_its_path_version_and_purpose(machine: Machine) -> None:
    found = findings(machine)
    assert set(found) == set(hostprograms.PROGRAMS) - {"qemu-window"}
    qemu = found["qemu-system-x86_64"]
    assert (qemu.path, qemu.problem, qemu.origin) == (str(machine.bin / "qemu-system-x86_64"), "", "system")
    assert qemu.version == "QEMU emulator version 7.2.22 (Debian 1:7.2)"
    assert "runs the kernel" in qemu.purpose


def test_an_installation_is_not_asked_for_what_bootwrights_own_tests_need(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "INSTALLED", True)
    found = findings(machine)
    assert not {"zsh", "nginx", "losetup", "rustfmt"} & found.keys()
    assert {"rustc", "qemu-system-arm", "gdb", "cc", "rust-std", "sudo", "ovmf", "openssl", "wine64"} <= found.keys()
    said = doctor.examine(tmp_path / "carried" / "kernel", "", None, machine.environ).facts["kernel"]
    assert said == "none: there is no Cargo.toml here or in a directory above"


ABILITIES = ["build", "run", "gdb", "test", "flash"]


@pytest.mark.parametrize(
    ("lacking", "status", "state", "verdicts"),
    [
        ((), 0, "found", {}),
        (("gdb",), 0, "none", {"gdb": "lacks gdb"}),
        (("sudo",), 0, "none", {"flash": "works; without sudo as root alone"}),
        (("qemu-system-x86_64",), 2, "missing", dict.fromkeys(("run", "gdb", "test"), "lacks qemu-system-x86_64")),
        (("llvm-objcopy",), 2, "missing", dict.fromkeys(ABILITIES, "lacks llvm-objcopy")),
    ],
    ids=["nothing", "gdb", "sudo", "QEMU", "objcopy"],
)
def test_each_thing_that_can_be_done_has_its_verdict_and_the_status_is_that_of_build_and_run(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    lacking: tuple[str, ...], status: int, state: str, verdicts: dict[str, str],
) -> None:  # fmt: skip
    def find(chosen: object, name: str, environ: object) -> Path:
        if name in lacking:
            raise BootwrightError(f"{name} was not found")
        return machine.bin / name

    monkeypatch.setattr(lookup, "find_llvm_tool", find)
    for name in lacking:
        (machine.bin / name).unlink()
    assert doctor.report(Path("/a/kernel"), "", None, machine.environ) == status
    out = capsys.readouterr().out
    assert out.splitlines()[-5:] == [f"{name:<8}{verdicts.get(name, 'works')}" for name in ABILITIES]
    assert all(f"{state:<8}{name:<20}" in out for name in lacking)


def test_tests_of_the_checkout_are_told_what_some_of_them_lack(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine.bin / "rustfmt").unlink()
    assert doctor.report(HOME / "kernel", "", None, machine.environ) == 0
    out = capsys.readouterr().out
    assert "none    rustfmt" in out and "cure: sudo dnf install rustfmt" in out
    [test] = [line for line in out.splitlines() if line.startswith("test ")]
    assert re.fullmatch(r"test    works; without .*\brustfmt\b.* some tests will not run", test)


def test_the_emulator_of_another_architecture_is_needed_for_its_targets_alone(machine: Machine) -> None:
    for target, needed in (("", False), ("riscv64gc-unknown-none-elf", False), ("thumbv7em-none-eabihf", True)):
        report = doctor.examine(Path("/a/kernel"), target, None, machine.environ)
        [arm] = [finding for finding in report.findings if finding.name == "qemu-system-arm"]
        assert (arm.needed, "thumbv7em" in arm.purpose, bool(arm.cure)) == (needed, True, True)
    assert "thumbv7em: mps2-an386 (qemu-system-arm)" in report.facts["machines"]


def test_the_firmware_beside_qemu_is_found_and_is_not_started(machine: Machine, tmp_path: Path) -> None:
    share = tmp_path / "toolchain" / "share"
    (share / "OVMF").mkdir(parents=True)
    for name in ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"):
        (share / "OVMF" / name).touch(0o755)
    machine.add("qemu-system-x86_64", f"{share}/qemu")
    ovmf = findings(machine)["ovmf"]
    assert (ovmf.state, ovmf.path, ovmf.version) == ("found", f"{share}/OVMF/OVMF_CODE_4M.fd", "")


def test_a_debugger_that_is_missing_is_told_and_is_no_failure(machine: Machine) -> None:
    (machine.bin / "gdb").unlink()
    gdb = findings(machine)["gdb"]
    assert (gdb.state, gdb.needed) == ("none", False)
    assert gdb.cure == "sudo dnf install gdb"


@pytest.mark.parametrize(("version", "fine"), [("7.1.0", True), ("7.0.50", False), ("6.2", False), ("10.0.2", True)])
def test_a_qemu_that_is_too_old_is_a_problem(machine: Machine, version: str, fine: bool) -> None:
    machine.add(
        "qemu-system-x86_64", f"QEMU emulator version {version} (Debian 1:{version}+dfsg-1)\nCopyright (c) 2003"
    )
    qemu = findings(machine)["qemu-system-x86_64"]
    assert (qemu.problem == "") is fine
    assert fine or (f"{version} " in qemu.problem and "oldest supported is 7.1" in qemu.problem)


@pytest.mark.parametrize("module", ["gtk", "sdl", "curses"])
def test_a_window_is_looked_for_where_there_is_a_display(machine: Machine, module: str) -> None:
    machine.environ["DISPLAY"] = ":0"
    machine.add("qemu-system-x86_64", f"QEMU emulator version 7.2.22\nnone\n{module}")
    window = findings(machine)["qemu-window"]
    assert window.state == ("found" if module != "curses" else "none")
    assert module != "curses" or window.cure == "sudo dnf install qemu-ui-gtk"


def test_json_goes_to_standard_output_or_to_a_file(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.report(Path("/a/kernel"), "", None, machine.environ, "-")
    said = json.loads(capsys.readouterr().out)
    assert said["complete"] is True
    assert said["facts"]["host triple"] == "x86_64-unknown-linux-gnu"
    assert {program["name"] for program in said["programs"]} == set(hostprograms.PROGRAMS) - {"qemu-window"}
    doctor.report(Path("/a/kernel"), "", None, machine.environ, str(tmp_path / "doctor.json"))
    assert json.loads((tmp_path / "doctor.json").read_text()) == said
    assert capsys.readouterr().out == ""
    with pytest.raises(BootwrightError, match="cannot be written"):
        doctor.report(Path("/a/kernel"), "", None, machine.environ, str(tmp_path / "no" / "where"))


def test_stable_is_said_to_suffice(machine: Machine) -> None:
    facts = doctor.examine(Path("/a/kernel"), "", None, machine.environ).facts
    assert facts["channel"] == "stable, which is enough: no nightly is needed"
    machine.toolchain = replace(machine.toolchain, release="1.97.0-nightly")
    facts = doctor.examine(Path("/a/kernel"), "", None, machine.environ).facts
    assert "stable is enough" in facts["channel"]


def test_the_accelerator_is_told_with_the_reason_where_there_is_a_qemu(machine: Machine) -> None:
    facts = doctor.examine(Path("/a/kernel"), "", None, machine.environ).facts
    assert facts["accelerator"] == "tcg: qemu-system-x86_64 says so"
    (machine.bin / "qemu-system-x86_64").unlink()
    machine.environ["PATH"] = str(machine.bin)
    assert "accelerator" not in doctor.examine(Path("/a/kernel"), "", None, machine.environ).facts


def test_the_host_triple_is_told_by_a_compiler_that_does_not_serve_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*question: object) -> Toolchain:
        raise BootwrightError("rustc has no core", "rustup target add x")

    monkeypatch.setattr(lookup, "find_toolchain", none)
    machine.add("rustc", "rustc 1.96.0\nhost: aarch64-apple-darwin\nrelease: 1.96.0")
    facts = doctor.examine(Path("/a/kernel"), "", None, machine.environ).facts
    assert facts["host triple"] == "aarch64-apple-darwin"
    assert facts["channel"] == "stable is enough: no nightly is needed"


def toolchain_fact(machine: Machine, kernel: Path) -> str:
    """Returns what the doctor says of a rust-toolchain file."""
    return doctor.examine(kernel, "", None, machine.environ).facts["rust-toolchain"]


def test_a_toolchain_file_that_nobody_obeys_is_named(machine: Machine, tmp_path: Path) -> None:
    kernel = tmp_path / "my kernel"
    kernel.mkdir()
    (kernel / "rust-toolchain").write_text("nightly\n")
    assert toolchain_fact(machine, kernel) == (
        f"{kernel / 'rust-toolchain'} asks for nightly, and there is no rustup to obey it: rustc 1.96.0 "
        f"({machine.toolchain.rustc}) compiles instead"
    )


def test_all_that_a_toolchain_file_asks_for_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "rust-toolchain.toml").write_text(
        '[toolchain]\nchannel = "1.90"\nprofile = "minimal"\ncomponents = ["rust-src", "llvm-tools"]\n'
        'targets = ["thumbv7em-none-eabihf"]\n'
    )
    fact = toolchain_fact(machine, tmp_path)
    assert "1.90; profile minimal; components rust-src, llvm-tools; target thumbv7em-none-eabihf, and" in fact


def test_with_rustup_it_is_said_who_chose(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "rust-toolchain"
    file.write_text("nightly\n")
    machine.add("rustup", "rustup 1.29")
    machine.toolchain = replace(machine.toolchain, origin=f"overridden by '{file}'")
    assert toolchain_fact(machine, tmp_path) == f"{file} asks for nightly: rustup obeys it"
    machine.toolchain = replace(machine.toolchain, origin="RUSTC=/opt/rustc")
    assert toolchain_fact(machine, tmp_path) == f"{file} asks for nightly: RUSTC=/opt/rustc has the last word"


def test_a_toolchain_file_that_cannot_be_read_is_told_by_the_doctor_too(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "rust-toolchain.toml").write_text("nightly")
    assert "is no TOML" in toolchain_fact(machine, tmp_path)


def test_whether_stable_does_depends_on_the_sources(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text("#![feature(abi_x86_interrupt)]")
    facts = doctor.examine(tmp_path, "", None, machine.environ).facts
    assert facts["channel"] == "stable, which is enough, with RUSTC_BOOTSTRAP=1 for the #![feature] in the sources"
    machine.toolchain = replace(machine.toolchain, release="1.97.0-nightly")
    assert "RUSTC_BOOTSTRAP=1" in doctor.examine(tmp_path, "", None, machine.environ).facts["channel"]


def test_a_clippy_of_another_compiler_does_not_serve(machine: Machine) -> None:
    machine.add("clippy-driver", VERBOSE.replace("1.96.0", "1.95.0"))
    search = lookup.find_programs(["clippy-driver"], Path("/a/kernel"), machine.environ)
    assert "clippy-driver of rustc 1.96.0" in search.missing["clippy-driver"].message
    beside = machine.add("clippy-driver-1.96", VERBOSE)
    search = lookup.find_programs(["clippy-driver"], Path("/a/kernel"), machine.environ)
    assert search.found["clippy-driver"] == beside


def test_without_a_compiler_all_that_depends_on_it_is_missing_for_that_reason(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*question: object) -> Toolchain:
        raise BootwrightError("no rustc was found", "rustup default stable")

    monkeypatch.setattr(lookup, "find_toolchain", none)
    search = lookup.find_programs(["rustc", "ld.lld", "sgdisk"], Path("/a/kernel"), machine.environ)
    assert {name: error.message for name, error in search.missing.items()} == dict.fromkeys(
        ["rustc", "ld.lld"], "no rustc was found"
    )
    assert search.final is None
    search = lookup.find_programs(["ld.lld"], Path("/a/kernel"), machine.environ, rustc="/opt/rustc")
    assert search.final is search.missing["ld.lld"]


def test_a_misspelt_target_is_final_so_that_nothing_is_installed_for_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(kernel: Path, target: str, *question: object) -> Toolchain:
        raise UnknownTarget(f"rustc knows no target {target}")

    monkeypatch.setattr(lookup, "find_toolchain", unknown)
    search = lookup.find_programs(["rustc"], Path("/a/kernel"), machine.environ, target="x86_64-none")
    assert search.final is search.missing["rustc"] and search.final.message.endswith("x86_64-none")


@pytest.mark.parametrize(
    ("os_release", "platform", "programs", "system"),
    [
        (DEBIAN, "linux", ["apt-get"], System.APT),
        (UBUNTU, "linux", ["apt-get"], System.APT),
        (MINT, "linux", ["apt-get"], System.APT),
        (DEBIAN, "linux", [], System.OTHER),
        (FEDORA, "linux", ["dnf", "apt-get"], System.DNF),
        (ARCH, "linux", ["pacman"], System.PACMAN),
        ("", "linux", ["apt-get"], System.OTHER),
        ("", "darwin", [], System.BREW),
        ("", "win32", [], System.WINGET),
    ],
    ids=lambda value: value.value if isinstance(value, System) else None,
)
def test_a_system_is_known_by_its_family_and_its_installer(
    tmp_path: Path, os_release: str, platform: str, programs: list[str], system: System
) -> None:
    for name in programs:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert host_system.detect_system({"PATH": str(tmp_path)}, os_release, platform) is system


ALL = ["rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64", "rustfmt", "clippy-driver", "sgdisk"]


RUSTUPS = "rustup component add rustfmt clippy && rustup target add x86_64-unknown-none"
COMMANDS = {
    System.APT: "sudo apt-get install --no-install-recommends a b",
    System.DNF: "sudo dnf install rust rust-src lld llvm qemu-system-x86 rustfmt clippy gdisk",
    System.PACMAN: "sudo pacman -S --needed rust rust-src lld llvm qemu-system-x86 gptfdisk",
    System.ZYPPER: f"sudo zypper install rustup lld llvm qemu-x86 gptfdisk && {RUSTUPS}",
    System.APK: "sudo apk add rust rust-src lld llvm qemu-system-x86_64 rustfmt rust-clippy sgdisk",
    System.NIX: "nix profile install nixpkgs#rustup nixpkgs#lld nixpkgs#llvm nixpkgs#qemu nixpkgs#gptfdisk"
    f" && {RUSTUPS}",
    System.BREW: f"brew install rustup lld llvm qemu gptfdisk && {RUSTUPS}",
    System.WINGET: "winget install Rustlang.Rustup LLVM.LLVM SoftwareFreedomConservancy.QEMU && "
    f"install sgdisk && {RUSTUPS}",
    System.OTHER: f"install rustup (https://rustup.rs), ld.lld, qemu-system-x86_64, sgdisk && {RUSTUPS}".replace(
        "add rustfmt", "add llvm-tools rustfmt"
    ),
}


@pytest.mark.parametrize("system", System, ids=lambda system: system.value)
def test_the_command_is_that_of_the_system(system: System) -> None:
    assert host_system.command(ALL, system, ["a", "b"]) == COMMANDS[system]


def test_what_rustups_compiler_lacks_is_rustups_to_bring() -> None:
    brought = host_system.command(["rustc", "rustfmt", "sgdisk"], System.DNF, by_rustup=True)
    assert brought == "sudo dnf install gdisk && rustup component add rustfmt && rustup target add x86_64-unknown-none"


def test_a_program_without_a_known_package_is_named() -> None:
    for system in System:
        assert host_system.command(["mkfs.odd"], system) == "install mkfs.odd"


def test_root_needs_no_sudo() -> None:
    assert host_system.command(["gdb"], System.DNF, is_root=True) == "dnf install gdb"


def test_the_cure_of_a_debian_names_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host_system, "this_system", lambda environ: System.APT)
    monkeypatch.setattr(apt, "packages_for", lambda archive, names, llvm: [f"{llvm}", *names])
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    chosen = Machine(tmp_path).toolchain
    cure = doctor.cure(["ld.lld"], Search(toolchain=chosen), {})
    assert cure == "sudo apt-get install --no-install-recommends 22 ld.lld"
