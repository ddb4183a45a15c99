"""Dependencies from git: fetched once, then built without a network, from a tree that nobody may write to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout, run_mounted

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
SAID = "#[used]\npub static SAID: &str = bits::NAME;\n"
READ_ONLY = 'mount --bind "$KERNEL_SOURCE" "$1" && mount -o remount,ro,bind "$1"'


def commit(repository: Path, name: str) -> None:
    (repository / "src").mkdir(parents=True, exist_ok=True)
    (repository / "Cargo.toml").write_text('[package]\nname = "bits"\nversion = "0.3.0"\nedition = "2021"\n')
    (repository / "src/lib.rs").write_text(f'#![no_std]\npub const NAME: &str = "bits of the {name}";\n')
    if not (repository / ".git").exists():
        subprocess.run([*GIT, "init", "-q", str(repository)], check=True)
    subprocess.run([*GIT, "-C", str(repository), "add", "-A"], check=True)
    subprocess.run([*GIT, "-C", str(repository), "commit", "-qm", name], check=True)


@pytest.fixture
def kernel(package: Path, tmp_path: Path) -> Path:
    """A kernel with a dependency from a repository beside it, of which no version is locked."""
    commit(tmp_path / "bits", "first commit")
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write(f'[dependencies]\nbits = {{ git = "file://{tmp_path}/bits" }}\n')
    source = package / "src" / "main.rs"
    source.write_text(source.read_text() + SAID)
    return package


@pytest.mark.needs("git", "unshare")
def test_a_dependency_from_git_is_fetched_once_and_built_without_a_network_from_a_read_only_tree(
    checkout: Checkout, kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = {"CARGO_HOME": str(tmp_path / "cargo")}
    (kernel / ".cargo").mkdir()
    (kernel / ".cargo/config.toml").write_text('build.rustc-wrapper = "bootwright-rustc"\n')  # which is not on PATH
    elf = checkout.path / "build/debug/reader.elf"
    built = checkout.scons(f"KERNEL={kernel}", environment=home)
    assert built.status == 0 and "cargo fetches what reader needs" in built.output, built.output
    assert b"bits of the first commit" in elf.read_bytes() and not (kernel / "Cargo.lock").exists()
    commit(tmp_path / "bits", "second commit")  # which what was locked does not follow
    assert checkout.build(f"KERNEL={kernel}", **home) == []

    locked = next((checkout.path / "build/plan").glob("lock-*/Cargo.lock")).read_bytes()
    (kernel / "Cargo.lock").write_bytes(locked)
    shutil.rmtree(checkout.path / "build")
    place = tmp_path / "read-only"
    place.mkdir()
    scons = ["unshare", "--net", sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), f"KERNEL={place}"]
    monkeypatch.setenv("KERNEL_SOURCE", str(kernel))
    ended = run_mounted(READ_ONLY, place, ["env", *(f"{name}={value}" for name, value in home.items()), *scons])
    assert ended.returncode == 0 and "fetches" not in ended.stdout, ended.stdout
    assert b"bits of the first commit" in elf.read_bytes()


@pytest.mark.needs("git")
def test_two_checkouts_of_one_package_built_in_turns_share_no_output(
    checkout: Checkout, kernel: Path, tmp_path: Path
) -> None:
    script = 'fn main() { println!("cargo:rerun-if-changed=name"); println!("cargo:rustc-env=WHO={}", '
    (kernel / "build.rs").write_text(f'{script}std::fs::read_to_string("name").unwrap()); }}\n')
    source = kernel / "src" / "main.rs"
    source.write_text(source.read_text() + '#[used]\npub static WHO: &str = concat!("built by ", env!("WHO"), "|");\n')
    other = tmp_path / "elsewhere" / "reader"
    shutil.copytree(kernel, other)
    for place, name in ((kernel, "one"), (other, "two")):
        (place / "name").write_text(name)
    home = {"CARGO_HOME": str(tmp_path / "cargo")}
    made: dict[str, bytes] = {}
    for place, name in ((kernel, "one"), (other, "two"), (kernel, "one"), (other, "two")):
        checkout.build(f"KERNEL={place}", **home)
        data = (checkout.path / "build/debug/reader.elf").read_bytes()
        assert f"built by {name}|".encode() in data
        assert made.setdefault(name, data) == data
        assert checkout.build(f"KERNEL={place}", **home) == []
