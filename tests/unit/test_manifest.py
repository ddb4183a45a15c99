"""Cargo.toml without Cargo: what is read of it, and the sentence for what only Cargo can build."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo_config import read_default_target
from bootwright.cargo_profiles import DEFAULTS, Profile, rustc_profile_flags
from bootwright.errors import BootwrightError
from bootwright.manifest import Package, read_package

HEAD = '[package]\nname = "my-os"\nversion = "1.2.3-rc.1"\nauthors = ["A <a@b.c>", "D"]\nedition = "2021"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package with src/main.rs."""
    add(tmp_path, "src/main.rs")
    return tmp_path


def add(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def read(root: Path, text: str = "", head: str = HEAD) -> Package:
    (root / "Cargo.toml").write_text(head + text)
    return read_package(root)


def refusal(root: Path, text: str = "", head: str = HEAD) -> str:
    """Returns the sentence, without the file that it begins with."""
    with pytest.raises(BootwrightError) as caught:
        read(root, text, head)
    message = caught.value.message
    assert message.startswith(str(root / "Cargo.toml"))
    assert "\n" not in message
    return message.removeprefix(str(root / "Cargo.toml")).removeprefix(": ")


# The package and its crates


def test_a_package_as_the_books_reader_has_it(root: Path) -> None:
    profiles = '[profile.dev]\npanic = "abort"\n[profile.release]\npanic = "abort"\n'
    package = read(root, '[dependencies]\nbootloader = "0.9.23"\n' + profiles)
    assert (package.name, package.version, package.edition, package.root) == ("my-os", "1.2.3-rc.1", "2021", root)
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
        ('[package]\nname = "a"\nversion = "1"\n', '[package] version is "1", no version such as 0.1.0'),
        ('[package]\nname = "a"\nedition = "2020"\n', '[package] edition is "2020", not one of 2015, 2018, 2021, 2024'),
        ('[package]\nname = "a"\nedition = 2021\n', "[package] edition is 2021, not a string"),
        ('[package]\nname = "a"\nauthors = "me"\n', '[package] authors is "me", not a list'),
        ('package = "a"\n', 'package is "a", not a table'),
    ],
)
def test_a_mistake_in_package_names_the_key(root: Path, head: str, sentence: str) -> None:
    assert refusal(root, head=head) == sentence


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError) as caught:
        read_package(tmp_path / "none")
    assert caught.value.message == f"{tmp_path / 'none'} has no Cargo.toml"
    assert "KERNEL=" in caught.value.hint


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
        ('{ version = "0.9", features = ["map_physical_memory"] }', "[dependencies] bootloader.features "),
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


# Profiles


def test_profiles_have_cargos_defaults(root: Path) -> None:
    profiles = read(root).profiles
    assert profiles == {
        "debug": Profile("0", "2", True, True, "", None, "unwind"),
        "release": Profile("3", "0", False, False, "", None, "unwind"),
    }


def test_a_profile_says_what_differs(root: Path) -> None:
    text = '[profile.release]\nopt-level = "z"\ndebug = "line-tables-only"\ndebug-assertions = true\n'
    text += 'overflow-checks = true\nlto = "thin"\ncodegen-units = 1\npanic = "abort"\nstrip = true\n'
    profiles = read(root, text).profiles
    assert profiles["release"] == Profile("z", "line-tables-only", True, True, "thin", 1, "abort")
    assert profiles["debug"] == DEFAULTS["dev"]


