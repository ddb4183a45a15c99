"""build-command of bootimage: what cargo gets of it, and what of it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.asked import _choose_program
from bootwright.cargo.build_command import command_of, profile_words, told, value_of, words_for_cargo
from bootwright.cargo.config import read_configuration
from bootwright.cargo.metadata import read_settings
from bootwright.cargo.packages import Choice


@pytest.mark.parametrize(
    ("words", "kept", "lines"),
    [
        ("build --release --features smp", "--release --features smp", []),
        ("build -Zbuild-std=core -Z build-std-features=compiler-builtins-mem -Zx", "-Zx", ["-Z build-std-features="]),
        ("build --target-dir target --out-dir=o", "", ["--target-dir target", "--out-dir=o"]),
        ("build --manifest-path=x --message-format short", "", ["--manifest-path=x", "--message-format short"]),
        ("build -j2 -j 3 --jobs=4 -q", "", ["-j2", "-j 3", "--jobs=4", "-q"]),
        ("build --offline --bin a --target t.json", "", []),
        ("build --locked -- -Cx -Cy", "--locked", ["-- -Cx -Cy"]),
        ("build --target a --target=b --bin c --bin c", "", ["--target a, which has no effect: a build"]),
        ("build --example=e --bin c", "", ["--example=e, which has no effect: a build here is for one, and --bin c"]),
        ("build --example e", "", []),
    ],
)
def test_what_says_where_cargo_writes_or_how_it_answers_is_left_out_and_told(
    words: str, kept: str, lines: list[str]
) -> None:
    assert words_for_cargo(words.split(), False) == kept.split()
    found = told(words.split())
    assert [line.startswith(f"holds {start}") for line, start in zip(found, lines, strict=True)] == [True] * len(lines)


def test_another_verb_than_build_is_told() -> None:
    assert told(["xbuild", "--release"]) == []
    assert told(["rustc"]) == ["begins with rustc, and it is `cargo build` that is planned: the words behind it count"]


@pytest.mark.parametrize("words", ["build --release", "build -r", "build --profile kern", "build --profile=kern"])
def test_the_command_lines_profile_wins(words: str) -> None:
    assert words_for_cargo([*words.split(), "--features=a"], True) == ["--features=a"]
    assert words_for_cargo(words.split(), False) == words.split()[1:]


def test_debug_is_nobodys_wish_unless_it_is_said() -> None:
    assert profile_words("debug", is_said=False) == ()
    assert profile_words("debug", is_said=True) == ("--profile", "dev")
    assert (profile_words("release", False), profile_words("kern", True)) == (("--release",), ("--profile", "kern"))


def test_its_program_is_the_kernel_where_bin_names_none() -> None:
    names = ("alpha", "beta")
    targets = [{"name": n, "kind": ["bin"], "crate_types": ["bin"], "src_path": f"{n}.rs"} for n in names]
    package = {"name": "k", "manifest_path": "/k/Cargo.toml", "targets": targets, "metadata": {}}
    package["metadata"] = {"bootimage": {"build-command": ["build", "--bin", "beta"]}}
    assert _choose_program(package, Choice()) == ("bin", ("beta", "beta.rs"), "")
    assert _choose_program(package, Choice(program="alpha")) == ("bin", ("alpha", "alpha.rs"), "")
    package["metadata"] = {"bootimage": {"build-command": ["build", "--bin=gamma"]}}
    with pytest.raises(BootwrightError, match="build-command says --bin gamma, and there is none of that name"):
        _choose_program(package, Choice())


@pytest.mark.parametrize("has_example", [True, False], ids=["an example", "another package"])
def test_a_package_without_a_program_is_told_what_may_be_meant(tmp_path: Path, has_example: bool) -> None:
    (tmp_path / "main.rs").write_text("#![no_std]")
    program = {"name": "blinky", "kind": ["bin"], "crate_types": ["bin"], "src_path": str(tmp_path / "main.rs")}
    targets = [{**program, "kind": ["example"]}] if has_example else []
    package = {"name": "k", "manifest_path": "/k/Cargo.toml", "targets": targets, "metadata": {}}
    other = {"name": "os", "manifest_path": "/w/Cargo.toml", "targets": [program], "metadata": {}}
    with pytest.raises(BootwrightError) as caught:
        _choose_program(package, Choice(), [package, other])
    assert caught.value.message == "/k has no program: neither src/main.rs nor a [[bin]] with a path"
    hint = "BIN= names an example: blinky" if has_example else "KERNEL= names the directory of one, as of os in /w"
    assert caught.value.hint == hint


def test_its_target_is_the_default_one(tmp_path: Path) -> None:
    words = '[package]\nname = "k"\n[package.metadata.bootimage]\nbuild-command = ["build", "--target", "{}"]\n'
    manifest = tmp_path / "Cargo.toml"
    manifest.write_text(words.format("own.json"))
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo/config.toml").write_text('[build]\ntarget = "files"\n')
    environ = {"CARGO_HOME": str(tmp_path / "home"), "CARGO_BUILD_TARGET": "variables"}
    configuration = read_configuration(tmp_path, environ)
    assert configuration.default_target() == str(tmp_path / "own.json")
    assert configuration.target("mine", "/") == "mine"
    manifest.write_text(words.format("own-triple"))
    assert configuration.default_target() == "own-triple"
    manifest.write_text(words.replace('"--target", "{}"', "1"))
    assert configuration.default_target() == "variables"


@pytest.mark.parametrize("value", ['"build"', "[1]", "{}"])
def test_what_is_no_list_of_words_is_none_and_refused(tmp_path: Path, value: str) -> None:
    import tomllib

    metadata = tomllib.loads(f"[bootimage]\nbuild-command = {value}\n")
    assert command_of(metadata) == [] and value_of(command_of(metadata), "--target") == ""
    with pytest.raises(BootwrightError, match=r"\[package\.metadata\.bootimage\] build-command "):
        read_settings(tmp_path / "Cargo.toml", metadata)
