"""Which rustc is taken, and the sentence when none serves: by rustup, by RUSTC= and from distributions."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.fake_toolchains import (
    BARE,
    HOST,
    Machine,
    add_core,
    add_source,
    empty_debian_12,
    find,
    write_program,
    write_rustc,
)

from bootwright.base.errors import BootwrightError
from bootwright.rust import library as rust_library
from bootwright.rust.toolchain import UnknownTarget, find_rust_src, has_core
from bootwright.setup import packagers as host_system
from bootwright.setup.programs import System
from bootwright.setup.told import add_cure


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A Debian 12 with nothing on it."""
    return empty_debian_12(tmp_path, monkeypatch)


def refusal(
    machine: Machine, target: str = BARE, rustc: str | None = None, error: type[BootwrightError] = BootwrightError
) -> tuple[str, str]:
    with pytest.raises(error) as caught:
        find(machine, target, rustc)
    assert "\n" not in caught.value.message
    return caught.value.message, add_cure(caught.value, machine.environ).hint


def test_rustups_default_is_taken_when_it_has_core(machine: Machine) -> None:
    machine.rustup("stable")
    rustc = write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    found = find(machine)
    assert (found.rustc, found.sysroot, found.notes, found.pinned) == (rustc, machine.toolchain("stable"), (), False)
    assert (found.release, found.host, found.llvm_version) == ("1.96.0", HOST, "22.1.8")
    assert found.commit == "ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96"


def test_rustup_is_asked_in_the_kernels_directory_and_downloads_nothing(machine: Machine) -> None:
    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    find(machine)
    assert set((machine.root / "rustup.log").read_text().splitlines()) == {f"{machine.kernel} 0 "}


def test_rustups_default_is_taken_when_it_has_the_sources(machine: Machine) -> None:
    machine.rustup("stable")
    rustc = write_rustc(machine.toolchain("stable"))
    library = add_source(machine.toolchain("stable"))
    found = find(machine)
    assert (found.rustc, find_rust_src(found), has_core(found, BARE)) == (rustc, library, False)


def test_a_default_that_lacks_both_is_passed_over_for_the_next_on_path_and_one_line_says_so(machine: Machine) -> None:
    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"), "1.95.0")
    rustc = write_rustc(machine.distribution())
    add_source(machine.root / "usr", version="1.96.0")
    found = find(machine)
    assert found.rustc == rustc
    passed_over = f"rustup's default stable (rustc 1.95.0) has no core for {BARE} and no rust-src"
    assert found.notes == (f"{rustc} (rustc 1.96.0) compiles; passed over: {passed_over}",)


def test_a_compiler_that_path_does_not_have_is_found_where_the_system_puts_it(machine: Machine) -> None:
    machine.rustup("stable")
    write_rustc(machine.toolchain("stable"))
    rustc = write_rustc(machine.root / "system")
    add_core(machine.root / "system")
    assert find(machine).rustc == rustc


def test_of_versioned_compilers_the_newest_is_tried_first(machine: Machine) -> None:
    for name, release in (("rust-1.85", "1.85.0"), ("rust-1.100", "1.100.0"), ("rust-1.90", "1.90.0")):
        write_rustc(machine.root / "versioned" / name, release)
        add_core(machine.root / "versioned" / name)
    assert find(machine).release == "1.100.0"


def test_a_distribution_whose_sources_are_of_another_version_is_passed_over(machine: Machine) -> None:
    write_rustc(machine.distribution("one"))
    add_source(machine.root / "one", version="1.63.0")
    rustc = write_rustc(machine.distribution("two"))
    add_source(machine.root / "two", version="1.96.0")
    found = find(machine)
    assert found.rustc == rustc
    assert "rust-src of 1.63.0, not 1.96.0" in found.notes[0]


def test_the_version_of_sources_is_known_by_the_name_of_their_directory_too(machine: Machine) -> None:
    sysroot = machine.distribution()
    write_rustc(sysroot)
    add_source(sysroot)
    home = sysroot / "lib" / "rustlib" / "src" / "rust"
    home.rename(sysroot / "rustc-1.63.0")
    home.symlink_to(sysroot / "rustc-1.63.0")
    assert "rust-src of 1.63.0, not 1.96.0" in refusal(machine)[0]


def test_without_rustup_the_first_on_path_that_serves_is_taken(machine: Machine) -> None:
    write_rustc(machine.distribution("one"), "1.63.0")
    rustc = write_rustc(machine.distribution("two"))
    add_core(machine.root / "two")
    found = find(machine)
    assert found.rustc == rustc
    assert f"{machine.root / 'one/bin/rustc'} is rustc 1.63.0; the oldest supported is 1.85" in found.notes[0]