@pytest.mark.parametrize(
    ("line", "name", "wanted"),
    [
        ("opt-level = 2", "opt_level", "2"),
        ('opt-level = "s"', "opt_level", "s"),
        ("debug = true", "debug", "2"),
        ("debug = false", "debug", "0"),
        ("debug = 1", "debug", "1"),
        ('debug = "limited"', "debug", "1"),
        ("lto = true", "lto", "fat"),
        ("lto = false", "lto", ""),
        ('lto = "off"', "lto", "off"),
    ],
)
def test_a_profiles_value_is_said_in_rustcs_words(root: Path, line: str, name: str, wanted: str) -> None:
    assert getattr(read(root, f"[profile.dev]\n{line}\n").profiles["debug"], name) == wanted


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("opt-level = 4", 'opt-level is 4, not 0, 1, 2, 3, "s" or "z"'),
        ("opt-level = true", 'opt-level is true, not 0, 1, 2, 3, "s" or "z"'),
        ("debug = 3", "debug is 3, not one of "),
        ("lto = 1", "lto is 1, not one of "),
        ('panic = "halt"', 'panic is "halt", not one of '),
        ("panic = true", "panic is true, not one of "),
        ("codegen-units = 0", "codegen-units is 0, not 1 or more"),
        ("debug-assertions = 1", "debug-assertions is 1, not true or false"),
    ],
)
def test_a_profiles_value_that_is_none_is_one_sentence(root: Path, line: str, sentence: str) -> None:
    assert refusal(root, f"[profile.dev]\n{line}\n").startswith(f"[profile.dev] {sentence}")


def test_flags_are_cargos() -> None:
    assert rustc_profile_flags(DEFAULTS["dev"]) == [
        "-Copt-level=0",
        "-Cdebuginfo=2",
        "-Cdebug-assertions=on",
        "-Coverflow-checks=on",
    ]
    assert rustc_profile_flags(Profile("3", "0", False, True, "fat", 1, "abort")) == [
        "-Copt-level=3",
        "-Cdebuginfo=0",
        "-Cdebug-assertions=off",
        "-Coverflow-checks=on",
        "-Clto=fat",
        "-Ccodegen-units=1",
        "-Cpanic=abort",
    ]


# Metadata


def test_the_loaders_settings_are_read(root: Path) -> None:
    text = "[package.metadata.bootloader]\nkernel-stack-size = 16\n"
    text += (
        'kernel-stack-address = "0xFFFFFF8000000000"\nboot-info-address = "8192"\nphysical-memory-offset = "0x1000"\n'
    )
    settings = read(root, text).bootloader
    assert (settings.kernel_stack_size, settings.kernel_stack_address) == (16, 0xFFFFFF8000000000)
    assert (settings.boot_info_address, settings.physical_memory_offset) == (8192, 4096)


def test_the_loaders_settings_have_defaults(root: Path) -> None:
    settings = read(root).bootloader
    assert settings.kernel_stack_size == 512
    assert (settings.kernel_stack_address, settings.boot_info_address, settings.physical_memory_offset) == (None,) * 3


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("stack-size = 1", "stack-size is no key that is known here"),
        ('kernel-stack-size = "16"', 'kernel-stack-size is "16", not an integer'),
        ("kernel-stack-size = true", "kernel-stack-size is true, not an integer"),
        ("kernel-stack-size = 0", "kernel-stack-size is 0 pages; the least is 1"),
        ("kernel-stack-address = 4096", "kernel-stack-address is 4096, not a string"),
        ('kernel-stack-address = "0x1001"', "kernel-stack-address is 0x1001, which is no multiple of 4096"),
        ('boot-info-address = "high"', 'boot-info-address is "high", no address'),
        ('boot-info-address = "-4096"', 'boot-info-address is "-4096", no address'),
        ('physical-memory-offset = "0x800000000000"', "physical-memory-offset is 0x800000000000, which no x86-64 page"),
        ('physical-memory-offset = "0x1FFFFFFFFFFFFF000"', "physical-memory-offset is 0x1FFFFFFFFFFFFF000, which no"),
    ],
)
def test_a_setting_of_the_loader_that_is_none_names_the_key(root: Path, line: str, sentence: str) -> None:
    text = f"[package.metadata.bootloader]\n{line}\n"
    assert refusal(root, text).startswith(f"[package.metadata.bootloader] {sentence}")


def test_bootimages_settings_are_read_and_old_keys_warn(root: Path) -> None:
    text = '[package.metadata.bootimage]\nrun-command = ["qemu", "{}"]\nrun-args = ["-s"]\ntest-args = ["-x"]\n'
    text += "test-timeout = 5\ntest-success-exit-code = 33\ntest-no-reboot = false\nminimum-image-size = 1\n"
    package = read(root, text)
    settings = package.bootimage
    assert (settings.run_command, settings.run_args, settings.test_args) == (("qemu", "{}"), ("-s",), ("-x",))
    assert (settings.test_timeout, settings.test_success_exit_code, settings.test_no_reboot) == (5, 33, False)
    assert len(package.warnings) == 1
    assert "[package.metadata.bootimage] minimum-image-size has no effect" in package.warnings[0]


