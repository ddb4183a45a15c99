"""Bootwright's side of the bench: a copy of this checkout, with a store of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tools.benchmark.package import Package, write_tests
from tools.benchmark.stopwatch import Taken, take

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import allowed_environment
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.config import MachineConfig
from bootwright.machine.qemu import find_qemu

# What `git clone` brings and a build of the example, or the tests of a kernel, read.
PARTS = ("SConstruct", "site_scons", "bootloader", "linker", "kernel", "pyproject.toml", "conftest.py")
UP_TO_DATE = "is up to date"


class Bootwright:
    """Builds the kernel in a copy of home at place, as `scons` does for a person."""

    def __init__(self, home: Path, place: Path) -> None:
        self.home = home
        self.checkout = place / "checkout"
        self.package = Package(home / "kernel", self.checkout / "kernel")
        self.image = self.checkout / "build" / "debug" / "hello.img"
        self.elf = self.checkout / "build" / "debug" / "hello.elf"
        self._tested = place / "tested"
        self._store = place / "cache"
        self._environment = allowed_environment(os.environ)
        self._environment |= {name: str(self._store) for name in ("XDG_CACHE_HOME", "LOCALAPPDATA")}

    def set_up(self) -> None:
        """Copies the checkout anew."""
        shutil.rmtree(self.checkout, ignore_errors=True)
        self.checkout.mkdir(parents=True)
        ignore = shutil.ignore_patterns("__pycache__")
        for part in PARTS:
            source = self.home / part
            if source.is_dir():
                shutil.copytree(source, self.checkout / part, ignore=ignore)
            else:
                shutil.copy2(source, self.checkout / part)
        self.package.make()

    def forget(self, store: bool = False) -> None:
        """Removes what a build made; with store also what is kept for the next one."""
        shutil.rmtree(self.checkout / "build", ignore_errors=True)
        if store:
            shutil.rmtree(self._store, ignore_errors=True)

    def build(self) -> Taken:
        """Builds the image."""
        return self.scons()

    def build_nothing(self) -> Taken:
        """Builds once more; raises if anything was executed."""
        taken = self.scons()
        if UP_TO_DATE not in taken.output:
            raise BootwrightError(f"a null build did something: {taken.output.strip()}")
        return taken

    def boot(self, greeting: str) -> Taken:
        """Builds and runs the kernel in the fast lane; the time counts until the guest's serial port says greeting."""
        return self.scons("run", "--headless", "--fast", until=greeting)

    def start(self, greeting: str) -> Taken:
        """Starts the built kernel in the fast lane, without scons; the time counts from QEMU's start to greeting."""
        kernel, loader = self.elf.with_suffix(".kernel"), self.checkout / "build" / "loader" / "pvh.elf"
        config = MachineConfig(kernel, loader=loader)
        argv = [str(find_qemu(None)), *machine_arguments(config, None), "-serial", "stdio"]
        return take(argv, self.checkout, self._environment, greeting, stop=True)

    def make_tests(self, count: int) -> None:
        """Makes a kernel with count programs of tests, which test() runs."""
        write_tests(self._tested, count)

    def test(self, full: bool, jobs: int) -> Taken:
        """Runs the tests that make_tests made; raises unless all of them passed."""
        count = len(list((self._tested / "tests").iterdir()))
        lane = ["--full"] if full else []
        taken = self.scons("test", f"KERNEL={self._tested}", f"-j{jobs}", *lane)
        if f"{count} passed in" not in taken.output:
            last = taken.output.strip().rpartition("\n")[2]
            raise BootwrightError(f"of {count} tests that pass not all did: {last}")
        return taken

    def scons(self, *arguments: str, until: str = "") -> Taken:
        """Runs scons with these arguments in the copy; until ends the time, as take says."""
        return take([sys.executable, "-m", "SCons", "-Q", *arguments], self.checkout, self._environment, until)
