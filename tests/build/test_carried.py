"""A kernel among other packages: one that a program for the builder carries along, one beside tools in a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.build.checkouts import MINIMAL, Checkout
from tests.build.test_plans import Planner, add, planner

from bootwright.base.errors import BootwrightError

__all__ = ["planner"]  # the fixture

PACKAGE = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2021"\n'
ABORT = '[profile.dev]\npanic = "abort"\n'
FEATURE = '[features]\ndefault = ["quiet"]\nquiet = []\nloud = []\n'
LOUD = (
    '\n#[cfg(all(feature = "loud", not(feature = "quiet")))]\n#[used]\npub static LOUD: [u8; 13] = *b"a loud kernel";\n'
)
TOOL = 'fn main() { println!("a tool"); }\n'
CARRIER = """
[build-dependencies.kernel]
path = "%s"
artifact = "bin"
target = "x86_64-unknown-none"
default-features = false
features = ["loud"]
"""
NEVER = 'fn main() { panic!("this makes an image of its own of CARGO_BIN_FILE_KERNEL"); }\n'


def write(root: Path, name: str, main: str, more: str = "") -> None:
    add(root / "Cargo.toml", PACKAGE.format(name) + more)
    add(root / "src/main.rs", main)


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A workspace whose root is a program for the builder, which carries the package in kernel/ along."""
    root = tmp_path / "os"
    write(root, "os", TOOL, CARRIER % "kernel" + '[workspace]\nmembers = ["kernel"]\n' + ABORT)
    add(root / "build.rs", NEVER)
    add(root / ".cargo/config.toml", "[unstable]\nbindeps = true\n")
    write(root / "kernel", "kernel", MINIMAL + LOUD, FEATURE)
    return root


def test_the_kernel_that_a_program_carries_along_is_built_with_the_features_that_it_asks_for(
    checkout: Checkout, space: Path
) -> None:
    built = checkout.scons(f"KERNEL={space}")
    assert built.status == 0 and "image    build/debug/kernel.img" in built.output, built.output
    told = [line for line in built.output.splitlines() if "PACKAGE=" in line]
    meant = f"kernel in {space / 'kernel'}; PACKAGE= names another"
    assert told == [f"bootwright: os is a program for this machine, and the kernel is taken to be {meant}"]
    assert b"a loud kernel" in (checkout.path / "build/debug/kernel.elf").read_bytes()
    assert checkout.build(f"KERNEL={space}") == []


def test_a_kernel_outside_the_workspace_of_what_carries_it_is_found(planner: Planner, space: Path) -> None:
    (space / "kernel").rename(space.parent / "kernel")
    write(space, "os", TOOL, CARRIER % "../kernel" + ABORT)
    planner.root = space
    package = planner.plan().package
    assert (package.name, package.root, package.workspace) == ("kernel", *[str(space.parent / "kernel")] * 2)
    assert not planner.plan().fresh


def test_only_a_change_of_no_std_asks_anew_which_package_is_meant(planner: Planner, space: Path) -> None:
    planner.root = space
    assert planner.plan().package.name == "kernel"
    add(space / "src/main.rs", TOOL.replace("tool", "fool"))
    assert not planner.plan().fresh
    add(space / "src/main.rs", MINIMAL)
    planned = planner.plan()
    assert planned.package.name == "os" and planned.package.note == "" and "artifact" in planned.plan.unplanned


@pytest.mark.parametrize(
    ("members", "meant"),
    [
        ({"xtask": TOOL, "hello": MINIMAL}, "hello"),
        ({"xtask": TOOL, "hello": MINIMAL, "kernel": MINIMAL}, "kernel"),
        ({"shell": MINIMAL, "hello": MINIMAL}, ""),
        ({"xtask": TOOL, "tool": TOOL}, ""),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, dict) else case or "nobody knows",
)
@pytest.mark.parametrize("is_virtual", [True, False], ids=["virtual", "with a package"])
def test_of_the_programs_of_a_workspace_the_freestanding_one_is_the_kernel_or_the_one_of_that_name(
    planner: Planner, tmp_path: Path, members: dict[str, str], meant: str, is_virtual: bool
) -> None:
    planner.root = tmp_path / "many"
    table = f"[workspace]\nmembers = {list(members)}\n{ABORT}".replace("'", '"')
    if is_virtual:
        add(planner.root / "Cargo.toml", table)
    else:
        write(planner.root, "many", TOOL, table)
    for name, main in members.items():
        write(planner.root / name, name, main)
    if meant:
        package = planner.plan().package
        assert package.name == meant and f"the kernel is taken to be {meant} in " in package.note
        return
    kernels = sorted(name for name, main in members.items() if main is MINIMAL)
    if not is_virtual and not kernels:
        assert planner.plan().package.name == "many"  # for a host, where it is for one; else rustc says what is wrong
        return
    with pytest.raises(BootwrightError, match=r"is a (workspace of several programs|program for this)") as raised:
        planner.plan()
    assert raised.value.hint == f"PACKAGE= names the kernel: {', '.join(sorted(kernels or members))}"


def test_a_directory_without_a_package_tells_of_those_below_it(checkout: Checkout, space: Path) -> None:
    (space / "Cargo.toml").unlink()
    said = checkout.refuse(f"KERNEL={space}")
    assert f"{space} has no Cargo.toml" in said and "below it kernel have one" not in said
    assert "below it is a package in kernel" in said
