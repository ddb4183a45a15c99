"""Bad input: one clear sentence with the file, the value and the cure, and nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout, run_mounted


def leftovers(checkout: Checkout) -> list[str]:
    """Returns the names below build/ that a half-written file would have."""
    return [path.name for path in (checkout.path / "build").rglob(".*.new*")]


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(checkout: Checkout) -> None:
    said = checkout.refuse("VARIENT=release")
    assert said == "bootwright: VARIENT=release: there is no variable VARIENT\n  hint: did you mean VARIANT?\n"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("VARIANT=fast", "VARIANT=fast is none of debug, release, all"),
        ("ACTIVE=yes", "ACTIVE=yes is none of dummy, ee, none"),
        ("run MEMORY=0G", "MEMORY=0G is no size that QEMU takes"),
        ("TIMEOUT=soon", "TIMEOUT=soon is no positive number of seconds"),
        ("LDSCRIPT=no.ld", "LDSCRIPT=no.ld: there is no file"),
        ("KERNEL=nowhere", "nowhere"),
        (
            "KERNEL=kernel/Cargo.toml",
            "kernel/Cargo.toml is a file; KERNEL= takes the package's directory\n  hint: KERNEL=",
        ),
        ("ACTIVE=ee ACTIVE=none", "ACTIVE=ee and ACTIVE=none: one of them at a time"),
        ("test --junit=/proc/nowhere/report.xml", "--junit=/proc/nowhere/report.xml cannot be written: no such file"),
        ("matrix --junit=/", "--junit=/ cannot be written: it is a directory"),
        ("matrix ROW=0", "ROW=0: the matrix has rows 1 to "),
        ("matrix SHARD=3/2", "SHARD=3/2 is no part k/n"),
        ("RUSTC=no-such-rustc", "no-such-rustc"),
        ("TARGET=x86_64-unknown-nope", "x86_64-unknown-nope"),
        ("TARGET=missing.json", "missing.json"),
        ("TARGET=x86_64-unknown-uefi", "has an operating system or firmware under it"),
    ],
)
def test_an_illegal_value_is_named(checkout: Checkout, word: str, sentence: str) -> None:
    said = checkout.refuse(*word.split())
    assert sentence in said
    assert len(said.splitlines()) <= 4, said


@pytest.mark.parametrize("words", [(), ("HOST=linux",)], ids=["bare", "host"])
def test_a_kernel_at_a_path_with_a_dollar_is_refused_in_one_sentence(
    checkout: Checkout, package: Path, words: tuple[str, ...]
) -> None:
    there = package.rename(package.with_name("cash$more"))
    said = checkout.refuse(f"KERNEL={there}", *words)
    assert said.startswith(f"bootwright: {there} has a $ in its path") and len(said.splitlines()) == 2, said


@pytest.mark.parametrize("words", [("run",), ("screenshot",), ("gdb",), ("usb", "DEV=nowhere")], ids=" ".join)
def test_what_takes_one_kernel_is_refused_for_all_variants_before_a_build(
    checkout: Checkout, words: tuple[str, ...]
) -> None:
    said = checkout.refuse("VARIANT=all", *words)
    assert said == (
        f"bootwright: VARIANT=all: `scons {words[0]}` takes one kernel\n  hint: say VARIANT=debug or VARIANT=release\n"
    )


def test_a_misspelt_target_is_named_with_the_one_that_was_meant(checkout: Checkout) -> None:
    assert checkout.refuse("rum") == "bootwright: there is no target rum\n  hint: did you mean run?\n"


def test_a_word_that_is_meant_for_others_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    for words, sentence in (
        (["--fsat"], "there is no switch --fsat\n  hint: did you mean --fast?\n"),
        (["--release"], "there is no switch --release\n  hint: did you mean VARIANT=release?\n"),
        (["run", "help"], "run help: help comes first\n  hint: did you mean `scons help run`?\n"),
        (["clean"], "there is no target clean\n  hint: did you mean `scons -c`?\n"),
        (["FIRMWARE=uefi"], "FIRMWARE=uefi is for `scons run`, `scons screenshot`, `scons gdb` and `scons test`\n"),
        (["run", "--json"], "--json is for `scons doctor`, `scons usb` and `scons test`\n"),
        (["test", "--json"], "--json is for `scons test --list`\n  hint: --junit=FILE writes what the tests said\n"),
        (
            ["TARGET=x86_64"],
            "TARGET=x86_64 is no target of rustc's\n  hint: did you mean TARGET=x86_64-unknown-none?\n",
        ),
    ):
        assert checkout.refuse(*words).endswith(f"bootwright: {sentence}"), words


def test_what_is_up_to_date_is_named_by_its_file(checkout: Checkout) -> None:
    checkout.build()
    again = checkout.scons()
    assert "scons: `build/debug/hello.img' is up to date." in again.output, again.output


def test_the_help_fits_in_a_terminal_of_80_columns(checkout: Checkout) -> None:
    shown = checkout.scons("-h")
    assert shown.status == 0 and "Variables, as NAME=value" in shown.output
    assert [line for line in shown.output.splitlines() if len(line) > 80] == []
    narrow = checkout.scons("-h", environment={"COLUMNS": "40"}).output.splitlines()
    wide = [line for line in narrow[:-1] if len(line) > 40]  # the last one is SCons's own
    assert [line for line in wide if len(line.split()) > 1] == [], wide
    assert "  scons image" in narrow and "    build/VARIANT/NAME.img and what it" in narrow


def test_an_error_of_the_source_is_shown_as_the_compiler_says_it(checkout: Checkout) -> None:
    checkout.build()
    with (checkout.path / "kernel/src/main.rs").open("a") as source:
        source.write("fn wrong() { missing() }\n")
    said = checkout.refuse()
    assert said.splitlines()[-1].endswith("hello does not compile: 1 error"), said
    said = checkout.refuse("--verbose")
    assert "src/main.rs:" in said
    assert "cannot find function `missing`" in said
    assert "hello does not compile: 1 error" in said
    command = next(line for line in said.splitlines() if "the command was: " in line).partition("was: ")[2]
    pasted = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert "cannot find function `missing`" in pasted.stderr
    assert not (checkout.path / "build/debug/hello.elf").exists()
    assert not leftovers(checkout)


@pytest.mark.parametrize("attribute", ["#![feature({})]", "#![cfg_attr(not(test), feature({}))]"])
def test_a_feature_on_a_stable_compiler_is_taken_and_told_where_it_is_not_forbidden(
    checkout: Checkout, package: Path, attribute: str
) -> None:
    source, plain = package / "src" / "main.rs", (package / "src" / "main.rs").read_text()
    word, line = f"KERNEL={package}", "RUSTC_BOOTSTRAP=1 is set for crates of reader that ask for #![feature] or -Z"
    assert "RUSTC_BOOTSTRAP" not in checkout.scons(word).output.partition("rustc")[2]
    source.write_text(f"{attribute.format('abi_x86_interrupt')}\n{plain}")
    built = checkout.scons(word)
    assert built.status == 0 and built.output.count(line) == 1 and "E0554" not in built.output, built.output
    assert checkout.build(word) == []
    said = checkout.refuse(word, "UNSTABLE=0")
    assert "E0554" in said and "rustup override set nightly" in said and line not in said
    assert checkout.build(word, "UNSTABLE=1")


def test_what_a_crate_is_told_is_told_once_though_it_is_compiled_again_with_what_it_asks_for(
    checkout: Checkout, package: Path
) -> None:
    with (package / "src" / "main.rs").open("a") as stream:
        stream.write('static ASKED: Option<&str> = option_env!("ASKED_FOR");\n#[no_mangle]\nfn second() {}\n')
    said = checkout.refuse(f"KERNEL={package}", ASKED_FOR="something")
    assert said.count("error: unsafe attribute used without unsafe") == 1, said


def test_a_flag_for_nightly_in_cargos_configuration_is_taken_and_told(checkout: Checkout, package: Path) -> None:
    (package / ".cargo").mkdir()
    (package / ".cargo/config.toml").write_text('[build]\nrustflags = ["-Zlocation-detail=none"]\n')
    built = checkout.scons(f"KERNEL={package}")
    assert built.status == 0 and built.output.count("RUSTC_BOOTSTRAP=1 is set for crates of reader") == 1, built.output


def test_a_file_from_elsewhere_must_be_declared_and_then_is_an_input(checkout: Checkout, package: Path) -> None:
    logo = package.parent / "logo.txt"
    logo.write_text("one")
    source = package / "src" / "main.rs"
    source.write_text(source.read_text() + 'pub static LOGO: &str = include_str!("../../logo.txt");\n')
    said = checkout.refuse(f"KERNEL={package}")
    assert "Cargo.toml does not name ../logo.txt, which the compiler read" in said
    line = next(line.strip() for line in said.splitlines() if line.strip().startswith("inputs = "))
    assert not (checkout.path / "build/debug/reader.elf").exists()
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write(f"\n[package.metadata.bootwright]\n{line}\n")
    checkout.build(f"KERNEL={package}")
    assert checkout.build(f"KERNEL={package}") == []
    logo.write_text("two")
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}")


def test_a_variable_that_a_crate_asks_for_is_the_persons_and_an_input(checkout: Checkout, package: Path) -> None:
    source = package / "src" / "main.rs"
    source.write_text(source.read_text() + '#[used]\npub static WHO: Option<&str> = option_env!("WHO");\n')
    checkout.build(f"KERNEL={package}", WHO="somebody")
    elf = checkout.path / "build/debug/reader.elf"
    assert b"somebody" in elf.read_bytes()
    assert checkout.build(f"KERNEL={package}", WHO="somebody") == []
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}", WHO="nobody else")
    assert b"nobody else" in elf.read_bytes()
    assert "rustc reader.elf reader.map" in checkout.build(f"KERNEL={package}")
    assert b"nobody else" not in elf.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('\n[dependencies]\nspin = { path = "nowhere" }\n', ["spin", "nowhere"]),
        ("\n[package.metadata.bootloader]\nkernel-stack-sise = 5\n", ["kernel-stack-sise"]),
        ('\n[package.metadata.bootloader]\nkernel-stack-address = "0x1001"\n', ["kernel-stack-address", "0x1001"]),
    ],
)
def test_what_a_manifest_asks_for_and_cannot_have_is_named(
    checkout: Checkout, package: Path, text: str, words: list[str]
) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write(text)
    said = checkout.refuse(f"KERNEL={package}")
    assert "Cargo.toml" in said
    for word in words:
        assert word in said


def test_a_misspelt_key_is_one_warning_and_the_kernel_is_built(checkout: Checkout, package: Path) -> None:
    manifest = package / "Cargo.toml"
    manifest.write_text("\ufeff" + manifest.read_text().replace('panic = "abort"', 'pnaic = "abort"', 1))
    built = checkout.scons(f"KERNEL={package}")
    assert built.status == 0, built.output
    warning = "warning: unused manifest key: profile.dev.pnaic"
    assert built.output.splitlines().count(warning) == 1


def test_a_kernel_without_an_entry_says_what_it_defines_instead(checkout: Checkout, package: Path) -> None:
    source = package / "src" / "main.rs"
    source.write_text(source.read_text().replace("_start", "begin"))
    said = checkout.refuse(f"KERNEL={package}")
    assert "no symbol `_start` was linked; what the sources export instead is `begin` (src/main.rs:8)" in said
    assert not (checkout.path / "build/debug/reader.kernel").exists()
    assert not (checkout.path / "build/debug/reader.img").exists()


def test_an_entry_without_no_mangle_is_named_with_its_place(checkout: Checkout, package: Path) -> None:
    source = package / "src" / "main.rs"
    source.write_text(source.read_text().replace("#[unsafe(no_mangle)]\n", ""))
    said = checkout.refuse(f"KERNEL={package}")
    assert "src/main.rs:7 has `_start` without no_mangle" in said
    assert 'hint: #[unsafe(no_mangle)] pub extern "C" fn _start() -> ! { ... } is what the linker looks for' in said


def test_an_entry_that_returns_or_has_no_abi_is_built_and_remarked_on(checkout: Checkout, package: Path) -> None:
    source = package / "src" / "main.rs"
    source.write_text(source.read_text().replace('pub extern "C" fn _start() -> !', "pub fn _start()"))
    built = checkout.scons(f"KERNEL={package}")
    assert built.status == 0, built.output
    assert "bootwright: src/main.rs:8: `_start` may return" in built.output
    assert 'bootwright: src/main.rs:8: `_start` is without extern "C"' in built.output


def test_a_kernel_below_one_mib_is_refused(checkout: Checkout) -> None:
    checkout.edit("linker/x86_64.ld", ". = 0x200000", ". = 0x8000")
    assert "begins below 0x100000" in checkout.refuse("LDSCRIPT=linker/x86_64.ld")


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(checkout: Checkout) -> None:
    build = checkout.path / "build"
    build.mkdir()
    scons = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)]
    done = run_mounted('mount -t tmpfs -o size=300k bootwright "$1"', build, scons)
    assert done.returncode == 2, done.stdout
    assert f"the disk of {build}/" in done.stdout and "has 0 MB left" in done.stdout
    assert "does not compile" not in done.stdout
    assert "Traceback" not in done.stdout
    left = [line for line in done.stdout.splitlines() if line.startswith(str(build))]  # rustc too names what is full
    assert not [line for line in left if line.endswith(".img") or ".new" in line]


def test_a_read_only_checkout_is_one_sentence(checkout: Checkout) -> None:
    scons = [sys.executable, "-B", "-m", "SCons", "-Q", "-C", str(checkout.path)]
    done = run_mounted('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', checkout.path, scons)
    assert done.returncode == 2, done.stdout
    assert "build cannot be written: Read-only file system" in done.stdout
    assert "Traceback" not in done.stdout
