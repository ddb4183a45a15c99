"""Test functions in sources: their names, and a line for those that no program of tests was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.testing.written import (
    NO_STD,
    Target,
    find_test_functions,
    never_told,
    not_run,
    others_not_run,
    why_untested,
)

CASE = "#[test_case]\nfn adds_up() {}\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.rs"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_functions_are_found_with_what_stands_between(tmp_path: Path) -> None:
    second = "#[test_case]\n#[allow(unused)]\n// a word\npub(crate) unsafe fn b() {}\n"
    text = f"{CASE}// #[test_case]\n{second}fn c() {{}}\n"
    write(tmp_path, src__main=text, src__other=CASE)
    files = [str(tmp_path / "src/main.rs"), str(tmp_path / "src/other.rs"), "/elsewhere/core.rs", "logo.png"]
    found = ["adds_up (src/main.rs)", "b (src/main.rs)", "adds_up (src/other.rs)"]
    assert find_test_functions(files, tmp_path) == found


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("lib", "[lib] has test = false in Cargo.toml"),
        ("bin", "[[bin]] heap has test = false in Cargo.toml"),
        ("example", "cargo takes no tests from examples, unless one says test = true"),
    ],
)
def test_a_target_that_is_not_tested_is_told(tmp_path: Path, kind: str, why: str) -> None:
    write(tmp_path, src__a=CASE, src__main=CASE, src__plain="fn f() {}\n", lib__b=CASE)
    target = Target(kind, "heap", str(tmp_path / "src/a.rs"), why_untested({"kind": kind, "name": "heap"}))
    lines = not_run(tmp_path, [str(tmp_path / "src/main.rs")], [target])
    assert lines == [
        "lib/b.rs: #[test_case] functions are not run: no program of tests has the file among its modules",
        f"src/a.rs: #[test_case] functions are not run: {why}",
    ]


def test_the_files_of_one_reason_are_one_line(tmp_path: Path) -> None:
    write(tmp_path, src__a=CASE, src__b=CASE, src__c=CASE, src__d=CASE, src__main="#[test]\nfn f() {}\n")
    write(tmp_path, other__src__lib=CASE, target__made=CASE)
    (tmp_path / "other/Cargo.toml").touch()  # a package of its own
    (tmp_path / "target/CACHEDIR.TAG").touch()
    target = Target("bin", "heap", str(tmp_path / "src/main.rs"), NO_STD)
    assert not_run(tmp_path, [], [target]) == [
        f"src/a.rs, src/b.rs, src/c.rs and 1 more: #[test_case] functions are not run: {NO_STD}",
        f"src/main.rs: #[test] functions are not run: {NO_STD}",
    ]


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("#[cfg(test)] #[test_case]\nfn f() {}\n", True),
        ("    #[ test_case ]\n    fn f() {}\n", True),
        ("#[cfg_attr(all(test, x), test_case)]\nfn f() {}\n", True),
        ("#[cfg_attr(test, allow(dead_code))]\nfn f() {}\n", False),
        ("// #[test_case]\n#[cfg(test)]\nmod tests {}\n", False),
        ('#[cfg(feature = "test")]\nfn f() {}\n', False),
    ],
)
def test_an_attribute_counts_however_it_is_written(tmp_path: Path, text: str, is_told: bool) -> None:
    write(tmp_path, src__main=text)
    assert bool(not_run(tmp_path, [], [])) is is_told


def test_tests_of_other_packages_are_told_with_what_runs_them(tmp_path: Path) -> None:
    write(
        tmp_path, build=CASE, kernel__src__main=CASE, libs__hal__src__lib="#[test]\nfn f() {}\n", libs__fs__src__lib=""
    )
    (tmp_path / "Cargo.toml").write_text("[workspace]\n")
    for name in ("kernel", "libs/hal", "libs/fs"):
        (tmp_path / name / "Cargo.toml").write_text(f'[package]\nname = "{name[-2:]}"\n')
    packages = [str(tmp_path / name) for name in ("", "kernel", "libs/hal", "libs/../libs/hal", "libs/fs")]
    (line,) = others_not_run(packages, tmp_path / "kernel", tmp_path)
    assert line.startswith("libs/hal: #[test] functions are not run: they are of other packages; where they need std")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "runner"\n[workspace]\n')
    lines = others_not_run(packages, tmp_path / "kernel", tmp_path)
    assert [line.partition(":")[0] for line in lines] == [str(tmp_path), "libs/hal"]


def test_a_function_that_no_program_of_its_sources_told_of_is_found() -> None:
    one = (["a (src/lib.rs)", "hidden (src/lib.rs)", "twice (src/x.rs)", "twice (src/y.rs)", "shared (tests/c.rs)"],
           ["kernel/k/a", "kernel/k/x::twice", "kernel/k/of_a_macro"])  # fmt: skip
    other = (["shared (tests/c.rs)"], ["kernel/k/other::c::shared"])
    assert never_told([one, other]) == ["hidden (src/lib.rs)", "1 of twice (src/x.rs), twice (src/y.rs)"]
    assert never_told([]) == []