@pytest.mark.parametrize(
    "reason",
    [
        "overridden by '/project/rust-toolchain.toml'",
        "directory override for '/project'",
        "overridden by environment variable RUSTUP_TOOLCHAIN",
        "environment override by RUSTUP_TOOLCHAIN",
    ],
)
def test_a_chosen_toolchain_is_final_and_what_it_lacks_is_rustups_command(machine: Machine, reason: str) -> None:
    machine.rustup("nightly", reason)
    write_rustc(machine.toolchain("nightly"))
    write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    message, hint = refusal(machine)
    assert message.endswith(f"(rustc 1.96.0) has no core for {BARE} and no rust-src")
    another = f"RUSTC={machine.root}/usr/bin/rustc, rustc 1.96.0, which lacks nothing for {BARE}"
    assert hint == f"rustup target add {BARE} --toolchain nightly; or {another}"


def test_a_chosen_toolchain_that_serves_is_taken_as_pinned(machine: Machine) -> None:
    machine.rustup("nightly", "overridden by '/k/rust-toolchain'")
    write_rustc(machine.toolchain("nightly"), "1.97.0-nightly")
    add_source(machine.toolchain("nightly"))
    found = find(machine, "kernel.json")
    assert (found.pinned, found.origin) == (True, "overridden by '/k/rust-toolchain'")


@pytest.mark.parametrize("target", ["kernel.json", HOST])
def test_a_specification_and_a_triple_with_std_need_the_sources(machine: Machine, target: str) -> None:
    machine.rustup("nightly", "overridden by '/k/rust-toolchain'")
    write_rustc(machine.toolchain("nightly"))
    add_core(machine.toolchain("nightly"), target)
    message, hint = refusal(machine, target)
    assert message.endswith(f"has no rust-src, which core for {target} is built from")
    assert hint == "rustup component add rust-src --toolchain nightly"


def test_core_that_rustup_cannot_bring_is_built_from_its_sources(machine: Machine) -> None:
    machine.rustup("nightly", "overridden by '/k/rust-toolchain'")
    write_rustc(machine.toolchain("nightly"))
    manifest = machine.toolchain("nightly") / "lib" / "rustlib" / "multirust-channel-manifest.toml"
    manifest.write_text(f"[pkg.rust-std.target.{BARE}]\navailable = true\n")
    assert "rustup target add" in refusal(machine)[1]
    assert refusal(machine, "thumbv7em-none-eabihf")[1] == "rustup component add rust-src --toolchain nightly"


@pytest.mark.parametrize("between", [": ", "\n\nCaused by:\n    "], ids=["in one line", "as a chain"])
@pytest.mark.parametrize(
    "reason",
    [
        "the toolchain file at '/k/rust-toolchain.toml'",
        "the directory override for '/k: k'",
        "the RUSTUP_TOOLCHAIN environment variable",
    ],
)
def test_a_chosen_toolchain_that_is_not_installed_is_one_sentence(machine: Machine, reason: str, between: str) -> None:
    said = f"error: override toolchain '1.90.0-x' is not installed{between}{reason} specifies an uninstalled toolchain"
    machine.rustup_that_fails(said)
    message, hint = refusal(machine)
    assert message == f"toolchain 1.90.0-x is not installed, which {reason} chooses"
    assert hint == "rustup toolchain install 1.90.0-x"


def test_an_older_rustup_that_does_not_say_who_chose_is_helped_out(machine: Machine) -> None:
    (machine.kernel.parent / "rust-toolchain").write_text("nightly\n")
    machine.rustup_that_fails("error: toolchain 'nightly-x' is not installed")
    message, _ = refusal(machine)
    assert message.endswith(f"which the toolchain file at '{machine.kernel.parent / 'rust-toolchain'}' chooses")


def test_a_toolchain_file_that_rustup_cannot_read_is_told_in_rustups_words(machine: Machine) -> None:
    machine.rustup_that_fails("error: could not parse override file: '/k/rust-toolchain.toml'")
    assert "could not parse override file: '/k/rust-toolchain.toml'" in refusal(machine)[0]


def test_a_warning_of_rustups_is_not_taken_for_its_error(machine: Machine) -> None:
    machine.rustup_that_fails("warn: both files exist\nerror: could not parse override file: 'x'")
    assert "both files exist" not in refusal(machine)[0]
    assert refusal(machine)[0].endswith("could not parse override file: 'x'")


def test_rustup_without_a_default_is_passed_over(machine: Machine) -> None:
    machine.rustup_that_fails(
        "error: rustup could not choose a version of rustc to run, because one wasn't specified explicitly, and no "
        "default is configured."
    )
    rustc = write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    found = find(machine)
    assert (found.rustc, "rustup has no default toolchain" in found.notes[0]) == (rustc, True)


def test_rustc_by_path_wins_over_all(machine: Machine) -> None:
    machine.rustup("stable", "overridden by '/k/rust-toolchain'")
    write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    rustc = write_rustc(machine.root / "mine")
    add_core(machine.root / "mine")
    found = find(machine, rustc=str(rustc))
    assert (found.rustc, found.origin, found.pinned) == (rustc, f"RUSTC={rustc}", True)


