"""The real sconsw in a checkout of its own, with a scons of a few lines from a local index: no network is used."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.machine.test_boards import with_a_board

HOME = Path(__file__).resolve().parents[2]
SCONS = """
import os, sys
print("scons", *sys.argv[1:], "in", os.getcwd())
"""
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


def make_wheel(index: Path, version: str, package: str = "scons") -> None:
    """Puts a package into index; scons prints its arguments."""
    name = f"{package}-{version}"
    files = {
        **({"SCons/__init__.py": "", "SCons/__main__.py": SCONS} if package == "scons" else {f"{package}.py": ""}),
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{name}.dist-info/RECORD"] = "".join(f"{file},,\n" for file in files)
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)


class Checkout:
    """A copy of what sconsw is made of, under a path with a space, with an empty HOME beside it."""

    def __init__(self, parent: Path) -> None:
        self.path = parent / "a fresh place"
        self.index = parent / "index"
        self.index.mkdir()
        package = self.path / "site_scons" / "bootwright"
        shutil.copytree(HOME / "site_scons" / "bootwright", package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HOME / "sconsw", self.path)
        for version in ("4.11.1", "4.11.2"):
            make_wheel(self.index, version)
        self.require("4.11.1")
        (parent / "home").mkdir()
        # The system's own Python, without uv: what a bare machine has.
        self.environ = {
            "HOME": str(parent / "home"), "PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), "PIP_NO_CACHE_DIR": "1",
        }  # fmt: skip

    def require_for_push(self, version: str) -> None:
        """Lists the package oras for what needs a registry."""
        make_wheel(self.index, version, "oras")
        (self.path / "requirements").mkdir(exist_ok=True)
        (self.path / "requirements" / "registry.txt").write_text(f"oras=={version}\nscons==4.11.1\n")

    def packages(self) -> list[str]:
        """Returns the names of the packages in .venv, with their versions."""
        found = (path.name.removesuffix(".dist-info") for path in self.path.glob(".venv/lib/*/*/*.dist-info"))
        return sorted(name for name in found if name.split("-")[0] not in ("pip", "setuptools"))

    def require(self, version: str) -> None:
        (self.path / "requirements.txt").write_text(f"scons=={version}\n")

    def start(self, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        argv = [getattr(sys, "_base_executable", sys.executable), str(self.path / "sconsw"), *arguments]
        return subprocess.Popen(
            argv, env=self.environ, cwd=self.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=before,
        )  # fmt: skip

    def run(self, *arguments: str, before: Callable[[], None] | None = None) -> tuple[int, str, str]:
        """Runs sconsw to its end; returns its status, what it printed and what it told."""
        with self.start(*arguments, before=before) as process:
            out, told = process.communicate(timeout=120)
        assert "Traceback" not in told
        return process.returncode, out, told


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_makes_the_environment_and_becomes_scons(checkout: Checkout) -> None:
    status, out, told = checkout.run("doctor", "--json", "X=a b")
    assert (status, out) == (0, f"scons doctor -Q --json X=a b in {checkout.path}\n")
    assert "making .venv with 1 packages" in told
    assert (checkout.path / ".venv" / ("Scripts" if os.name == "nt" else "bin")).is_dir()


def test_a_second_run_does_nothing_but_scons(checkout: Checkout) -> None:
    checkout.run("doctor")
    (checkout.path / "site_scons" / "bootwright" / "setup" / "prepare.py").write_text(
        "raise SystemExit('looked again')\n"
    )
    assert checkout.run("doctor") == (0, f"scons doctor in {checkout.path}\n", "")


def test_a_run_from_another_directory_is_in_the_checkout_and_means_paths_there(checkout: Checkout) -> None:
    checkout.run("doctor")
    kernel = checkout.path / "my kernel"
    kernel.mkdir()
    checkout_path, checkout.path = checkout.path, kernel
    (kernel / "sconsw").symlink_to(checkout_path / "sconsw")
    assert checkout.run("doctor", "KERNEL=.")[1] == f"scons doctor KERNEL={kernel} in {checkout_path}\n"


def test_new_requirements_are_installed(checkout: Checkout) -> None:
    checkout.run("doctor")
    checkout.require("4.11.2")
    status, _, told = checkout.run("doctor")
    assert status == 0
    assert "making .venv" in told
    assert list(checkout.path.glob(".venv/**/scons-4.11.2.dist-info"))
    assert not list(checkout.path.glob(".venv/**/scons-4.11.1.dist-info"))


@pytest.mark.parametrize("moment", ["bootwright.unfinished", "pyvenv.cfg", "**/pip"], ids=["early", "venv", "pip"])
def test_a_set_up_that_was_killed_is_completed_by_the_next_run(checkout: Checkout, moment: str) -> None:
    process = checkout.start("doctor")
    deadline = time.monotonic() + 60
    while not any((checkout.path / ".venv").glob(moment)) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (checkout.path / ".venv" / "bootwright.stamp").exists()
    status, out, told = checkout.run("doctor")
    assert (status, out) == (0, f"scons doctor in {checkout.path}\n")
    assert "did not end" in told
    assert not (checkout.path / ".venv" / "bootwright.unfinished").exists()


def test_a_change_that_was_killed_and_taken_back_does_not_trust_the_old_stamp(checkout: Checkout) -> None:
    checkout.run("doctor")
    checkout.require("4.11.2")
    process = checkout.start("doctor")
    while not (checkout.path / ".venv" / "bootwright.unfinished").exists() and process.poll() is None:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    checkout.require("4.11.1")
    status, out, told = checkout.run("doctor")
    assert (status, out) == (0, f"scons doctor in {checkout.path}\n")
    assert "did not end" in told


def test_two_first_runs_at_once_take_turns(checkout: Checkout) -> None:
    first, second = checkout.start("doctor"), checkout.start("doctor")
    results = [(*process.communicate(timeout=120), process.returncode) for process in (first, second)]
    assert [(out, status) for out, _, status in results] == [(f"scons doctor in {checkout.path}\n", 0)] * 2
    told = sorted(told for _, told, _ in results)
    assert "making .venv" in told[0]
    assert told[1] == "sconsw: waiting for the set-up that another sconsw makes here\n"


def test_no_index_is_one_sentence_with_the_cure(checkout: Checkout) -> None:
    del checkout.environ["PIP_NO_INDEX"], checkout.environ["PIP_FIND_LINKS"]
    checkout.environ |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    status, out, told = checkout.run("doctor")
    assert (status, out) == (2, "")
    assert "no package index answers" in told
    assert "  hint: connect to the network" in told
    checkout.environ["PIP_FIND_LINKS"] = str(checkout.index)
    checkout.environ["PIP_NO_INDEX"] = "1"
    assert checkout.run("doctor")[0] == 0


def test_a_package_that_does_not_exist_is_told_in_the_words_of_pip(checkout: Checkout) -> None:
    checkout.require("4.11.9")
    status, _, told = checkout.run("doctor")
    assert status == 2
    assert "the installation of the packages of Python failed with status 1" in told
    assert "scons==4.11.9" in told


PUSH = ("pull", "IMAGE=registry.example.org/team/hello:1")


def test_what_one_word_needs_comes_with_it_and_not_before(checkout: Checkout) -> None:
    checkout.require_for_push("1.0")
    checkout.run("doctor")
    assert checkout.packages() == ["scons-4.11.1"]
    status, _, told = checkout.run(*PUSH)
    assert (status, checkout.packages()) == (0, ["oras-1.0", "scons-4.11.1"])
    assert told.startswith("sconsw: adding to .venv what push and pull need: 1 packages of Python (pip)\n"), told
    assert "making .venv" not in told
    assert [checkout.run(*words)[2] for words in (PUSH, ("doctor",), PUSH)] == ["", "", ""]
    checkout.require_for_push("1.1")
    assert checkout.run("doctor")[2] == ""
    assert "adding to .venv" in checkout.run(*PUSH)[2]
    assert checkout.packages() == ["oras-1.1", "scons-4.11.1"]


def test_without_an_index_the_other_words_stay_as_they_were(checkout: Checkout) -> None:
    checkout.require_for_push("1.0")
    checkout.run("doctor")
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    known, checkout.environ = checkout.environ, {**checkout.environ, **offline}
    del checkout.environ["PIP_NO_INDEX"], checkout.environ["PIP_FIND_LINKS"]
    status, out, told = checkout.run(*PUSH)
    assert (status, out) == (2, "")
    assert "the packages of Python for push and pull cannot be fetched: no package index answers" in told
    assert "  hint: connect to the network" in told
    assert checkout.run("doctor") == (0, f"scons doctor in {checkout.path}\n", "")
    checkout.environ = known
    assert checkout.run(*PUSH)[0] == 0
    assert checkout.packages() == ["oras-1.0", "scons-4.11.1"]


def test_an_addition_that_was_killed_leaves_venv_whole_and_is_completed(checkout: Checkout) -> None:
    checkout.require_for_push("1.0")
    checkout.run("doctor")
    process = checkout.start(*PUSH)
    while not (checkout.path / ".venv" / "bootwright.registry.txt").exists() and process.poll() is None:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    half = next(checkout.path.glob(".venv/lib/*/site-packages")) / "oras-1.0.dist-info"
    half.mkdir(exist_ok=True)  # as pip leaves it where it is killed later
    (half / "METADATA").write_text("Metadata-Version: 2.1\nName: oras\nVersion: 1.0\n")
    assert checkout.run("doctor") == (0, f"scons doctor in {checkout.path}\n", "")
    status, _, told = checkout.run(*PUSH)
    assert (status, "did not end" in told) == (0, False)
    assert list(checkout.path.glob(".venv/lib/*/*/oras.py"))
    assert checkout.run(*PUSH)[2] == ""


def test_a_python_that_went_away_is_replaced(checkout: Checkout) -> None:
    checkout.run("doctor")
    python = checkout.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    status, out, told = checkout.run("doctor")
    assert (status, out) == (0, f"scons doctor in {checkout.path}\n")
    assert "its Python is gone" in told


def obey_file_modes() -> None:
    """Takes from root, in a process that is about to start, the right to write what modes forbid: capabilities(7)."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def test_a_read_only_checkout_is_one_sentence_unless_it_is_set_up(checkout: Checkout) -> None:
    checkout.path.chmod(0o555)
    status, _, told = checkout.run("doctor", before=obey_file_modes)
    assert status == 2
    assert f"{checkout.path / '.venv'} cannot be written: Permission denied" in told
    assert "copy it to" in told
    checkout.path.chmod(0o755)
    checkout.run("doctor")
    checkout.path.chmod(0o555)
    (checkout.path / ".venv").chmod(0o555)
    assert checkout.run("doctor", before=obey_file_modes) == (0, f"scons doctor in {checkout.path}\n", "")
    checkout.path.chmod(0o755)
    (checkout.path / ".venv").chmod(0o755)


