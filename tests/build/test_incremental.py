"""What rustc keeps for its next compilation: used, proven, and without a trace in what is made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.build.checkouts import Checkout
from tests.build.compilers import write_compiler

EDIT = "\n#[used]\nstatic EDITED: u32 = {};\n"


def products(checkout: Checkout) -> dict[str, bytes]:
    debug = checkout.path / "build/debug"
    found = [*debug.glob("hello.*"), *debug.glob("obj/**/deps/lib*.rlib")]
    return {path.relative_to(debug).as_posix(): path.read_bytes() for path in found}


def kept(checkout: Checkout) -> Path:
    return next((checkout.path / "build/debug/obj").glob("*/*/incremental"))


def objects(checkout: Checkout) -> dict[int, Path]:
    """Returns the kept objects by their inodes: rustc links one into its next session where it can use it."""
    return {path.stat().st_ino: path for path in kept(checkout).rglob("*.o")}


def write(checkout: Checkout, name: str, number: int) -> None:
    path = checkout.path / "kernel/src" / name
    path.write_text(path.read_text().partition(EDIT.partition("{")[0])[0] + EDIT.format(number))


def clean(checkout: Checkout) -> dict[str, bytes]:
    checkout.build("-c")
    checkout.build()
    return products(checkout)


def test_edits_reuse_objects_and_make_what_a_clean_build_makes(checkout: Checkout) -> None:
    checkout.build()
    first = products(checkout)
    untouched = {path: path.stat() for path in (checkout.path / "kernel/src").iterdir()}
    sources = {path: path.read_bytes() for path in untouched}
    made = []
    for number, name in enumerate(["main.rs", "vga.rs", "main.rs"]):
        before = set(objects(checkout))
        write(checkout, name, number)
        checkout.build()
        made.append(products(checkout))
        assert (name == "vga.rs") or before & set(objects(checkout)), "no object was used again"
    assert checkout.scons("verify").status == 0
    assert len({each["hello.elf"] for each in [first, *made]}) == 4
    assert made[-1] == clean(checkout)
    for path, data in sources.items():
        path.write_bytes(data)
        os.utime(path, ns=(untouched[path].st_atime_ns, untouched[path].st_mtime_ns))
    checkout.build()
    assert products(checkout) == first


def test_of_an_optimised_program_and_a_library_nothing_is_kept(checkout: Checkout) -> None:
    checkout.build()
    assert [path.name.partition("-")[0] for path in kept(checkout).iterdir()] == ["hello"]
    checkout.build("-c")
    checkout.edit("kernel/Cargo.toml", "[profile.dev]", "[profile.dev]\nopt-level = 1")
    checkout.build()
    assert not list((checkout.path / "build/debug/obj").glob("*/*/incremental"))


def test_a_flipped_bit_in_what_is_kept_reaches_no_product(built: Checkout) -> None:
    for path in kept(built).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if data:
                at = len(data) // 2
                path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
    write(built, "main.rs", 1)
    built.build()
    assert products(built) == clean(built)


def test_warnings_of_what_was_not_compiled_again_are_told(built: Checkout) -> None:
    built.edit("kernel/src/main.rs", "use ", "fn nobody_calls_it() {}\nuse ", 1)
    assert "function `nobody_calls_it` is never used" in built.scons().output
    before = set(objects(built))
    write(built, "main.rs", 1)
    said = built.scons()
    assert "function `nobody_calls_it` is never used" in said.output
    assert before & set(objects(built))


def test_a_compiler_that_crashes_over_it_compiles_all_again(checkout: Checkout, tmp_path: Path) -> None:
    crash = f'[ -e {tmp_path}/crash ] && rm {tmp_path}/crash && echo "error: internal compiler error" >&2 && exit 101'
    rustc = write_compiler(tmp_path / "rustc", "hello", crash)
    checkout.build(rustc.word)
    write(checkout, "main.rs", 1)
    (tmp_path / "crash").touch()
    built = checkout.scons(rustc.word)
    assert built.status == 0, built.output
    assert built.output.count("warning: rustc crashed over what it had kept of hello; it compiles all of it again") == 1
    made = products(checkout)
    checkout.build("-c")
    (tmp_path / "crash").touch()
    assert "rustc crashed" not in checkout.refuse(rustc.word), "what kept nothing is not tried twice"
    checkout.build(rustc.word)
    assert products(checkout) == made


def test_the_compiler_of_a_killed_build_keeps_it_to_itself(checkout: Checkout, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    wait = (
        f"[ -e {tmp_path}/wait ] && rm {tmp_path}/wait && echo $$ > {begun}.new && mv {begun}.new {begun} && sleep 600"
    )
    rustc = write_compiler(tmp_path / "rustc", "hello", wait)
    checkout.build(rustc.word)
    before = objects(checkout)
    write(checkout, "main.rs", 1)
    (tmp_path / "wait").touch()
    argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), rustc.word]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    try:
        assert "rustc hello.elf hello.map" in checkout.build(rustc.word)
        assert objects(checkout) == before, "another compiler has it"
    finally:
        os.killpg(os.getpgid(int(begun.read_text())), 0)
        os.kill(int(begun.read_text()), signal.SIGKILL)
    write(checkout, "main.rs", 2)
    checkout.build(rustc.word)
    assert products(checkout) == clean(checkout)


def test_what_goes_to_other_machines_keeps_nothing(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    checkout.build(f"CACHE={tmp_path}/cache", "CACHE_WRITE=1")
    assert not list((checkout.path / "build/debug/obj").glob("*/*/incremental"))
