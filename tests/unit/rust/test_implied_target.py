"""The target that a package's files imply where cargo's configuration names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.config import read_configuration
from bootwright.rust.implied_target import implied_target
from bootwright.setup.configured import configured_target

RISCV, ARM = "riscv64imac-unknown-none-elf", "thumbv7m-none-eabi"
TOOLCHAIN = '[toolchain]\nchannel = "nightly"\ntargets = [{}]\n'
SPECIFICATION = '{"llvm-target": "aarch64-unknown-none"}'
CASES = {
    "a table": ({".cargo/config.toml": f"[target.{ARM}]\nrustflags = []\n"}, ARM, "config.toml has words for it"),
    "tables of the builder and of a cfg": (
        {".cargo/config.toml": f"[target.x86_64-unknown-linux-gnu]\nlinker = 'c'\n[target.'cfg(unix)']\nrunner = 'r'\n"
         f"[target.{ARM}]\nrunner = 'q'\n"}, ARM, "config.toml has words for it",
    ),
    "a table goes before a toolchain file": (
        {".cargo/config.toml": f"[target.{ARM}]\nrunner = 'q'\n",
         "rust-toolchain.toml": TOOLCHAIN.format(f'"{RISCV}"')}, ARM, "config.toml has words for it",
    ),
    "a toolchain file": (
        {"rust-toolchain.toml": TOOLCHAIN.format(f'"x86_64-unknown-linux-gnu", "{RISCV}"')}, RISCV, "wants it alone"
    ),
    "the old name": ({"rust-toolchain": TOOLCHAIN.format(f'"{RISCV}"')}, RISCV, "rust-toolchain wants it alone"),
    "a specification": ({"my.json": SPECIFICATION, "other.json": "{}"}, "my.json", "is the only specification there"),
    "two tables": ({".cargo/config.toml": f"[target.{ARM}]\nrunner = 'q'\n[target.{RISCV}]\nrunner = 'q'\n"}, "", ""),
    "two in a toolchain file": ({"rust-toolchain.toml": TOOLCHAIN.format(f'"{ARM}", "{RISCV}"')}, "", ""),
    "two specifications": ({"my.json": SPECIFICATION, "your.json": SPECIFICATION}, "", ""),
    "a channel alone": ({"rust-toolchain": "nightly\n"}, "", ""),
    "a toolchain file that is none": ({"rust-toolchain.toml": "[toolchain"}, "", ""),
    "a name with a dot": (
        {".cargo/config.toml": "[target.'thumbv8m.main-none-eabi']\nrunner = 'q'\n"}, "thumbv8m.main-none-eabi",
        "config.toml has words for it",
    ),
    "nothing": ({}, "", ""),
}  # fmt: skip


def write(tmp_path: Path, files: dict[str, str]) -> Path:
    """Returns the directory of a package in a workspace with files; specifications are the package's."""
    kernel = tmp_path / "workspace/kernel"
    kernel.mkdir(parents=True)
    for name, text in files.items():
        path = (kernel if name.endswith(".json") else kernel.parent) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return kernel


@pytest.mark.parametrize("case", CASES)
def test_words_for_one_bare_machine_alone_are_the_target_and_a_line_says_so(tmp_path: Path, case: str) -> None:
    files, expected, why = CASES[case]
    kernel = write(tmp_path, files)
    said: list[str] = []
    configuration = read_configuration(kernel, {"CARGO_HOME": str(tmp_path)})
    target = implied_target(configuration, said.append)
    assert target == (str(kernel / expected) if expected.endswith(".json") else expected)
    assert len(said) == bool(expected)
    assert all(line.startswith(f"TARGET={target}, since ") and why in line for line in said)


@pytest.mark.parametrize("case", CASES)
def test_sconsw_brings_what_that_target_needs(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files, expected, _ = CASES[case]
    kernel = write(tmp_path, files)
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    monkeypatch.delenv("CARGO_BUILD_TARGET", raising=False)
    assert configured_target(str(kernel)) == (str(kernel / expected) if expected.endswith(".json") else expected)
