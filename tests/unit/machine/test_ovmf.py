"""UEFI firmware for QEMU: where it is found, what a machine gets of it, and what it says before the kernel does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError, Lacks
from bootwright.image.layout import TERMINAL_CLEARED
from bootwright.machine import ovmf
from bootwright.machine.firmware_text import FirmwareText


def fake_qemu(directory: Path, data: Path) -> Path:
    """Returns a program that looks for its data in one directory."""
    program = directory / "qemu"
    program.write_text(f'#!/bin/sh\n[ "$*" = "-L help" ] && echo "{data}"\n')
    program.chmod(0o755)
    return program


def put(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(("code", "variables"), ovmf._PLACES)
def test_each_distributions_place_is_known(tmp_path: Path, code: str, variables: str) -> None:
    put(tmp_path / "share", code)
    with pytest.raises(Lacks):
        ovmf.find_ovmf(None, [tmp_path / "share"])
    put(tmp_path / "share", variables)
    found = ovmf.find_ovmf(None, [tmp_path / "share"])
    assert (found.code, found.variables) == (tmp_path / "share" / code, tmp_path / "share" / variables)


@pytest.mark.parametrize(("code", "variables"), ovmf._SECURE_PLACES)
def test_each_distributions_place_of_secure_boot_is_known(tmp_path: Path, code: str, variables: str) -> None:
    put(tmp_path / "share", code)
    with pytest.raises(BootwrightError, match="no OVMF with Secure Boot"):
        ovmf.find_ovmf(None, [tmp_path / "share"], secure=True)
    put(tmp_path / "share", variables)
    found = ovmf.find_ovmf(None, [tmp_path / "share"], secure=True)
    assert (found.code, found.variables) == (tmp_path / "share" / code, tmp_path / "share" / variables)
    assert found.arguments()[:2] == ["-global", "driver=cfi.pflash01,property=secure,value=on"]


@pytest.mark.parametrize(
    "why", ['load Boot0001 "disk" from Pci(0x1): Access Denied', "start Boot1: Security Violation"]
)
def test_a_refusal_of_the_firmwares_is_heard_until_the_kernel_begins(why: str) -> None:
    text = FirmwareText(expected=True)
    assert not text.refuses
    text.pass_on(b"BdsDxe: failed to load Boot0000 from a CD: Not Found\r\n")
    assert not text.refuses
    text.pass_on(f"BdsDxe: failed to {why}\r\n".encode())
    assert text.refuses
    text.pass_on(TERMINAL_CLEARED)
    assert not text.refuses


def test_what_lies_beside_qemus_data_comes_first_and_qemus_own_last(tmp_path: Path) -> None:
    data, system = tmp_path / "own" / "qemu", tmp_path / "system"
    data.mkdir(parents=True)
    qemu = fake_qemu(tmp_path, data)
    put(data, "edk2-x86_64-code.fd", "edk2-i386-vars.fd")
    assert ovmf.find_ovmf(qemu, [system]).code == data / "edk2-x86_64-code.fd"
    put(system, *ovmf._PLACES[0])
    assert ovmf.find_ovmf(qemu, [system]).code == system / ovmf._PLACES[0][0]
    put(tmp_path / "own", *ovmf._PLACES[1])
    assert ovmf.find_ovmf(qemu, [system]).code == tmp_path / "own" / ovmf._PLACES[1][0]


def test_neither_file_is_ever_written_to_and_a_comma_is_part_of_a_name() -> None:
    code, variables = ovmf.Ovmf(Path("/a,b/code"), Path("/a,b/vars")).arguments()[1::2]
    assert "readonly=on" in code.split(",")
    assert "snapshot=on" in variables.split(",")
    assert code.endswith(",file=/a,,b/code")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ((), False),
        (("-bios", "x.fd"), True),
        (("--pflash", "x.fd"), True),
        (("-drive", "if=pflash,file=x"), True),
        (("-drive", "if=none,file=if=pflash.img"), False),
    ],
)
def test_a_firmware_in_the_persons_arguments_is_the_machines(flags: tuple[str, ...], chosen: bool) -> None:
    assert ovmf.is_chosen(flags) is chosen


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_what_the_firmware_says_is_kept_back_until_the_loader_clears_the_terminal(size: int) -> None:
    said = b"\x1b[2J\x1b[01;01HBdsDxe: starting\r\n" + TERMINAL_CLEARED + b"Hello" + TERMINAL_CLEARED + b"!\r\n"
    text = FirmwareText(expected=True)
    passed = b"".join(text.pass_on(said[at : at + size]) for at in range(0, len(said), size))
    assert passed == b"Hello" + TERMINAL_CLEARED + b"!\r\n", "what the kernel clears is its own"
    assert (text.over, text.rest()) == (True, b"")


def test_where_no_kernel_begins_the_firmwares_words_are_shown_without_their_colours() -> None:
    text = FirmwareText(expected=True)
    assert text.pass_on(b"\x1b[2J\x1b[01;01H\x1b[0m\x1b[35mno \x1b[=3hdisk\r\n") == b""
    assert (text.over, text.rest()) == (False, b"no disk\r\n")


def test_a_machine_without_uefi_is_heard_from_the_first_byte() -> None:
    text = FirmwareText(expected=False)
    assert text.pass_on(b"SeaBIOS") == b"SeaBIOS"
    assert text.over
