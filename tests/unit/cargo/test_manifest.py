"""Cargo.toml without Cargo: what is read of it, and the sentence for what only Cargo can build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.cargo.manifests import HEAD, add, read, refusal

from bootwright.base.errors import BootwrightError
from bootwright.cargo.manifest import read_package
from bootwright.cargo.toml import read_toml


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package with src/main.rs."""
    add(tmp_path, "src/main.rs")
    return tmp_path


# The package and its crates


def test_a_package_as_the_books_reader_has_it(root: Path) -> None:
    profiles = '[profile.dev]\npanic = "abort"\n[profile.release]\npanic = "abort"\n'
    package = read(root, '[dependencies]\nbootloader = "0.9.23"\n' + profiles)
    assert (package.name, package.edition, package.root) == ("my-os", "2021", root)
    assert (package.main, package.lib, package.lib_name, package.tests) == (root / "src/main.rs", None, "my_os", ())
    assert package.depends_on_bootloader
    assert [package.profiles[variant].panic for variant in ("debug", "release")] == ["abort", "abort"]


def test_a_relative_directory_gives_absolute_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Cargo.toml").write_text(HEAD)
    monkeypatch.chdir(root.parent)
    assert read_package(Path(root.name)).main == root / "src" / "main.rs"


def test_the_edition_is_cargos_default_where_it_is_not_named(root: Path) -> None:
    assert read(root, head='[package]\nname = "a"\n').edition == "2015"


def test_crates_are_discovered_as_cargo_does(root: Path) -> None:
    add(root, "src/lib.rs", "tests/b.rs", "tests/a.rs", "tests/common/mod.rs", "tests/notes.txt")
    package = read(root)
    assert (package.lib, package.lib_name) == (root / "src/lib.rs", "my_os")
    assert package.tests == (root / "tests/a.rs", root / "tests/b.rs")


def test_crates_with_paths_of_their_own(root: Path) -> None:
    add(root, "kernel/entry.rs", "kernel/all.rs", "checks/boot.rs", "tests/auto.rs")
    text = '[lib]\nname = "parts"\npath = "kernel/all.rs"\n[[bin]]\nname = "my-os"\npath = "kernel/entry.rs"\n'
    text += '[[test]]\nname = "boot"\npath = "checks/boot.rs"\nharness = false\n'
    package = read(root, text)
    assert (package.main, package.lib, package.lib_name) == (root / "kernel/entry.rs", root / "kernel/all.rs", "parts")
    assert package.tests == (root / "checks/boot.rs", root / "tests/auto.rs")
    without = read(root, text, head=HEAD + "autotests = false\n")
    assert without.tests == (root / "checks/boot.rs",)


def test_of_several_programs_the_packages_own_or_default_run_is_the_kernel(root: Path) -> None:
    add(root, "src/bin/tool.rs")
    assert read(root).main == root / "src/main.rs"
    assert read(root, head=HEAD + 'default-run = "tool"\n').main == root / "src/bin/tool.rs"
    (root / "src/main.rs").unlink()
    assert read(root).main == root / "src/bin/tool.rs"
    add(root, "src/bin/other.rs")
    assert refusal(root) == "[package] default-run is missing, and there are 2 programs: other, tool"
    assert "no program of that name" in refusal(root, head=HEAD + 'default-run = "none"\n')


