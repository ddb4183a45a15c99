"""The settings in a Cargo.toml and beside it: what metadata asks of loader and build, the default target."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cargo.manifests import add, read, refusal

from bootwright.base.errors import BootwrightError
from bootwright.cargo.config import read_configuration
from bootwright.cargo.metadata import OLD_BOOTIMAGE_KEYS, BootimageSettings, on_a_board


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package with src/main.rs."""
    add(tmp_path, "src/main.rs")
    return tmp_path


# Metadata


def test_the_loaders_settings_are_read(root: Path) -> None:
    text = "[package.metadata.bootloader]\nkernel-stack-size = 16\n"
    text += (
        'kernel-stack-address = "0xFFFFFF8000000000"\nboot-info-address = "8192"\nphysical-memory-offset = "0x1000"\n'
    )
    settings = read(root, text).bootloader
    assert (settings.kernel_stack_size, settings.kernel_stack_address) == (16, 0xFFFFFF8000000000)
    assert (settings.boot_info_address, settings.physical_memory_offset) == (8192, 4096)


@pytest.mark.parametrize("text", ["0x+1000", "+4096", "0004096", "0x" + "0" * 80 + "1000", "0" * 5000 + "4096"])
def test_an_address_is_written_as_the_crates_own_builder_reads_it(root: Path, text: str) -> None:
    settings = read(root, f'[package.metadata.bootloader]\nboot-info-address = "{text}"\n').bootloader
    assert settings.boot_info_address == 4096


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
        ('boot-info-address = "0x1_000"', 'boot-info-address is "0x1_000", no address'),
        ('boot-info-address = "0X1000"', 'boot-info-address is "0X1000", no address'),
        ('boot-info-address = "+"', 'boot-info-address is "+", no address'),
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
    every = "".join(f'{key} = "x"\n' for key in OLD_BOOTIMAGE_KEYS)
    told = read(root, f"[package.metadata.bootimage]\n{every}").warnings
    for key, where in (("default-target", ".cargo/config.toml"), ("output", "build/VARIANT/NAME.img"),
                       ("minimum-image-size", "RAMDISK="), ("package-filepath", "KERNEL=")):  # fmt: skip
        assert len([line for line in told if f"] {key} has no effect" in line and where in line]) == 1


def test_bootimages_settings_have_its_defaults_but_for_the_time_out(root: Path) -> None:
    settings = read(root).bootimage
    assert (settings.test_timeout, settings.test_success_exit_code, settings.test_no_reboot) == (None, None, True)
    assert (settings.build_command, settings.run_command, settings.run_args, settings.test_args) == ((),) * 4


def test_on_a_board_the_time_out_holds_and_the_rest_is_named(root: Path) -> None:
    told: list[str] = []
    text = "[package.metadata.bootimage]\n"
    plain = 'run-command = ["qemu-system-x86_64", "-drive", "format=raw,file={}"]\ntest-timeout = 7\n'
    settings = read(root, f"{text}{plain}test-no-reboot = true\n").bootimage
    assert on_a_board(settings, told.append) == BootimageSettings(test_timeout=7)
    assert told == []
    more = 'run-args = ["-smp", "2"]\ntest-args = ["-s"]\ntest-success-exit-code = 33\ntest-no-reboot = false\n'
    assert on_a_board(read(root, text + more).bootimage, told.append) == BootimageSettings()
    on_a_board(read(root, text + 'run-command = ["bochs", "{}"]\n').bootimage, told.append)
    assert told == [
        f"[package.metadata.bootimage] {keys}: no effect, since the machine is no PC"
        for keys in ("run-args, test-args, test-success-exit-code, test-no-reboot", "run-command")
    ]


@pytest.mark.parametrize(
    "line",
    ["colour = 1", 'test-timeout = "5"', "test-timeout = 0", "test-success-exit-code = 256", 'run-args = "-s"',
     f"test-success-exit-code = 0x{'f' * 5000}"],
)  # fmt: skip
def test_a_setting_of_bootimage_that_is_none_names_the_key(root: Path, line: str) -> None:
    key = line.partition(" ")[0]
    text = f"[package.metadata.bootimage]\n{line}\n"
    assert refusal(root, text).startswith(f"[package.metadata.bootimage] {key} ")


@pytest.mark.parametrize("glob", [".", "./.", "n" * 300, "src"])
def test_a_glob_that_can_name_no_file_is_told(root: Path, glob: str) -> None:
    settings = read(root, f'[package.metadata.bootwright]\ninputs = ["{glob}"]\n').bootwright
    assert settings.input_files(root) == []
    (line,) = settings.warnings(root / "Cargo.toml")
    assert "no file matches" in line


