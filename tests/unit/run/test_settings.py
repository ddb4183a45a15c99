"""What [package.metadata.bootimage] makes of the machine: the order of its arguments, its time-outs, its statuses."""

from __future__ import annotations

import io
import itertools
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scripts import write_script

from bootwright.base.errors import BootwrightError, Status
from bootwright.cargo.metadata import BootimageSettings, own_command
from bootwright.machine.arguments import machine_arguments, pasteable, with_tcg
from bootwright.machine.config import MachineConfig
from bootwright.machine.serial_ports import SerialPorts, take_serial_ports
from bootwright.machine.verdict import Kind, program_ended
from bootwright.run.command import run_program
from bootwright.run.config import RunConfig
from bootwright.run.settings import CommandLine, configure
from bootwright.testing.judge import Outcome, TestProgram, judge

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a script with a #! line")

BOOK = ("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", "stdio", "-display", "none")
NOTHING = CommandLine()
SETTINGS = BootimageSettings(run_args=("-cpu", "max"), test_args=BOOK, test_timeout=7, test_success_exit_code=33)


def settings_of(*command: str, **more: Any) -> BootimageSettings:
    return replace(SETTINGS, run_command=command, **more)


def make(
    settings: BootimageSettings, line: CommandLine = NOTHING, in_test: bool = False, fast: bool = False
) -> RunConfig:
    config = configure(settings, line, Path("/package"), in_test=in_test, fast=fast)
    return replace(config, image=Path("/b/x.img"))


def test_run_args_are_for_runs_and_test_args_for_tests_and_the_persons_come_last() -> None:
    line = CommandLine(flags=("-smp", "2"))
    assert make(SETTINGS, line).qemu_flags == ("-cpu", "max", "-smp", "2")
    assert make(SETTINGS, line, in_test=True).qemu_flags == (*BOOK, "-smp", "2")


def test_the_time_out_of_a_test_is_the_manifests_unless_the_person_says_one() -> None:
    assert make(SETTINGS, in_test=True).timeout == 7
    assert make(SETTINGS, CommandLine(timeout=2.5), in_test=True).timeout == 2.5
    assert make(BootimageSettings(), in_test=True).timeout is None
    assert make(SETTINGS).timeout is None


def test_the_success_code_is_for_both() -> None:
    assert (make(SETTINGS).success_exit_code, make(SETTINGS, in_test=True).success_exit_code) == (33, 33)


def test_a_test_starts_anew_after_a_reset_only_where_the_manifest_says_so() -> None:
    anew = replace(SETTINGS, test_no_reboot=False)
    assert ("-action", "shutdown=pause") in list(itertools.pairwise(machine_arguments(make(anew, in_test=True), None)))
    for config in (make(anew), make(SETTINGS, in_test=True)):
        assert "reboot=shutdown,shutdown=pause" in machine_arguments(config, None)


def test_the_memory_that_the_person_names_wins_over_the_manifests() -> None:
    manifest = replace(SETTINGS, run_args=("-m", "256M"))
    assert make(manifest).qemu_flags == ("-m", "256M")
    assert make(manifest, CommandLine(memory="64M", memory_given=True)).qemu_flags == ("-m", "256M", "-m", "64M")


def test_headless_takes_the_manifests_window_away_but_not_the_persons() -> None:
    manifest = replace(SETTINGS, run_args=("-display", "gtk", "-smp", "2"))
    line = CommandLine(headless=True, flags=("-display", "sdl"))
    assert make(manifest, line).qemu_flags == ("-smp", "2", "-display", "sdl")
    assert make(manifest).qemu_flags == ("-display", "gtk", "-smp", "2")


def test_the_books_line_leaves_one_exit_device_and_its_serial_port_to_us() -> None:
    config = make(SETTINGS, in_test=True)
    words = machine_arguments(config, None)
    assert [word for word in words if "isa-debug-exit" in word] == ["isa-debug-exit,iobase=0xf4,iosize=0x04"]
    assert "-serial" not in words
    assert pasteable(Path("qemu"), words, config.flags).count("-serial stdio") == 1


