"""Never a lie: what changes meanwhile, what a stopped build left, what nobody declared, what was tampered with."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout
from tests.build.compilers import private_store, write_compiler

KERNEL = ["rustc hello.elf hello.map", "kernel hello.kernel", "image hello.img"]
ALL = ["rustc libhello.rlib", *KERNEL]
# Kernel and loader are built side by side; what is in doubt is the order of the kernel's own.


def append(path: Path, line: str) -> str:
    """Returns the shell command that adds a line to a file."""
    return f"echo {shlex.quote(line)} >> {shlex.quote(str(path))}"


def without_loader(steps: list[str]) -> list[str]:
    return [step for step in steps if step.split()[0] in ("rustc", "kernel", "image")]


def test_a_tampered_output_is_named_and_made_again_once_it_is_removed(checkout: Checkout) -> None:
    assert checkout.refuse("verify").startswith("scons: *** [verify] ")
    checkout.build()
    assert "outputs in " in checkout.scons("verify").output
    image = checkout.path / "build/debug/hello.img"
    whole = image.read_bytes()
    image.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (checkout.path / "build/debug/hello.kernel").with_name("planted").touch()
    assert checkout.build() == [], "SCons itself does not notice"
    said = checkout.refuse("verify")
    assert f"{image} is not what was built" in said
    assert "planted was not built" in said
    (checkout.path / "build/debug/planted").unlink()
    image.unlink()
    assert f"{image} is missing" in checkout.refuse("verify")
    assert checkout.build() == ["image hello.img"]
    assert checkout.scons("verify").status == 0
    assert image.read_bytes() == whole


def test_a_source_that_changes_while_it_is_compiled_fails_the_action(checkout: Checkout, tmp_path: Path) -> None:
    source = checkout.path / "kernel/src/main.rs"
    rustc = write_compiler(tmp_path / "rustc", "hello", after=append(source, "// more"))
    original = source.read_bytes()
    said = checkout.refuse(rustc.word)
    assert f"{source} changed while build/debug/obj/x86_64-unknown-none/hello/libhello.rlib" not in said
    assert f"{source} changed while build/debug/hello.elf was made of it" in said
    assert not (checkout.path / "build/debug/hello.elf").exists()
    source.write_bytes(original)
    said = checkout.refuse(rustc.word)
    assert "changed while build/debug/hello.elf was made of it" in said, "nothing was recorded as up to date"


def test_a_change_that_is_taken_back_while_it_is_compiled_fails_the_action_too(
    checkout: Checkout, tmp_path: Path
) -> None:
    source = checkout.path / "kernel/src/main.rs"
    name = shlex.quote(str(source))
    there_and_back = f"cp -p {name} saved; echo '// other' >> {name}"
    rustc = write_compiler(tmp_path / "rustc", "hello", there_and_back, f"cp -p saved {name}; rm saved")
    assert f"{source} changed while build/debug/hello.elf was made of it" in checkout.refuse(rustc.word)


def test_a_module_of_ours_that_changes_while_it_runs_makes_nothing_that_is_trusted(
    checkout: Checkout, tmp_path: Path
) -> None:
    module = checkout.path / "site_scons/bootwright/image/disk.py"
    rustc = write_compiler(tmp_path / "rustc", "hello", after=f"[ -e {tmp_path}/once ] || {append(module, '# more')}")
    said = checkout.refuse(rustc.word)
    assert f"{module} changed while build/debug/hello.img was made of it" in said
    (tmp_path / "once").touch()
    assert without_loader(checkout.build(rustc.word)) == ["image hello.img"]


def test_a_loader_of_a_source_that_changed_meanwhile_does_not_reach_the_store(
    checkout: Checkout, tmp_path: Path
) -> None:
    source = checkout.path / "bootloader/bios/src/main.rs"
    original, mark = source.read_bytes(), tmp_path / "once"
    edit = f"[ -e {mark} ] || {append(source, '#[unsafe(no_mangle)] pub static ANOTHER: [u8; 512] = [7; 512];')}"
    rustc = write_compiler(tmp_path / "rustc", "bios_loader", before=f"{edit}; touch {mark}")
    store = private_store(tmp_path / "cache")
    built = checkout.scons(rustc.word, environment=store)
    assert (built.status, f"{source} changed while" in built.output) == (2, True), built.output
    assert not list((tmp_path / "cache/bootwright").glob("loader/*"))
    source.write_bytes(original)
    checkout.build(rustc.word, **store)
    loader = (checkout.path / "build/loader/stages.bin").read_bytes()
    checkout.build("-c")
    checkout.build()
    assert (checkout.path / "build/loader/stages.bin").read_bytes() == loader


def test_an_exchanged_compiler_rebuilds_though_it_says_that_it_is_the_same(checkout: Checkout, tmp_path: Path) -> None:
    rustc = write_compiler(tmp_path / "rustc", "hello")
    store = private_store(tmp_path / "cache")
    checkout.build(rustc.word)
    assert checkout.build(rustc.word) == []
    times = rustc.path.stat()
    write_compiler(tmp_path / "rustc", "hello", own="2")
    os.utime(rustc.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rustc.path.stat().st_size == times.st_size
    built = checkout.scons(rustc.word, environment=store)
    assert "is not the same any more: what it made is built again" in built.output
    assert set(built.steps) >= {
        "loader boot_sector.bin cd_boot.bin stages.bin pvh.elf bootx64.efi network.bin",
        *ALL[:2],
    }


def test_a_changed_recipe_of_the_loader_is_not_answered_from_the_store(built: Checkout) -> None:
    loader = built.path / "build/loader/stages.bin"
    before = loader.read_bytes()
    built.edit("site_scons/bootwright/loader/build.py", "-Copt-level=s", "-Copt-level=z")
    assert built.build()[0] == "loader boot_sector.bin cd_boot.bin stages.bin pvh.elf bootx64.efi network.bin"
    assert loader.read_bytes() != before
    built.edit("site_scons/bootwright/loader/build.py", "-Copt-level=z", "-Copt-level=s")
    built.build()
    assert loader.read_bytes() == before


def start(checkout: Checkout, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts scons in a process group of its own."""
    argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), *arguments]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.02)
    pytest.fail(f"{path} did not appear")


