"""A remembered plan holds as long as cargo would make the same one: what cargo reads, there or not, is watched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.build.checkouts import MINIMAL, Checkout

from bootwright.base.errors import BootwrightError
from bootwright.cargo.plans import Planned, Request, make_plan
from bootwright.rust.build_tools import Question, Tools, find_tools
from bootwright.rust.library import library_root

PACKAGE = '[package]\nname = "{}"\nversion = "{}"\nedition = "2021"\n'
LOOKED_AT = re.compile(r'^(\w+)\((?:AT_FDCWD, )?"([^"]*)", ?(.*)$')


def add(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@dataclass
class Planner:
    """Plans the package in a directory with the real cargo, as a build does."""

    root: Path
    place: Path
    tools: Tools
    variables: dict[str, str]
    told: list[str] = field(default_factory=list)

    def plan(self, target: str = "x86_64-unknown-none") -> Planned:
        toolchain = self.tools.toolchain
        library = library_root(toolchain.sysroot) / "src"
        request = Request(self.root, target, self.tools.identity, toolchain.rustc, library)
        return make_plan(request, self.place, self.variables, self.told.append)


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    """A planner for a package below a few directories, and a CARGO_HOME of its own."""
    root = tmp_path / "above" / "space" / "reader"
    add(root / "Cargo.toml", PACKAGE.format("reader", "0.1.0"))
    add(root / "src/main.rs", MINIMAL)
    tools = find_tools(Question(root, "x86_64-unknown-none", None), os.environ)
    variables = {**os.environ, "CARGO_HOME": str(tmp_path / "cargo"), "CARGO_NET_OFFLINE": "true"}
    return Planner(root, tmp_path / "plan", tools, variables)


@dataclass(frozen=True)
class Appears:
    """A file of that name, seen from the package, that was not there and that cargo looks for."""

    name: str
    text: str = ""


APPEARING = (
    Appears("../Cargo.toml", '[workspace]\nmembers = ["reader"]\n[profile.dev]\nopt-level = 1\n'),
    Appears("../../Cargo.toml", '[workspace]\nmembers = ["space/*"]\n'),
    Appears(".cargo/config.toml", '[build]\nrustflags = ["--cfg", "one"]\n'),
    Appears("../../.cargo/config.toml", '[build]\nrustflags = ["--cfg", "one"]\n'),
    Appears("../../../cargo/config.toml", '[build]\nrustflags = ["--cfg", "one"]\n'),
    Appears("rust-toolchain.toml", '[toolchain]\nchannel = "stable"\n'),
    Appears("../rust-toolchain", "stable\n"),
    Appears("Cargo.lock", "version = 4\n"),
    Appears("build.rs", "fn main() {}\n"),
    Appears("src/lib.rs", "#![no_std]\n"),
    Appears("src/bin/more.rs", MINIMAL),
    Appears("src/bin/many/main.rs", MINIMAL),
    Appears("tests/some.rs"),
    Appears("examples/shown.rs"),
    Appears("benches/fast.rs"),
    Appears("README.md"),  # whose name env!("CARGO_PKG_README") is
)


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy")
def test_a_file_that_cargo_looks_for_makes_a_new_plan_when_it_appears_and_when_it_goes(planner: Planner) -> None:
    assert planner.plan().fresh and not planner.plan().fresh
    for appears in APPEARING:
        path = Path(os.path.normpath(planner.root / appears.name))
        add(path, appears.text)
        assert planner.plan().fresh, appears.name
        assert not planner.plan().fresh, appears.name
        path.unlink()
        while not any(path.parent.iterdir()):
            path = path.parent
            path.rmdir()
        assert planner.plan().fresh, appears.name


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy")
def test_rustc_answers_cargo_once_for_all_plans(planner: Planner) -> None:
    def answers() -> dict[str, dict[str, object]]:
        facts = json.loads((planner.place / ".rustc_info.json").read_text())
        return {facts["rustc_fingerprint"]: facts["outputs"]}

    planner.plan()
    ((compiler, first),) = answers().items()
    assert first
    add(planner.root / "build.rs", "fn main() {}\n")
    planner.plan()
    assert answers() == {compiler: first}
    planner.plan("aarch64-unknown-none")
    ((same, both),) = answers().items()
    assert same == compiler and len(both) > len(first) and first.items() <= both.items()


def units_of(planned: Planned, package: str) -> list[str]:
    return [f"{unit.version} {' '.join(unit.argv)}" for unit in planned.plan.units if unit.package == package]


def test_the_manifest_of_a_patch_that_did_not_fit_is_watched(planner: Planner) -> None:
    with (planner.root / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nbits = { path = "bits" }\n[patch.crates-io]\nfork = { path = "fork" }\n')
    add(planner.root / "bits/Cargo.toml", PACKAGE.format("bits", "0.1.0"))
    add(planner.root / "bits/src/lib.rs", "#![no_std]\n")
    add(planner.root / "fork/Cargo.toml", PACKAGE.format("fork", "0.9.0"))
    add(planner.root / "fork/src/lib.rs", "#![no_std]\n")
    (said,) = [line for line in planner.plan().plan.said if "was not used" in line]
    assert "fork v0.9.0" in said
    assert not planner.plan().fresh
    add(planner.root / "fork/Cargo.toml", PACKAGE.format("fork", "0.9.1"))
    (said,) = [line for line in planner.plan().plan.said if "was not used" in line]
    assert "fork v0.9.1" in said


def test_what_a_dependency_inherits_from_a_workspace_of_its_own_is_watched(planner: Planner) -> None:
    with (planner.root / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ndriver = { path = "../../drivers/driver" }\n')
    space = planner.root.parents[1] / "drivers"
    add(space / "Cargo.toml", '[workspace]\nmembers = ["driver"]\n[workspace.package]\nversion = "1.0.0"\n')
    add(space / "driver/Cargo.toml", '[package]\nname = "driver"\nversion.workspace = true\nedition = "2021"\n')
    add(space / "driver/src/lib.rs", "#![no_std]\n")
    assert units_of(planner.plan(), "driver")[0].startswith("1.0.0 ")
    add(space / "Cargo.toml", '[workspace]\nmembers = ["driver"]\n[workspace.package]\nversion = "1.2.0"\n')
    assert units_of(planner.plan(), "driver")[0].startswith("1.2.0 ")
    assert planner.told == []  # nothing is fetched for a lock file of paths alone


def test_what_a_configuration_includes_or_patches_is_watched(planner: Planner) -> None:
    add(planner.root / ".cargo/config.toml", 'include = [{ path = "more.toml", optional = true }]\n')
    planner.plan()
    add(planner.root / ".cargo/more.toml", '[build]\nrustflags = ["--cfg", "one"]\n')
    assert "--cfg one" in units_of(planner.plan(), "reader")[0]
    add(planner.root / ".cargo/more.toml", '[patch.crates-io]\nfork = { path = "fork" }\n')
    add(planner.root / "fork/Cargo.toml", PACKAGE.format("fork", "0.9.0"))
    add(planner.root / "fork/src/lib.rs", "#![no_std]\n")
    assert any("fork v0.9.0" in line for line in planner.plan().plan.said)
    add(planner.root / "fork/Cargo.toml", PACKAGE.format("fork", "0.9.1"))
    assert any("fork v0.9.1" in line for line in planner.plan().plan.said)


def test_a_member_that_appears_where_a_pattern_looks_is_seen(planner: Planner) -> None:
    planner.root = planner.root.parent
    add(planner.root / "Cargo.toml", '[workspace]\nmembers = ["r*", "crates/*"]\n')
    add(planner.root / "crates/first/Cargo.toml", PACKAGE.format("first", "0.1.0"))
    add(planner.root / "crates/first/src/lib.rs", "#![no_std]\n")
    assert planner.plan().package.name == "reader" and not planner.plan().fresh
    add(planner.root / "crates/other/Cargo.toml", PACKAGE.format("other", "0.1.0"))
    add(planner.root / "crates/other/src/main.rs", MINIMAL)
    with pytest.raises(Exception, match="is a workspace of several programs"):
        planner.plan()


def looked_at(log: Path, programs: Callable[[str], bool]) -> dict[str, set[str]]:
    """Returns what processes of these programs asked the system for by name, each with the calls, as strace -ff has."""
    found: dict[str, set[str]] = {}
    for path in log.iterdir():
        lines = path.read_text(errors="replace").splitlines()
        started = [line.split('"')[1] for line in lines if line.startswith("execve(") and line.endswith(" = 0")]
        if not started or not programs(started[-1]):
            continue
        for line in lines:
            match = LOOKED_AT.match(line)
            if match and (match[1] in ("open", "openat", "access") or match[1].endswith(("stat", "stat64", "statx"))):
                found.setdefault(os.path.normpath(match[2]), set()).add(match[3])
    return found


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy", "strace")
def test_all_that_cargo_looks_at_beside_its_registry_is_watched(
    checkout: Checkout, planner: Planner, tmp_path: Path
) -> None:
    root = planner.root
    with (root / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ndriver = { path = "driver" }\n[patch.crates-io]\nfork = { path = "fork" }\n')
        manifest.write('[workspace]\nmembers = ["crates/*"]\n[[bin]]\nname = "reader"\npath = "src/main.rs"\n')
    for name in ("driver", "fork", "crates/unused"):
        add(root / name / "Cargo.toml", PACKAGE.format(name.rpartition("/")[2], "0.1.0"))
        add(root / name / "src/lib.rs", "#![no_std]\n")
    add(root / ".cargo/config.toml", 'include = ["more.toml"]\n')
    add(root / ".cargo/more.toml", "[net]\nretry = 1\n")
    log = tmp_path / "log"
    log.mkdir()
    strace = ["strace", "-ff", "-s", "4096", "-e", "trace=%file", "-e", "signal=none", "-o", str(log / "t")]
    scons = [sys.executable, "-m", "SCons", "-Q", "-n", "-C", str(checkout.path), f"KERNEL={root}"]
    subprocess.run([*strace, *scons], env=planner.variables, capture_output=True, check=False)
    (plan,) = (checkout.path / "build/plan").glob("*/plan.json")
    watched = json.loads(plan.read_text())["watched"]
    seen = looked_at(log, lambda program: Path(program).name == "cargo")
    assert str(root / "Cargo.toml") in seen and str(root / "fork/Cargo.toml") in seen
    above = [str(place) for place in (root, *root.parents)]
    unwatched = {
        name for name in seen
        if (name.startswith(f"{root}/") or os.path.dirname(name) in above)  # noqa: PTH120
        and name not in watched and name not in above and not Path(name).is_dir()
        # What a target directory of the package's would hold; ours is elsewhere. Of it cargo asks rustc's answers.
        and name != str(root / "target/.rustc_info.json")
        and not name.startswith(planner.variables["CARGO_HOME"])
    }  # fmt: skip
    assert unwatched == set()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"version = 4\n# \xff\n", "is not UTF-8: byte 14", id="no text"),
        pytest.param(b"version = 4\n[[package]\n", "failed to parse lock file at: ", id="no TOML"),
        pytest.param(b"version = 99\n", "lock file version `99`", id="of a cargo to come"),
    ],
)
def test_a_lock_file_that_cargo_does_not_take_is_named_as_the_persons(
    planner: Planner, text: bytes, words: str
) -> None:
    (planner.root / "Cargo.lock").write_bytes(text)
    with pytest.raises(BootwrightError, match=re.escape(words)) as caught:
        planner.plan()
    assert str(planner.root / "Cargo.lock") in str(caught.value)
    assert str(planner.place) not in str(caught.value)
