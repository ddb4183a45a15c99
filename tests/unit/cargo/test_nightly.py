"""Which crates ask for a nightly compiler by what they say themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.nightly import asks_for_nightly


@pytest.mark.parametrize(
    ("text", "words", "asks"),
    [
        ("#![no_std]\n#![feature(abi_x86_interrupt)]\n", (), True),
        ("#![ feature\n  ( naked_functions ) ]\n", (), True),
        ('#![cfg_attr(feature = "step", feature(step_trait))]\n', ("--cfg", 'feature="step"'), True),
        ('#![cfg_attr(feature = "step", feature(step_trait))]\n', ("--cfg", 'feature="other"'), False),
        ("#![cfg_attr(docsrs, feature(doc_cfg))]\n", (), False),
        ("//! #![feature(x)]\n// #![feature(x)]\n#[cfg(feature = \"a\")]\nfn a() {}\n", (), False),
        ("#![no_std]\n", ("-Zthreads=2",), True),
        ("#![no_std]\n", ("-Z", "threads=2"), True),
        ("#![no_std]\n", ("-Zunstable-options", "--target", "k.json"), False),
    ],
)  # fmt: skip
def test_a_crate_asks_by_its_root_and_by_its_arguments(
    tmp_path: Path, text: str, words: tuple[str, ...], asks: bool
) -> None:
    root = tmp_path / "lib.rs"
    root.write_text(text)
    assert asks_for_nightly(("--crate-name", "k", *words), root) is asks


def test_a_root_that_is_not_there_is_left_to_rustc(tmp_path: Path) -> None:
    assert not asks_for_nightly((), tmp_path / "gone.rs")
