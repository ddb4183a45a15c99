"""`scons gdb` and `scons size` by the real scons: a debugger begins when the build is over."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.build.checkouts import Checkout


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
        # It would wait for the lock, and say so, if the build went on.
        again = checkout.scons()
        assert (again.status, again.steps, "waits" in again.output) == (0, [], False), again.output
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
