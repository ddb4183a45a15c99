"""The SCons Tools: the modules of ours that make a file are inputs of that file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[3] / "site_scons"
PACKAGE = SITE / "bootwright"
# These decide what a node is before any action runs; what they decided is in the node's name, sources or variables.
DECIDERS = {
    "cargo/manifest",
    "rust/search",
    "rust/toolchain",
    "rust/lacks",
    "rust/migrate",
    "rust/build_tools",
    "cargo/sources",
    "rust/llvm_tools",
    "rust/rustup",
}
# These change when something is done, or what is said, and no byte of a file.
NEUTRAL = {
    "base/errors",
    "setup/cures",
    "storage/store",
    "base/filelock",
    "elf/sizes",
    "base/loaded",
    "storage/outputs",
    "base/digests",
    "rust/explain",
    "rust/explanations",
    "cargo/entry_point",
}
IGNORED = DECIDERS | NEUTRAL


def imported_modules(path: Path) -> set[str]:
    """Returns the modules of bootwright that the file imports, at its head or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bootwright":
            base = node.module.removeprefix("bootwright").lstrip(".").replace(".", "/")
            for name in node.names:
                inner = f"{base}/{name.name}".lstrip("/")
                found.add(inner if (PACKAGE / f"{inner}.py").exists() else base)
    return {name for name in found if name[:6] != "graph/" and (PACKAGE / f"{name}.py").exists()}


def closure(names: set[str]) -> set[str]:
    """Returns names and all that they import in turn, but for what is ignored."""
    done: set[str] = set()
    left = names - IGNORED
    while left:
        name = left.pop()
        done.add(name)
        left |= imported_modules(PACKAGE / f"{name}.py") - done - IGNORED
    return done


def listed_modules(path: Path) -> set[str]:
    """Returns what the Tool lists in modules(env, ...), with the names of tuples called MODULES."""
    listed: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "modules"
        is_tuple = isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id.endswith("MODULES") for t in node.targets
        )
        if is_call or is_tuple:
            listed |= {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return listed


@pytest.mark.parametrize("tool", ["crates", "sysroot", "loader", "image"])
def test_a_tool_lists_every_module_that_makes_its_files(tool: str) -> None:
    path = SITE / "site_tools" / f"{tool}.py"
    needed = closure(imported_modules(path))
    assert listed_modules(path) == needed


def test_no_module_of_the_package_imports_scons() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "graph":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] == "SCons"], path
