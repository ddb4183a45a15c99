"""What a build script says: how it is read, and where it goes among a unit's words and variables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.directives import check_targets, expand_environment, expand_words, read_directives
from bootwright.cargo.units import Unit, mark_for

RUN = "target/debug/build/k-1/out"
MARK = mark_for(RUN)
WORDS = (
    "--crate-name", "k", "-C", "opt-level=1", "--cfg", MARK, "--check-cfg", f"cfg({MARK})", "-C", f"link-arg={MARK}",
    "-L", f"native=/{MARK}", "-l", MARK, "-L", "dependency=deps",
)  # fmt: skip


def unit(kind: str = "bin", target: str = "k") -> Unit:
    environment = {MARK: "", "PLAIN": "1", f"DEP_Z_{MARK}": ""}
    return Unit("deps/k", kind, "/k", WORDS, environment, "k", "0.1.0", "/k", target=target, scripts=(RUN,))


def test_each_directive_goes_where_cargo_put_the_scripts_mark() -> None:
    said = read_directives(
        "cargo:rustc-cfg=fast\ncargo::rustc-cfg=level=\"3\"\ncargo::rustc-check-cfg=cfg(fast)\nsomething else\n"
        "cargo:rustc-link-arg=-Tk.ld\ncargo:rustc-link-search=native=/out\ncargo:rustc-link-lib=static=c\n"
    )  # fmt: skip
    assert expand_words(unit(), {RUN: said}) == [
        "--crate-name", "k", "-C", "opt-level=1", "--cfg", "fast", "--cfg", 'level="3"', "--check-cfg", "cfg(fast)",
        "-C", "link-arg=-Tk.ld", "-L", "native=/out", "-l", "static=c", "-L", "dependency=deps",
    ]  # fmt: skip


def test_a_script_that_says_nothing_leaves_no_trace() -> None:
    assert expand_words(unit(), {RUN: read_directives("")}) == [
        "--crate-name", "k", "-C", "opt-level=1", "-L", "dependency=deps",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reaches"),
    [
        ("rustc-link-arg=-x", {"bin", "lib", "test"}),
        ("rustc-link-arg-bins=-x", {"bin"}),
        ("rustc-link-arg-tests=-x", {"test"}),
        ("rustc-link-arg-bin=k=-x", {"bin"}),
        ("rustc-link-arg-bin=other=-x", set()),
        ("rustc-cdylib-link-arg=-x", set()),
    ],
)
def test_a_linkers_argument_reaches_the_kinds_that_cargo_gives_it_to(line: str, reaches: set[str]) -> None:
    said = {RUN: read_directives(f"cargo:{line}\n")}
    assert {kind for kind in ("bin", "lib", "test") if "link-arg=-x" in expand_words(unit(kind), said)} == reaches


def test_rustc_flags_are_searches_and_libraries_and_nothing_else() -> None:
    said = read_directives("cargo:rustc-flags=-L /a -lb\n")
    assert (said.searches, said.libraries) == (["/a"], ["b"])
    with pytest.raises(BootwrightError, match="only `-l` and `-L` flags are allowed in build script of `k v1`: `-C d"):
        read_directives("cargo:rustc-flags=-C debuginfo=0\n", "k v1")
    with pytest.raises(BootwrightError, match="flag in rustc-flags has no value"):
        read_directives("cargo:rustc-flags=-L\n")


def test_variables_and_metadata_reach_the_environment() -> None:
    said = read_directives("cargo:rustc-env=WHO=me=you\ncargo:root=/r\ncargo::metadata=in-clude=/i\n")
    found = expand_environment(unit(), {RUN: said})
    assert found == {"WHO": "me=you", "PLAIN": "1", "DEP_Z_ROOT": "/r", "DEP_Z_IN_CLUDE": "/i"}


def test_a_script_declares_what_it_depends_on_or_it_is_its_package() -> None:
    assert not read_directives("cargo:rustc-cfg=a\n").declares
    assert read_directives("cargo:rerun-if-changed=a\n").files == ["a"]
    assert read_directives("cargo:rerun-if-env-changed=A\n").declares


def test_lines_are_read_as_cargo_reads_them() -> None:
    said = read_directives(
        "  cargo:rustc-cfg=a \t\r\ncargo:rustc-env=E=1\x0b2\u20283\ncargo:error=old\ncargo:metadata=x=y\n"
        "cargo:rustc-env=RUSTC_BOOTSTRAP=1\ncargo::rustc-link-arg-cdylib=-x\n",
        "k v1",
    )
    assert (said.cfgs, said.environment) == (["a"], {"E": "1\x0b2\u20283"})
    assert (said.errors, said.metadata) == ([], {"error": "old", "metadata": "x=y"})
    assert said.warnings[0].startswith("cannot set `RUSTC_BOOTSTRAP=1` from build script of `k v1`.\nnote: crates")
    assert said.warnings[1].startswith(
        "cargo::rustc-link-arg-cdylib was specified in the build script of k v1, but that package does not contain a "
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cargo::rustc-cfg", "invalid output in build script of `k v1`: `cargo::rustc-cfg`\nExpected a line with"),
        ("cargo:hello", "build script of `k v1`: `cargo:hello`\nExpected a line with `cargo:KEY=VALUE`"),
        ("cargo::metadata=x", "`cargo::metadata=x`\nExpected a line with `cargo::metadata=KEY=VALUE`"),
        ("cargo::rustc-env=X", "Variable rustc-env has no value in build script of `k v1`: X"),
        ("cargo:rustc-link-arg-bin=x", "The instruction should have the form cargo:rustc-link-arg-bin=BIN=ARG"),
        ("cargo::rustc-link-arg-tests=-x", "The package k v1 does not have a test target."),
        ("cargo:rustc-link-arg-bin=other=-x", "The package k v1 does not have a bin target with the name `other`."),
    ],
)  # fmt: skip
def test_what_cargo_refuses_is_refused_in_its_words(line: str, words: str) -> None:
    with pytest.raises(BootwrightError) as raised:
        check_targets(read_directives(f"{line}\n", "k v1"), "k v1", [("bin", "k"), ("example", "other")])
    assert words in str(raised.value)
    known = read_directives("cargo:rustc-link-arg-bins=-x\ncargo:rustc-link-arg-bin=k=-x\ncargo::rustc-link-arg=-x\n")
    check_targets(known, "k v1", [("bin", "k")])


def test_a_unit_without_scripts_keeps_its_words() -> None:
    plain = replace(unit(), argv=("-C", "x", "--cfg", "y", "-L"), scripts=())
    assert expand_words(plain, {}) == ["-C", "x", "--cfg", "y", "-L"]
