"""`bootwright new`, and cargo with what it makes: a kernel that runs, is tested and checked as it is, also by cargo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.build.checkouts import HOME
from tests.build.installed import WITHOUT_ROOT, Environment

from bootwright.rust.build_tools import Question, find_tools

pytestmark = [pytest.mark.needs("cc", "qemu-system-x86_64"), pytest.mark.xdist_group("wheel")]
DEPS = "target/x86_64-unknown-none/debug/deps"


def person(installed: Environment) -> dict[str, str]:
    """Returns the environment of somebody who has the installation on PATH, and not what scons test has there."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": search_path(installed)}


def search_path(installed: Environment) -> str:
    """Returns PATH with the program, and with the cargo of the compiler that a build here takes."""
    compiler = find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).toolchain.rustc
    return os.pathsep.join([str(installed.path / "bin"), str(compiler.parent), os.environ["PATH"]])


@pytest.fixture(scope="module")
def hello(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kernels of mine")
    said = installed.do("new", "hello", "--cargo", cwd=place, PATH=search_path(installed))
    assert said == f"bootwright: {place / 'hello'} is a kernel for pc; cd hello && bootwright run\n"
    return place / "hello"


def cargo(installed: Environment, package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs cargo in the package as a person does."""
    return subprocess.run(
        [*WITHOUT_ROOT, "cargo", *words], cwd=package, env=person(installed),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip


def test_a_new_kernel_runs_and_passes_its_tests(installed: Environment, hello: Path) -> None:
    said = installed.do("run", "--headless", cwd=hello)
    assert "\nHello World!\n" in said and "the kernel halted" in said
    assert "has no effect" not in said and "is not used" not in said  # of what new has written
    assert "2 passed" in installed.do("test", cwd=hello)


def test_an_editor_checks_it_without_an_error_or_a_warning(installed: Environment, hello: Path) -> None:
    checked = cargo(installed, hello, "check", "--workspace", "--all-targets")
    assert (checked.returncode, "warning" in checked.stdout) == (0, False), checked.stdout


def test_cargo_runs_and_tests_it_in_the_machine(installed: Environment, hello: Path) -> None:
    ran = cargo(installed, hello, "run", "--", "-name", "chosen-by-hand")
    assert ran.returncode == 0 and "Hello World!" in ran.stdout and "the kernel halted" in ran.stdout
    tested = cargo(installed, hello, "test")
    assert tested.returncode == 0, tested.stdout
    assert "boots::two_and_two_is_four... [ok]\nboots::statics_without_a_value_are_zero... [ok]\n" in tested.stdout
    source = hello / "tests" / "boots.rs"
    before = source.read_text()
    try:
        source.write_text(before.replace("black_box(2) + 2, 4", "black_box(2) + 2, 5"))
        failed = cargo(installed, hello, "test")
    finally:
        source.write_text(before)
    assert failed.returncode == 35, failed.stdout
    assert "boots::two_and_two_is_four... [failed]\npanicked at tests/boots.rs:" in failed.stdout
    assert "\n  where    " in failed.stdout


DOCTEST = """//!
//! ```
//! #![no_std]
//! #![no_main]
//! #[panic_handler]
//! fn panic(info: &core::panic::PanicInfo) -> ! { kernel::testing::failed(info) }
//! #[unsafe(no_mangle)]
//! extern "C" fn _start() -> ! { kernel::testing::run(&[("doc::adds", || assert_eq!(1 + 1, SUM))]) }
//! ```
"""


def test_its_doctests_boot_as_well(installed: Environment, hello: Path, tmp_path: Path) -> None:
    package = shutil.copytree(hello, tmp_path / "hello", ignore=shutil.ignore_patterns("target", "build"))
    manifest, library = package / "Cargo.toml", package / "src" / "lib.rs"
    manifest.write_text(manifest.read_text().replace("doctest = false", "doctest = true"))
    both = DOCTEST.replace("SUM", "2") + DOCTEST.replace("SUM", "3")
    library.write_text(library.read_text().replace("\n\n", f"\n{both}\n", 1))
    done = cargo(installed, package, "test", "--doc")
    assert "1 passed; 1 failed" in done.stdout and done.returncode != 0, done.stdout
    assert "doc::adds... [failed]\npanicked at " in done.stdout and "the kernel ended with code 35" in done.stdout


class Runner:
    """`bootwright runner` for one program of tests, in a package whose manifest says more."""

    def __init__(self, installed: Environment, exe: Path, package: Path) -> None:
        self._installed, self._exe, self.package = installed, exe, package
        package.mkdir()

    def run(self, metadata: str, *words: str, place: str = "deps") -> subprocess.CompletedProcess[str]:
        """Runs a copy of the program, in a directory of the name place, with this [package.metadata.bootimage]."""
        text = f'[package]\nname = "hello"\nversion = "0.1.0"\n[package.metadata.bootimage]\n{metadata}\n'
        (self.package / "Cargo.toml").write_text(text)
        exe = self.package / place / "boots-1234"
        exe.parent.mkdir(exist_ok=True)
        shutil.copy(self._exe, exe)
        return self._installed.run("runner", str(exe), *words, cwd=self.package, CARGO_MANIFEST_DIR=str(self.package))


@pytest.fixture(scope="module")
def exe(installed: Environment, hello: Path) -> Path:
    built = cargo(installed, hello, "test", "--no-run")
    assert built.returncode == 0, built.stdout
    return max((path for path in (hello / DEPS).glob("boots-*") if not path.suffix), key=lambda p: p.stat().st_mtime)


@pytest.fixture
def runner(installed: Environment, exe: Path, tmp_path: Path) -> Runner:
    return Runner(installed, exe, tmp_path / "package")


@pytest.mark.parametrize(
    ("metadata", "place", "status"),
    [
        ("", "deps", 0),
        ("", "rustdoctestABC123", 0),
        ("test-success-exit-code = 33", "deps", 0),
        ("test-success-exit-code = 35", "deps", 33),
        ("test-success-exit-code = 35", "debug", 33),  # a run, whose status is QEMU's own
    ],
    ids=["no key", "a doctest", "the code", "another code", "a run"],
)
def test_its_status_is_the_one_of_bootimages_runner(runner: Runner, metadata: str, place: str, status: int) -> None:
    done = runner.run(metadata, place=place)
    assert done.returncode == status, done.stdout
    assert "boots::two_and_two_is_four... [ok]" in done.stdout


def test_its_keys_are_those_of_bootimages_runner(runner: Runner) -> None:
    script = runner.package / "machine"
    script.write_text('#!/bin/sh\n[ -s "$1" ] || exit 9\nshift\necho "got $*"\nexit 7\n')
    script.chmod(0o755)
    keys = 'run-command = ["./machine", "{}"]\nrun-args = ["a run"]\ntest-args = ["a", "test"]'
    tested = runner.run(f"{keys}\ntest-success-exit-code = 7", "more")
    assert (tested.returncode, "got -no-reboot a test more\n" in tested.stdout) == (0, True), tested.stdout
    allowed = runner.run(f"{keys}\ntest-no-reboot = false")
    assert (allowed.returncode, "got a test\n" in allowed.stdout) == (7, True), allowed.stdout
    ran = runner.run(keys, place="debug")
    assert (ran.returncode, "got a run\n" in ran.stdout) == (7, True), ran.stdout
    killed = """run-command = ["sh", "-c", "kill -9 $$"]"""
    assert [runner.run(killed, place=place).returncode for place in ("deps", "debug")] == [1, 1]
    hangs = 'run-command = ["sleep", "20"]\ntest-timeout = 1\ntest-no-reboot = false'
    over = runner.run(hangs)
    assert over.returncode not in (0, 33) and "TIMEOUT=1" in over.stdout, over.stdout
    wrong = runner.run("test-timeout = 0")
    assert wrong.returncode == 2 and "test-timeout is 0 s; the least is 1" in wrong.stdout


def test_nothing_that_is_there_is_written_to(installed: Environment, hello: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in hello.rglob("*"))
    done = installed.run("new", "hello", cwd=hello.parent)
    assert done.returncode == 2 and f"{hello} exists already" in done.stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in hello.rglob("*")) == before


@pytest.mark.needs("qemu-system-arm")
@pytest.mark.parametrize("variant", ["--handover=0.11", "--board=microbit"])
def test_a_kernel_of_another_kind_passes_its_tests_whatever_its_name_becomes(
    installed: Environment, tmp_path: Path, variant: str
) -> None:
    installed.do("new", "board", variant, cwd=tmp_path, PATH=search_path(installed))  # as one of its modules is called
    manifest = tmp_path / "board" / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace('name = "board"', 'name = "renamed"', 1))
    said = installed.do("test", cwd=tmp_path / "board")
    assert "2 passed" in said and "kernel/renamed/boots::two_and_two_is_four" in said
