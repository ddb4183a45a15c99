"""A reader's first chapters, walked step by step in one package: each error has its line, and the end is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.build.chapters import cargo_toml, steps
from tests.build.checkouts import HOME, Checkout

from bootwright.rust.build_tools import Question, find_tools

PLACES = {"bare": ("build/debug/blog_os.img",), "host": ("build/debug/hosts/*/blog_os",)}
WORDS = {"bare": (), "host": ("HOST=native",)}


@pytest.mark.needs("cc")
@pytest.mark.parametrize(("place", "edition"), [("bare", "2018"), ("bare", "2024"), ("host", "2021"), ("host", "2024")])
def test_every_step_of_the_first_chapters_says_what_comes_next(
    checkout: Checkout, tmp_path: Path, place: str, edition: str
) -> None:
    package = tmp_path / "blog_os"
    (package / "src").mkdir(parents=True)
    for step in steps(edition):
        shutil.rmtree(checkout.path / "build" / "debug", ignore_errors=True)
        (package / "Cargo.toml").write_text(cargo_toml(edition, step.manifest))
        (package / "src" / "main.rs").write_text(step.main)
        built = checkout.scons(f"KERNEL={package}", *WORDS[place])
        made = [path for pattern in PLACES[place] for path in checkout.path.glob(pattern)]
        says = step.says.get(place)
        if says is None:
            assert built.status == 0, f"{step.name}: {built.output}"
            assert made, step.name
            continue
        assert built.status == 2, f"{step.name}: {built.output}"
        assert "Traceback" not in built.output
        assert not made, step.name
        assert step.error.get(place, "") in built.output
        lines = [line for line in built.output.splitlines() if all(word in line for word in says)]
        assert len(lines) == 1, f"{step.name}: {built.output}"
        if step.error:
            assert lines[0].startswith("bootwright: "), step.name


@pytest.mark.needs("cc")
def test_a_link_with_the_start_files_of_c_names_the_arguments_and_host(checkout: Checkout, package: Path) -> None:
    crt1 = subprocess.run(["cc", "-print-file-name=Scrt1.o"], capture_output=True, text=True, check=True).stdout.strip()
    said = checkout.refuse(f"KERNEL={package}", "HOST=native", f"RUSTFLAGS=-Clink-arg={crt1}")
    line = next(line for line in said.splitlines() if line.startswith("bootwright: the host's C start-up code"))
    assert "-nostartfiles" in line
    assert "HOST=linux" in line
    assert "does not link" in said


@pytest.mark.parametrize(
    ("target", "product"),
    [
        ("x86_64-unknown-none", "blog_os.img"),
        ("x86_64-unknown-linux-gnu", "hosts/linux-x86_64/blog_os"),
        ("thumbv7em-none-eabihf", "blog_os.elf"),
        ("x86_64-old.json", "blog_os.img"),
    ],
    ids=["none", "linux", "thumb", "json"],
)
def test_the_finished_chapter_is_built_for_each_target_in_place(
    checkout: Checkout, tmp_path: Path, target: str, product: str
) -> None:
    package = tmp_path / "blog_os"
    (package / "src").mkdir(parents=True)
    last = steps("2021")[-1]
    manifest = cargo_toml("2021", last.manifest)
    if target.startswith("thumb"):  # for which the crate bootloader does not compile, as it says itself
        manifest = "".join(line for line in manifest.splitlines(True) if not line.startswith("bootloader"))
    (package / "Cargo.toml").write_text(manifest)
    (package / "src" / "main.rs").write_text(last.main)
    shutil.copy(HOME / "tests" / "kernels" / "specs" / "2021.json", package / "x86_64-old.json")
    before = {path: path.stat().st_mtime_ns for path in package.rglob("*")}
    target = str(package / target) if target.endswith(".json") else target
    checkout.build(f"KERNEL={package}", f"TARGET={target}")
    assert (checkout.path / "build" / "debug" / product).is_file()
    assert {path: path.stat().st_mtime_ns for path in package.rglob("*")} == before


def test_the_doctor_tells_the_host_triple_as_rustc_does(checkout: Checkout) -> None:
    toolchain = find_tools(Question(HOME / "kernel", "x86_64-unknown-none", None), os.environ).toolchain
    verbose = subprocess.run([toolchain.rustc, "-vV"], capture_output=True, text=True, check=True).stdout
    host = next(line.removeprefix("host: ") for line in verbose.splitlines() if line.startswith("host: "))
    said = checkout.scons("doctor").output
    assert ["host", "triple", host] in [line.split() for line in said.splitlines()]
