"""What .cargo/config.toml says, and what of the environment reaches a kernel: as with cargo, and no more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

from bootwright.cargo.command import find_cargo
from bootwright.cargo.config import read_configuration

PRINTED = "#[used]\npub static SAID: &str = "
HELPER = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2021"\n'


def add(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def elf(checkout: Checkout) -> bytes:
    return (checkout.path / "build/debug/reader.elf").read_bytes()


def test_what_cargo_config_says_is_obeyed(checkout: Checkout, package: Path) -> None:
    config = '[build]\nrustflags = ["--cfg", "board=\\"pc\\""]\n[env]\nLEVEL = "trace"\n'
    add(package, ".cargo/config.toml", config)
    source = package / "src" / "main.rs"
    source.write_text(f'{source.read_text()}#[cfg(board = "pc")]\n{PRINTED}concat!("level ", env!("LEVEL"));\n')
    word = f"KERNEL={package}"
    checkout.build(word)
    assert b"level trace" in elf(checkout)
    assert checkout.build(word) == []
    checkout.edit(str(package / ".cargo/config.toml"), "trace", "debug")
    assert "rustc reader.elf reader.map" in checkout.build(word)
    assert b"level debug" in elf(checkout)


@pytest.mark.parametrize("table", ["build", "target.x86_64-unknown-none"])
def test_flags_of_the_command_line_are_added_to_those_of_a_file(checkout: Checkout, package: Path, table: str) -> None:
    add(package, ".cargo/config.toml", f'[{table}]\nrustflags = ["--cfg", "one"]\n')
    source = package / "src" / "main.rs"
    source.write_text(f'#![allow(unexpected_cfgs)]\n{source.read_text()}#[cfg(all(one, two))]\n{PRINTED}"both";\n')
    checkout.build(f"KERNEL={package}", "RUSTFLAGS=--cfg two")
    assert re.search(rb"\x00both|both\x00|both", elf(checkout))


def test_a_variable_of_the_configuration_reaches_who_reads_it_and_nobody_else(
    checkout: Checkout, package: Path
) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ndriver = { path = "driver" }\nplain = { path = "plain" }\n')
    add(package, "driver/Cargo.toml", HELPER.format("driver"))
    script = 'fn main() { println!("cargo:rerun-if-env-changed=LEVEL");'
    add(
        package, "driver/build.rs", script + 'println!("cargo:rustc-env=SCRIPT={}", std::env::var("LEVEL").unwrap()); }'
    )
    add(package, "driver/src/lib.rs", '#![no_std]\npub const SAID: &str = concat!("level ", env!("SCRIPT"), "|");\n')
    add(package, "plain/Cargo.toml", HELPER.format("plain"))
    add(package, "plain/src/lib.rs", "#![no_std]\n")
    add(package, ".cargo/config.toml", '[env]\nLEVEL = "trace"\nFORCED = { value = "here", force = true }\n')
    source = package / "src" / "main.rs"
    source.write_text(f'{source.read_text()}{PRINTED}driver::SAID;\npub const FORCED: &str = env!("FORCED");\n')
    word = f"KERNEL={package}"
    checkout.build(word)
    assert b"level trace|" in elf(checkout)
    checkout.edit(str(package / ".cargo/config.toml"), "trace", "debug")
    steps = checkout.build(word)
    assert steps[:3] == ["script build.rs", "rustc libdriver.rlib", "rustc reader.elf reader.map"]
    assert b"level debug|" in elf(checkout)
    # A person's own variable wins, but where the configuration forces its value.
    assert checkout.build(word, LEVEL="error")[0] == "script build.rs"
    assert b"level error|" in elf(checkout)
    assert checkout.build(word, LEVEL="error", FORCED="there") == []
    # rustc reads this one itself, and it is in the hash of all that it compiles.
    checkout.edit(str(package / ".cargo/config.toml"), "[env]", '[env]\nRUSTC_BOOTSTRAP = "1"')
    assert "rustc libplain.rlib" in checkout.build(word)


def test_what_a_macro_may_read_unseen_is_what_the_scripts_of_its_packages_name(
    checkout: Checkout, package: Path
) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nlog = { path = "log" }\n')
    add(package, "log/Cargo.toml", HELPER.format("log") + '[dependencies]\nmacros = { path = "../macros" }\n')
    add(package, "log/build.rs", 'fn main() { println!("cargo:rerun-if-env-changed=LOG_LEVEL"); }\n')
    add(package, "log/src/lib.rs", "#![no_std]\npub use macros::level;\n")
    add(package, "macros/Cargo.toml", HELPER.format("macros") + "[lib]\nproc-macro = true\n")
    add(
        package, "macros/src/lib.rs",
        "extern crate proc_macro;\n#[proc_macro]\n"
        "pub fn level(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n"
        '    format!("{:?}", std::env::var("LOG_LEVEL").unwrap_or("no level".into())).parse().unwrap()\n}\n',
    )  # fmt: skip
    source = package / "src" / "main.rs"
    source.write_text(f"{source.read_text()}{PRINTED}log::level!();\n")
    word = f"KERNEL={package}"
    checkout.build(word)
    assert b"no level" in elf(checkout)
    assert "rustc reader.elf reader.map" in checkout.build(word, LOG_LEVEL="whisper")
    assert b"whisper" in elf(checkout)
    assert checkout.build(word, LOG_LEVEL="whisper") == []


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy")
def test_kernels_with_other_variables_share_what_comes_from_a_registry(checkout: Checkout, tmp_path: Path) -> None:
    made = []
    for place in ("one", "another"):  # [env] of it holds a path
        package = tmp_path / place / "layout"
        shutil.copytree(HOME / "tests/kernels/packages/layout", package, ignore=shutil.ignore_patterns("target"))
        made.append(checkout.build(f"KERNEL={package}"))
    assert {"store libarrayvec.rlib", "store libbitflags.rlib"} <= set(made[1])


def test_what_a_build_does_not_obey_is_told_and_the_kernel_is_built(checkout: Checkout, package: Path) -> None:
    config = '[build]\nrustc-wrapper = "no-such-wrapper"\ntarget-dir = "elsewhere"\n'
    config += '[target.x86_64-unknown-none]\nlinker = "no-such-gcc"\nrunner = "no-such-runner"\n'
    config += 'rustflags = ["-Clink-args=-nostartfiles -Wl,-Ttext=0x70000000", "-C", "link-arg=-m64"]\n'
    add(package, ".cargo/config.toml", config)
    built = checkout.scons(f"KERNEL={package}", environment={"RUSTC_WORKSPACE_WRAPPER": "no-such-driver"})
    assert built.status == 0, built.output
    assert int.from_bytes(elf(checkout)[24:32], "little") >> 16 == 0x7000  # the words for a compiler that links
    told = [line for line in built.output.splitlines() if "no-such" in line or "elsewhere" in line]
    assert len(told) == 5 and not any("runner" in line for line in told)
    of_gcc = ("no-such-gcc, the linker", "-nostartfiles -m64 for no-such-gcc has no effect")
    for word in ("no-such-wrapper", "no-such-driver", *of_gcc, "elsewhere"):
        assert sum(word in line for line in told) == 1, told
    assert not (package / "elsewhere").exists()


LAYOUTS = (
    {"k/.cargo/config.toml": '[build]\ntarget = "near"\n', ".cargo/config.toml": '[build]\ntarget = "far"\n'},
    {"k/.cargo/config.toml": "[net]\nretry = 1\n", "cargo/config.toml": '[build]\ntarget = "homes"\n'},
    {"k/.cargo/config": '[build]\ntarget = "older"\n', "k/.cargo/config.toml": '[build]\ntarget = "newer"\n'},
    {
        "k/.cargo/config.toml": 'include = ["a.toml", "b.toml"]\n',
        "k/.cargo/a.toml": '[build]\ntarget = "a"\n', "k/.cargo/b.toml": '[build]\ntarget = "b"\n',
        ".cargo/config.toml": '[build]\ntarget = "far"\n',
    },
    {
        "k/.cargo/config.toml": 'include = ["a.toml"]\n[build]\ntarget = "own"\n',
        "k/.cargo/a.toml": 'include = ["b.toml"]\n[build]\ntarget = "a"\n', "k/.cargo/b.toml": 'build.target = "b"\n',
    },
)  # fmt: skip


@pytest.mark.needs("cargo")
@pytest.mark.parametrize("layout", LAYOUTS, ids=["nearest", "home", "older name", "includes", "own before included"])
@pytest.mark.parametrize("variable", ["", "variables"], ids=["files", "a variable"])
def test_the_target_is_the_one_that_cargo_takes(tmp_path: Path, layout: dict[str, str], variable: str) -> None:
    for name, text in layout.items():
        add(tmp_path, name, text)
    variables = {"CARGO_HOME": str(tmp_path / "cargo"), **({"CARGO_BUILD_TARGET": variable} if variable else {})}
    cargo = find_cargo(Path("/no/rustc"), os.environ).program
    words = [str(cargo), "-Zunstable-options", "config", "get", "--format=json-value", "build.target"]
    environment = {**os.environ, **variables, "RUSTC_BOOTSTRAP": "1"}
    told = subprocess.run(words, cwd=tmp_path / "k", env=environment, capture_output=True, text=True, check=True)
    assert read_configuration(tmp_path / "k", variables).default_target() == json.loads(told.stdout)


def test_host_tuple_is_the_builders_triple(checkout: Checkout, package: Path) -> None:
    verbose = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    (triple,) = re.findall(r"^host: (.*)$", verbose, re.MULTILINE)
    wanted = checkout.build("-n", f"KERNEL={package}", f"TARGET={triple}")
    assert any("reader" in step for step in wanted), wanted
    assert checkout.build("-n", f"KERNEL={package}", "TARGET=host-tuple") == wanted
    add(package, ".cargo/config.toml", '[build]\ntarget = "host-tuple"\n')
    assert checkout.build("-n", f"KERNEL={package}") == wanted
    no_rustc = {"PATH": str(package), "RUSTC": str(shutil.which("rustc"))}
    said = checkout.refuse(f"KERNEL={package}", **no_rustc)
    assert "target host-tuple: no rustc on PATH says which triple that is\n  hint: TARGET= names one" in said
