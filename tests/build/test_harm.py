"""What somebody else's kernel, an unlucky day or a killed build must not do to a person's files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout
from tests.build.compilers import private_store


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A file of the person's, outside of any build directory."""
    path = tmp_path / "letter"
    path.write_text("dear")
    return path


def test_a_library_named_upwards_reaches_no_file(checkout: Checkout, package: Path, letter: Path) -> None:
    (package / "src" / "lib.rs").write_text("#![no_std]\n")
    manifest = package / "Cargo.toml"
    text = manifest.read_text()
    objects = checkout.path / "build" / "debug" / "obj" / "x86_64-unknown-none" / "reader"
    upwards = os.path.relpath(letter.with_name("letter.rlib"), objects / "libx").removesuffix(".rlib")
    letter = letter.rename(letter.with_name("letter.rlib"))
    manifest.write_text(f'{text}\n[lib]\nname = "x/{upwards}"\n')
    assert "[lib] name is" in checkout.refuse(f"KERNEL={package}")
    assert letter.read_text() == "dear"


def test_a_name_of_300_letters_is_refused_and_the_checkout_builds_on(checkout: Checkout, package: Path) -> None:
    manifest = package / "Cargo.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace("reader", "n" * 300))
    assert "the limit is 200" in checkout.refuse(f"KERNEL={package}")
    (checkout.path / "build" / "journal").write_text(json.dumps(f"debug/{'n' * 300}.elf") + "\n")
    manifest.write_text(text.replace("reader", "n" * 190))
    assert checkout.build(f"KERNEL={package}")
    assert (checkout.path / "build" / "debug" / f"{'n' * 190}.img").is_file()


def test_a_journal_of_another_tree_removes_nothing_there(checkout: Checkout, package: Path, letter: Path) -> None:
    (letter.parent / "mine").mkdir()
    (checkout.path / "build").mkdir()
    (checkout.path / "build" / "journal").write_text(
        f"{json.dumps(str(letter))}\n{json.dumps(str(letter.parent / 'mine'))}\n"
    )
    built = checkout.scons("doctor", f"KERNEL={package}")
    assert "no name of an output" in built.output and "Traceback" not in built.output
    assert letter.read_text() == "dear" and (letter.parent / "mine").is_dir()


def test_an_odd_file_among_the_sources_is_one_sentence_and_never_a_wait(checkout: Checkout, package: Path) -> None:
    odd = package / "src" / "odd"
    for target, what in (("", "a FIFO"), ("/dev/zero", "a device"), ("nowhere", "a link to nowhere")):
        odd.symlink_to(target) if target else os.mkfifo(odd)
        assert f"{odd} is {what}" in checkout.refuse(f"KERNEL={package}")  # what waits for a FIFO waits for ever
        odd.unlink()
    (package / "src" / ".#main.rs").symlink_to("user@host.1:2")  # Emacs edits main.rs
    assert checkout.build(f"KERNEL={package}")
    # What cargo, rustup, SCons or a linker would read by its name; the place of each is the package's.
    names: dict[str, tuple[str, ...]] = {
        "rust-toolchain": (), "../.cargo/config.toml": (), "Cargo.lock": (), "../Cargo.toml": (), "boot.json": (),
        "ram": ("RAMDISK={}",), "kernel.ld": ("LDSCRIPT={}",), "os.json": ("TARGET={}",),
        "ca.pem": ("CACHE=https://localhost:1/", "CACHE_CA={}"),
    }  # fmt: skip
    for name, more in names.items():
        odd = Path(os.path.normpath(package / name))
        odd.parent.mkdir(exist_ok=True)
        os.mkfifo(odd)
        said = checkout.refuse(f"KERNEL={package}", *(word.format(odd) for word in more))
        named = [f"{word.partition('=')[0]}= names it, and takes a file" for word in more if "{}" in word]
        assert f"{odd} is a FIFO, no regular file\n  hint: {(named or ['remove or rename it'])[0]}" in said
        odd.unlink()
    os.mkfifo(package.parent / "pipe")
    source = package / "src" / "main.rs"
    source.write_text(source.read_text() + 'static TEXT: &str = include_str!("../../pipe");\n')
    assert f"pipe is a FIFO, no regular file\n  hint: {source} names it" in checkout.refuse(f"KERNEL={package}")


