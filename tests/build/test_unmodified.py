"""What authors keep in Cargo.toml and .cargo/config.toml is obeyed without an edit, or one line names it.

A seeded few of the packages in CI; `--soak` takes all.
"""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Built, Checkout
from tests.build.unmodified import FLAG, HIGH, MANIFEST, PACKAGES, PC, SCRIPT, SCRIPTED, START, TESTED, Package, config

SEED, FEW = 3, 5


def write(package: Package, directory: Path) -> None:
    """Writes the package's files to directory."""
    (directory / "src").mkdir(parents=True)
    (directory / "Cargo.toml").write_text(package.manifest or MANIFEST.format(name="case"))
    for name, text in package.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    for name, place in package.links.items():
        (directory / name).symlink_to(place)


def check(built: Built, package: Package) -> None:
    """Asserts how scons ended and what it said."""
    assert package.status in (None, built.status), built.output
    assert "Traceback" not in built.output
    assert [word for word in package.says if word not in built.output] == [], built.output
    assert [word for word in package.lacks if word in built.output] == [], built.output
    if package.line:
        ours = [line for line in built.output.splitlines() if line.startswith("bootwright: ")]
        assert any(all(word in line for word in package.line) for line in ours), built.output


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has `--soak` take every package, and else the same few."""
    if "package" in metafunc.fixturenames:
        all_ = metafunc.config.getoption("--soak")
        chosen = PACKAGES if all_ else random.Random(SEED).sample([p for p in PACKAGES if not p.slow], FEW)
        metafunc.parametrize("package", chosen, ids=[package.id for package in chosen])


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_a_package_runs_as_its_author_wrote_it(checkout: Checkout, tmp_path: Path, package: Package) -> None:
    directory = tmp_path / "the author's"
    write(package, directory)
    words = [word.replace("{package}", str(directory)) for word in package.words]
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    check(checkout.scons(*package.verb, f"KERNEL={directory}", *words), package)
    # The author's tree is as it was: no target/, no Cargo.lock, no line of ours.
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_a_test_case_in_main_runs_and_its_failure_fails(checkout: Checkout, tmp_path: Path) -> None:
    shutil.copy2(HOME / "conftest.py", checkout.path)  # a kernel's tests run in a pytest there
    directory = tmp_path / "tested"
    write(Package("", {"src/main.rs": TESTED.replace("1 + 1, 2", "1 + 1, 3")}), directory)
    failed = checkout.scons("test", f"KERNEL={directory}")
    assert failed.status == 1, failed.output
    assert "src/main.rs" in failed.output and "left: 2" in failed.output


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_an_edit_of_a_linker_script_that_cargo_names_links_anew_and_nothing_else(
    checkout: Checkout, tmp_path: Path
) -> None:
    directory = tmp_path / "scripted"
    base = "INCLUDE base.ld\n" + SCRIPT % "BASE"
    write(
        Package("", {**SCRIPTED, "link.ld": base, "base.ld": f"BASE = {HIGH};\n", ".cargo/config.toml": config(FLAG)}),
        directory,
    )
    words = ("run", "--headless", f"KERNEL={directory}")
    assert "at 0xffffffff88" in checkout.scons(*words).output
    (directory / "base.ld").write_text("BASE = 0xffffffff89000000;\n")
    again = checkout.scons(*words)
    assert "at 0xffffffff89" in again.output, again.output
    assert len([step for step in again.steps if step.startswith("rustc")]) == 1
    assert checkout.build(f"KERNEL={directory}") == []


@pytest.mark.needs("cargo", "qemu-system-x86_64")
def test_a_report_on_a_position_independent_kernel_names_its_functions(checkout: Checkout, tmp_path: Path) -> None:
    again = "while unsafe { core::ptr::read_volatile(&raw const flag) } == 0 {}"
    waits = f"#[inline(never)]\nfn waits() {{ let flag = 0; {again} }}\n"
    files = {
        "src/main.rs": PC + START % "waits();" + waits,
        ".cargo/config.toml": config('["-C", "relocation-model=pic"]'),
    }
    write(Package("moved", files), tmp_path / "moved")
    # A machine that is busy with others' tests may not have come past a BIOS in three seconds.
    built = checkout.scons("run", "--headless", "--fast", "TIMEOUT=3", f"KERNEL={tmp_path / 'moved'}")
    assert built.status == 6 and "fault: hang in case::waits, src/main.rs:" in built.output, built.output
    assert re.search(r"#\d 0x\w+ _start, src/main.rs", built.output), built.output
