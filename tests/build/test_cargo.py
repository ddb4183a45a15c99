"""Packages that only cargo can plan: dependencies, build scripts, macros, workspaces; no network is needed for any."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import MINIMAL, Checkout

HELPER = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2021"\n'
PRINTED = "#[used]\npub static SAID: &str = "


def add(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture
def kernel(package: Path) -> Path:
    """A kernel with a path dependency, a build script with a dependency of its own, and a macro for the builder."""
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ndriver = { path = "driver" }\nmacros = { path = "macros" }\n')
        manifest.write('[build-dependencies]\ntool = { path = "tool" }\n[features]\nloud = []\ndefault = ["plain"]\n')
        manifest.write("plain = []\n")
    add(package, "driver/Cargo.toml", HELPER.format("driver"))
    add(package, "driver/src/lib.rs", '#![no_std]\npub const NAME: &str = "the driver";\n')
    add(package, "tool/Cargo.toml", HELPER.format("tool"))
    add(package, "tool/src/lib.rs", "pub fn twice(n: u32) -> u32 { 2 * n }\n")
    add(package, "macros/Cargo.toml", HELPER.format("macros") + "[lib]\nproc-macro = true\n")
    macro = "extern crate proc_macro;\n#[proc_macro]\npub fn name(_: proc_macro::TokenStream) -> "
    macro += 'proc_macro::TokenStream { "\\"made by a macro\\"".parse().unwrap() }\n'
    add(package, "macros/src/lib.rs", macro)
    script = 'fn main() {\n    println!("cargo:rerun-if-changed=number.txt");\n'
    script += '    println!("cargo:rerun-if-env-changed=LEVEL");\n'
    script += '    let n: u32 = std::fs::read_to_string("number.txt").unwrap().trim().parse().unwrap();\n'
    script += '    println!("cargo:rustc-env=TWICE=twice is {}", tool::twice(n));\n'
    script += '    println!("cargo:rustc-check-cfg=cfg(high)");\n'
    script += '    if std::env::var("LEVEL").as_deref() == Ok("high") { println!("cargo:rustc-cfg=high"); }\n'
    script += '    let out = std::env::var("OUT_DIR").unwrap();\n'
    script += '    std::fs::write(format!("{out}/made.rs"), "pub const MADE: &str = \\"a made file\\";").unwrap();\n}\n'
    add(package, "build.rs", script)
    add(package, "number.txt", "21\n")
    source = package / "src" / "main.rs"
    said = f'{PRINTED}concat!(env!("TWICE"), "|");\n#[used]\npub static DRIVER: &str = driver::NAME;\n'
    said += "#[used]\npub static MACRO: &str = macros::name!();\n"
    said += 'include!(concat!(env!("OUT_DIR"), "/made.rs"));\n#[used]\npub static FILE: &str = MADE;\n'
    said += '#[cfg(high)]\n#[used]\npub static HIGH: &str = "a high level";\n'
    said += '#[cfg(feature = "loud")]\n#[used]\npub static LOUD: &str = "a loud kernel";\n'
    said += '#[cfg(feature = "plain")]\n#[used]\npub static PLAIN: &str = "a plain kernel";\n'
    source.write_text(source.read_text() + said)
    return package


def elf(checkout: Checkout, name: str = "reader", variant: str = "debug") -> bytes:
    return (checkout.path / "build" / variant / f"{name}.elf").read_bytes()


def test_a_kernel_with_dependencies_a_build_script_and_a_macro_builds_as_it_is(
    checkout: Checkout, kernel: Path
) -> None:
    before = {path: path.read_bytes() for path in kernel.rglob("*") if path.is_file()}
    steps = checkout.build(f"KERNEL={kernel}")
    assert {"rustc libdriver.rlib", "rustc libtool.rlib", "rustc build.rs", "script build.rs"} <= set(steps)
    made = elf(checkout)
    for said in (b"twice is 42|", b"the driver", b"made by a macro", b"a made file", b"a plain kernel"):
        assert said in made, said
    assert b"a high level" not in made and b"a loud kernel" not in made
    assert checkout.build(f"KERNEL={kernel}") == []
    assert {path: path.read_bytes() for path in kernel.rglob("*") if path.is_file()} == before


def test_an_edit_makes_again_what_it_reaches_and_no_more(checkout: Checkout, kernel: Path) -> None:
    word = f"KERNEL={kernel}"
    checkout.build(word)
    first = elf(checkout)
    driver = kernel / "driver/src/lib.rs"
    before = driver.stat()
    checkout.edit(str(driver), "the driver", "a driver!!")
    assert checkout.build(word)[:2] == ["rustc libdriver.rlib", "rustc reader.elf reader.map"]
    assert b"a driver!!" in elf(checkout)
    checkout.edit(str(driver), "a driver!!", "the driver")
    os.utime(driver, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "rustc libdriver.rlib" in checkout.build(word)
    assert elf(checkout) == first
    add(kernel, "number.txt", "4\n")
    assert checkout.build(word)[:2] == ["script build.rs", "rustc reader.elf reader.map"]
    assert b"twice is 8|" in elf(checkout)
    add(kernel, "notes.txt", "the script did not ask for this\n")
    assert checkout.build(word) == []
    assert checkout.build(word, LEVEL="high")[:2] == ["script build.rs", "rustc reader.elf reader.map"]
    assert b"a high level" in elf(checkout)


def test_features_are_chosen_by_words(checkout: Checkout, kernel: Path) -> None:
    word = f"KERNEL={kernel}"
    checkout.build(word, "FEATURES=loud")
    assert b"a loud kernel" in elf(checkout) and b"a plain kernel" in elf(checkout)
    checkout.build(word, "NO_DEFAULT_FEATURES=1")
    assert b"a loud kernel" not in elf(checkout) and b"a plain kernel" not in elf(checkout)
    assert "does not contain this feature: no-such" in checkout.refuse(word, "FEATURES=no-such")


def test_a_workspace_has_members_and_programs_that_words_choose(checkout: Checkout, package: Path) -> None:
    space = package.parent
    add(space, "Cargo.toml", '[workspace]\nmembers = ["reader", "other"]\nresolver = "2"\n[profile.small]\n'
        'inherits = "release"\nopt-level = "s"\npanic = "abort"\n[profile.dev]\npanic = "abort"\n')  # fmt: skip
    manifest = package / "Cargo.toml"
    manifest.write_text(manifest.read_text().partition("\n[profile")[0])
    shutil.copytree(package, space / "other")
    checkout.edit(str(space / "other/Cargo.toml"), "reader", "other")
    add(space, "other/src/bin/second.rs", MINIMAL)
    said = checkout.refuse(f"KERNEL={space}")
    assert "is a workspace of several programs" in said and "PACKAGE= names the kernel: other, reader" in said
    assert "image reader.img" in checkout.build(f"KERNEL={package}")
    assert "image second.img" in checkout.build(f"KERNEL={space}", "PACKAGE=other", "BIN=second")
    said = checkout.refuse(f"KERNEL={space}", "PACKAGE=other", "BIN=third")
    assert "BIN=third" in said and "it has other, second" in said
    assert "image reader.img" in checkout.build(f"KERNEL={package}", "PROFILE=small")
    assert (checkout.path / "build/small/reader.img").is_file()


def test_a_package_that_is_not_here_is_named_where_no_network_brings_it(
    checkout: Checkout, package: Path, tmp_path: Path
) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nno-such-package-anywhere = "1"\n')
    said = checkout.refuse(f"KERNEL={package}", CARGO_NET_OFFLINE="true", CARGO_HOME=str(tmp_path / "home"))
    assert "reader needs no-such-package-anywhere, which is not on this machine and could not be fetched" in said
    assert not (package / "Cargo.lock").exists()


def test_an_example_is_a_program_that_bin_names(checkout: Checkout, package: Path) -> None:
    add(package, "examples/shown.rs", MINIMAL.replace("Hello World!", "Hi, example!"))
    add(package, "examples/not_shown.rs", MINIMAL)
    assert "image shown.img" in checkout.build(f"KERNEL={package}", "BIN=shown")
    assert b"Hi, example!" in elf(checkout, "shown")
    assert checkout.build(f"KERNEL={package}", "BIN=shown") == []
    assert "it has reader, not_shown (an example), shown (an example)" in checkout.refuse(
        f"KERNEL={package}", "BIN=other"
    )


def test_what_cargo_refuses_is_said_in_its_words(checkout: Checkout, package: Path) -> None:
    checkout.edit(str(package / "Cargo.toml"), "edition", 'rust-version = "1.999"\nedition')
    said = checkout.refuse(f"KERNEL={package}")
    assert "cargo does not build reader" in said and "reader@0.1.0 requires rustc 1.999" in said


def test_a_null_build_starts_no_cargo(checkout: Checkout, kernel: Path, tmp_path: Path) -> None:
    checkout.build(f"KERNEL={kernel}")
    plans = {path: path.stat().st_mtime_ns for path in (checkout.path / "build/plan").rglob("*") if path.is_file()}
    assert checkout.build(f"KERNEL={kernel}") == []
    again = {path: path.stat().st_mtime_ns for path in (checkout.path / "build/plan").rglob("*") if path.is_file()}
    assert again == plans
    add(kernel, "src/bin/more.rs", MINIMAL)  # a name that cargo infers a program from
    checkout.build(f"KERNEL={kernel}", "BIN=reader")
    assert {p: p.stat().st_mtime_ns for p in (checkout.path / "build/plan").rglob("*") if p.is_file()} != plans


def test_a_plan_that_is_made_again_makes_nothing_again(checkout: Checkout, kernel: Path) -> None:
    checkout.build(f"KERNEL={kernel}")
    for _ in range(3):  # cargo calls what does not depend on each other in any order
        shutil.rmtree(checkout.path / "build" / "plan")
        assert checkout.build(f"KERNEL={kernel}") == []