def test_a_package_without_a_program_has_no_main(root: Path) -> None:
    (root / "src/main.rs").unlink()
    add(root, "src/lib.rs")
    assert read(root).main is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[lib]\npath = "gone.rs"\n', '[lib] path is "gone.rs", and there is no such file'),
        ("[lib]\ntest = false\n", "[lib] path is missing, and there is no file src/lib.rs"),
        ('[[bin]]\nname = "x"\npath = "gone.rs"\n', '[[bin]] path is "gone.rs", and there is no such file'),
        ('[[test]]\nname = "gone"\n', "[[test]] path is missing, and there is no file tests/gone.rs"),
        ("[[test]]\nharness = false\n", "[[test]] name is missing"),
    ],
)
def test_a_crate_whose_file_is_missing_is_one_sentence(root: Path, text: str, sentence: str) -> None:
    assert refusal(root, text) == sentence


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ('[package]\nversion = "1.0.0"\n', "[package] name is missing"),
        ('[package]\nname = "a b"\n', '[package] name is "a b": only letters, digits, - and _ make a name'),
        ('[package]\nname = "-a"\n', '[package] name is "-a": only letters, digits, - and _ make a name'),
        ('[package]\nname = "a/../../b"\n', '[package] name is "a/../../b": only letters, digits, - and _ make a name'),
        ('[package]\nname = "a"\nversion = "1"\n', '[package] version is "1", no version such as 0.1.0'),
        ('[package]\nname = "a"\nedition = "2020"\n', '[package] edition is "2020", not one of 2015, 2018, 2021, 2024'),
        ('[package]\nname = "a"\nedition = 2021\n', "[package] edition is 2021, not a string"),
        ('[package]\nname = "a"\nauthors = "me"\n', '[package] authors is "me", not a list'),
        ('package = "a"\n', 'package is "a", not a table'),
    ],
)
def test_a_mistake_in_package_names_the_key(root: Path, head: str, sentence: str) -> None:
    assert refusal(root, head=head) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[lib]\nname = "x/../../.."\n', '[lib] name is "x/../../..": only letters, digits and _ make the name'),
        ('[lib]\nname = "x-y"\n', '[lib] name is "x-y": only letters, digits and _ make the name of a library'),
        ('description = "a\\u0000b"\n', "package.description holds a NUL character"),
        ('keywords = ["a\\u0000b"]\n', "package.keywords holds a NUL character"),
        ('"a\\u0000b" = 1\n', "a key of package holds a NUL character"),
        ("[package.metadata.x]\na = " + "[" * 3000 + "\n", "is nested too deeply to be read"),
        (f"[package.metadata.x]\na = {'9' * 5000}\n", "is no TOML: a number in it has too many digits"),
        (f"description = 0x{'f' * 5000}\n", "[package] description is a number of more than 60 digits, not a string"),
        ('license = ["\\u001b]0;title\\u0007"]\n', "[package] license is ['\\x1b]0;title\\x07'], not a string"),
    ],
    ids=["upwards", "hyphen", "NUL", "NUL-in-list", "NUL-in-key", "deep", "many-digits", "hexadecimal", "controls"],
)
def test_what_no_program_could_be_told_is_one_sentence(root: Path, text: str, sentence: str) -> None:
    add(root, "src/lib.rs")
    assert refusal(root, text).startswith(sentence)


def test_names_may_have_letters_of_any_language_as_with_cargo(root: Path) -> None:
    assert read(root, head='[package]\nname = "über-kern"\n').lib_name == "über_kern"


def test_a_file_that_is_no_text_file_is_one_sentence(root: Path) -> None:
    os.mkfifo(root / "rust-toolchain.toml")
    with pytest.raises(BootwrightError, match=r"rust-toolchain.toml is a FIFO, no regular file"):
        read_toml(root / "rust-toolchain.toml")
    with (root / "Cargo.toml").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(BootwrightError, match=r"Cargo.toml is 1099511627776 bytes; the limit is 16777216"):
        read_package(root)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError) as caught:
        read_package(tmp_path / "none")
    assert caught.value.message == f"{tmp_path / 'none'} has no Cargo.toml"
    assert "KERNEL=" in caught.value.hint


def test_the_file_instead_of_its_directory_is_told_with_the_directory(root: Path) -> None:
    (root / "Cargo.toml").write_text("")
    with pytest.raises(BootwrightError) as caught:
        read_package(root / "Cargo.toml")
    assert caught.value.message == f"{root / 'Cargo.toml'} is a file; KERNEL= takes the package's directory"
    assert caught.value.hint == f"KERNEL={root}"


def test_a_syntax_error_names_file_line_and_column(root: Path) -> None:
    assert refusal(root, "[profile.dev\n").startswith(":6:13: is no TOML: ")
    assert refusal(root, "[dependencies]\nx = '").startswith("is no TOML at its end: ")


def test_a_file_that_is_not_utf8_is_one_sentence(root: Path) -> None:
    (root / "Cargo.toml").write_bytes(HEAD.encode() + b"# \xff\n")
    with pytest.raises(BootwrightError, match=r"Cargo.toml is not UTF-8: byte "):
        read_package(root)