def test_rustc_by_name_is_found_on_path_and_a_shim_is_looked_through(machine: Machine) -> None:
    machine.rustup("stable")
    rustc = write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    assert find(machine, rustc="rustc").rustc == rustc
    assert (machine.root / "rustup.log").read_text().startswith(f"{machine.kernel} 0")


def test_a_shim_that_is_a_copy_is_looked_through_too(machine: Machine) -> None:
    program = machine.rustup("stable")
    rustc = write_rustc(machine.toolchain("stable"))
    add_core(machine.toolchain("stable"))
    shim = program.with_name("rustc")
    shim.unlink()
    shim.write_bytes(program.read_bytes())
    shim.chmod(0o755)
    assert find(machine, rustc=str(shim)).rustc == rustc


def test_rustc_that_lacks_core_is_final(machine: Machine) -> None:
    rustc = write_rustc(machine.root / "mine")
    write_rustc(machine.distribution())
    add_core(machine.root / "usr")
    message, hint = refusal(machine, rustc=str(rustc))
    assert message == f"{rustc} (rustc 1.96.0) has no core for {BARE} and no rust-src"
    assert hint == "sudo apt-get install --no-install-recommends rust-web-src"


def test_rustc_that_does_not_exist_is_one_sentence(machine: Machine) -> None:
    assert refusal(machine, rustc="no-such-rustc")[0] == "RUSTC=no-such-rustc is no executable"


def test_a_program_that_is_no_rustc_is_one_sentence(machine: Machine) -> None:
    other = write_program(machine.root / "other", {"-vV": "gcc 12"})
    assert refusal(machine, rustc=str(other))[0] == f"{other} is no rustc that runs: gcc 12"


def test_no_compiler_at_all_is_one_sentence_with_the_packages_of_debian_12(machine: Machine) -> None:
    message, hint = refusal(machine)
    assert message == "no rustc was found"
    assert hint == "sudo apt-get install --no-install-recommends rustc-web rust-web-src llvm-22 lld-22"


def test_other_systems_have_packages_of_other_names(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.root / "os-release").write_text("ID=ubuntu\nVERSION_ID=26.04\n")
    assert refusal(machine)[1] == "sudo apt-get install --no-install-recommends rustc rust-src llvm lld"
    monkeypatch.setattr(host_system, "this_system", lambda _: System.DNF)
    assert refusal(machine)[1].startswith("sudo dnf install rust rust-src")
    monkeypatch.setattr(host_system, "this_system", lambda _: System.OTHER)
    assert "rustup" in refusal(machine)[1]


def test_sources_without_compiler_builtins_are_told_and_cured(machine: Machine) -> None:
    rustc = write_rustc(machine.distribution())
    add_source(machine.root / "usr", builtins=False, version="1.96.0")
    message, hint = refusal(machine)
    assert message == f"{rustc} (rustc 1.96.0) has no core for {BARE} and rust-src without compiler_builtins"
    assert hint.endswith(" librust-compiler-builtins-dev")


def test_compiler_builtins_of_the_distribution_nearest_to_the_lock_file_serves(machine: Machine) -> None:
    write_rustc(machine.distribution())
    library = add_source(machine.root / "usr", builtins=False, version="1.96.0")
    for version in ("0.1.70", "0.1.159", "0.2.1"):
        (machine.root / "registry" / f"compiler_builtins-{version}" / "src").mkdir(parents=True)
        (machine.root / "registry" / f"compiler_builtins-{version}" / "src" / "lib.rs").write_text("")
    assert find(machine).release == "1.96.0"
    nearest = rust_library.find_compiler_builtins(library)
    assert nearest == machine.root / "registry" / "compiler_builtins-0.1.159"


@pytest.mark.parametrize("release", ["1.84.1", "1.63.0", "0.9.0"])
def test_an_old_compiler_that_was_chosen_is_one_sentence(machine: Machine, release: str) -> None:
    machine.rustup("old", "overridden by '/k/rust-toolchain'")
    rustc = write_rustc(machine.toolchain("old"), release)
    add_core(machine.toolchain("old"))
    message, hint = refusal(machine)
    assert (message, hint) == (f"{rustc} is rustc {release}; the oldest supported is 1.85", "rustup update old")


def test_the_oldest_supported_compiler_is_taken(machine: Machine) -> None:
    write_rustc(machine.distribution(), "1.85.0")
    add_core(machine.root / "usr")
    assert find(machine).release == "1.85.0"


def test_a_misspelt_triple_is_one_sentence_with_the_right_one(machine: Machine) -> None:
    rustc = write_rustc(machine.distribution())
    add_source(machine.root / "usr", version="1.96.0")
    message, hint = refusal(machine, "x86_64-unkown-none", error=UnknownTarget)
    assert message == f"{rustc} (rustc 1.96.0) knows no target x86_64-unkown-none"
    assert f"did you mean {BARE}" in hint
