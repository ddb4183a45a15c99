"""What a build script says: how it is read, and where it goes among a unit's words and variables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.directives import expand_environment, expand_words, read_directives
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
    with pytest.raises(BootwrightError, match="only -l and -L"):
        read_directives("cargo:rustc-flags=-C debuginfo=0\n")


def test_variables_and_metadata_reach_the_environment() -> None:
    said = read_directives("cargo:rustc-env=WHO=me=you\ncargo:root=/r\ncargo::metadata=in-clude=/i\n")
    found = expand_environment(unit(), {RUN: said})
    assert found == {"WHO": "me=you", "PLAIN": "1", "DEP_Z_ROOT": "/r", "DEP_Z_IN_CLUDE": "/i"}


def test_a_script_declares_what_it_depends_on_or_it_is_its_package() -> None:
    assert not read_directives("cargo:rustc-cfg=a\n").declares
    assert read_directives("cargo:rerun-if-changed=a\n").files == ["a"]
    assert read_directives("cargo:rerun-if-env-changed=A\n").declares


def test_a_unit_without_scripts_keeps_its_words() -> None:
    plain = replace(unit(), argv=("-C", "x", "--cfg", "y", "-L"), scripts=())
    assert expand_words(plain, {}) == ["-C", "x", "--cfg", "y", "-L"]