# Features, lints and what a crate is told


def test_the_default_features_are_resolved_transitively(root: Path) -> None:
    text = '[features]\ndefault = ["a"]\na = ["b", "c"]\nb = ["a"]\nc = []\nunused = []\n'
    package = read(root, text)
    assert package.features == ("a", "b", "c", "default")
    flags = package.cfg_flags()
    assert '--cfg=feature="b"' in flags
    assert '--cfg=feature="unused"' not in flags
    assert '--check-cfg=cfg(feature, values("a", "b", "c", "default", "unused"))' in flags


def test_without_default_features_none_is_on(root: Path) -> None:
    assert read(root, "[features]\na = []\n").features == ()
    assert read(root).cfg_flags() == ["--check-cfg=cfg(docsrs,test)", "--check-cfg=cfg(feature, values())"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ('["dep:x"]', '[features] default turns on "dep:x" of a dependency; Cargo packages are not built yet'),
        ('["x/y"]', '[features] default turns on "x/y" of a dependency; Cargo packages are not built yet'),
        ('["none"]', '[features] default turns on "none", and there is no such feature'),
        ('"a"', '[features] default is "a", not a list'),
        ("[1]", "[features] default holds 1, not a string"),
    ],
)
def test_a_feature_that_cannot_be_resolved_is_one_sentence(root: Path, words: str, sentence: str) -> None:
    assert refusal(root, f"[features]\ndefault = {words}\n") == sentence


def test_lints_are_given_in_cargos_order(root: Path) -> None:
    text = '[lints.rust]\nunused = { level = "allow", priority = 1 }\nunsafe_code = "forbid"\nbad_style = "warn"\n'
    text += "unexpected_cfgs = { level = 'deny', check-cfg = ['cfg(mine)'] }\n[lints.clippy]\nall = 'warn'\n"
    assert read(root, text).lint_flags == (
        "--forbid=unsafe_code",
        "--deny=unexpected_cfgs",
        "--warn=bad_style",
        "--warn=clippy::all",
        "--allow=unused",
        "--check-cfg=cfg(mine)",
    )
    assert refusal(root, '[lints.rust]\nunused = "off"\n').startswith('[lints.rust.unused] level is "off", not one of')


def test_a_crate_is_told_what_cargo_tells_it(root: Path) -> None:
    add(root, "README.md")
    text = 'description = "An OS"\nlicense = "MIT"\nrepository = "r"\nhomepage = "h"\nrust-version = "1.85"\n'
    environment = read(root, text).environment()
    assert environment == {
        "CARGO_PKG_NAME": "my-os",
        "CARGO_PKG_VERSION": "1.2.3-rc.1",
        "CARGO_PKG_VERSION_MAJOR": "1",
        "CARGO_PKG_VERSION_MINOR": "2",
        "CARGO_PKG_VERSION_PATCH": "3",
        "CARGO_PKG_VERSION_PRE": "rc.1",
        "CARGO_PKG_AUTHORS": "A <a@b.c>:D",
        "CARGO_PKG_DESCRIPTION": "An OS",
        "CARGO_PKG_HOMEPAGE": "h",
        "CARGO_PKG_REPOSITORY": "r",
        "CARGO_PKG_LICENSE": "MIT",
        "CARGO_PKG_LICENSE_FILE": "",
        "CARGO_PKG_RUST_VERSION": "1.85",
        "CARGO_PKG_README": "README.md",
        "CARGO_MANIFEST_DIR": str(root),
        "CARGO_MANIFEST_PATH": str(root / "Cargo.toml"),
        "CARGO_CRATE_NAME": "my_os",
        "CARGO_BIN_NAME": "my-os",
        "CARGO_PRIMARY_PACKAGE": "1",
    }
    library = read(root).environment("parts")
    assert (library["CARGO_CRATE_NAME"], "CARGO_BIN_NAME" in library) == ("parts", False)


# What only Cargo can build

