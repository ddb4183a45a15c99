"""What a person starts after a build, by the real scons: `scons run` on a dying kernel, `scons gdb`, `scons size`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.build.checkouts import HOME, MINIMAL, Checkout

ECHO = "crate::kernel_test! {\n    fn a_sum_is_a_sum() {\n        assert_eq!(1 + 1, 2);\n    }\n}\n"


@pytest.mark.needs("qemu-system-x86_64", "gdb")
def test_while_gdb_is_open_another_build_need_not_wait(checkout: Checkout) -> None:
    command = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), "gdb", "--headless"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin is not None and session.stdout is not None
        for line in session.stdout:
            if "_start () at" in line:
                break
        else:
            pytest.fail("gdb did not come to the entry")
        # It would wait for the lock, and say so, if the build went on: for gdb's end, which would come at last.
        patience = threading.Timer(60, session.kill)
        patience.start()
        again = checkout.scons()
        patience.cancel()
        assert (again.status, again.steps, "waiting for" in again.output) == (0, [], False), again.output
        session.communicate("kill\nquit\n", timeout=60)
    assert session.returncode == 0


def test_size_tells_what_an_edit_changed(checkout: Checkout) -> None:
    first = checkout.scons("size")
    assert first.status == 0 and "there is no earlier build" in first.output, first.output
    checkout.edit("kernel/src/main.rs", 'println!("Hello World!");', 'println!("Hello World! {:?}", [1; 9]);')
    second = checkout.scons("size")
    assert "since the last build" in second.output and "symbols that changed most" in second.output, second.output
    again = checkout.scons("size")
    assert (again.steps, again.output.splitlines()[-1]) == ([], second.output.splitlines()[-1])


@pytest.mark.needs("qemu-system-x86_64")
def test_a_kernel_that_dies_is_explained_and_photographed(checkout: Checkout, package: Path) -> None:
    dying = MINIMAL.replace("    for (i", "    unsafe { (0x1ead_beef_0000 as *mut u8).write_volatile(1) };\n    for (i")
    (package / "src" / "main.rs").write_text(dying)
    line = dying[: dying.index("0x1ead")].count("\n") + 1
    run = checkout.scons("run", "--headless", f"KERNEL={package}")
    assert run.status == 3, run.output
    assert f"fault: unmapped address in _start, src/main.rs:{line}\n" in run.output, run.output
    assert f"{line} | unsafe {{ (0x1ead_beef_0000 as" in run.output  # the sources are found
    assert (checkout.path / "build/debug/reader.png").stat().st_size > 500


@pytest.mark.needs("qemu-system-x86_64")
def test_a_kernel_that_waits_in_its_last_loop_has_no_fault(checkout: Checkout, package: Path) -> None:
    run = checkout.scons("run", "--headless", "TIMEOUT=2", f"KERNEL={package}")
    assert run.status == 0 and "still running at TIMEOUT=2" in run.output and "fault:" not in run.output, run.output
    source = (package / "src" / "main.rs").read_text().rstrip().removesuffix("loop {}\n}")
    (package / "src" / "main.rs").write_text(source + "loop { core::hint::spin_loop() }\n}\n")
    run = checkout.scons("run", "--headless", "TIMEOUT=2", f"KERNEL={package}")
    assert run.status == 0 and "still running at TIMEOUT=2" in run.output and "fault:" not in run.output, run.output
    waits = "let flag = false;\n    while !unsafe { (&raw const flag).read_volatile() } {}"
    (package / "src" / "main.rs").write_text(f"{source}{waits}\n    loop {{}}\n}}\n")
    run = checkout.scons("run", "--headless", "TIMEOUT=2", f"KERNEL={package}")
    assert run.status == 6 and "fault: hang in _start, src/main.rs:" in run.output, run.output


@pytest.mark.needs("qemu-system-x86_64")
def test_each_test_is_told_with_its_own_time_though_another_ran_beside_it(checkout: Checkout, package: Path) -> None:
    shutil.copy2(HOME / "conftest.py", checkout.path)
    (package / "tests").mkdir()
    for name in ("one", "two"):
        (package / "tests" / f"{name}.rs").write_text((package / "src" / "main.rs").read_text())
    qemu, asked = checkout.path / "qemu", checkout.path / "asked"
    qemu.write_text(f'#!/bin/sh\necho "$*" >> "{asked}"\nexec qemu-system-x86_64 "$@"\n')
    qemu.chmod(0o755)
    words = ("-j2", f"KERNEL={package}", "TIMEOUT=1", "--junit=report.xml", f"QEMU={qemu}")
    ended = checkout.scons("test", *words)
    assert asked.read_text().count("-L help") == 1  # once for all machines
    told = re.findall(r"^FAILED +([\d.]+) s  kernel/reader/(one|two)$", ended.output, re.MULTILINE)
    assert ended.status == 1 and len(told) == 2, ended.output
    report = (checkout.path / "report.xml").read_text()
    times = re.findall(r'<testcase classname="kernel.reader" name="(?:one|two)" time="([\d.]+)"', report)
    assert len(times) == 2 and all(float(seconds) >= 1 for seconds in (*dict(told), *times)), (told, times)
    authority = package.parent / "ca.pem"
    os.mkfifo(authority)
    pool = ("POOL=tls://localhost:1", f"POOL_CA={authority}")
    said = checkout.refuse("test", *words[:-1], *pool)
    assert f"{authority} is a FIFO, no regular file\n  hint: POOL_CA= names it, and takes a file" in said


@pytest.mark.needs("qemu-system-x86_64")
def test_a_test_is_found_by_the_name_that_it_has_now(checkout: Checkout) -> None:
    shutil.copy2(HOME / "conftest.py", checkout.path)
    reader = checkout.path.parent / "reader"
    shutil.copytree(checkout.path / "kernel", reader)
    words = ("test", f"KERNEL={reader}", "TESTS=kernel/hello/boots")
    # The first of these builds: what it says of that is not what a program reads on stdout.
    asked = [checkout.interpreter, "-m", "SCons", "-Q", "-C", str(checkout.path), *words, "--list", "--json"]
    listed = subprocess.run(asked, cwd=checkout.path, capture_output=True, text=True)
    assert listed.stdout.startswith("{"), listed
    assert "hello/boots" in str(json.loads(listed.stdout)) and "rustc    " in listed.stderr, listed
    assert "kernel/hello/boots::statics_without_a_value_are_zero\n" in checkout.scons(*words).output
    boots = reader / "tests" / "boots.rs"
    boots.write_text(boots.read_text().replace("statics_without_a_value", "what_has_no_value"))
    # As kernel/README.md says how to add a module, and a test beside its code.
    (reader / "src" / "echo.rs").write_text(ECHO)
    (reader / "src" / "lib.rs").write_text((reader / "src" / "lib.rs").read_text() + "pub mod echo;\n")
    again = checkout.scons(*words[:2], f"{words[2]} kernel/hello/echo")
    assert again.status == 0 and "what_has_no_value_are_zero\n" in again.output, again.output
    assert "statics_without" not in again.output
    assert "kernel/hello/echo::a_sum_is_a_sum\n" in again.output


def test_a_pattern_that_can_choose_nothing_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    reader = checkout.path.parent / "pattern"
    shutil.copytree(checkout.path / "kernel", reader)
    ended = checkout.scons("test", f"KERNEL={reader}", "TESTS=kernel/helo/boots")
    assert ended.status == 1
    assert "no test's name matches TESTS=kernel/helo/boots; near it are kernel/hello/boots" in ended.output
    assert not list((checkout.path / "build").rglob("*.elf")), ended.output


def test_a_kernel_without_tests_is_a_sentence_that_says_how_to_write_one(checkout: Checkout, package: Path) -> None:
    report = package.parent / "report.xml"
    ended = checkout.scons("test", f"KERNEL={package}", f"--junit={report}")
    assert ended.status == 1
    assert "bootwright: reader has no tests\n  hint: a file tests/NAME.rs" in ended.output
    (suite,) = ElementTree.parse(report).getroot()
    assert (suite.tag, suite.get("tests"), suite.findtext("system-out")) == ("testsuite", "0", "reader has no tests")
