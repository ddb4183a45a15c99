"""What a build script says and when it runs again: as with cargo."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, MINIMAL, Checkout

from bootwright.cargo.command import find_cargo
from bootwright.cargo.listed import package_files

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
# What cargo adds to a package that it packs.
ADDED = {"Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"}


def write_script(package: Path, *lines: str) -> None:
    body = "\n".join(f"    {line}" for line in lines)
    (package / "build.rs").write_text(f"fn main() {{\n{body}\n}}\n")


def says(text: str) -> str:
    return f'println!("{text}");'


def test_what_a_script_and_rustc_warned_of_is_shown_when_they_ran_and_again_when_they_need_not(
    checkout: Checkout, package: Path
) -> None:
    write_script(package, says("cargo::rerun-if-changed=build.rs"), says("cargo::warning=the moon is full"))
    with (package / "src/main.rs").open("a") as source:
        source.write("fn nobody_calls_this() {}\n")
    # rustc writes more files beside the script's program then.
    unpacked = '[profile.dev.build-override]\ndebug = 1\n[profile.dev]\nsplit-debuginfo = "unpacked"\n'
    checkout.edit(str(package / "Cargo.toml"), "[profile.dev]\n", unpacked)
    word, warning = f"KERNEL={package}", "warning: reader@0.1.0: the moon is full\n"
    built = checkout.scons(word)
    assert "script build.rs" in built.steps and built.output.count(warning) == 1
    (unused,) = re.findall(r"^warning: function `nobody_calls_this` is never used\n(?: .*\n)+", built.output, re.M)
    built = checkout.scons(word)
    assert built.steps == [] and built.output.count(warning) == 1 and built.output.count(unused) == 1
    write_script(package, says("cargo:rerun-if-changed=build.rs"), says("cargo:warning=the moon is new"))
    built = checkout.scons(word)
    assert built.output.count("reader@0.1.0: the moon is new") == 1 and warning not in built.output


def test_a_failing_scripts_warnings_are_shown_first_and_then_its_own_words(checkout: Checkout, package: Path) -> None:
    write_script(
        package, says("cargo::warning=native/a.c:6:20: error: SEED is not declared"), says("cargo::rustc-cfg=one"),
        says("compiling a.c"), 'eprintln!("no object");', "std::process::exit(3);",
    )  # fmt: skip
    said = checkout.refuse(f"KERNEL={package}")
    assert "\nwarning: reader@0.1.0: native/a.c:6:20: error: SEED is not declared\n" in said
    end = said[said.index("the build script of reader v0.1.0 ended with status 3:") :].splitlines()
    assert [line.strip() for line in end[1:5]] == ["--- stdout", "compiling a.c", "--- stderr", "no object"]


def test_a_program_that_a_script_starts_and_that_is_not_there_is_named(checkout: Checkout, package: Path) -> None:
    write_script(package, 'std::process::Command::new("cc").arg("--version").output().unwrap();',
                 'std::process::Command::new("no-such-nasm").status().expect("it assembles");')  # fmt: skip
    said = checkout.refuse(f"KERNEL={package}")
    assert "kind: NotFound" in said and "hint: build.rs starts no-such-nasm, which is not on PATH; the command" in said


def test_a_c_compiler_that_the_crate_cc_does_not_find_is_named_with_its_package(
    checkout: Checkout, package: Path
) -> None:
    words = 'error occurred in cc-rs: failed to find tool \\"arm-none-eabi-gcc\\": No such file or directory'
    write_script(package, f'eprintln!("{words}");', "std::process::exit(1);")
    said = checkout.refuse(f"KERNEL={package}")
    cure = (
        "arm-none-eabi-gcc, which Debian has as gcc-arm-none-eabi; CC_x86_64_unknown_none= names another; the command"
    )
    assert f"hint: the crate cc wants the C compiler {cure}" in said


def test_a_script_that_does_not_compile_is_named_by_its_package_and_the_errors_that_one_logs_fail_it(
    checkout: Checkout, package: Path
) -> None:
    write_script(package, "nothing();")
    assert "] the build script of reader does not compile: 1 error\n" in checkout.refuse(f"KERNEL={package}")
    write_script(package, says("cargo::error=the moon is full"))
    said = checkout.refuse(f"KERNEL={package}")
    assert "\nerror: reader@0.1.0: the moon is full\n" in said
    assert "the build script of reader v0.1.0 logged errors" in said and "status" not in said


def test_a_key_that_is_none_of_cargos_is_named(checkout: Checkout, package: Path) -> None:
    write_script(package, says("cargo::rustc-link-arg-bin=other=-x"))
    said = checkout.refuse(f"KERNEL={package}")
    assert f"The package reader v0.1.0 ({package}) does not have a bin target with the name `other`." in said
    write_script(package, says("cargo::rustc-cgf=one"))
    assert "`cargo::rustc-cgf=one`: there is no such key as rustc-cgf" in checkout.refuse(f"KERNEL={package}")


def test_a_script_that_compiles_a_program_for_bare_metal_gets_core_and_a_persons_settings_of_cargo(
    checkout: Checkout, package: Path
) -> None:
    write_script(
        package, 'let (out, run) = (std::env::var("OUT_DIR").unwrap(), std::process::Command::new::<String>);',
        'let words = ["--target=x86_64-unknown-none", "-Cpanic=abort", "-Crelocation-model=static", "-Zthreads=1"];',
        'let mut cargo = run("cargo".into());',
        'cargo.args(["build", "--target=x86_64-unknown-none", "--manifest-path=inner/Cargo.toml"]);',
        'cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Zthreads=1");',
        'assert!(cargo.arg(format!("--target-dir={out}/made")).status().unwrap().success());',
        'let mut last = run(std::env::var("RUSTC").unwrap());',
        'last.args(words).arg("inner/main.rs").arg(format!("-o{out}/inner"));',
        "assert!(last.status().unwrap().success());",
        says('cargo::rustc-env=OFFLINE={}').replace('");', '", std::env::var("CARGO_NET_OFFLINE").unwrap());'),
        says("cargo::rerun-if-changed=inner/main.rs"),
    )  # fmt: skip
    (package / "inner").mkdir()
    (package / "inner/main.rs").write_text(f'{MINIMAL}#[used]\nstatic D: &str = "from within";\n')
    (package / "inner/Cargo.toml").write_text(
        '[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2024"\n[profile.dev]\npanic = "abort"\n[workspace]\n'
        '[[bin]]\nname = "inner"\npath = "main.rs"\n'
    )
    made = 'concat!(env!("OUT_DIR"), "/made/x86_64-unknown-none/debug/inner")'
    with (package / "src/main.rs").open("a") as source:
        source.write(f"#[used]\nstatic A: &[u8] = include_bytes!({made});\n")
        source.write('#[used]\nstatic B: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/inner"));\n')
        source.write('#[used]\nstatic C: &str = env!("OFFLINE");\n')
    word, offline = f"KERNEL={package}", {"CARGO_NET_OFFLINE": "true"}
    built = checkout.scons(word, environment=offline)
    assert built.status == 0, built.output
    assert built.output.count("the build script of reader compiles for itself: it gets core where its rustc has") == 1
    assert (checkout.path / "build/debug/reader.elf").read_bytes().count(b"from within") == 2
    assert checkout.build(word, **offline) == []
    assert checkout.build(word, "--cargo", **offline)[0] == "cargo reader.elf reader.map"


def test_a_script_that_asks_the_compiler_is_answered_with_the_core_of_its_crate(
    checkout: Checkout, package: Path
) -> None:
    checkout.edit(str(package / "Cargo.toml"), "edition", 'build = "make/asks.rs"\nedition')
    (package / "make").mkdir()
    write_script(
        package, 'let [rustc, target, out] = ["RUSTC", "TARGET", "OUT_DIR"].map(|name| std::env::var(name).unwrap());',
        'let words = ["--crate-type=lib", "--emit=metadata", "--target", &target, "--out-dir", &out, "make/asked.rs"];',
        "let answer = std::process::Command::new(rustc).args(words).status().unwrap().success();",
        says("cargo::rustc-env=ANSWER=core is {answer}"), says("cargo::rerun-if-changed=make"),
    )  # fmt: skip
    (package / "build.rs").rename(package / "make/asks.rs")
    (package / "make/asked.rs").write_text("#![no_std]\npub fn asked(slice: &[u8]) -> usize { slice.len() }\n")
    with (package / "src/main.rs").open("a") as source:
        source.write('#[used]\nstatic A: &str = env!("ANSWER");\n')
    word, elf = f"KERNEL={package}", checkout.path / "build/debug/reader.elf"
    built = checkout.scons(word)
    assert built.status == 0 and {"rustc asks.rs", "script asks.rs"} <= {*built.steps}, built.output
    planned = elf.read_bytes()
    assert b"core is true" in planned
    assert checkout.build(word, "--cargo") == ["cargo reader.elf reader.map"]
    assert elf.read_bytes() == planned


def test_a_c_compilers_own_words_are_shown(checkout: Checkout, tmp_path: Path) -> None:
    package = tmp_path / "mixed"
    shutil.copytree(HOME / "tests/kernels/packages/mixed", package, ignore=shutil.ignore_patterns("target"))
    checkout.edit(str(package / "native/checksum.c"), "SEED", "SEEDX")
    said = checkout.refuse(f"KERNEL={package}")
    assert "warning: mixed@0.3.1: native/checksum.c:" in said and "SEEDX" in said.partition("the build script of")[0]


def fill(root: Path) -> None:
    """Makes a package of files of every kind."""
    text = '[package]\nname = "reader"\nversion = "0.1.0"\nedition = "2021"\n'
    files = {
        "Cargo.toml": text, "src/main.rs": "fn main() {}\n", "src/logo.bin": "1", "docs/a.md": "1", "notes.txt": "1",
        "target/debug/x": "1", "docs/target/kept": "1", "a.log": "1", "build/made": "1", ".hidden": "1",
        "src/.inner/file": "1", "inner/Cargo.toml": text.replace("reader", "inner"), "inner/src/lib.rs": "",
    }  # fmt: skip
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.needs("cargo", "git")
@pytest.mark.parametrize(
    "keys",
    ["", 'exclude = ["docs/", "*.txt"]\n', 'include = ["/src", "*.md", "!src/*.bin"]\n'],
    ids=["plain", "exclude", "include"],
)
@pytest.mark.parametrize("in_git", [True, False], ids=["in git", "without git"])
def test_a_packages_files_are_those_that_cargo_lists(tmp_path: Path, in_git: bool, keys: str) -> None:
    root = tmp_path / "reader"
    fill(root)
    with (root / "Cargo.toml").open("a") as manifest:
        manifest.write(keys)
    if in_git:
        (root / ".gitignore").write_text("/target\n*.log\n/build\n")
        subprocess.run([*GIT, "init", "-q", str(root)], check=True)
        subprocess.run([*GIT, "-C", str(root), "add", "-A", "."], check=True)
        (root / "new.rs").write_text("")
    cargo = find_cargo(Path("/no/rustc"), os.environ).program
    words = [str(cargo), "package", "--list", "--allow-dirty", "--offline"]
    listed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout.split()
    assert {path.relative_to(root).as_posix() for path in package_files(root)} == set(listed) - ADDED


@pytest.mark.needs("git")
def test_a_script_that_declares_nothing_runs_again_for_the_files_that_cargo_lists(
    checkout: Checkout, package: Path
) -> None:
    write_script(package, says("cargo:rustc-env=TWICE=once"))
    (package / ".gitignore").write_text("/target\n*.log\n")
    subprocess.run([*GIT, "init", "-q", str(package)], check=True)
    subprocess.run([*GIT, "-C", str(package), "add", "-A", "."], check=True)
    word = f"KERNEL={package}"
    checkout.build(word)
    for name in ("target/debug/reader", "a.log"):  # as who runs cargo beside scons has them
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("1")
        assert checkout.build(word) == [], name
    subprocess.run([*GIT, "-C", str(package), "commit", "-qm", "a commit alone is no change"], check=True)
    assert checkout.build(word) == []
    (package / "notes.txt").write_text("a file of the package\n")
    assert "script build.rs" in checkout.build(word)
    assert checkout.build(word) == []
