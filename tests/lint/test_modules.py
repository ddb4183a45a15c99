"""The modules of a Rust crate stand on floors: what one uses never uses it, not even on a detour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from tests.lint.sources import HOME, tracked

PACKAGES = ":!tests/kernels/packages"  # kernels as their authors keep them
ROOTS = tracked("*/src/lib.rs", "*/src/main.rs", PACKAGES)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"', re.DOTALL)
PATH = re.compile(r"\bcrate((?:::\w+)*)(?:::(\{))?")
OUTER_PATH = re.compile(r"\bsuper::((?:super::)*\w+)")
DECLARED = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);", re.MULTILINE)
MACRO = re.compile(r"macro_rules! (\w+)")
Name = tuple[str, ...]  # () is the crate's root


def find_uses(root: Path) -> dict[Name, set[Name]]:
    """Returns, for each module of the crate with that root, the modules that it names."""
    texts = dict(read_modules(root, ()))
    macros = {macro: name for name, text in texts.items() for macro in MACRO.findall(text)}
    uses: dict[Name, set[Name]] = {}
    for name, text in texts.items():
        found = uses[name] = {(*name, child) for child in DECLARED.findall(text)}
        paths = list(read_paths(text))
        paths += [(*name[: -outer.count("super") - 1], outer.split("::")[-1]) for outer in OUTER_PATH.findall(text)]
        for path in paths:
            longest = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in texts)
            found.add(macros.get(path[0], longest) if longest == () and path else longest)
        found.discard(name)
    return uses


def read_modules(file: Path, name: Name) -> Iterator[tuple[Name, str]]:
    """Returns the names and texts of the module in that file and of those below it, without comments and strings."""
    text = COMMENT_OR_STRING.sub("", file.read_text(encoding="utf-8"))
    yield name, text
    folder = file.parent if file.stem in ("lib", "main", "mod") else file.with_suffix("")
    for child in DECLARED.findall(text):
        inner = [path for path in (folder / f"{child}.rs", folder / child / "mod.rs") if path.is_file()]
        if inner:
            yield from read_modules(inner[0], (*name, child))


def read_paths(text: str) -> Iterator[Name]:
    """Returns every path that begins with `crate`, those in braces one by one, without the `crate`."""
    for found in PATH.finditer(text):
        head = tuple(found[1].split("::")[1:])
        if not found[2]:
            yield head
            continue
        depth, start = 0, found.end()
        for at in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth < 0 or (depth == 0 and text[at] == ","):
                first = re.match(r"\s*((?:\w+::)*\w+)", text[start:at])
                if first:
                    yield (*head, *(word for word in first[1].split("::") if word != "self"))
                start = at + 1
            if depth < 0:
                break


def find_circle(uses: dict[Name, set[Name]]) -> list[str]:
    """Returns the modules of a circle, the first once more at the end; nothing where there is none."""
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        return ["::".join(name) or "the root" for name in error.args[1]]
    return []


def test_there_are_crates_to_look_at() -> None:
    names = {path.relative_to(HOME).as_posix() for path in ROOTS}
    assert {"bootloader/common/src/lib.rs", "bootloader/bios/src/main.rs", "kernel/src/lib.rs"} <= names
    uses = find_uses(HOME / "bootloader" / "common" / "src" / "lib.rs")
    assert ("handover",) in uses["boot",]
    assert ("failure",) in uses["handover", "bootloader_09"]


@pytest.mark.parametrize("root", ROOTS, ids=[path.relative_to(HOME).as_posix() for path in ROOTS])
def test_modules_use_each_other_in_one_direction(root: Path) -> None:
    assert find_circle(find_uses(root)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("use crate::other::Thing;", "pub struct Thing; fn f() { crate::one::g() }"),
        ("use crate::{failure, other};", "use crate::{\n    failure::{Failure, Kind},\n    one::{self},\n};"),
        ("use super::other;", "use super::one;"),
        ("macro_rules! told { () => { $crate::other::tell() } }", "crate::told!();"),
        ("fn f() { crate::start() }", ""),
    ],
    ids=["by path", "in braces", "from above", "by a macro", "with the root"],
)
def test_a_circle_is_found(one: str, other: str, tmp_path: Path) -> None:
    (tmp_path / "lib.rs").write_text("mod one;\nmod other;\npub mod failure;\nfn start() {}\n", encoding="utf-8")
    (tmp_path / "one.rs").write_text(f"// crate::nobody\n{one}\n", encoding="utf-8")
    (tmp_path / "other.rs").write_text(f'const TEXT: &str = "use crate::one;";\n{other}\n', encoding="utf-8")
    (tmp_path / "failure.rs").write_text("", encoding="utf-8")
    circle = find_circle(find_uses(tmp_path / "lib.rs"))
    assert circle and circle[0] == circle[-1]
    assert set(circle) <= {"one", "other", "the root"}