def test_bootimages_settings_have_its_defaults(root: Path) -> None:
    settings = read(root).bootimage
    assert (settings.test_timeout, settings.test_success_exit_code, settings.test_no_reboot) == (300, None, True)
    assert (settings.build_command, settings.run_command, settings.run_args, settings.test_args) == ((),) * 4


@pytest.mark.parametrize(
    "line", ["colour = 1", 'test-timeout = "5"', "test-timeout = 0", "test-success-exit-code = 256", 'run-args = "-s"']
)
def test_a_setting_of_bootimage_that_is_none_names_the_key(root: Path, line: str) -> None:
    key = line.partition(" ")[0]
    text = f"[package.metadata.bootimage]\n{line}\n"
    assert refusal(root, text).startswith(f"[package.metadata.bootimage] {key} ")


def test_input_files_are_what_the_globs_name_now(root: Path) -> None:
    package = read(
        root, '[package.metadata.bootwright]\ninputs = ["data/*.bin", "deep/**/x", "../out"]\nenv = ["REV"]\n'
    )
    add(root, "data/b.bin", "data/a.bin", "data/c.txt", "deep/one/two/x")
    assert package.env == ("REV",)
    assert package.input_files() == [root / "data/a.bin", root / "data/b.bin", root / "deep/one/two/x"]
    (root / "data/a.bin").unlink()
    assert root / "data/a.bin" not in package.input_files()


@pytest.mark.parametrize(
    "line", ['inputs = "a"', 'inputs = ["/etc/x"]', 'inputs = [""]', 'inputs = ["a**"]', 'env = ["A B"]', "output = []"]
)
def test_a_setting_of_bootwright_that_is_none_names_the_key(root: Path, line: str) -> None:
    key = line.partition(" ")[0]
    text = f"[package.metadata.bootwright]\n{line}\n"
    assert refusal(root, text).startswith(f"[package.metadata.bootwright] {key} ")


def test_tables_of_other_programs_are_their_own(root: Path) -> None:
    assert read(root, "[package.metadata.docs]\nx = 1\n[badges]\n[[bench]]\nname = 'b'\n").warnings == ()


# .cargo/config.toml


def config(directory: Path, text: str, name: str = "config.toml") -> None:
    (directory / ".cargo").mkdir(parents=True, exist_ok=True)
    (directory / ".cargo" / name).write_text(text)


def test_without_a_config_there_is_no_default_target(tmp_path: Path) -> None:
    assert read_default_target(tmp_path) is None
    config(tmp_path, '[unstable]\nbuild-std = ["core"]\n[target.x]\nrunner = "bootimage runner"\n')
    assert read_default_target(tmp_path) is None


def test_a_triple_is_returned_and_a_specification_is_seen_from_beside_cargo(tmp_path: Path) -> None:
    config(tmp_path, '[build]\ntarget = "x86_64-unknown-none"\n')
    assert read_default_target(tmp_path) == "x86_64-unknown-none"
    config(tmp_path, '[build]\ntarget = ["x86_64-blog_os.json"]\n')
    (tmp_path / "kernel").mkdir()
    assert read_default_target(tmp_path / "kernel") == str(tmp_path / "x86_64-blog_os.json")


def test_the_nearest_config_that_says_something_wins(tmp_path: Path) -> None:
    config(tmp_path, '[build]\ntarget = "far"\n')
    config(tmp_path / "kernel", "[build]\njobs = 1\n")
    assert read_default_target(tmp_path / "kernel") == "far"
    config(tmp_path / "kernel", '[build]\ntarget = "near"\n', "config")
    assert read_default_target(tmp_path / "kernel") == "near"


@pytest.mark.parametrize("value", ['["a", "b"]', "7", '""'])
def test_a_default_target_that_is_none_is_one_sentence(tmp_path: Path, value: str) -> None:
    config(tmp_path, f"[build]\ntarget = {value}\n")
    with pytest.raises(BootwrightError, match=r"config.toml: \[build\] target is "):
        read_default_target(tmp_path)
