"""rust-toolchain and rust-toolchain.toml: every form is read, and what a toolchain lacks of it is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.fake_toolchains import BARE, HOST, Machine, add_core, empty_debian_12, write_rustc

from bootwright.base.errors import BootwrightError
from bootwright.rust.search import find_toolchain
from bootwright.rust.toolchain_file import Wanted, read_toolchain_file

FULL = (
    '[toolchain]\nchannel = "nightly"\nprofile = "minimal"\ncomponents = ["rust-src", "llvm-tools-preview"]\n'
    'targets = ["thumbv7em-none-eabihf"]\n'
)
ASKS = "nightly; profile minimal; components rust-src, llvm-tools-preview; target thumbv7em-none-eabihf"
COMPONENTS = f"rustc-{HOST}\nrust-std-{HOST}\nrust-src\nllvm-tools-{HOST}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose rustup has one toolchain, with core."""
    machine = empty_debian_12(tmp_path, monkeypatch)
    write_rustc(machine.toolchain("nightly"))
    add_core(machine.toolchain("nightly"))
    return machine


@pytest.mark.parametrize(
    ("name", "text", "asks"),
    [
        ("rust-toolchain", "nightly\n", "nightly"),
        ("rust-toolchain", "  nightly-2026-05-20  ", "nightly-2026-05-20"),
        ("rust-toolchain", FULL, ASKS),
        ("rust-toolchain.toml", '[toolchain]\nchannel = "1.90"\n', "1.90"),
        ("rust-toolchain.toml", '[toolchain]\npath = "/opt/rust"\n', "the toolchain in /opt/rust"),
        ("rust-toolchain.toml", '[toolchain]\ncomponents = ["rust-src"]\n', "rustup's default; component rust-src"),
    ],
    ids=["one_word", "one_word_with_blanks", "table_in_the_old_name", "channel", "path", "no_channel"],
)  # fmt: skip
def test_a_file_says_what_it_asks_for(tmp_path: Path, name: str, text: str, asks: str) -> None:
    (tmp_path / name).write_text(text)
    assert str(read_toolchain_file(tmp_path / name)) == asks


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("rust-toolchain", "", "is empty"),
        ("rust-toolchain.toml", "nightly", "is no TOML"),
        ("rust-toolchain.toml", "", r"has no table \[toolchain\]"),
        ("rust-toolchain.toml", "[toolchain]\nchannel = 1\n", r"\[toolchain\] channel is 1, not a string"),
        ("rust-toolchain.toml", '[toolchain]\ntargets = "x"\n', r"\[toolchain\] targets is \"x\", not a list"),
    ],
    ids=["empty", "one_word_as_toml", "no_table", "channel", "targets"],
)
def test_a_file_that_rustup_does_not_take_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BootwrightError, match=words):
        read_toolchain_file(tmp_path / name)


def choose(machine: Machine, installed: dict[str, str], text: str = FULL) -> None:
    """Makes a rust-toolchain.toml choose the machine's toolchain."""
    file = machine.kernel / "rust-toolchain.toml"
    file.write_text(text)
    machine.rustup("nightly", f"overridden by '{file}'", installed)


def test_a_toolchain_with_all_that_the_file_names_is_taken(machine: Machine) -> None:
    choose(machine, {"component": COMPONENTS, "target": f"{HOST}\nthumbv7em-none-eabihf"})
    assert find_toolchain(machine.kernel, BARE, None, machine.environ).pinned


def test_what_the_file_names_and_the_toolchain_lacks_is_one_sentence_with_rustups_commands(machine: Machine) -> None:
    choose(machine, {"component": f"rustc-{HOST}\nrust-std-{HOST}", "target": HOST})
    with pytest.raises(BootwrightError) as caught:
        find_toolchain(machine.kernel, BARE, None, machine.environ)
    assert caught.value.message == (
        f"{machine.kernel / 'rust-toolchain.toml'} names components rust-src, llvm-tools-preview and target "
        "thumbv7em-none-eabihf, which toolchain nightly has not installed"
    )
    assert caught.value.hint == (
        "rustup component add rust-src llvm-tools-preview --toolchain nightly; then rustup target add "
        "thumbv7em-none-eabihf --toolchain nightly"
    )


def test_one_that_is_missing_is_named_alone(machine: Machine) -> None:
    choose(machine, {"component": COMPONENTS.replace("rust-src\n", ""), "target": "thumbv7em-none-eabihf"})
    with pytest.raises(BootwrightError, match="names component rust-src, which") as caught:
        find_toolchain(machine.kernel, BARE, None, machine.environ)
    assert caught.value.hint == "rustup component add rust-src --toolchain nightly"
    add_core(write_rustc(machine.distribution()).parent.parent)
    with pytest.raises(BootwrightError, match="names component rust-src, which") as caught:
        find_toolchain(machine.kernel, BARE, None, machine.environ)
    assert caught.value.hint.startswith("rustup component add rust-src --toolchain nightly; or RUSTC=")


def test_a_linked_toolchain_whose_components_rustup_does_not_know_is_taken(machine: Machine) -> None:
    choose(machine, {})
    assert find_toolchain(machine.kernel, BARE, None, machine.environ).pinned


def test_a_directory_override_is_not_held_to_the_file(machine: Machine) -> None:
    (machine.kernel / "rust-toolchain.toml").write_text(FULL)
    machine.rustup("nightly", f"directory override for '{machine.kernel}'", {"component": "", "target": ""})
    found = find_toolchain(machine.kernel, BARE, None, machine.environ)
    assert found.origin == f"directory override for '{machine.kernel}'"


@pytest.mark.parametrize("name", ["Cargo.toml", "none/at/all"])
def test_where_kernel_names_no_directory_rustup_is_asked_in_the_nearest(machine: Machine, name: str) -> None:
    machine.rustup("nightly")
    (machine.kernel / "Cargo.toml").write_text("")
    found = find_toolchain(machine.kernel / name, BARE, None, machine.environ)
    assert found.sysroot == machine.toolchain("nightly")
    assert (machine.root / "rustup.log").read_text().startswith(f"{machine.kernel} ")


def test_what_is_asked_for_is_compared_by_value(tmp_path: Path) -> None:
    (tmp_path / "rust-toolchain").write_text("stable")
    assert read_toolchain_file(tmp_path / "rust-toolchain") == Wanted(tmp_path / "rust-toolchain", "stable")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("rust-toolchain", b"\xef\xbb\xbfnightly\n", "begins with a byte order mark, which rustup does not take"),
        ("rust-toolchain", "nightly\n".encode("utf-16"), "is UTF-16"),
        ("rust-toolchain.toml", FULL.encode("utf-16"), "is UTF-16"),
        ("rust-toolchain.toml", "# Jos\u00e9\n".encode("latin-1") + FULL.encode(), "is not UTF-8: byte 5"),
    ],
    ids=["mark", "UTF-16", "table_in_UTF-16", "Latin-1"],
)
def test_what_rustup_would_pass_over_or_misread_is_told(machine: Machine, name: str, data: bytes, told: str) -> None:
    machine.rustup("nightly", "default", {"component": COMPONENTS, "target": HOST})
    (machine.kernel / name).write_bytes(data)
    with pytest.raises(BootwrightError) as caught:
        find_toolchain(machine.kernel, BARE, None, machine.environ)
    assert caught.value.message == f"{machine.kernel / name} {told}"