def test_input_files_are_what_the_globs_name_now(root: Path) -> None:
    text = '[package.metadata.bootwright]\ninputs = ["data/*.bin", "deep/**/x", "../out"]\nenv = ["REV"]\n'
    settings = read(root, f'{text}MEMORY = "1G"\n')  # a variable, which setup/project_file.py reads
    add(root, "data/b.bin", "data/a.bin", "data/c.txt", "deep/one/two/x")
    assert settings.bootwright.env == ("REV",)
    assert settings.bootwright.input_files(root) == [root / "data/a.bin", root / "data/b.bin", root / "deep/one/two/x"]
    (root / "data/a.bin").unlink()
    assert root / "data/a.bin" not in settings.bootwright.input_files(root)
    (said,) = settings.bootwright.warnings(root / "Cargo.toml")
    assert said == f'{root / "Cargo.toml"}: no file matches "../out" of inputs in [package.metadata.bootwright]'


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


def read_default_target(directory: Path, **variables: str) -> str | None:
    return read_configuration(directory, {"CARGO_HOME": str(directory / "cargo"), **variables}).default_target()


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


@pytest.mark.parametrize("value", ['["a", 7]', "7", '""'])
def test_a_default_target_that_is_none_is_one_sentence(tmp_path: Path, value: str) -> None:
    config(tmp_path, f"[build]\ntarget = {value}\n")
    with pytest.raises(BootwrightError, match=r"config.toml: \[build\] target is "):
        read_default_target(tmp_path)


def test_several_default_targets_are_told_with_the_word_for_each(tmp_path: Path) -> None:
    config(tmp_path, '[build]\ntarget = ["far", "near.json", "far"]\n')
    with pytest.raises(BootwrightError, match=r"config.toml: \[build\] target names several targets") as raised:
        read_default_target(tmp_path)
    assert f"say TARGET=far or TARGET={tmp_path}/near.json" in str(raised.value)
    config(tmp_path, '[build]\ntarget = ["far", "far"]\n')
    config(tmp_path / "kernel", "[build]\ntarget = []\n")
    assert read_default_target(tmp_path / "kernel") == "far"
    config(tmp_path / "kernel", '[build]\ntarget = ["near"]\n')  # cargo joins the lists
    with pytest.raises(BootwrightError, match="say TARGET=near or TARGET=far"):
        read_default_target(tmp_path / "kernel")
    config(tmp_path / "kernel", '[build]\ntarget = "near"\n')
    assert read_default_target(tmp_path / "kernel") == "near"


def test_a_target_comes_from_the_variable_from_what_is_included_and_from_cargos_home(tmp_path: Path) -> None:
    (tmp_path / "cargo").mkdir()
    (tmp_path / "cargo/config.toml").write_text('[build]\ntarget = "homes"\n')
    assert read_default_target(tmp_path) == "homes"
    config(tmp_path, 'include = ["more.toml", { path = "last.toml" }, { path = "none.toml", optional = true }]\n')
    config(tmp_path, '[build]\ntarget = "first"\n', "more.toml")
    config(tmp_path, '[build]\ntarget = "last"\n', "last.toml")
    assert read_default_target(tmp_path) == "last"
    assert read_default_target(tmp_path, CARGO_BUILD_TARGET="variables") == "variables"
    assert read_default_target(tmp_path, CARGO_BUILD_TARGET="spec.json") == str(tmp_path / "spec.json")


def test_the_target_is_that_of_the_kernel_which_a_program_for_the_builder_carries_along(tmp_path: Path) -> None:
    def write(*dependencies: str) -> None:
        (tmp_path / "Cargo.toml").write_text(
            "\n".join(['[package]\nname = "os"', "[build-dependencies]", *dependencies])
        )

    board = 'kernel = { path = "kernel", artifact = "bin", target = "riscv64gc-unknown-none-elf" }'
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text("fn main() {}\n")
    write(board, 'bootloader = "0.11"')
    config(tmp_path, '[build]\ntarget = "x86_64-unknown-linux-gnu"\n')  # of the program itself
    assert read_default_target(tmp_path) == "riscv64gc-unknown-none-elf"
    write(board, 'other = { path = "other", artifact = "bin", target = "x86_64-unknown-none" }')
    assert read_default_target(tmp_path) == "x86_64-unknown-linux-gnu"
    write(board)
    (tmp_path / "src/main.rs").write_text("#![no_std]\n")  # a kernel itself, with a program of its users' inside
    assert read_default_target(tmp_path) == "x86_64-unknown-linux-gnu"


def test_a_package_may_have_a_target_of_its_own_and_force_it(tmp_path: Path) -> None:
    def write(line: str) -> None:
        text = f'cargo-features = ["per-package-target"]\n[package]\nname = "k"\n{line}\n'
        (tmp_path / "Cargo.toml").write_text(text)

    write('default-target = "own.json"')
    assert read_default_target(tmp_path) == str(tmp_path / "own.json")
    config(tmp_path, '[build]\ntarget = "files"\n')
    assert read_default_target(tmp_path) == "files"
    write('forced-target = "always"\ndefault-target = "own"')
    assert read_default_target(tmp_path) == "always"
    assert read_default_target(tmp_path, CARGO_BUILD_TARGET="variables") == "always"
    configuration = read_configuration(tmp_path, {"CARGO_HOME": str(tmp_path / "cargo")})
    assert configuration.target("always", "/") == configuration.target("", "/") == "always"
    with pytest.raises(BootwrightError, match="forced-target is always, and TARGET=another is another"):
        configuration.target("another", "/")
