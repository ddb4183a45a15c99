"""bootwright.toml: who says a word last, what a value may be, and one sentence for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.setup.paths import PATHS, PROGRAMS, is_path
from bootwright.setup.project_file import find_words, has_words, kernel_of, with_words
from bootwright.setup.words import VARIABLES


def place(root: Path, **files: str) -> Path:
    """Writes Cargo.toml, and files by their names without .toml, with __ for a dot."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "Cargo.toml").write_text('[package]\nname = "k"\n')
    for name, text in files.items():
        (root / f"{name.replace('__', '.')}.toml").write_text(text)
    return root


def values(kernel: Path, **given: str) -> dict[str, str]:
    return {name: word.value for name, word in find_words(str(kernel), given).items()}


def test_the_nearer_and_the_local_file_win_and_the_command_line_over_all(tmp_path: Path) -> None:
    root = place(tmp_path, bootwright='MEMORY = "1G"\nTIMEOUT = 3\nQEMU = "./machine"\n')
    (root / "Cargo.toml").write_text('[workspace]\nmembers = ["kernel"]\n')
    kernel = place(root / "kernel", bootwright='MEMORY = "2G"\nPROFILE = "small"\nRAMDISK = "disk"\n')
    assert values(kernel) == {
        "MEMORY": "2G", "TIMEOUT": "3", "QEMU": str(root / "machine"), "PROFILE": "small",
        "RAMDISK": str(kernel / "disk"),
    }  # fmt: skip
    place(root, bootwright__local='MEMORY = "3G"\n')
    (root / "Cargo.toml").write_text('[workspace]\nmembers = ["kernel"]\n')
    (kernel / "Cargo.toml").write_text(
        '[package]\nname = "k"\n[package.metadata.bootwright]\ninputs = ["a"]\nMEMORY = "4G"\nFIRMWARE = "uefi"\n'
    )
    assert values(kernel)["MEMORY"] == "3G" and values(kernel)["FIRMWARE"] == "uefi"
    assert find_words(str(kernel), {})["FIRMWARE"].place == f"[package.metadata.bootwright] of {kernel / 'Cargo.toml'}"
    assert "MEMORY" not in values(kernel, MEMORY="5G") and "PROFILE" not in values(kernel, VARIANT="release")
    (root / "Cargo.toml").write_text('[package]\nname = "other"\n')  # which is nobody's workspace
    assert values(kernel)["MEMORY"] == "2G"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('QEMUFLAGS = ["-name", "a b"]', "-name 'a b'"), ('QEMUFLAGS = "-name a"', "-name a"),
        ('RUSTFLAGS = ["-C", "x"]', "-C x"), ('FEATURES = ["a", "b"]', "a,b"), ("SIGN = true", "1"), ("SIGN = 0", "0"),
        ("TIMEOUT = 2.5", "2.5"), ('CACHE = "https://host/cache"', "https://host/cache"), ('RUSTC = "rustc"', "rustc"),
        ('MEMORY = ""', ""),
    ],
)  # fmt: skip
def test_a_value_is_what_the_command_line_would_say(tmp_path: Path, text: str, value: str) -> None:
    assert list(values(place(tmp_path, bootwright=text)).values()) == [value]


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("MEMROY = 1", "MEMROY is no variable of bootwright's", "did you mean MEMORY?"),
        ("memory = 1", "memory is no variable of bootwright's", "did you mean MEMORY?"),
        ('DEV = "/dev/sdx"', "DEV is about one call, so that no file says it", "say DEV= where you call scons"),
        ('VARIANT = "fast"', 'VARIANT is "fast", none of debug, release, all', "VARIANT: the profile"),
        ("MEMORY = true", "MEMORY is true, which is no value of MEMORY=", "MEMORY: the machine's memory"),
        ("MEMORY = [1]", "MEMORY is [1], which is no value of MEMORY=", "MEMORY: the machine's memory"),
        ('RUSTFLAGS = ["-C x"]', 'RUSTFLAGS holds "-C x", and RUSTFLAGS= takes words without a blank', ""),
        ("QEMUFLAGS = [1]", "QEMUFLAGS holds 1, not a string", ""),
        ("MEMORY = x", ":1:10: is no TOML: invalid value", ""),
    ],
)
def test_what_is_no_word_is_one_sentence_with_file_key_and_cure(
    tmp_path: Path, text: str, told: str, hint: str
) -> None:
    kernel = place(tmp_path, bootwright=text)
    with pytest.raises(BootwrightError) as caught:
        find_words(str(kernel), {})
    assert caught.value.message.startswith(str(kernel / "bootwright.toml")) and told in caught.value.message
    assert caught.value.hint.startswith(hint)
    assert with_words(str(tmp_path), [f"KERNEL={kernel}"]) == [f"KERNEL={kernel}"]  # scons tells


@pytest.mark.parametrize(
    "text",
    [
        '[package.metadata.bootwright]\nMEMORY = "1G"', '[package.metadata]\nbootwright = { MEMORY = "1G" }',
        '[package]\nmetadata.bootwright.MEMORY = "1G"', '[package]\nmetadata = {bootwright.MEMORY = "1G"}',
        '["package"."metadata"."bootwright"]\nMEMORY = "1G"', '[ package . metadata . bootwright ]\nMEMORY = "1G"',
    ],
)  # fmt: skip
def test_the_manifests_table_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "Cargo.toml").write_text(text)
    assert values(tmp_path) == {"MEMORY": "1G"}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("[workspace]", True), ("[ workspace ]", True), ("[workspace.package]\n", True), ("workspace = {}", True),
        ('workspace.members = ["kernel"]', True), ("[package]\nversion.workspace = true", False), ("[package]", False),
    ],
)  # fmt: skip
def test_a_workspaces_file_counts_however_that_is_written(tmp_path: Path, text: str, counts: bool) -> None:
    kernel = place(tmp_path / "kernel")
    (tmp_path / "Cargo.toml").write_text(text)
    (tmp_path / "bootwright.toml").write_text('MEMORY = "1G"')
    assert values(kernel) == ({"MEMORY": "1G"} if counts else {})


def test_where_nobody_has_words_nothing_is_read(tmp_path: Path) -> None:
    kernel = place(tmp_path / "a")
    assert not has_words(str(kernel))
    (kernel / "Cargo.toml").write_text('[package.metadata.bootimage]\n# bootwright boots it\ncfg = "bootwright_test"\n')
    assert not has_words(str(kernel))
    assert kernel_of({}, str(tmp_path)) == "" and kernel_of({"TARGET": "t"}, str(tmp_path)) == ""
    assert kernel_of({"KERNEL": "a"}, str(tmp_path), str(tmp_path)) == str(tmp_path / "a")


def test_a_row_and_the_table_of_paths_say_the_same() -> None:
    places = {v.name for v in VARIABLES if v.takes in ("file", "directory")} - {"DEV", "CACHE"}
    assert places == {name for name in PATHS if not name.startswith("-")}
    assert {v.name for v in VARIABLES if v.takes == "program"} == set(PROGRAMS)
    assert is_path("CACHE", "cache") and not is_path("CACHE", "https://host/cache") and is_path("TARGET", "a.json")
    assert is_path("DEV", __file__) and not is_path("DEV", "PhysicalDrive1")  # a disk's name on Windows
