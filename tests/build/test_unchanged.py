"""A build that has nothing to do is answered before the graph is made, and nothing that it goes by is overlooked."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import Built, Checkout

from bootwright.cargo.command import cargo_home
from bootwright.storage.store import default_root

UP_TO_DATE = "".join(f"scons: `build/debug/hello.{kind}' is up to date.\n" for kind in ("elf", "kernel", "img"))
IMAGE = "image    build/debug/hello.img\n"
CALL = re.compile(r'^\w+\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)+)".* = (?:\d|-1 ENOENT)', re.MULTILINE)


def build(checkout: Checkout, *arguments: str, **environment: str) -> tuple[bool, str]:
    """Runs scons, which must succeed; returns whether it was answered, without a look at the graph, and its output."""
    clock = checkout.path / "build/unchanged/clock"
    before = clock.stat().st_ctime_ns if clock.exists() else 0
    built: Built = checkout.scons(*arguments, environment=environment)
    assert built.status == 0, built.output
    return clock.exists() and clock.stat().st_ctime_ns == before, built.output


def edit(path: Path, old: bytes, new: bytes) -> None:
    """Replaces some bytes of a file by as many others, and gives it back its times."""
    before, text = path.stat(), path.read_bytes()
    assert old in text
    assert len(old) == len(new)
    path.write_bytes(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no time of a file that cannot be set back")
def test_it_is_answered_as_scons_would_until_something_is_another_one(checkout: Checkout) -> None:
    """Each edit is one that SCons, asked after it, finds; and without one the answer is SCons's own."""
    root = checkout.path
    build(checkout)
    assert build(checkout) == (False, UP_TO_DATE)
    assert build(checkout) == (True, UP_TO_DATE)

    (root / "build/debug/hello.img").unlink()
    answered, said = build(checkout)
    assert not answered
    assert said.endswith(IMAGE)
    assert build(checkout) == (False, UP_TO_DATE)

    edit(root / "kernel/src/main.rs", b"Hello World!", b"Hello Wormy!")
    answered, said = build(checkout)
    assert not answered
    assert said.endswith(IMAGE)
    assert build(checkout) == (False, UP_TO_DATE)

    assert build(checkout, MORE="1") == (False, UP_TO_DATE), "a crate may read any variable"
    assert build(checkout, MORE="1") == (True, UP_TO_DATE)

    (root / "kernel/.cargo").mkdir(exist_ok=True)
    (root / "kernel/.cargo/config.toml").write_text("# cargo would have read it, had it been there\n")
    assert build(checkout, MORE="1") == (False, UP_TO_DATE), "cargo plans anew"
    assert build(checkout, MORE="1") == (False, UP_TO_DATE), "what starts a program has not looked itself"
    assert build(checkout, MORE="1") == (True, UP_TO_DATE)

    edit(root / "site_scons/bootwright/image/disk.py", b'"""', b"'''")
    answered, said = build(checkout, MORE="1")
    assert not answered
    assert said.endswith(IMAGE)


def test_another_build_is_waited_for_and_a_memory_that_is_none_is_passed_over(checkout: Checkout) -> None:
    build(checkout)
    build(checkout)
    memory = checkout.path / "build/unchanged/last.json"
    facts = json.loads(memory.read_text())
    (entry,) = facts["entries"].values()
    del entry["answer"]["facts"]["listed"]
    memory.write_text(json.dumps(facts))
    assert build(checkout) == (False, UP_TO_DATE)

    with (checkout.path / "build/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)], cwd=checkout.path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("bootwright: waiting for ")
    assert process.communicate(timeout=60)[0].endswith(UP_TO_DATE)


@pytest.mark.needs("strace")
def test_all_that_a_build_asks_of_the_system_about_files_is_gone_by(checkout: Checkout, tmp_path: Path) -> None:
    """What strace sees and the memory does not have would be an edit that passes unseen."""
    build(checkout)
    calls = tmp_path / "calls"
    strace = ["strace", "-qq", "-e", "trace=%file", "-s", "4096", "-o", str(calls)]
    scons = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)]
    assert subprocess.run([*strace, *scons], capture_output=True, text=True, cwd=checkout.path).stdout == UP_TO_DATE
    asked = {os.path.normpath(checkout.path / name) for name in CALL.findall(calls.read_text(errors="replace"))}
    (entry,) = json.loads((checkout.path / "build/unchanged/last.json").read_text())["entries"].values()
    known = {os.path.normpath(checkout.path / name) for names in entry["answer"]["facts"].values() for name in names}
    # How Python looks for modules counts for no build, if those that it finds do; what the kernel's own files say is
    # part of the question.
    places = [checkout.path, default_root(), cargo_home(os.environ), Path("/usr/src"), Path("/usr/lib/rustlib")]
    here = re.escape(str(checkout.path))
    words = r"(kernel/)?bootwright(\.local)?\.toml"
    made = r"build/(lock|unchanged.*|.?contents.json.*)"
    own = re.compile(rf"{here}/({made}|.venv/.*|{words}|site_scons(/.*(?<!\.py))?)")
    counted = [path for path in asked if any(path.startswith(f"{place}/") for place in places)]
    assert len(counted) > 100
    assert sorted(path for path in counted if path not in known and not own.fullmatch(path)) == []
