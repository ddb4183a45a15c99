"""[package.metadata.bootimage] in real runs and tests: what people write there boots, and a change compiles nothing."""

from __future__ import annotations

import shutil
import sys

import pytest
from tests.build.checkouts import HOME, Checkout
from tests.build.checkouts import Built as Ended

BOOK = """
[package.metadata.bootimage]
test-args = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", "stdio", "-display", "none"]
test-success-exit-code = 33
run-args = ["-serial", "stdio"]
"""
SCRIPT = """
import subprocess, sys
print("the script boots", sys.argv[1], flush=True)
argv = ["qemu-system-x86_64", "-M", "q35", "-drive", f"format=raw,snapshot=on,file={sys.argv[1]}", *sys.argv[2:]]
argv += ["-serial", "stdio", "-display", "none", "-no-reboot"]
sys.exit(subprocess.run(argv, stdin=subprocess.DEVNULL).returncode)
"""
EXIT = '["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]'


class Book:
    """A reader's kernel beside the checkout: the example, with a manifest that says what the book's does."""

    def __init__(self, checkout: Checkout) -> None:
        self.path = checkout.path.parent / "reader"
        self._checkout = checkout
        shutil.copy2(HOME / "conftest.py", checkout.path)
        shutil.copytree(checkout.path / "kernel", self.path)
        manifest = self.path / "Cargo.toml"
        manifest.write_text(manifest.read_text() + BOOK)

    def scons(self, *arguments: str) -> Ended:
        """Runs scons for this kernel."""
        return self._checkout.scons(*arguments, f"KERNEL={self.path}")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces old, which must be there, in a file."""
        self._checkout.edit(str(self.path / name), old, new)


@pytest.fixture
def book(checkout: Checkout) -> Book:
    """The reader's kernel."""
    return Book(checkout)


def passed(output: str) -> list[str]:
    """Returns the names of the tests that passed."""
    return sorted(line.split()[-1] for line in output.splitlines() if line.startswith("passed  "))


def test_the_books_lines_boot_with_the_serial_port_heard(book: Book) -> None:
    tests = book.scons("test", "TESTS=kernel/hello/boots", "-j2")
    assert tests.status == 0, tests.output
    assert len(passed(tests.output)) == 3
    run = book.scons("run", "--headless")
    assert (run.status, run.output.count("Hello World!")) == (0, 1), run.output
    # The same from the image.
    full = book.scons("test", "TESTS=kernel/hello/boots", "--full", "-j2")
    assert (full.status, passed(full.output)) == (0, passed(tests.output)), full.output


def test_a_changed_line_is_in_the_next_run_and_compiles_nothing(book: Book) -> None:
    assert book.scons("test", "TESTS=kernel/hello/boots").status == 0
    book.edit("Cargo.toml", "exit-code = 33", "exit-code = 35\ntest-timeout = 60")
    tests = book.scons("test", "TESTS=kernel/hello/boots")
    assert tests.steps == ["tests kernel-tests.json"]
    assert tests.status == 1 and "code 33; success is 35" in tests.output
    book.edit("Cargo.toml", '"-serial", "stdio"]\n', '"-serial", "none"]\n')
    run = book.scons("run", "--headless", "TIMEOUT=5")
    assert all("rustc" not in step for step in run.steps), run.output
    assert run.status == 0


def test_a_qemu_of_the_kernels_own_boots_the_image_and_is_watched(book: Book) -> None:
    line = 'run-command = ["qemu-system-x86_64", "-M", "pc", "-m", "64M", "-hda", "{}"]\n'
    book.edit("Cargo.toml", "run-args", f"{line}run-args")
    tests = book.scons("test", "TESTS=kernel/hello/boots")
    assert (tests.status, len(passed(tests.output))) == (0, 3), tests.output
    assert "image boots.img" in tests.steps
    run = book.scons("run", "--headless")
    assert (run.status, run.output.count("Hello World!")) == (0, 1), run.output
    assert "the kernel halted" in run.output
    # The fast lane, where it is asked for, has no image to start.
    fast = book.scons("run", "--headless", "--fast")
    assert (fast.status, fast.output.count("Hello World!")) == (0, 1), fast.output


def test_a_script_of_the_kernels_own_gets_the_image_and_its_status_counts(book: Book) -> None:
    (book.path / "boot.py").write_text(SCRIPT)
    line = f'run-command = ["{sys.executable}", "boot.py", "{{}}"]\n'
    book.edit("Cargo.toml", "run-args", f"{line}run-args")
    # The script has a serial port of its own; what remains is the order of the arguments and the status.
    book.edit("Cargo.toml", ', "-serial", "stdio", "-display", "none"]', "]")
    book.edit("Cargo.toml", 'run-args = ["-serial", "stdio"]', f"run-args = {EXIT}")
    tests = book.scons("test", "TESTS=kernel/hello/boots")
    assert (tests.status, len(passed(tests.output))) == (0, 3), tests.output
    book.edit("src/main.rs", "hello::cpu::halt()", "hello::exit::exit(hello::exit::Outcome::Failed)")
    run = book.scons("run", "--headless", "TIMEOUT=60")
    assert run.status == 35, run.output
    assert "the script boots /" in run.output and "Hello World!" in run.output
