"""What no plan expresses is built by cargo itself, and so is all with --cargo: as exactly, in our directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, IDLE, MINIMAL, Checkout

from bootwright.rust.by_cargo import CargoBuild
from bootwright.rust.more import More

HELPER = '[package]\nname = "helper"\nversion = "0.1.0"\nedition = "2024"\n'
USED = "\n#[used]\npub static HELPER: &[u8] = {};\n"


def add(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def elf(checkout: Checkout) -> bytes:
    return (checkout.path / "build/debug/reader.elf").read_bytes()


@pytest.fixture
def kernel(package: Path) -> Path:
    """A kernel that carries another package's program along: a dependency on an artifact, which is unstable."""
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('\n[dependencies]\nhelper = { path = "helper", artifact = "bin" }\n')
    add(package, ".cargo/config.toml", "[unstable]\nbindeps = true\n")
    add(package, "helper/Cargo.toml", HELPER)
    add(package, "helper/src/main.rs", MINIMAL.replace("Hello World!", "Hello Helper"))
    add(package, "src/main.rs", MINIMAL + USED.format('include_bytes!(env!("CARGO_BIN_FILE_HELPER"))'))
    return package


def test_what_no_plan_expresses_is_built_by_cargo_and_said_in_one_line(checkout: Checkout, kernel: Path) -> None:
    word, before = f"KERNEL={kernel}", files(kernel)
    built = checkout.scons(word)
    assert built.status == 0, built.output
    told = [line for line in built.output.splitlines() if "no plan expresses that" in line]
    assert len(told) == 1 and "artifact" in told[0] and told[0].endswith("so cargo itself builds reader"), built.output
    assert b"Hello Helper" in elf(checkout)
    assert "reader" in (checkout.path / "build/debug/reader.map").read_text()
    assert checkout.build(word) == []
    assert files(kernel) == before
    said = checkout.scons("ide", word).output
    assert "no plan expresses that, so an editor is told what `cargo metadata` says" in said, said
    project = json.loads((kernel / "rust-project.json").read_text())
    crates = {crate["display_name"]: crate for crate in project["crates"]}
    assert sorted(crates) == ["reader"] and crates["reader"]["target"] == "x86_64-unknown-none"
    assert 'target_os="none"' in crates["reader"]["cfg"]


def test_what_cargo_would_take_for_unchanged_is_built_anew(checkout: Checkout, kernel: Path) -> None:
    word = f"KERNEL={kernel}"
    checkout.build(word)
    first, source = elf(checkout), kernel / "helper/src/main.rs"
    times = source.stat()
    checkout.edit(str(source), "Hello Helper", "Hallo Helfer")
    assert checkout.build(word)[0] == "cargo reader.elf reader.map"
    assert b"Hallo Helfer" in elf(checkout)
    checkout.edit(str(source), "Hallo Helfer", "Hello Helper")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert checkout.build(word)[0] == "cargo reader.elf reader.map"
    assert elf(checkout) == first


def test_an_artifact_for_another_target_has_core_but_not_one_for_a_specification(
    checkout: Checkout, kernel: Path
) -> None:
    word, manifest, other = f"KERNEL={kernel}", str(kernel / "Cargo.toml"), "thumbv7em-none-eabihf"
    checkout.edit(manifest, 'artifact = "bin"', f'artifact = "bin", target = "{other}"')
    add(kernel, ".cargo/config.toml", "[unstable]\nbindeps = true\njson-target-spec = true\n")
    text = "of another machine"
    add(kernel, "helper/src/main.rs", IDLE.replace("no_mangle", "unsafe(no_mangle)") + USED.format(f'b"{text}"'))
    checkout.build(word)
    assert text.encode() in elf(checkout)
    add(kernel, "mine.json", (HOME / "tests/kernels/specs/2026.json").read_text())
    checkout.edit(manifest, other, "mine.json")
    said = checkout.refuse(word, "TARGET=x86_64-unknown-none")
    assert f"helper is an artifact for {kernel}/mine.json, and core is made for the kernel's own target" in said


def test_crates_of_one_name_have_places_of_their_own_where_no_hash_is_in_it(tmp_path: Path) -> None:
    rustc, here = {"RUSTC": "/bin/true"}, str(tmp_path)
    command = ("cargo", "build", "--target", "x86_64-unknown-none")
    build = CargoBuild(command, here, rustc, tmp_path / "room", {here: "reader"}, (), More(), (), More(), (), "")
    (tmp_path / "wrapper").write_text(build.wrapper())
    for out in ("one", "another"):  # as cargo of 1.101 calls two build scripts
        words = [str(build.asked), "--crate-name", "build_script_build", "build.rs", "--out-dir", f"{here}/{out}"]
        environment = {"CARGO_MANIFEST_DIR": here}
        subprocess.run([sys.executable, tmp_path / "wrapper", *words], env=environment, cwd=tmp_path, check=True)
    assert len([*tmp_path.glob("room/units/*/unit")]) == 2


def test_an_error_of_cargos_is_explained_as_any_other(checkout: Checkout, kernel: Path) -> None:
    add(kernel, "src/main.rs", "#![no_std]\n#![no_main]\nfn main() { println!(); }\n")
    said = checkout.refuse(f"KERNEL={kernel}")
    assert "cannot find macro `println`" in said
    assert "cargo does not build reader: it ended with status 101" in said
    assert [line for line in said.splitlines() if line.startswith("bootwright: ") and "println" in line], said


def test_a_library_of_a_kind_that_no_plan_has_is_left_to_cargo(checkout: Checkout, package: Path) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write('\n[lib]\ncrate-type = ["lib", "cdylib"]\n')
    add(package, "src/lib.rs", '#![no_std]\npub const NAME: &str = "the library";\n')
    add(package, "src/main.rs", MINIMAL + USED.format("reader::NAME.as_bytes()"))
    built = checkout.scons(f"KERNEL={package}")
    assert built.status == 0, built.output
    assert "reader is compiled as a cdylib: no plan expresses that, so cargo itself builds reader" in built.output
    assert b"the library" in elf(checkout)


def test_by_the_switch_cargo_makes_the_same_bytes(checkout: Checkout, package: Path) -> None:
    script = 'fn main() { println!("cargo:rustc-env=SAID=by the script"); }\n'
    add(package, "build.rs", script)
    add(package, "src/main.rs", MINIMAL + USED.format('env!("SAID").as_bytes()'))
    add(package, "src/lib.rs", "#![no_std]\npub const NUMBER: u32 = 1;\n")
    # A build directory of the author's own choice is not written either.
    add(
        package,
        ".cargo/config.toml",
        "[unstable]\nbuild-dir-new-layout = true\n"  # which cargo 1.100 has
        '[build]\nbuild-dir = "made-here"\ntarget-dir = "made-there"\n'
        '[env]\nRUSTC_BOOTSTRAP = "1"\n[target.x86_64-unknown-none]\nlinker = "gcc"\n'
        'rustflags = ["-Clink-arg=-nostartfiles", "-Clink-arg=-Xlinker", "-Clink-arg=-Ttext=0x70000000"]\n',
    )
    word, before = f"KERNEL={package}", files(package)
    for variant in ("debug", "release"):
        checkout.build(word, f"VARIANT={variant}")
        place = checkout.path / "build" / variant / "reader.elf"
        planned = place.read_bytes()
        assert checkout.build(word, f"VARIANT={variant}", "--cargo") == ["cargo reader.elf reader.map"]
        assert place.read_bytes() == planned
        assert b"by the script" in planned
    assert files(package) == before
