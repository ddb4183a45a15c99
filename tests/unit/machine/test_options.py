"""QEMU's options in the person's arguments: one dash or two, with a value or without, found alike everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.metadata import BootimageSettings
from bootwright.machine import options
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.config import MachineConfig
from bootwright.machine.display import Display, find_display
from bootwright.machine.serial_ports import take_serial_ports
from bootwright.run.settings import CommandLine, configure

HERE = Path("/k")


def doubled(flags: list[str]) -> list[str]:
    return [f"-{flag}" if flag.startswith("-") else flag for flag in flags]


@pytest.mark.parametrize(
    ("flags", "window"),
    [
        ([], None),
        (["-display", "none"], False),
        (["-nographic"], False),
        (["-display", "gtk,gl=on"], True),
        (["-vnc", ":1"], True),
        (["-append", "-nographic"], None),
    ],
)
def test_a_display_is_known_with_one_dash_and_with_two(flags: list[str], window: bool | None) -> None:
    assert options.has_window(flags) is window
    if flags[:1] != ["-append"]:
        assert options.has_window(doubled(flags)) is window
    if window is not None:
        assert find_display(Path("/no/qemu"), tuple(doubled(flags)), {}) == Display(None, window)


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_an_option_counts_and_the_value_of_another_does_not(dashes: str) -> None:
    assert options.names([f"{dashes}S"], "-S")
    assert not options.names([f"{dashes}append", "-S"], "-S")
    assert options.has_own_log([f"{dashes}d", "int"]) and not options.has_own_log([f"{dashes}name", "-d"])
    assert options.accelerators([f"{dashes}accel", "kvm", f"{dashes}M", "accel=tcg,x=1"]) == ["kvm", "tcg"]
    assert options.accelerators([f"{dashes}enable-kvm"]) == ["kvm"]
    assert not options.is_chosen_by_hand([f"{dashes}append", "accel=kvm"])


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_what_is_ours_is_taken_out_however_it_is_written(dashes: str) -> None:
    flags = (f"{dashes}device", "isa-debug-exit,iobase=0xf5", f"{dashes}smp", "2")
    assert options.take_exit_device(flags) == (0xF5, (f"{dashes}smp", "2"))
    ports, rest = take_serial_ports((f"{dashes}serial", "file:log", f"{dashes}smp", "2"))
    assert (ports.log, rest) == ("log", (f"{dashes}smp", "2"))
    assert options.under_tcg([f"{dashes}append", "-d", f"{dashes}cpu", "host"]) == (f"{dashes}append", "-d")
    settings = BootimageSettings(run_args=(f"{dashes}display", "gtk", f"{dashes}smp", "2"))
    config = configure(settings, CommandLine(headless=True), HERE, in_test=False, fast=True)
    assert config.qemu_flags == (f"{dashes}smp", "2")


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_the_image_of_a_run_command_is_kept_from_the_guest(dashes: str) -> None:
    made = options.with_image([f"{dashes}drive", "format=raw,file={}", f"{dashes}hda", "{}", "{}"], HERE / "a,b")
    assert made[:2] == [f"{dashes}drive", "format=raw,file=/k/a,,b,snapshot=on"]
    assert made[2:] == ["-drive", "index=0,media=disk,format=raw,snapshot=on,file=/k/a,,b", "/k/a,b"]


def test_a_last_option_without_its_value_is_left_for_qemu_to_refuse() -> None:
    assert options.written(options.read_options(["-S", "-smp"])) == ("-S", "-smp")


@pytest.mark.parametrize("word", ["-bios", "--bios"])
def test_the_persons_firmware_starts_the_fast_lane(word: str) -> None:
    config = MachineConfig(HERE / "k", loader=HERE / "pvh.elf", qemu_flags=(word, "own.rom"), accelerator="tcg")
    arguments = machine_arguments(config, None)
    assert arguments.count("-bios") + arguments.count("--bios") == 1
