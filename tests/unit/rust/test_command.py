"""rustc's command line for what no plan of cargo's has."""

from __future__ import annotations

from pathlib import Path

from bootwright.rust.command import Link, crate_words


def test_a_library_for_the_builder_is_named_and_placed_and_no_more() -> None:
    assert crate_words("one", Path("one.rs"), "rlib", directory=Path("out")) == [
        "--crate-name", "one", "one.rs", "--edition=2024", "--crate-type=rlib", "--out-dir", "out",
    ]  # fmt: skip


def test_a_program_has_its_target_its_crates_its_linker_and_its_names_in_bytes() -> None:
    words = crate_words(
        "k", "k.rs", "bin", edition="2021", target="x86_64-unknown-none", sysroot=Path("core"), emit="link",
        flags=("-Cpanic=abort",), cfgs=("a", 'b="c"'), externs={"one": Path("libone.rlib")},
        link=Link(Path("lld"), ("-pie",), Path("link.ld")), names={Path("home"): "."}, output=Path("k.elf"),
    )  # fmt: skip
    assert words == [
        "--crate-name", "k", "k.rs", "--edition=2021", "--target", "x86_64-unknown-none", "--sysroot=core",
        "--crate-type=bin", "--emit=link", "-Cpanic=abort", "--cfg", "a", "--cfg", 'b="c"', "--extern=one=libone.rlib",
        "-Clinker=lld", "-Clinker-flavor=ld.lld", "-Clink-arg=-Tlink.ld", "-Clink-arg=-pie",
        "--remap-path-prefix=home=.", "-o", "k.elf",
    ]  # fmt: skip


def test_a_specification_is_unstable() -> None:
    words = crate_words("k", "-", "rlib", target="my.json")
    assert words[4:7] == ["--target", "my.json", "-Zunstable-options"]