@pytest.mark.parametrize("how", ["killed", "interrupted", "killed alone", "interrupted alone"])
def test_an_edit_that_is_undone_after_a_build_was_stopped_leaves_no_trace(
    checkout: Checkout, tmp_path: Path, how: str
) -> None:
    # The build is stopped when the library is there, unrecorded, and the program is being compiled.
    begun, go = tmp_path / "begun", tmp_path / "go"
    wait = f'case "$*" in *main.rs*) touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done;; esac'
    rustc = write_compiler(tmp_path / "rustc", "hello", after=wait)
    go.touch()
    checkout.build(rustc.word)
    made = [path for path in (checkout.path / "build/debug").rglob("*") if path.is_file()]
    whole = {path: path.read_bytes() for path in made if "incremental" not in path.parts}
    for path in (go, begun):
        path.unlink()
    edited = checkout.path / "kernel/src/vga.rs"
    original = edited.read_bytes()
    edited.write_bytes(b"\n" + original)
    process = start(checkout, rustc.word)
    wait_for(begun)
    number = signal.SIGKILL if "killed" in how else signal.SIGINT
    if "alone" in how:
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(60)
    else:
        os.killpg(process.pid, number)
    edited.write_bytes(original)
    go.touch()
    process.wait(60)
    built = checkout.scons(rustc.word)
    assert built.status == 0, built.output
    assert set(ALL[:2]) <= set(built.steps)
    assert {path: path.read_bytes() for path in whole} == whole
    assert checkout.build(rustc.word) == []
    assert checkout.scons("verify").status == 0


def test_a_build_that_cannot_record_what_it_made_leaves_nothing_that_is_trusted(built: Checkout) -> None:
    before = built.image()
    built.edit("kernel/src/main.rs", "World", "Wordl")
    signatures = built.path / "build/.sconsign.tmp"
    signatures.mkdir()  # SCons writes them here first
    assert built.scons().status != 0
    signatures.rmdir()
    built.edit("kernel/src/main.rs", "Wordl", "World")
    assert built.build() == KERNEL
    assert built.image() == before


@pytest.mark.parametrize("place", ["sysroot", "home", "an argument file"])
def test_a_file_that_is_not_declared_must_not_be_read(checkout: Checkout, tmp_path: Path, place: str) -> None:
    sysroot, home = tmp_path / "toolchain", tmp_path / "home"
    planted = (sysroot / "share" if place == "sysroot" else home) / "planted"
    planted.parent.mkdir(parents=True)
    planted.write_text("--cfg=planted")
    rustc = write_compiler(sysroot / "bin/rustc", "none", sysroot=sysroot)
    (sysroot / "lib").symlink_to(rustc.sysroot / "lib")
    arguments = [rustc.word]
    if place == "an argument file":
        arguments.append(f"RUSTFLAGS=@{planted}")
        checkout.build(*arguments)
        planted.write_text("--cfg=another")
        assert without_loader(checkout.build(*arguments))[:2] == ALL[:2]
        return
    environment = {"HOME": str(home), "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))}
    built = checkout.scons(*arguments, environment=environment)
    assert built.status == 0, built.output
    checkout.edit("kernel/src/main.rs", "use ", f'const _: &str = include_str!("{planted}");\nuse ')
    built = checkout.scons(*arguments, environment=environment)
    assert built.status == 2
    assert "Cargo.toml does not name " in built.output
    assert os.path.relpath(planted, checkout.path / "kernel") in built.output
