"""Building core from source, with a fake rustc: order, flags, environment, failures; and the key of the result."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.fake_toolchains import BARE, HOST, add_source

from bootwright.base.errors import BootwrightError
from bootwright.rust import recipe as module
from bootwright.rust.recipe import builtins_cfgs, builtins_units, recipe, sysroot_key
from bootwright.rust.sysroot import build_sysroot, manifest_text
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import DESCRIPTION

# Writes the metadata at once and the rlib half a second later; logs what it is asked, and when.
FAKE_RUSTC = """
import json, os, sys, time
from pathlib import Path

LOG = Path(sys.argv[1])
argv = sys.argv[2:]


def log(event):
    with LOG.open("a") as stream:
        facts = {"event": event, "argv": argv, "bootstrap": os.environ.get("RUSTC_BOOTSTRAP"), "cwd": os.getcwd()}
        stream.write(json.dumps(facts) + "\\n")


if "--print=cfg" in argv:
    log("cfg")
    print('target_arch="x86_64"')
    sys.exit(0)
name = argv[argv.index("--crate-name") + 1]
out = Path(next(word for word in argv if word.startswith("--out-dir=")).partition("=")[2])
log("start " + name)
if (LOG.parent / ("fail " + name)).exists():
    said = (LOG.parent / ("fail " + name)).read_text()
    print(json.dumps({"rendered": "error: no " + name + said + "\\n"}), file=sys.stderr)
    sys.exit(1)
for crate in [word.split("=")[1] for word in argv if word.startswith("--extern=")]:
    assert (out / ("lib" + crate + "-bootwright.rmeta")).exists()
(out / ("lib" + name + "-bootwright.rmeta")).write_text("")
print(json.dumps({"artifact": "x", "emit": "metadata"}), file=sys.stderr, flush=True)
deadline = time.monotonic() + 60
failing = list(LOG.parent.glob("fail *"))
while (failing or "start alloc" not in LOG.read_text()) and time.monotonic() < deadline:
    time.sleep(0.01)  # who waited for more than the metadata would wait for the deadline
(out / ("lib" + name + "-bootwright.rlib")).write_text("code of " + name)
log("end " + name)
"""


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    """A toolchain with a fake rustc and sources."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE_RUSTC)
    rustc = tmp_path / "bin" / "rustc"
    rustc.parent.mkdir()
    words = shlex.join([sys.executable, "-I", "-S", str(script), str(tmp_path / "log")])
    rustc.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    rustc.chmod(0o755)
    verbose = (
        "rustc 1.96.0\ncommit-hash: 0123abc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8"
    )
    add_source(tmp_path, version="1.96.0")
    return Toolchain(rustc, verbose, "1.96.0", HOST, "22.1.8", tmp_path, "")


def library(toolchain: Toolchain) -> Path:
    return toolchain.sysroot / "lib" / "rustlib" / "src" / "rust" / "library"


def build(toolchain: Toolchain, tmp_path: Path, name: str = BARE, spec: Path | None = None) -> list[dict[str, Any]]:
    """Builds into tmp_path/out and returns what rustc was asked."""
    out = tmp_path / "out"
    out.mkdir()
    build_sysroot(toolchain, name, spec, library(toolchain), out)
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def test_the_three_rlibs_and_nothing_else_are_left(toolchain: Toolchain, tmp_path: Path) -> None:
    build(toolchain, tmp_path)
    names = [f"lib{crate}-bootwright.rlib" for crate in ("alloc", "compiler_builtins", "core")]
    assert sorted(path.name for path in (tmp_path / "out/lib/rustlib" / BARE / "lib").iterdir()) == names
    assert (tmp_path / "out" / DESCRIPTION).read_text() == f"core of {BARE}, rustc 1.96.0\n"


def test_each_crate_starts_when_the_one_before_has_written_its_metadata(toolchain: Toolchain, tmp_path: Path) -> None:
    events = [asked["event"] for asked in build(toolchain, tmp_path)]
    assert events[:4] == ["cfg", "start core", "start compiler_builtins", "start alloc"]
    assert sorted(events[4:]) == ["end alloc", "end compiler_builtins", "end core"]


