"""Each key of cargo's reference has its place in the table, and what a build does not obey is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.config import read_configuration
from bootwright.cargo.config_keys import HARMLESS, KEYS, OBEYED, key_of, passed_over_flags, told_keys

# https://doc.rust-lang.org/cargo/reference/config.html, its keys as of cargo 1.96, and those of [unstable] and host.
REFERENCE = """
paths alias.b alias.my_alias build.jobs build.rustc build.rustc-wrapper build.rustc-workspace-wrapper build.rustdoc
build.target build.target-dir build.build-dir build.rustflags build.rustdocflags build.incremental
build.dep-info-basedir credential-alias.<name> doc.browser env.<name> env.<name>.value env.<name>.force
env.<name>.relative future-incompat-report.frequency cache.auto-clean-frequency cargo-new.vcs http.debug http.proxy
http.ssl-version http.ssl-version.max http.ssl-version.min http.timeout http.low-speed-limit http.cainfo
http.proxy-cainfo http.check-revoke http.multiplexing http.user-agent include install.root net.retry
net.git-fetch-with-cli net.offline net.ssh.known-hosts patch.<registry>.<name>.path
profile.<name>.build-override.opt-level profile.<name>.package.<name>.opt-level profile.<name>.codegen-units
profile.<name>.debug profile.<name>.split-debuginfo profile.<name>.strip profile.<name>.debug-assertions
profile.<name>.incremental profile.<name>.inherits profile.<name>.lto profile.<name>.opt-level
profile.<name>.overflow-checks profile.<name>.panic profile.<name>.rpath profile.<name>.rustflags
resolver.incompatible-rust-versions resolver.lockfile-path resolver.feature-unification registries.<name>.index
registries.<name>.token registries.<name>.credential-provider registries.<name>.protocol registries.crates-io.protocol
registry.default registry.credential-provider registry.token registry.global-credential-providers
source.<name>.replace-with source.<name>.directory source.<name>.registry source.<name>.local-registry
source.<name>.git source.<name>.branch source.<name>.tag source.<name>.rev target.<triple>.linker
target.<triple>.runner target.<triple>.rustflags target.<triple>.rustdocflags target.<triple>.ar target.<cfg>.linker
target.<cfg>.runner target.<cfg>.rustflags target.<triple>.<links>.rustc-link-lib
target.<triple>.<links>.rustc-link-search target.<triple>.<links>.rustc-flags target.<triple>.<links>.rustc-cfg
target.<triple>.<links>.rustc-env target.<triple>.<links>.rustc-cdylib-link-arg target.<triple>.<links>.metadata_key1
term.quiet term.verbose term.color term.hyperlinks term.unicode term.progress.when term.progress.width
term.progress.term-integration unstable.build-std unstable.build-std-features unstable.<name> build.warnings
target-applies-to-host
host.linker host.rustflags
"""
TRIPLE = "x86_64-unknown-none"


@pytest.mark.parametrize("name", REFERENCE.split())
def test_a_key_of_cargos_reference_is_in_the_table(name: str) -> None:
    assert key_of(name.split(".")) is not None


def test_an_entry_of_the_table_is_of_a_key_of_the_reference() -> None:
    found = [key_of(name.split(".")) for name in REFERENCE.split()]
    assert [key.name for key in KEYS if key not in found] == []


def told(directory: Path, text: str, *wanted: str, **variables: str) -> list[str]:
    (directory / ".cargo").mkdir(exist_ok=True)
    path = directory / ".cargo/config.toml"
    path.write_text(text)
    configuration = read_configuration(directory, {"CARGO_HOME": str(directory / "cargo"), **variables})
    return [line.replace(f"{path}: ", "") for line in told_keys(configuration, TRIPLE, wanted)]


TOLD = (
    ("build.rustc-wrapper", '"sccache"', "sccache", "RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER"),
    ("build.rustc-workspace-wrapper", '"w"', "w", "RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"),
    ("build.rustc", '"r"', "r", "RUSTC CARGO_BUILD_RUSTC"),
    ("build.jobs", "2", "2", "CARGO_BUILD_JOBS"),
    ("build.target-dir", '"d"', "d", "CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR"),
    ("build.build-dir", '"d"', "d", "CARGO_BUILD_BUILD_DIR"),
    ("build.warnings", '"deny"', "deny", "CARGO_BUILD_WARNINGS"),
    (f"target.{TRIPLE}.runner", '"qemu"', "qemu", "CARGO_TARGET_X86_64_UNKNOWN_NONE_RUNNER"),
    ("unstable.build-std-features", '["panic_immediate_abort"]', "p", "CARGO_UNSTABLE_BUILD_STD_FEATURES"),
)


def test_each_key_that_is_told_is_tried_here() -> None:
    assert [key_of(name.split(".")) in KEYS for name, *_ in TOLD] == [True] * len([key for key in KEYS if key.is_told])
    assert len({name for name, *_ in TOLD}) == len(TOLD)
    assert all(key.becomes.partition(" ")[0] in ("is", "has", OBEYED, HARMLESS) for key in KEYS)


@pytest.mark.parametrize(("name", "value", "text", "variables"), TOLD, ids=[name for name, *_ in TOLD])
def test_what_is_not_obeyed_is_told_of_a_file_and_of_a_variable(
    tmp_path: Path, name: str, value: str, text: str, variables: str
) -> None:
    key = key_of(name.split("."))
    assert key is not None
    assert told(tmp_path, f"{name} = {value}\n", "run") == [f"{name} = {value} {key.becomes}"]
    for variable in variables.split():
        line = f"{text}, which {variable} names, {key.becomes}"
        assert told(tmp_path, "", "run", **{variable: text}) == [line]
        assert told(tmp_path, f"{name} = {value}\n", "run", **{variable: text}) == [line]


def test_what_is_obeyed_or_says_nothing_is_not_told(tmp_path: Path) -> None:
    text = (
        '[target.x86_64-unknown-none]\nrustflags = ["-g"]\n[env]\nA = "b"\n[term]\nquiet = true\n[alias]\nb = "build"\n'
    )
    assert told(tmp_path, text, "run") == []
    assert (
        told(tmp_path, '[build]\nrustc-wrapper = ""\n[unstable]\nbuild-std-features = ["compiler-builtins-mem"]\n')
        == []
    )


def test_a_runner_is_told_where_something_starts_and_bootimages_is_what_starts_here(tmp_path: Path) -> None:
    line = '[target.\'cfg(target_os = "none")\']\nrunner = "{}"\n'
    assert told(tmp_path, line.format("qemu.sh")) == []
    (said,) = told(tmp_path, line.format("qemu.sh"), "test")
    assert said.startswith('target.\'cfg(target_os = "none")\'.runner = "qemu.sh" is not started')
    assert told(tmp_path, line.format("bootimage runner"), "run") == []
    assert told(tmp_path, '[target.riscv64gc-unknown-none-elf]\nrunner = "qemu.sh"\n', "run") == []


def test_a_key_that_nobody_knows_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, "[build]\ncolour = 1\n") == [
        "build.colour is no key that is known here; cargo alone says what it does"
    ]


BUILD, OWN = "[build]\nrustflags = ['-C', 'a']\n", f"[target.{TRIPLE}]\nrustflags = '-Cb -Cc'\n"


@pytest.mark.parametrize(
    ("text", "argv", "variables", "lines"),
    [
        (BUILD, "k.rs -C a", {}, []),
        (OWN, "k.rs -Cb -Cc", {}, []),
        (BUILD + OWN, "k.rs -Cb -Cc", {}, ["build.rustflags = "]),
        (BUILD, "k.rs -C d", {}, ["build.rustflags = "]),  # of a cfg() table
        (BUILD + OWN, "k.rs -C d", {"RUSTFLAGS": "-C d"}, ["build.rustflags = ", f"target.{TRIPLE}.rustflags = "]),
        (BUILD, "k.rs", {"RUSTFLAGS": ""}, ["build.rustflags = "]),
        ("[target.other]\nrustflags = 'a'\n", "k.rs", {}, []),
    ],
)  # fmt: skip
def test_rustflags_that_cargo_took_from_elsewhere_are_told(
    tmp_path: Path, text: str, argv: str, variables: dict[str, str], lines: list[str]
) -> None:
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo/config.toml").write_text(text)
    configuration = read_configuration(tmp_path, {"CARGO_HOME": str(tmp_path / "cargo"), **variables})
    found = list(passed_over_flags(configuration, TRIPLE, argv.split()))
    assert [line.partition("config.toml: ")[2][: len(begin)] for line, begin in zip(found, lines, strict=True)] == lines
    where = "RUSTFLAGS of the environment stands" if variables else "[target."
    assert all(where in line for line in found)


def test_a_variable_of_cargos_own_in_env_is_told_to_be_none_for_cargo(tmp_path: Path) -> None:
    lines = told(tmp_path, "[env]\nRUSTFLAGS = '-C a'\nCARGO_BUILD_TARGET = { value = 't', force = true }\nOWN = '1'\n")
    assert [line.split(" ")[0] for line in lines] == ["env.RUSTFLAGS", "env.CARGO_BUILD_TARGET.value"], lines
    assert "is for build scripts and env!() alone, not for cargo" in lines[0]