@pytest.mark.parametrize(
    ("flags", "ports", "arguments"),
    [
        ((), SerialPorts(), ["-serial", "ours"]),
        (("-serial", "stdio"), SerialPorts(), ["-serial", "ours"]),
        (("-serial", "mon:stdio"), SerialPorts(), ["-serial", "ours"]),
        (
            ("-serial", "null", "-serial", "stdio", "-serial", "file:3.txt"),
            SerialPorts(others=("file:3.txt",), silent=("null",)),
            ["-serial", "null", "-serial", "ours", "-serial", "file:3.txt"],
        ),
        (
            ("-serial", "null", "-serial", "tcp::4444"),
            SerialPorts("null", others=("tcp::4444",)),
            ["-serial", "null", "-serial", "tcp::4444"],
        ),
        (("-serial", "null"), SerialPorts("null"), ["-serial", "null"]),
        (
            ("-serial", "stdio", "-serial", "file:2.txt"),
            SerialPorts(others=("file:2.txt",)),
            ["-serial", "ours", "-serial", "file:2.txt"],
        ),
        (("-serial", "file:a,b.txt"), SerialPorts(log="a,,b.txt"), ["-serial", "ours"]),
        (("-serial", "tcp::4444,server=on"), SerialPorts("tcp::4444,server=on"), ["-serial", "tcp::4444,server=on"]),
        (("-serial", "none"), SerialPorts("none"), ["-serial", "none"]),
        (
            ("-chardev", "stdio,id=c,logfile=a,,b.txt,signal=off", "-serial", "chardev:c"),
            SerialPorts(log="a,,b.txt"),
            ["-serial", "ours"],
        ),
        (("-chardev", "pty,id=c", "-serial", "chardev:c"), SerialPorts("chardev:c"), ["-serial", "chardev:c"]),
    ],
)
def test_the_first_serial_port_is_heard_where_it_goes_to_the_terminal_or_a_file(
    flags: tuple[str, ...], ports: SerialPorts, arguments: list[str]
) -> None:
    found, kept = take_serial_ports(flags)
    assert (found, found.arguments("ours")) == (ports, arguments)
    assert "-serial" not in kept and found.heard == (not ports.first)


def test_a_run_command_that_is_a_qemu_makes_the_machine_and_its_disk_stays_as_built() -> None:
    command = (sys.executable.replace("python", "qemu-system-no"), "-M", "pc", "-drive", "format=raw,file={}")
    config = replace(RunConfig(Path("/a,b/x.img"), qemu_flags=("-cpu", "max")), command=command[1:], accelerator="tcg")
    words = machine_arguments(config, None)
    assert "q35" not in words and "-nodefaults" not in words and "ide-hd,drive=disk,bus=ide.0" not in words
    assert words[-6:] == ["-M", "pc", "-drive", "format=raw,file=/a,,b/x.img,snapshot=on", "-cpu", "max"]
    own = replace(config, command=("-hda", "{}", "-fw_cfg", "name=opt/x,string={}"))
    assert machine_arguments(own, None)[-6:-2] == [
        "-drive", "index=0,media=disk,format=raw,snapshot=on,file=/a,,b/x.img",
        "-fw_cfg", "name=opt/x,string=/a,b/x.img",
    ]  # fmt: skip


def test_where_the_guest_is_to_stand_at_its_exit_the_users_device_makes_way() -> None:
    for value, port in (("iobase=0x600,iosize=2", "0x600"), ("iosize=2", "0x501")):
        flags = ("-smp", "2", "-device", f"isa-debug-exit,{value}")
        words = machine_arguments(MachineConfig(Path("x.img"), qemu_flags=flags, stop_at_exit=True), None)
        assert f"pvpanic,ioport={port}" in words and not any("isa-debug-exit" in word for word in words)
        assert words[-2:] == ["-smp", "2"]


def test_a_second_run_under_tcg_changes_a_run_commands_accelerator_too() -> None:
    config = MachineConfig(Path("x.img"), qemu_flags=("-cpu", "host"), command=("-accel", "kvm", "-M", "pc"))
    under = with_tcg(config, "-icount", "shift=0")
    assert (under.command, under.qemu_flags, under.accelerator) == (("-M", "pc"), ("-icount", "shift=0"), "tcg")


@posix_only
def test_which_program_a_run_command_starts(tmp_path: Path) -> None:
    for name in ("qemu-system-i386", "boot.sh"):
        write_script(tmp_path / name, "")
    qemu = settings_of(str(tmp_path / "qemu-system-i386"), "-drive", "format=raw,file={}")
    config = make(qemu)
    assert (config.qemu, config.program) == (str(tmp_path / "qemu-system-i386"), ())
    assert config.command == ("-drive", "format=raw,file={}")
    script = configure(settings_of("./boot.sh", "{}"), CommandLine(), tmp_path, in_test=False, fast=False)
    assert script.command is None and script.program == (str(tmp_path / "boot.sh"), "{}")
    assert (script.directory, script.qemu_flags) == (tmp_path, ("-cpu", "max"))
    # The person's QEMU wins over both, and the fast lane has no image that a command could start.
    assert make(qemu, CommandLine(qemu="mine")).qemu == "mine"
    assert make(settings_of("./boot.sh", "{}"), CommandLine(qemu="mine")).program == ()
    fast = make(qemu, fast=True)
    assert (fast.qemu, fast.command, fast.program) == (None, None, ())


