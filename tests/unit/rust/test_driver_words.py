"""Words for a compiler that links, and what lld, which links in its place, gets of them."""

from __future__ import annotations

import pytest

from bootwright.rust.driver_words import as_linked, driver_in, for_linker


@pytest.mark.parametrize(
    ("words", "driver"),
    [
        (["-C", "linker=gcc"], "gcc"),
        (["-Clinker=/opt/bin/x86_64-elf-gcc-13.2"], "/opt/bin/x86_64-elf-gcc-13.2"),
        (["-C", "linker=cc"], "cc"),
        (["-C", "linker=clang++"], "clang++"),
        (["-C", "linker-flavor=gnu-lld-cc"], "gnu-lld-cc"),
        (["-C", "linker=my-wrapper", "-Clinker-flavor=gcc"], "my-wrapper"),
        (["-C", "linker=gcc", "-C", "linker-flavor=ld"], ""),
        (["-C", "linker=ld.lld"], ""),
        (["-C", "linker=rust-lld"], ""),
        (["-C", "linker=gcc-wrapper"], ""),
        ([], ""),
    ],
)
def test_a_compiler_that_links_is_known_by_its_name_or_by_the_flavour(words: list[str], driver: str) -> None:
    assert driver_in(words) == driver


def test_lld_gets_what_a_compiler_would_hand_on_where_the_first_word_stood() -> None:
    words = [
        "--crate-name", "k", "-C", "link-arg=-nostartfiles", "-O", "-Clink-args=-Wl,-Tk.ld,--gc-sections -m64",
        "-C", "linker-flavor=gcc", "--codegen=link-arg=-Xlinker", "-Clink-arg=-Map=k.map", "-C", "opt-level=1",
    ]  # fmt: skip
    given = ["-Tk.ld", "--gc-sections", "-Map=k.map"]
    own = [part for word in given for part in ("-C", f"link-arg={word}")]
    kept = ["--crate-name", "k", *own, "-O", "-C", "opt-level=1"]
    assert for_linker(words) == (kept, ["-nostartfiles", "-m64"])
    without = ["--crate-name", "k", *own[2:], "-O", "-C", "opt-level=1"]
    assert as_linked(words, driven=True, own_script=True) == without
    assert as_linked(words, driven=False, own_script=False) == words
    assert for_linker(["-C", "opt-level=1"]) == (["-C", "opt-level=1"], [])
