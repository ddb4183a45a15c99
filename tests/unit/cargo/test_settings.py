"""The settings in a Cargo.toml and beside it: profiles, what metadata asks of loader and build, the default target."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cargo.manifests import add, read, refusal

from bootwright.base.errors import BootwrightError
from bootwright.cargo.config import read_default_target
from bootwright.cargo.profiles import DEFAULTS, Profile, rustc_profile_flags


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package with src/main.rs."""
    add(tmp_path, "src/main.rs")
    return tmp_path


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


def test_bootimages_settings_have_its_defaults_but_for_the_time_out(root: Path) -> None:
    settings = read(root).bootimage
    assert (settings.test_timeout, settings.test_success_exit_code, settings.test_no_reboot) == (None, None, True)
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