def test_a_foreign_module_on_pythonpath_is_none_of_ours(checkout: Checkout) -> None:
    foreign = checkout.path.parent / "foreign"
    foreign.mkdir()
    for name in ("json", "shlex", "selectors"):  # which Python needs not for its own start
        (foreign / f"{name}.py").write_text("raise SystemExit('a foreign module')\n")
    checkout.environ["PYTHONPATH"] = str(foreign)
    assert checkout.run("doctor")[:2] == (0, f"scons doctor in {checkout.path}\n")
    assert checkout.run("doctor") == (0, f"scons doctor in {checkout.path}\n", "")


def test_what_a_killed_installer_leaves_is_in_the_checkout_and_goes_with_the_next_run(checkout: Checkout) -> None:
    scratch = checkout.path.parent / "scratch"
    scratch.mkdir()
    checkout.environ["TMPDIR"] = str(scratch)
    process = checkout.start("doctor")
    deadline = time.monotonic() + 60
    while not any((checkout.path / ".venv").glob("bootwright.tmp/*")) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert checkout.run("doctor")[0] == 0
    assert list(scratch.iterdir()) == []
    assert not (checkout.path / ".venv" / "bootwright.tmp").exists()


def test_the_emulator_of_a_board_that_is_one_row_is_what_the_set_up_misses(checkout: Checkout) -> None:
    with_a_board(checkout.path / "site_scons")
    programs = checkout.path.parent / "programs"  # no packager is there; a compiler may be, in a place of the system's
    programs.mkdir()
    checkout.environ["PATH"] = str(programs)
    status, out, told = checkout.run("run", "TARGET=sparc-unknown-none-elf")
    assert (status, out) == (2, "")
    first, hint = told.splitlines()
    assert "qemu-system-sparc" in first and first.endswith(" missing"), told
    assert hint.startswith("  hint: install ") and hint.endswith("qemu-system-sparc"), told
    assert "qemu-system-x86_64" not in told