NOT_YET = "Cargo packages are not built yet"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[dependencies]\nspin = "0.9"\n', "[dependencies] spin"),
        ('[dependencies.spin]\nversion = "0.9"\n', "[dependencies] spin"),
        ('[dev-dependencies]\nbootloader = "0.9"\n', "[dev-dependencies] bootloader"),
        ('[build-dependencies]\ncc = "1"\n', "[build-dependencies] cc"),
        ('[target.x86_64-unknown-none.dependencies]\nspin = "1"\n', "[target.x86_64-unknown-none.dependencies] spin"),
        ("[target.'cfg(unix)'.dependencies]\nspin = '1'\n", "[target.cfg(unix).dependencies] spin"),
        ("[workspace]\n", "[workspace]"),
        ('[workspace]\nmembers = ["a"]\n', "[workspace]"),
        ('[patch.crates-io]\nspin = { path = "spin" }\n', "[patch]"),
        ("[lib]\nproc-macro = true\n", "[lib] proc-macro"),
        ('build = "make.rs"\n', "[package] build"),
        ('links = "c"\n', "[package] links"),
        ("[lints]\nworkspace = true\n", "[lints] workspace"),
        ("description.workspace = true\n", "[package] description"),
    ],
)
def test_what_only_cargo_builds_is_one_sentence_that_names_the_key(root: Path, text: str, key: str) -> None:
    sentence = refusal(root, text)
    assert sentence.startswith(f"{key} ")
    assert sentence.endswith(NOT_YET)


def test_a_build_script_is_found_unless_it_is_turned_off(root: Path) -> None:
    add(root, "build.rs")
    assert refusal(root) == f"[package] build is a build script, build.rs; {NOT_YET}"
    assert read(root, "build = false\n").name == "my-os"


def test_a_workspace_without_a_package_is_one_sentence(root: Path) -> None:
    assert refusal(root, head='[workspace]\nmembers = ["a"]\n') == f"[workspace] needs Cargo; {NOT_YET}"
    assert refusal(root, head="[profile.dev]\n") == " has no [package]"


def test_empty_tables_need_nothing(root: Path) -> None:
    assert not read(root, "[dependencies]\n[dev-dependencies]\n[build-dependencies]\n[target]\n").depends_on_bootloader


@pytest.mark.parametrize(
    "wanted", ['"0.9"', '"0.9.23"', '"^0.9.8"', '"=0.9.0"', '"~0.9.1"', '"0.9.*"', '{ version = "0.9.23" }']
)
def test_bootloader_09_is_understood(root: Path, wanted: str) -> None:
    assert read(root, f"[dependencies]\nbootloader = {wanted}\n").depends_on_bootloader


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        ('"0.11.7"', "[dependencies] bootloader is "),
        ('"0.90.1"', "[dependencies] bootloader is "),
        ('"*"', "[dependencies] bootloader is "),
        ("9", "[dependencies] bootloader is 9"),
        ('{ version = "0.9", default-features = false }', "[dependencies] bootloader.default-features "),
        ('{ path = "../bootloader" }', "[dependencies] bootloader.path "),
        ('{ git = "https://example.org" }', "[dependencies] bootloader.git "),
        ("{}", "[dependencies] bootloader has no version"),
    ],
)
def test_another_bootloader_or_more_of_it_is_one_sentence(root: Path, wanted: str, key: str) -> None:
    sentence = refusal(root, f"[dependencies]\nbootloader = {wanted}\n")
    assert sentence.startswith(key)
    assert sentence.endswith(NOT_YET)


def test_a_library_of_another_kind_is_one_sentence(root: Path) -> None:
    add(root, "src/lib.rs")
    assert read(root, '[lib]\ncrate-type = ["rlib"]\n').lib == root / "src/lib.rs"
    sentence = refusal(root, '[lib]\ncrate-type = ["staticlib"]\n')
    assert sentence == '[lib] crate-type is "staticlib"; only lib and rlib are built for a kernel'


def test_an_input_that_is_no_regular_file_is_one_sentence(root: Path) -> None:
    os.mkfifo(root / "pipe")
    package = read(root, '[package.metadata.bootwright]\ninputs = ["pi*", "src"]\n')
    with pytest.raises(BootwrightError, match="pipe is a FIFO, no regular file"):
        package.input_files()
    (root / "pipe").unlink()
    (root / "pipe").symlink_to("nowhere")
    with pytest.raises(BootwrightError, match="pipe cannot be read: No such file"):
        package.input_files()
