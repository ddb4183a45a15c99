"""The wheel: bootwright in a kernel's directory, installed where nobody may write, beside another version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, STEP, copy_checkout
from tests.build.compilers import private_store
from tests.build.installed import Environment, make_environment

# One worker builds the wheel, once for all modules of this group.
pytestmark = [pytest.mark.needs("cc"), pytest.mark.xdist_group("wheel")]


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    package = tmp_path / "my kernel"
    shutil.copytree(HOME / "kernel", package)
    return package


def test_it_makes_the_checkouts_bytes_in_the_package_and_runs_its_tests(
    installed: Environment, kernel: Path, tmp_path: Path
) -> None:
    before = installed.files()
    said = installed.do(cwd=kernel / "src")
    assert said.count(f"what is built goes to {kernel / 'build'}, which git passes over") == 1
    subprocess.run(["git", "init", "-q", str(kernel)], check=True)
    listed = subprocess.run(["git", "status", "--short"], cwd=kernel, capture_output=True, text=True).stdout
    assert "src/" in listed and "build/" not in listed
    checkout = copy_checkout(tmp_path / "checkout")
    checkout.build()
    for name in ("hello.img", "hello.elf", "hello.map"):
        ours = checkout.path / "build" / "debug" / name
        assert (kernel / "build" / "debug" / name).read_bytes() == ours.read_bytes(), name
    said = installed.do("test", "TESTS=kernel/hello/boots", cwd=kernel)
    assert "kernel/hello/boots::statics_without_a_value_are_zero" in said and "3 passed" in said
    assert "goes to" not in said
    said = installed.do("run", "--headless", cwd=kernel)
    assert said.startswith("Hello World!") and "scons" not in said
    assert installed.files() == before


def test_its_words_name_the_program_that_is_there(installed: Environment, kernel: Path, tmp_path: Path) -> None:
    done = installed.run("ran", cwd=kernel)
    assert (done.returncode, done.stdout) == (2, "bootwright: there is no target ran\n  hint: did you mean run?\n")
    assert "bootwright usb" in installed.do("-h", cwd=tmp_path) and not (kernel / "build").exists()
    done = installed.run("size", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("bootwright: there is no Cargo.toml here or in a directory above")
    assert installed.run("TARGET=thumbv7m-none-eabi", cwd=tmp_path).stdout == done.stdout
    assert re.fullmatch(r"bootwright \d+\.\d+\.\d+\n", installed.do("--version", cwd=tmp_path))
    said = installed.do("doctor", cwd=kernel)
    assert f"installed in {installed.path}" in said and f"kernel          {kernel}" in said
    assert not (kernel / "build").exists()


def test_a_directory_with_others_files_is_not_built_in(installed: Environment, kernel: Path) -> None:
    (kernel / "build").mkdir()
    (kernel / "build" / "notes.txt").write_text("mine")
    for words in ((), ("-c",)):
        done = installed.run(*words, cwd=kernel)
        assert done.returncode == 2
        assert f"{kernel / 'build'} is to hold what is built, and holds notes.txt" in done.stdout
        assert [path.name for path in (kernel / "build").iterdir()] == ["notes.txt"]
    installed.do("BUILD=out/here", cwd=kernel)
    assert (kernel / "out" / "here" / "debug" / "hello.img").is_file()
    installed.do("-c", "BUILD=out/here", cwd=kernel)
    assert not (kernel / "out" / "here").exists() and (kernel / "build" / "notes.txt").is_file()


def test_two_versions_take_turns_on_one_store(
    installed: Environment, wheel: Path, kernel: Path, tmp_path: Path
) -> None:
    store = private_store(tmp_path / "cache")
    newer = tmp_path / "newer"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(newer)
    for module, old, new in (("rust/build_tools", "tools 1", "tools 99"), ("base/digests", "digests 1", "digests 99")):
        path = newer / f"bootwright/{module}.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def build(*words: str) -> list[tuple[str, str]]:
        done = subprocess.run(
            [sys.executable, "-m", "bootwright.cli.program", *words], cwd=kernel, capture_output=True, text=True,
            env={**os.environ, **store, "PYTHONPATH": str(newer)}, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return STEP.findall(done.stdout)

    images = []
    for number in range(2):
        steps = STEP.findall(installed.do("BUILD=one", cwd=kernel, **store))
        others = build("BUILD=other")
        images.append([(kernel / place / "debug" / "hello.img").read_bytes() for place in ("one", "other")])
        assert bool(steps) == bool(others) == (number == 0)
    assert images[0] == images[1]
    assert "damaged" not in installed.do("store", "--check", cwd=kernel, **store)


def test_uninstalled_it_leaves_nothing(wheel: Path, tmp_path: Path, kernel: Path) -> None:
    environment = make_environment(tmp_path / "venv")
    before = environment.files()
    environment.pip("install", "--no-deps", "--no-index", str(wheel))
    environment.do("-h", cwd=kernel)  # here somebody may write, and Python does
    environment.do("test", "TESTS=kernel/hello/should_panic", cwd=kernel)  # and so may pytest
    environment.pip("uninstall", "-y", "bootwright")
    assert environment.files() == before


def test_the_wheel_asks_for_the_very_packages_that_are_tried(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
        assert {f"bootwright/prebuilt/{name}" for name in ("loader.json", "stages.bin")} <= set(archive.namelist())
    wanted = re.findall(r"^Requires-Dist: ([\w-]+==[\d.]+)$", metadata, re.MULTILINE)
    pinned = re.findall(r"^([\w-]+==[\d.]+)", (HOME / "requirements.txt").read_text(), re.MULTILINE)
    assert wanted and set(wanted) <= set(pinned)
    assert "Requires-Dist: scons==" in metadata


def test_a_link_to_the_program_is_the_program(installed: Environment, kernel: Path, tmp_path: Path) -> None:
    """As pipx and `uv tool install` put it on PATH, and nothing else of the installation."""
    places = tmp_path / "bin"
    places.mkdir()
    for name in ("bootwright", "bootwright-rustc"):
        (places / name).symlink_to(installed.path / "bin" / name)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = os.pathsep.join([str(places), os.environ["PATH"]])

    def do(*words: str) -> str:
        done = subprocess.run(words, cwd=kernel, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert f"installed in {installed.path}" in do("bootwright", "doctor")
    assert do("bootwright-rustc", "rustc", "--version").startswith("rustc ")
