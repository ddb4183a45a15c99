"""The machine's arguments, and QEMUs that are missing, old or broken: small programs play them."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.scripts import write_script

from bootwright.base.errors import BootwrightError, Status
from bootwright.machine.arguments import machine_arguments, pasteable
from bootwright.machine.config import MachineConfig
from bootwright.machine.display import Display, find_display
from bootwright.machine.machine import Machine
from bootwright.machine.options import split_flags
from bootwright.machine.qemu import find_qemu, has_firmware
from bootwright.run.config import RunConfig
from bootwright.run.run import run

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the fake QEMU is a script with a #! line")


def config(*flags: str, image: str = "/images/hello.img") -> MachineConfig:
    return MachineConfig(Path(image), qemu_flags=flags)


def fake_qemu(directory: Path, body: str) -> Path:
    path = directory / "qemu-system-x86_64"
    write_script(path, f"import sys\n{body}\n")
    return path


def test_the_default_machine_is_a_q35_with_an_ahci_disk_whose_image_is_not_written() -> None:
    words = machine_arguments(config(), None)
    pairs = list(itertools.pairwise(words))
    assert ("-machine", "q35") in pairs and ("-m", "128M") in pairs and ("-accel", "tcg") in pairs
    assert ("-drive", "if=none,id=disk,format=raw,snapshot=on,file=/images/hello.img") in pairs
    assert ("-device", "ide-hd,drive=disk,bus=ide.0") in pairs
    assert ("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04") in pairs
    assert ("-action", "reboot=shutdown,shutdown=pause") in pairs
    assert ("-display", "none") in pairs


def test_the_users_own_debug_exit_and_accelerator_replace_ours() -> None:
    words = machine_arguments(config("-device", "isa-debug-exit,iobase=0x501,iosize=0x02", "-accel", "kvm"), "gtk")
    assert [word for word in words if "isa-debug-exit" in word] == ["isa-debug-exit,iobase=0x501,iosize=0x02"]
    assert words.count("-accel") == 1
    assert words[-4:] == ["-device", "isa-debug-exit,iobase=0x501,iosize=0x02", "-accel", "kvm"]


def test_the_chosen_accelerator_is_named_unless_the_users_flags_name_one() -> None:
    chosen = replace(config(), accelerator="hvf")
    assert ("-accel", "hvf") in list(itertools.pairwise(machine_arguments(chosen, None)))
    for flags in (("-machine", "pc,accel=kvm"), ("-enable-kvm",), ("-accel", "kvm"), ("--enable-kvm",)):
        assert "hvf" not in machine_arguments(replace(chosen, qemu_flags=flags), None)


def test_a_comma_in_the_images_path_is_doubled_as_qemu_wants_it() -> None:
    assert any(word.endswith("file=/a,,b/x.img") for word in machine_arguments(config(image="/a,b/x.img"), None))


@posix_only
def test_the_fast_lane_has_a_loader_and_a_kernel_and_no_disk(tmp_path: Path) -> None:
    firmware = tmp_path / "share"
    firmware.mkdir()
    qemu = str(fake_qemu(tmp_path, f"print({str(firmware)!r}) if sys.argv[1:] == ['-L', 'help'] else sys.exit(1)"))
    lane = MachineConfig(Path("/b/hello.kernel"), qemu=qemu, loader=Path("/b/pvh.elf"))
    pairs = list(itertools.pairwise(machine_arguments(lane, None)))
    assert ("-kernel", "/b/pvh.elf") in pairs and ("-initrd", "/b/hello.kernel") in pairs
    assert not any("drive" in word for pair in pairs for word in pair)
    assert ("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04") in pairs
    # SeaBIOS where QEMU has nothing quicker, and whatever the user asks for.
    assert "-bios" not in dict(pairs)
    has_firmware.cache_clear()
    (firmware / "qboot.rom").touch()
    assert ("-bios", "qboot.rom") in list(itertools.pairwise(machine_arguments(lane, None)))
    own = machine_arguments(dataclasses.replace(lane, qemu_flags=("-bios", "mine.rom")), None)
    assert [after for word, after in itertools.pairwise(own) if word == "-bios"] == ["mine.rom"]


def test_the_printed_command_is_one_line_for_a_shell() -> None:
    words = shlex.split(pasteable(Path("/usr/bin/qemu"), machine_arguments(config(image="/with space/x.img"), None)))
    assert words[0] == "/usr/bin/qemu"
    assert any(word.endswith("file=/with space/x.img") for word in words)


def test_qemuflags_are_words_as_in_a_shell() -> None:
    assert split_flags("-device 'x,y=a b' -smp 2") == ("-device", "x,y=a b", "-smp", "2")
    with pytest.raises(BootwrightError, match="QEMUFLAGS='open: no closing quotation"):
        split_flags("'open")


def test_a_missing_qemu_is_status_5_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="qemu-system-x86_64 is not on PATH") as failure:
        find_qemu(None, {"PATH": str(tmp_path)})
    assert failure.value.status == Status.QEMU_NOT_STARTED
    assert "QEMU=" in failure.value.hint


@posix_only
def test_qemu_as_a_variable_wins_over_the_path_and_must_be_a_program(tmp_path: Path) -> None:
    mine = fake_qemu(tmp_path, "")
    assert find_qemu(str(mine), {"PATH": "/usr/bin"}) == mine
    with pytest.raises(BootwrightError, match="QEMU=/no/such is no program"):
        find_qemu("/no/such")


@posix_only
@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ('Unable to load the RISC-V firmware "opensbi-riscv32-generic-fw_dynamic.bin"', "Debian's has the one for 64"),
        ('Unable to find the RISC-V BIOS "opensbi-riscv64-generic-fw_dynamic.bin"', "in the package opensbi"),
    ],
)
def test_a_qemu_without_opensbi_is_told_what_brings_it(tmp_path: Path, said: str, cure: str) -> None:
    qemu = fake_qemu(tmp_path, f"sys.exit({said!r})")
    with pytest.raises(BootwrightError, match=said) as failure:
        run(RunConfig(tmp_path / "x.elf", qemu=str(qemu), board="riscv32-virt"), io.StringIO(), io.StringIO())
    assert "this QEMU came without OpenSBI for " in failure.value.hint and cure in failure.value.hint
    assert "-bios FILE in QEMUFLAGS= names one; the command was" in failure.value.hint


@posix_only
@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("sys.exit('qemu: out of luck')", "qemu: out of luck"),
        ("sys.exit(3)", "it ended at once, with status 3"),
    ],
)
def test_a_qemu_that_dies_at_once_is_status_5_with_its_words(tmp_path: Path, program: str, said: str) -> None:
    qemu = fake_qemu(tmp_path, program)
    with pytest.raises(BootwrightError, match=f"QEMU did not start: {said}") as failure:
        config = RunConfig(tmp_path / "x.img", qemu=str(qemu), headless=True, accelerator="tcg")
        run(config, io.StringIO(), io.StringIO())
    assert failure.value.status == Status.QEMU_NOT_STARTED
    assert str(tmp_path / "x.img") in failure.value.hint


@posix_only
def test_a_qemu_older_than_7_1_is_one_sentence(tmp_path: Path) -> None:
    greeting = {"QMP": {"version": {"qemu": {"major": 6, "minor": 2, "micro": 0}}}}
    body = f"""
