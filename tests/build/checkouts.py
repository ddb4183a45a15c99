"""Real builds: a copy of this checkout in a scratch directory, and scons run in it."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PARTS = (
    "SConstruct", "site_scons", "kernel", "bootloader", "linker", "pyproject.toml", "tests/kernels/hello-host"
)  # fmt: skip
# What a line of a quiet build begins with, for each kind of action.
STEP = re.compile(r"^(core|spec|loader|rustc|cargo|script|store|cache|kernel|image|tests|check) +(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """How one run of scons ended; steps are its actions as 'kind file'."""

    status: int
    output: str

    @property
    def steps(self) -> list[str]:
        """The actions, each by its kind and the names of its targets without their directories."""
        found = []
        for kind, names in STEP.findall(self.output):
            found.append(" ".join([kind, *(name.rpartition("/")[2] for name in names.split())]))
        return found


@dataclass(frozen=True)
class Checkout:
    """A copy of this checkout at path, and the interpreter that runs scons."""

    path: Path
    interpreter: str = sys.executable

    def scons(self, *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Built:
        """Runs scons with arguments; output is stdout and stderr as they came."""
        done = subprocess.run(
            [self.interpreter, "-m", "SCons", "-Q", "-C", str(self.path), *arguments],
            cwd=cwd or self.path,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return Built(done.returncode, done.stdout)

    def build(self, *arguments: str, **environment: str) -> list[str]:
        """Runs scons, which must succeed, and returns its steps."""
        built = self.scons(*arguments, environment=environment)
        assert built.status == 0, built.output
        return built.steps

    def refuse(self, *arguments: str, **environment: str) -> str:
        """Runs scons, which must fail as a build error without a traceback, and returns its output."""
        built = self.scons(*arguments, environment=environment)
        assert built.status == 2, built.output
        assert "Traceback" not in built.output
        return built.output

    def edit(self, name: str, old: str, new: str, count: int = -1) -> None:
        """Replaces old, which must be there, in a file: everywhere, or so many times from its beginning."""
        path = self.path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, count))

    def python(self, program: str) -> str:
        """Runs a program in Python, as a process of its own, in the checkout; returns what it prints."""
        return subprocess.run(
            [sys.executable, "-c", program], cwd=self.path, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def image(self, variant: str = "debug", name: str = "hello") -> bytes:
        """Returns the bytes of an image."""
        return (self.path / "build" / variant / f"{name}.img").read_bytes()


@cache
def _compiled() -> dict[Path, bytes]:
    """Returns each compiled file of site_scons/, by its name there: each scons would compile all of them anew."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for source in (HOME / "site_scons").rglob("*.py"):
            made = py_compile.compile(str(source), cfile=str(Path(scratch, "compiled")), doraise=True)
            name = Path(importlib.util.cache_from_source(str(source))).relative_to(HOME)
            found[name] = Path(str(made)).read_bytes()
    return found


def copy_checkout(path: Path) -> Checkout:
    """Copies what a build needs of this checkout to path, compiled for Python."""
    ignore = shutil.ignore_patterns("__pycache__", "build")
    for part in PARTS:
        source = HOME / part
        if source.is_dir():
            shutil.copytree(source, path / part, ignore=ignore)
        else:
            path.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, path / part)
    for name, data in _compiled().items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(data)
    return Checkout(path)


def run_mounted(mount: str, place: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs command after the shell command mount, which mounts something at place ("$1"), and takes that away again.

    Who is not root does so as root of a namespace of their own. The names of what the command left in place follow its
    output.
    """
    user = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    script = f'{mount} || exit 77; m=$1; shift; "$@"; status=$?; find "$m" -name "*.img" -o -name "*.new*"; umount "$m"'
    return subprocess.run(
        [*user, "sh", "-c", f"{script}; exit $status", "sh", str(place), *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip


MINIMAL = """#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    for (i, byte) in b"Hello World!".iter().enumerate() {
        unsafe { (0xb8000 as *mut u8).add(2 * i).write_volatile(*byte) };
    }
    loop {}
}
"""

IDLE = """#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[no_mangle]
pub extern "C" fn _start() -> ! {
    loop {}
}
"""
