"""What happens around a build: the lock, what starts after it, and the statuses that scons returns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout


def start(checkout: Checkout, *arguments: str) -> subprocess.Popen[str]:
    """Starts scons and returns at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def children(pid: int) -> list[int]:
    """Returns the processes that pid started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_machine(scons: subprocess.Popen[str]) -> None:
    """Waits until scons has started QEMU."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in children(scons.pid):
            if "qemu" in Path(f"/proc/{child}/cmdline").read_text():
                return
        assert scons.poll() is None, scons.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("QEMU did not start")


@pytest.mark.needs("qemu-system-x86_64")
def test_a_second_scons_works_while_a_machine_runs(checkout: Checkout, package: Path) -> None:
    checkout.build(f"KERNEL={package}")
    machine = start(checkout, "run", "--headless", f"KERNEL={package}", "TIMEOUT=300")
    try:
        wait_for_machine(machine)
        assert checkout.build("RUSTFLAGS=-C opt-level=1")
        assert machine.poll() is None
    finally:
        os.killpg(machine.pid, signal.SIGINT)
        machine.communicate(timeout=60)


def out(port: int, register: str, value: int) -> str:
    """Returns the statement that writes value to port."""
    kind = "u8" if register == "al" else "u32"
    return f'unsafe {{ core::arch::asm!("out dx, {register}", in("dx") {port}u16, in("{register}") {value}{kind}) }}'


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize(
    ("end", "status", "sentence"),
    [
        ("loop { unsafe { core::arch::asm!(\"cli; hlt\") } }", 0, "halted"),
        ("loop {}", 0, "still running at TIMEOUT=2"),
        (out(0xF4, "eax", 0x10) + "loop {}", 0, "success code 33"),
        (out(0xF4, "eax", 0x15) + "loop {}", 43, "code 43"),
        ("unsafe { core::arch::asm!(\"ud2\") } loop {}", 3, "triple fault"),
        (out(0x64, "al", 0xFE) + "loop {}", 3, "reset"),
    ],
    ids=["halt", "loop", "passed", "other", "triple-fault", "reset"],
)  # fmt: skip
def test_a_run_ends_with_the_sentence_and_the_status_of_its_end(
    checkout: Checkout, package: Path, end: str, status: int, sentence: str
) -> None:
    source = package / "src" / "main.rs"
    text = source.read_text()
    source.write_text(text[: text.rindex("    loop {}")] + f"    {end}\n}}\n")
    ran = checkout.scons("run", "--headless", f"KERNEL={package}", "TIMEOUT=2")
    assert ran.status == status, ran.output
    assert sentence in ran.output
    assert "Traceback" not in ran.output


def test_a_missing_emulator_is_a_sentence_with_status_5(checkout: Checkout) -> None:
    ran = checkout.scons("run", "--headless", "QEMU=no-such-qemu")
    assert ran.status == 5, ran.output
    assert "no-such-qemu" in ran.output
    assert "Traceback" not in ran.output


def test_a_kernel_that_does_not_compile_is_not_started(checkout: Checkout) -> None:
    with (checkout.path / "kernel/src/main.rs").open("a") as source:
        source.write("fn wrong() { missing() }\n")
    said = checkout.refuse("run", "--headless")
    assert "Hello" not in said


@pytest.mark.needs("qemu-system-x86_64")
def test_a_screenshot_is_written_beside_the_image(checkout: Checkout) -> None:
    made = checkout.scons("screenshot")
    assert made.status == 0, made.output
    assert (checkout.path / "build/debug/hello.png").read_bytes().startswith(b"\x89PNG")


def test_the_help_names_every_word_and_touches_nothing(checkout: Checkout) -> None:
    shown = checkout.scons("-h")
    assert shown.status == 0
    for word in (
        "VARIANT",
        "TARGET",
        "KERNEL",
        "debug|release|all",
        "scons run",
        "scons test",
        "--headless",
        "--junit",
    ):
        assert word in shown.output
    assert not (checkout.path / "build").exists()


@pytest.mark.needs("qemu-system-x86_64")
def test_the_linker_script_of_this_house_boots(checkout: Checkout) -> None:
    ran = checkout.scons("run", "--headless", "LDSCRIPT=linker/x86_64.ld", "VARIANT=release")
    assert ran.status == 0, ran.output
    assert "Hello World!" in ran.output


def test_what_has_a_builder_can_be_asked_for_by_its_file(checkout: Checkout) -> None:
    steps = checkout.build("build/debug/hello.elf")
    assert steps[-1] == "rustc hello.elf hello.map"
    assert "there is no target build/debug/nothing.elf" in checkout.refuse("build/debug/nothing.elf")