import json, re, socket
number = re.search(r"id=qmp,fd=(\\d+)", " ".join(sys.argv))[1]
with socket.socket(fileno=int(number)) as channel:
    channel.sendall({json.dumps(greeting)!r}.encode() + b"\\n" + b'{{"return": {{}}}}\\n')
    channel.recv(1000)
    channel.recv(1000)
"""
    qemu = fake_qemu(tmp_path, body)
    with (
        pytest.raises(BootwrightError, match=r"is version 6\.2\.0; the oldest supported is 7\.1") as failure,
        Machine(MachineConfig(tmp_path / "x.img", qemu=str(qemu), accelerator="tcg")),
    ):
        pass
    assert failure.value.status == Status.QEMU_NOT_STARTED


DEAF = """
import json, re, signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
number = re.search(r"id=qmp,fd=(\\d+)", " ".join(sys.argv))[1]
channel = socket.socket(fileno=int(number))
channel.sendall(b'{"QMP": {"version": {"qemu": {"major": 8, "minor": 0, "micro": 0}}}}\\n{"return": {}}\\n')
time.sleep(20)
"""


@posix_only
def test_a_qemu_that_does_not_end_when_it_is_told_to_is_killed(tmp_path: Path) -> None:
    qemu = fake_qemu(tmp_path, DEAF)
    with Machine(MachineConfig(tmp_path / "x.img", qemu=str(qemu), accelerator="tcg")) as machine:
        pid = machine.pid
    assert machine.exit_code == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


HELP = 'print("Available display backend types:\\nnone\\n{names}")'


@posix_only
@pytest.mark.parametrize(
    ("names", "environ", "platform", "expected"),
    [
        ("sdl\\ngtk", {"DISPLAY": ":0"}, "linux", Display("gtk", True)),
        ("sdl", {"WAYLAND_DISPLAY": "wayland-0"}, "linux", Display("sdl", True)),
        ("gtk", {}, "linux", Display(None, False)),
        ("cocoa", {}, "darwin", Display("cocoa", True)),
    ],
)
def test_a_run_has_a_window_where_there_is_a_screen_and_a_module(
    tmp_path: Path, names: str, environ: dict[str, str], platform: str, expected: Display
) -> None:
    qemu = fake_qemu(tmp_path, HELP.format(names=names))
    assert find_display(qemu, (), environ, platform) == expected


@posix_only
def test_a_screen_without_a_module_for_it_is_a_hint(tmp_path: Path) -> None:
    display = find_display(fake_qemu(tmp_path, HELP.format(names="curses")), (), {"DISPLAY": ":0"}, "linux")
    assert (display.name, display.window) == (None, False)
    assert "none|curses" in display.hint and "qemu-system-gui" in display.hint


def test_a_display_that_the_user_chose_is_left_alone() -> None:
    assert find_display(Path("qemu"), ("-display", "vnc=:1"), {}) == Display(None, True)
    assert find_display(Path("qemu"), ("-nographic",), {"DISPLAY": ":0"}) == Display(None, False)
    assert find_display(Path("qemu"), ("-display", "none"), {"DISPLAY": ":0"}) == Display(None, False)
