"""Ctrl-C: status 130 and no traceback, while programs come up, build and test; and what lies in the way of a build."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is an event of the console")
INTERRUPT_ITSELF = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport colorsys\n"


def interrupted_after(
    argv: list[str], word: str, cwd: Path, number: int = signal.SIGINT, alone: bool = False
) -> tuple[int, str]:
    """Starts argv, interrupts all of its group, or it alone, once it has said word; returns status and output."""
    # With that variable no line would wait in a pipe, and one that nobody flushes would not be noticed.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        argv, cwd=cwd, env=plain, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while word not in said:
            more = process.stdout.readline()
            assert more, said
            said += more
        if alone:
            time.sleep(0.5)  # until the program that it said it starts is there
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)
        watchdog = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
        watchdog.start()
        said += process.stdout.read()
        watchdog.cancel()
    return process.returncode, said


def test_sconsw_that_is_interrupted_while_it_looks_at_its_stamp(checkout: Checkout) -> None:
    shutil.copy2(HOME / "sconsw", checkout.path)
    (checkout.path / "site_scons/bootwright/setup/stamp.py").write_text(INTERRUPT_ITSELF)
    done = subprocess.run([sys.executable, checkout.path / "sconsw"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (130, "")


@pytest.mark.parametrize("name", ["SCons", "pytest"])
def test_scons_and_pytest_that_are_interrupted_while_they_are_imported(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(INTERRUPT_ITSELF)
    (tmp_path / name / "__main__.py").touch()
    argv = [sys.executable, str(HOME / "site_scons/bootwright/setup/startup.py"), name]
    done = subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (130, "")


def test_an_interrupt_that_was_held_back_comes_through(tmp_path: Path) -> None:
    # The shell's child inherits a mask with SIGINT in it, and has one pending before its first instruction.
    body = f"""
import os, signal, sys
sys.path.insert(0, {str(HOME / "site_scons")!r})
from bootwright.setup import startup
startup.hold()
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.executable, [sys.executable, startup.__file__, "SCons", "-v"])
"""
    done = subprocess.run([sys.executable, "-c", body], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (130, "")


def test_a_build_that_is_interrupted(checkout: Checkout) -> None:
    checkout.build()
    checkout.edit("kernel/src/main.rs", "Hello World!", "Hello again!")
    scons = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)]
    status, said = interrupted_after(scons, "rustc    build", checkout.path)
    assert status == 130 and "Traceback" not in said, said
    assert checkout.build()[-1] == "image hello.img"


# What waits for ever: a compiler for a FIFO whose name a macro makes, and a script for a program that it started.
WAITS = {
    "compiler": ("src/main.rs", 'static TEXT: &str = include_str!(concat!("../../", "pipe"));\n', "rustc    build"),
    "script": (
        "build.rs", 'fn main() { std::process::Command::new("sleep").arg("1000").output().unwrap(); }\n', "script",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WAITS)
def test_a_build_that_is_told_to_end_does_not_wait_for_what_never_does(
    checkout: Checkout, package: Path, what: str
) -> None:
    name, line, word = WAITS[what]
    os.mkfifo(package.parent / "pipe")
    with (package / name).open("a") as source:
        source.write(line)
    argv = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), f"KERNEL={package}"]
    # To scons alone, as an IDE and a CI server send it: a terminal tells the compiler, too.
    status, said = interrupted_after(argv, word, checkout.path, signal.SIGTERM, alone=True)
    assert status == 130 and "Traceback" not in said, said


def test_tests_that_are_interrupted(checkout: Checkout) -> None:
    for name in ("conftest.py", "sconsw"):
        shutil.copy2(HOME / name, checkout.path)
    reader = checkout.path.parent / "reader"
    shutil.copytree(checkout.path / "kernel", reader)
    shutil.copy(HOME / "tests/kernels/hanging_test.rs", reader / "tests")
    arguments = [f"KERNEL={reader}", "TESTS=kernel/hello/boots kernel/hello/hanging_test", "TIMEOUT=600", "-j2"]
    scons = [
        sys.executable,
        str(HOME / "site_scons/bootwright/setup/startup.py"),
        "SCons",
        "-Q",
        "-C",
        str(checkout.path),
        "test",
    ]
    status, said = interrupted_after([*scons, "test", *arguments], "passed  ", checkout.path)
    assert status == 130 and "Traceback" not in said and "no test's name" not in said, said
    assert "FAILED" not in said, said


def test_a_file_where_a_directory_should_be_is_a_sentence(checkout: Checkout) -> None:
    (checkout.path / "build").mkdir()
    (checkout.path / "build/debug").touch()
    said = checkout.refuse()
    assert f"bootwright: {checkout.path}/build/debug is a file; the build needs a directory there" in said
    (checkout.path / "build/debug").unlink()
    (checkout.path / "build/debug/hello.img").mkdir(parents=True)
    assert "hello.img is a directory; the build needs a file there" in checkout.refuse()


def test_a_line_of_the_journal_that_is_no_name_is_told_and_passed_over(checkout: Checkout) -> None:
    (checkout.path / "build").mkdir()
    victim = checkout.path / "build" / "half"
    victim.touch()
    (checkout.path / "build" / "journal").write_text('["x"]\n"half"\nhalf a li')
    built = checkout.scons()
    assert built.status == 0 and "Traceback" not in built.output
    assert """build/journal holds '["x"]', no name of an output in """ in built.output
    assert not victim.exists()