def test_rustc_bootstrap_reaches_these_processes_alone(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUSTC_BOOTSTRAP", raising=False)
    assert {asked["bootstrap"] for asked in build(toolchain, tmp_path)} == {"1"}
    assert "RUSTC_BOOTSTRAP" not in os.environ


def test_the_flags_are_those_of_a_freestanding_library(toolchain: Toolchain, tmp_path: Path) -> None:
    asked = {facts["event"]: facts["argv"] for facts in build(toolchain, tmp_path)}
    for crate in ("core", "compiler_builtins", "alloc"):
        argv = asked[f"start {crate}"]
        for flag in ("-Copt-level=3", "-Cpanic=abort", "-Zforce-unstable-if-unmarked", "--edition=2024"):
            assert flag in argv
        assert "-Zunstable-options" not in argv
        assert f"--remap-path-prefix={library(toolchain)}=/rustc/0123abc/library" in argv
        assert f"--sysroot={tmp_path / 'out'}" in argv
    builtins = asked["start compiler_builtins"]
    assert {'feature="mem"', 'feature="compiler-builtins"'} <= set(builtins)
    assert "--cfg" not in asked["start core"]
    assert sum(word.startswith("--extern=") for word in asked["start alloc"]) == 2


def test_a_specification_is_given_by_its_path(toolchain: Toolchain, tmp_path: Path) -> None:
    spec = tmp_path / "my-os.json"
    asked = build(toolchain, tmp_path, "my-os", spec)
    for facts in asked:
        assert facts["argv"][facts["argv"].index("--target") + 1] == str(spec)
        assert "-Zunstable-options" in facts["argv"]
    assert (tmp_path / "out/lib/rustlib/my-os/lib/libcore-bootwright.rlib").is_file()


@pytest.mark.parametrize("crate", ["core", "compiler_builtins", "alloc"])
def test_a_crate_that_does_not_compile_is_one_sentence_with_rustcs_words(
    toolchain: Toolchain, tmp_path: Path, crate: str
) -> None:
    (tmp_path / f"fail {crate}").write_text("")
    with pytest.raises(BootwrightError) as caught:
        build(toolchain, tmp_path)
    sentence = f"{crate} of {BARE} with rustc 1.96.0 does not compile: rustc ended with status 1"
    assert caught.value.message == sentence
    assert f"error: no {crate}" in caught.value.hint
    assert "RUSTC_BOOTSTRAP=1" in caught.value.hint
    assert "end" not in (tmp_path / "log").read_text()  # those that still ran were ended


def test_a_full_disk_is_named_and_not_called_a_fault_of_cores(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "fail core").write_text(": No space left on device (os error 28)")
    with pytest.raises(BootwrightError) as caught:
        build(toolchain, tmp_path)
    assert re.search(
        rf"cannot be written: the disk of {tmp_path}.* has \d+ MB left, which was too little$", caught.value.message
    )


def test_without_sources_it_is_one_sentence(toolchain: Toolchain, tmp_path: Path) -> None:
    other = replace(toolchain, sysroot=tmp_path / "none")
    with pytest.raises(BootwrightError, match=r"rustc \(rustc 1.96.0\) has no rust-src$"):
        build_sysroot(other, BARE, None, None, tmp_path)


@pytest.mark.parametrize(
    ("release", "serves"), [("1.85.0", False), ("1.95.1", False), ("1.96.0", True), ("1.101.0-nightly", True)]
)
def test_core_alone_has_a_second_thread_where_that_was_tried(
    toolchain: Toolchain, tmp_path: Path, release: str, serves: bool
) -> None:
    asked = build(dataclasses.replace(toolchain, release=release), tmp_path)
    told = {facts["event"]: "-Zthreads=2" in facts["argv"] for facts in asked if facts["event"].startswith("start")}
    assert told == {"start core": serves, "start compiler_builtins": False, "start alloc": False}


def test_the_edition_is_what_the_sources_of_that_version_say(toolchain: Toolchain, tmp_path: Path) -> None:
    (library(toolchain) / "core" / "Cargo.toml").write_text('[package]\nname = "core"\nedition = "2021"\n')
    asked = {facts["event"]: facts["argv"] for facts in build(toolchain, tmp_path)}
    assert "--edition=2021" in asked["start core"]
    assert "--edition=2024" in asked["start alloc"]


@pytest.mark.parametrize(
    ("cfg", "name", "wanted", "unwanted"),
    [
        ('target_arch="x86_64"', BARE, {'feature="mem"', 'feature="mem-unaligned"', "arch_enabled"}, {"thumb"}),
        ('target_arch="arm"', "thumbv7em-none-eabihf", {"thumb"}, {"thumb_1", 'feature="mem-unaligned"'}),
        ('target_arch="arm"', "thumbv6m-none-eabi", {"thumb", "thumb_1"}, set()),
        ('target_arch="x86"\ntarget_feature="sse"', "i686-pc-windows-msvc", set(), {"x86_no_sse"}),
        ('target_arch="x86"', "i586-unknown-none", {"x86_no_sse"}, set()),
        ('target_arch="x86"\ntarget_has_reliable_f128', "x", {"f128_enabled"}, {"f16_enabled"}),
        ('target_arch="arm"', "armv4t-none-eabi", {"kernel_user_helpers"}, {"thumb"}),
    ],
)
def test_compiler_builtins_is_told_what_its_build_script_would_say(
    cfg: str, name: str, wanted: set[str], unwanted: set[str]
) -> None:
    found = set(builtins_cfgs(cfg, name))
    assert wanted <= found
    assert not unwanted & found


def test_a_linker_that_knows_no_weak_function_gets_each_in_an_object_of_its_own() -> None:
    assert builtins_units('target_os="none"\ntarget_vendor="unknown"') == "-Ccodegen-units=16"
    for line in ('target_os="uefi"', 'target_os="windows"', 'target_vendor="apple"'):
        assert builtins_units(f"panic\n{line}\n") == "-Ccodegen-units=10000"


def test_the_manifest_names_each_rlib_and_its_hash(tmp_path: Path) -> None:
    directory = tmp_path / "lib" / "rustlib" / BARE / "lib"
    directory.mkdir(parents=True)
    (directory / "libcore-x.rlib").write_bytes(b"abc")
    (directory / "liballoc-x.rlib").write_bytes(b"")
    assert manifest_text(tmp_path) == (
        f"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  lib/rustlib/{BARE}/lib/liballoc-x.rlib\n"
        f"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  lib/rustlib/{BARE}/lib/libcore-x.rlib\n"
    )


def test_the_key_is_the_same_wherever_the_toolchain_lies(toolchain: Toolchain, tmp_path: Path) -> None:
    key = sysroot_key(toolchain, BARE, library(toolchain))
    assert key == sysroot_key(replace(toolchain, notes=("x",), origin="y"), BARE, library(toolchain))
    add_source(tmp_path / "other", version="1.96.0")
    elsewhere = replace(toolchain, sysroot=tmp_path / "other", rustc=tmp_path / "other" / "rustc")
    assert key == sysroot_key(elsewhere, BARE, library(elsewhere))
    assert len(key) == 32


def test_the_key_changes_with_all_that_the_bytes_depend_on(toolchain: Toolchain) -> None:
    place = library(toolchain)
    keys = [
        sysroot_key(toolchain, BARE, place),
        sysroot_key(toolchain, "thumbv7em-none-eabihf", place),
        sysroot_key(toolchain, '{"a": 1}', place, "my-os"),
        sysroot_key(toolchain, '{"a": 2}', place, "my-os"),
        sysroot_key(toolchain, '{"a": 1}', place, "other-os"),
        sysroot_key(replace(toolchain, verbose="rustc 1.97.0"), BARE, place),
    ]
    (place / "Cargo.lock").write_text("[[package]]\nname = 'compiler_builtins'\nversion = '0.1.161'\n")
    keys.append(sysroot_key(toolchain, BARE, place))
    (place.parent / "src" / "version").write_text("1.96.1\n")
    keys.append(sysroot_key(toolchain, BARE, place))
    assert len(set(keys)) == len(keys)


def test_a_specification_without_its_name_has_no_key(toolchain: Toolchain) -> None:
    with pytest.raises(ValueError, match="name"):
        sysroot_key(toolchain, '{"a": 1}', library(toolchain))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOTSTRAP", {"RUSTC_BOOTSTRAP": "1", "RUSTC_FORCE_INCR_COMP_ARTIFACT_HEADER": "1"}),
        ("FLAGS", ("--crate-type=rlib", "-Copt-level=2")),
        ("CRATE_FLAGS", {"core": (), "compiler_builtins": (), "alloc": ("-Ccodegen-units=2",)}),
        ("FEATURES", ("compiler-builtins",)),
        ("PARALLEL_FRONT_END", (1, 99)),
        ("builtins_units", lambda cfg: "-Ccodegen-units=1"),
    ],
)
def test_what_rustc_is_told_is_in_the_key(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = sysroot_key(toolchain, BARE, library(toolchain))
    monkeypatch.setattr(module, name, value)
    assert sysroot_key(toolchain, BARE, library(toolchain)) != before


def test_what_compiler_builtins_is_told_of_any_architecture_is_in_the_key(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sysroot_key(toolchain, BARE, library(toolchain))

    def one_more(cfg: str, name: str) -> list[str]:
        return [*builtins_cfgs(cfg, name), *(["slow"] if 'target_arch="riscv64"' in cfg else [])]

    monkeypatch.setattr(module, "builtins_cfgs", one_more)
    assert sysroot_key(toolchain, BARE, library(toolchain)) != before


def test_how_our_own_modules_are_worded_is_not_in_it(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def watched(path: Path, *arguments: Any, **named: Any) -> str:
        assert path.suffix != ".py"
        return read(path, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", watched)
    assert sysroot_key(toolchain, BARE, library(toolchain))


def test_the_words_of_the_key_are_those_that_rustc_is_given(toolchain: Toolchain, tmp_path: Path) -> None:
    asked = {facts["event"]: facts["argv"] for facts in build(toolchain, tmp_path)}
    for crate in ("core", "compiler_builtins", "alloc"):
        argv = asked[f"start {crate}"]
        words = [word for word in recipe(BARE, False, "1.96.0") if not re.search("SOURCE|OUT|FROM|EDITION", word)]
        assert set(words) >= {word for word in argv if word.startswith(("-C", "-Z", "--crate", "--emit", "--cap"))}
        other = r"--(sysroot|remap-path-prefix|out-dir|extern|error-format|json|edition)=|.*lib\.rs$|rustc$|--cfg$"
        assert [word for word in argv if word not in words and not re.match(other, word)] == []
