"""Which lld and llvm-objcopy are taken: the toolchain's own, else those nearest to rustc's LLVM."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.fake_toolchains import HOST, write_program

from bootwright.base.errors import BootwrightError
from bootwright.rust import llvm_tools
from bootwright.rust.llvm_tools import find_llvm_tool
from bootwright.rust.toolchain import Toolchain
from bootwright.setup import packagers as host_system
from bootwright.setup.programs import System
from bootwright.setup.told import add_cure


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A toolchain of LLVM 22 on a machine whose llvm-NN directories are in tmp_path/lib."""
    monkeypatch.setattr(llvm_tools, "VERSIONED_DIRECTORY", tmp_path / "lib")
    monkeypatch.setattr(llvm_tools, "OTHER_DIRECTORIES", (tmp_path / "brew",))
    monkeypatch.setattr(host_system, "this_system", lambda _: System.APT)
    sysroot = tmp_path / "toolchains" / "stable"
    return Toolchain(sysroot / "bin" / "rustc", "rustc", "1.96.0", HOST, "22.1.8", sysroot, "")


def lld(path: Path, major: int) -> Path:
    return write_program(path, {"--version": f"Debian LLD {major}.1.0 (compatible with GNU linkers)"})


def objcopy(path: Path, major: int) -> Path:
    return write_program(path, {"--version": f"llvm-objcopy\nDebian LLVM version {major}.1.0"})


def find(toolchain: Toolchain, name: str, path: Path) -> Path:
    return find_llvm_tool(toolchain, name, {"PATH": str(path)})


def own(toolchain: Toolchain, name: str) -> Path:
    return toolchain.sysroot / "lib" / "rustlib" / HOST / "bin" / name


def test_rust_lld_of_the_toolchain_wins(toolchain: Toolchain, tmp_path: Path) -> None:
    mine = write_program(own(toolchain, "rust-lld"), {"-flavor gnu --version": "LLD 21.0.0 (compatible ...)"})
    lld(tmp_path / "bin" / "ld.lld", 22)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == mine


def test_llvm_objcopy_of_the_toolchain_wins_over_rust_objcopy(toolchain: Toolchain, tmp_path: Path) -> None:
    other = objcopy(own(toolchain, "rust-objcopy"), 22)
    assert find(toolchain, "llvm-objcopy", tmp_path) == other
    mine = objcopy(own(toolchain, "llvm-objcopy"), 22)
    assert find(toolchain, "llvm-objcopy", tmp_path) == mine


def test_one_of_the_toolchain_that_does_not_start_is_passed_over(toolchain: Toolchain, tmp_path: Path) -> None:
    write_program(own(toolchain, "rust-objcopy"), {}, "echo 'libLLVM.so: cannot open shared object file' >&2; exit 127")
    other = objcopy(tmp_path / "bin" / "llvm-objcopy", 22)
    assert find(toolchain, "llvm-objcopy", tmp_path / "bin") == other


def test_the_version_nearest_to_rustcs_wins_wherever_it_is(toolchain: Toolchain, tmp_path: Path) -> None:
    lld(tmp_path / "bin" / "ld.lld", 14)
    lld(tmp_path / "bin" / "ld.lld-19", 19)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == tmp_path / "bin" / "ld.lld-19"
    nearest = lld(tmp_path / "lib" / "llvm-22" / "bin" / "ld.lld", 22)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == nearest


def test_of_two_equally_near_the_newer_wins(toolchain: Toolchain, tmp_path: Path) -> None:
    for major in (21, 23):
        lld(tmp_path / "bin" / f"ld.lld-{major}", major)
    assert find(toolchain, "ld.lld", tmp_path / "bin").name == "ld.lld-23"


def test_of_the_same_version_the_first_on_path_wins(toolchain: Toolchain, tmp_path: Path) -> None:
    first = lld(tmp_path / "bin" / "ld.lld", 22)
    lld(tmp_path / "bin" / "ld.lld-22", 22)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == first


def test_gnus_linker_and_other_names_are_no_candidates(toolchain: Toolchain, tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "ld.lld", {"--version": "GNU ld 2.40"})
    lld(tmp_path / "bin" / "ld.lld-22.bak", 22)
    with pytest.raises(BootwrightError):
        find(toolchain, "ld.lld", tmp_path / "bin")


def test_homebrews_directory_is_searched_too(toolchain: Toolchain, tmp_path: Path) -> None:
    brew = lld(tmp_path / "brew" / "ld.lld", 22)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == brew


def test_a_versioned_name_is_believed_only_after_it_ran(toolchain: Toolchain, tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "ld.lld-22", {})
    works = lld(tmp_path / "bin" / "ld.lld-19", 19)
    assert find(toolchain, "ld.lld", tmp_path / "bin") == works


def test_none_is_one_sentence_with_rustups_component(toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(BootwrightError) as caught:
        find(toolchain, "llvm-objcopy", tmp_path)
    assert caught.value.message.startswith("no llvm-objcopy was found")
    assert add_cure(caught.value, {}).hint == "rustup component add llvm-tools --toolchain stable"


def test_none_is_one_sentence_with_the_package_of_rustcs_llvm(toolchain: Toolchain, tmp_path: Path) -> None:
    from dataclasses import replace

    distribution = replace(toolchain, rustc=tmp_path / "usr" / "bin" / "rustc")
    for name, package in (("ld.lld", "lld-22"), ("llvm-objcopy", "llvm-22")):
        with pytest.raises(BootwrightError) as caught:
            find(distribution, name, tmp_path)
        assert add_cure(caught.value, {}).hint == f"sudo apt-get install --no-install-recommends {package}"