def test_bootimages_own_run_command_is_none_of_the_kernels_own() -> None:
    assert own_command(settings_of("qemu-system-x86_64", "-drive", "format=raw,file={}")) == ()
    assert own_command(settings_of("qemu-system-x86_64", "-hda", "{}")) != ()


def test_a_run_command_that_starts_with_no_program_is_a_sentence() -> None:
    with pytest.raises(BootwrightError, match=r"Cargo.toml: .* run-command starts with ./no-such, which is no program"):
        make(settings_of("./no-such", "{}"))


def script_config(path: Path, body: str, **more: Any) -> RunConfig:
    write_script(path, f"import os, sys, time\n{body}\n")
    config = RunConfig(Path("/b/x.img"), qemu_flags=("-a", "-b"), directory=path.parent, program=(str(path), "at={}"))
    return replace(config, **more)


@posix_only
def test_a_script_gets_the_image_then_the_arguments_and_runs_in_the_package(tmp_path: Path) -> None:
    config = script_config(tmp_path / "boot", "print(*sys.argv[1:], os.getcwd())", timeout=60.0)
    end = run_program(config, io.StringIO(), in_test=True)
    assert (end.kind, end.serial) == (Kind.PASSED, f"at=/b/x.img -a -b {tmp_path}\n")


@posix_only
def test_a_script_that_hangs_ends_at_its_time_out_with_all_that_it_started(tmp_path: Path) -> None:
    body = "print('before', flush=True)\nos.fork()\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    end = run_program(script_config(tmp_path / "boot", body, timeout=1.0), io.StringIO(), in_test=True)
    assert end.kind is Kind.STILL_RUNNING and end.serial.startswith("before")
    for pid in end.serial.split()[1:]:
        deadline = time.monotonic() + 60
        while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < deadline, f"process {pid} lives on"
            time.sleep(0.01)


@posix_only
def test_each_test_of_a_script_has_the_time_out_for_itself(tmp_path: Path) -> None:
    body = "for number in range(6):\n    print('[test] start', flush=True)\n    time.sleep(0.5)"
    config = script_config(tmp_path / "boot", body, timeout=2.5, restart_mark="[test] ")
    assert run_program(config, io.StringIO(), in_test=True).kind is Kind.PASSED


@posix_only
def test_a_run_shows_what_the_script_says_as_it_comes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    end = run_program(script_config(tmp_path / "boot", "print('hello')\nsys.exit(4)"), io.StringIO(), in_test=False)
    assert (end.kind, end.status, capfd.readouterr().out) == (Kind.EXITED, 4, "hello\n")


@pytest.mark.parametrize(
    ("code", "success", "in_test", "kind", "status"),
    [
        (33, 33, True, Kind.PASSED, 0),
        (0, 33, True, Kind.EXITED, 1),
        (0, 33, False, Kind.PASSED, 0),
        (0, None, True, Kind.PASSED, 0),
        (33, None, True, Kind.PASSED, 0),
        (5, 33, True, Kind.EXITED, 5),
        (-9, 33, True, Kind.QEMU_FAILED, Status.QEMU_NOT_STARTED),
    ],
)
def test_a_programs_status_is_judged_as_bootimage_does(
    code: int, success: int | None, in_test: bool, kind: Kind, status: int
) -> None:
    end = program_ended(code, success, in_test, "boot.sh")
    assert (end.kind, end.status) == (kind, status)
    assert code >= 0 or "SIGKILL" in end.sentence


@posix_only
def test_a_script_that_cannot_be_started_is_status_5(tmp_path: Path) -> None:
    (tmp_path / "boot").write_text("no program\n")
    (tmp_path / "boot").chmod(0o755)
    config = RunConfig(Path("x.img"), program=(str(tmp_path / "boot"),))
    with pytest.raises(BootwrightError, match="boot cannot be run: Exec format error") as failure:
        run_program(config, io.StringIO(), in_test=True)
    assert failure.value.status == Status.QEMU_NOT_STARTED


def test_the_protocol_is_heard_from_a_script_too() -> None:
    end = program_ended(33, 33, True, "boot.sh", "[test] start boots::a\r\n[test] ok 5 us\r\n[test] end\r\n")
    (result,) = judge(TestProgram("hello", "boots", Path("a.elf"), Path("a.img"), tests=("boots::a",)), end)
    assert result.outcome is Outcome.PASSED