def test_a_file_that_the_assembler_reads_is_an_input_or_the_build_ends(checkout: Checkout, package: Path) -> None:
    source, manifest = package / "src" / "main.rs", package / "Cargo.toml"
    logo = package.parent / "logo.bin"
    logo.write_bytes(b"old")
    source.write_text(source.read_text() + 'core::arch::global_asm!(".section .data\\n.incbin \\"../logo.bin\\"");\n')
    said = checkout.refuse(f"KERNEL={package}")
    assert "does not name ../logo.bin, which the compiler read" in said and 'inputs = ["../logo.bin"]' in said
    manifest.write_text(manifest.read_text() + '\n[package.metadata.bootwright]\ninputs = ["../logo.bin"]\n')
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}")
    logo.write_bytes(b"new")
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}")
    (package / "logo.bin").write_bytes(b"inner")  # in the package it is an input without a word
    source.write_text(source.read_text().replace("../logo.bin", "logo.bin"))
    assert checkout.build(f"KERNEL={package}")
    (package / "logo.bin").write_bytes(b"other")
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}")


@pytest.mark.parametrize(
    "argument", ["--error-handling-script={script}", "-Map={letter}", "--dependency-file={letter}"]
)
def test_a_specification_neither_runs_a_program_nor_writes_a_file(
    checkout: Checkout, package: Path, letter: Path, argument: str
) -> None:
    script = package / "run.sh"
    script.write_text(f"#!/bin/sh\necho run > {letter}\n")
    script.chmod(0o755)
    word = argument.format(script=script, letter=letter)
    spec = {
        "llvm-target": "x86_64-unknown-none",
        "arch": "x86_64",
        "target-pointer-width": 64,
        "linker-flavor": "ld.lld",
        "post-link-args": {"ld.lld": [word, "--no-such-option"]},
    }
    (package / "os.json").write_text(json.dumps(spec))
    said = checkout.refuse(f"KERNEL={package}", f"TARGET={package / 'os.json'}")
    assert f'os.json: "post-link-args" holds {word}' in said
    assert letter.read_text() == "dear"


@pytest.mark.needs("qemu-system-x86_64")
def test_a_guests_serial_port_goes_to_a_pipe_and_to_a_file_byte_by_byte(checkout: Checkout, tmp_path: Path) -> None:
    source = checkout.path / "kernel" / "src" / "main.rs"
    text = source.read_text()
    at = text.index("{", text.index("fn _start")) + 1
    out = 'unsafe { core::arch::asm!("out dx, al", in("dx") 0x3f8u16, in("al") byte) }'
    say = f"for byte in [0xffu8, 0xfe, 0xc3, b'.'] {{ {out} }}"
    source.write_text(f"{text[:at]}\n    {say}\n{text[at:]}")
    argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), "run", "--headless", "--fast"]
    ran = subprocess.run([*argv, f"SERIAL={tmp_path / 'serial'}"], capture_output=True, check=False, timeout=600)
    assert ran.returncode == 0, ran.stderr
    copy = (tmp_path / "serial").read_bytes()
    assert copy.startswith(b"\xff\xfe\xc3.") and b"Hello World!" in copy
    assert copy in ran.stdout
    assert "SERIAL=x is for `scons run`" in checkout.refuse("SERIAL=x")


def test_a_stored_file_that_changed_is_told_and_made_again_and_the_image_is_the_same(
    checkout: Checkout, tmp_path: Path
) -> None:
    store = private_store(tmp_path / "cache")
    checkout.build(**store)
    image = checkout.image()
    (stage,) = (tmp_path / "cache" / "bootwright" / "loader").glob("*/stages.bin")
    data = bytearray(stage.read_bytes())
    data[len(data) // 2] ^= 1
    stage.write_bytes(data)
    checked = checkout.scons("store", "--check", environment=store)
    assert (checked.status, f"{stage} is not what was stored" in checked.output) == (2, True), checked.output
    (checkout.path / "build" / "loader" / "stages.bin").unlink()
    built = checkout.scons(environment=store)
    assert f"{stage} is not what was stored; it is made again" in built.output
    assert checkout.image() == image
    checked = checkout.scons("store", "--check", environment=store)
    assert f"loader   {stage.parent.name}  is what was stored" in checked.output
