"""bootwright.toml in real builds: obeyed where the command line says nothing, and an input of a null build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout
from tests.build.test_unchanged import build

MACHINE = '#!/bin/sh\necho "machine $*" >&2\nexit 7\n'


def test_a_kernels_words_are_obeyed_until_the_command_line_says_otherwise(built: Checkout) -> None:
    kernel, said = built.path / "kernel", built.path / "kernel" / "bootwright.toml"
    said.write_text('VARIANT = "release"\nMEMORY = "200M"\n')
    (kernel / "bootwright.local.toml").write_text('BUILD = "../elsewhere"\n')
    build(built)
    made = built.path / "elsewhere"
    assert (made / "release/hello.img").is_file() and not (made / "debug").exists()
    assert "image hello.img" in built.build("VARIANT=debug") and (made / "debug/hello.img").is_file()
    (kernel / "bootwright.local.toml").unlink()

    # A build that has nothing to do is answered until a file says another thing, or is gone.
    said.write_text('RUSTFLAGS = ["-Cdebuginfo=0"]\n')
    build(built)
    build(built)
    assert build(built)[0]
    said.write_text('RUSTFLAGS = ["-Cdebuginfo=1"]\n')
    answered, output = build(built)
    assert not answered and "rustc    build/debug/hello.elf" in output
    build(built)
    assert build(built)[0]
    said.unlink()
    answered, output = build(built)
    assert not answered and "rustc    build/debug/hello.elf" in output


def test_the_doctor_shows_where_a_value_is_from_and_a_wrong_one_names_its_file(checkout: Checkout) -> None:
    kernel = checkout.path / "kernel"
    said = kernel / "bootwright.toml"
    said.write_text('MEMORY = "200M"\nRUSTC = "rustc"\n')
    with (kernel / "Cargo.toml").open("a") as manifest:
        manifest.write('\n[package.metadata.bootwright]\nTIMEOUT = "soon"\nSIGN_KEY = "key.pem"\n')
    timeout = f"TIMEOUT=soon is no positive number of seconds ([package.metadata.bootwright] of {kernel / 'Cargo.toml'}"
    assert f"{timeout} says TIMEOUT)" in checkout.refuse()
    assert "SIGN_KEY= and SIGN_CERT= go together" in checkout.refuse("run", "TIMEOUT=3")
    text = (kernel / "Cargo.toml").read_text()
    (kernel / "Cargo.toml").write_text(text.replace('TIMEOUT = "soon"\nSIGN_KEY = "key.pem"\n', "TIMEOUT = 3\n"))
    report = checkout.path / "report.json"
    checkout.scons("doctor", f"--json={report}", "RUSTC=rustc")
    facts = json.loads(report.read_text())["facts"]
    assert facts["MEMORY="] == f"200M, from {said}" and facts["RUSTC="] == "rustc, from the command line"
    assert facts["TIMEOUT="] == f"3, from [package.metadata.bootwright] of {kernel / 'Cargo.toml'}"
    said.write_text('MEMROY = "200M"\n')
    assert f"{said}: MEMROY is no variable of bootwright's\n  hint: did you mean MEMORY?" in checkout.refuse()


@pytest.mark.needs("qemu-system-x86_64")
def test_a_machine_is_what_the_file_says(built: Checkout, tmp_path: Path) -> None:
    kernel = built.path / "kernel"
    (kernel / "bootwright.toml").write_text('QEMU = "./machine"\nMEMORY = "96M"\nQEMUFLAGS = ["-name", "a guest"]\n')
    with (kernel / "Cargo.toml").open("a") as manifest:
        manifest.write('\n[package.metadata.bootwright]\nMEMORY = "1G"\nTIMEOUT = 20\n')
    (kernel / "machine").write_text(MACHINE)
    (kernel / "machine").chmod(0o755)
    ran = built.scons("run", "--headless")
    assert "-m 96M" in ran.output and "-name a guest" in ran.output, ran.output
    ran = built.scons("run", "--headless", "MEMORY=64M", "QEMUFLAGS=-name none")
    assert "-m 64M" in ran.output and "a guest" not in ran.output
