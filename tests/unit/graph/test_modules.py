"""The SCons Tools: the modules of ours that make a file are inputs of that file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[3] / "site_scons"
PACKAGE = SITE / "bootwright"
# These decide what a node is before any action runs; what they decided is in the node's name, sources or variables.
DECIDERS = {
    "hosts/table",
    "rust/search",
    "rust/toolchain",
    "rust/lacks",
    "rust/migrate",
    "rust/targets",
    "rust/build_tools",
    "cargo/sources",
    "cargo/watched",
    "rust/llvm_tools",
    "rust/rustup",
}
# These change when something is done, or what is said, and no byte of a file.
NEUTRAL = {
    "base/terminal",
    "base/regular",
    "base/children",
    "rust/readable",
    "base/interrupts",
    "base/scratch",
    "base/errors",
    "base/home",
    "base/called",
    "base/cache",
    "setup/cures",
    "storage/store",
    "storage/shared_cache",
    "storage/places",
    "storage/packed",
    "storage/action_result",
    "rust/cached",
    "base/filelock",
    "elf/sizes",
    "base/loaded",
    "storage/outputs",
    "base/digests",
    "rust/explain",
    "rust/explanations",
    "cargo/entry_point",
    "cargo/migrations",
}
IGNORED = DECIDERS | NEUTRAL
# What knows SCons makes no byte of a file, but for what it hands on to.
THROUGH = {"graph/scripts"}


def imported_modules(path: Path) -> set[str]:
    """Returns the modules of bootwright that the file imports, at its head or within a function; types make no byte."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name for node in nodes for name in modules_of(node)}


def modules_of(node: ast.ImportFrom) -> set[str]:
    """Returns the modules of bootwright that one statement imports, or from which it imports names."""
    found: set[str] = set()
    if node.module and node.module.split(".")[0] == "bootwright":
        base = node.module.removeprefix("bootwright").lstrip(".").replace(".", "/")
        for name in node.names:
            inner = f"{base}/{name.name}".lstrip("/")
            found.add(inner if (PACKAGE / f"{inner}.py").exists() else base)
    for through in found & THROUGH:
        found = found | imported_modules(PACKAGE / f"{through}.py")
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


def used_by(path: Path, functions: set[str]) -> set[str]:
    """Returns the modules of bootwright that functions of the file use, and those of the file that they call."""
    tree = ast.parse(path.read_text())
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    heads = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    left, done, used = set(functions), set[str](), set[str]()
    while left:
        name = left.pop()
        done.add(name)
        words = {node.id for node in ast.walk(bodies[name]) if isinstance(node, ast.Name)}
        left |= (words & bodies.keys()) - done
        heads_used = [head for head in heads if any((alias.asname or alias.name) in words for alias in head.names)]
        for node in (*heads_used, *(n for n in ast.walk(bodies[name]) if isinstance(n, ast.ImportFrom))):
            kept = [a for a in node.names if node not in heads or (a.asname or a.name) in words]
            used |= modules_of(ast.ImportFrom(node.module, kept, node.level))
    return used


def listed_modules(path: Path, tuples: set[str]) -> set[str]:
    """Returns what the Tool lists in these tuples or dictionaries, or in modules(env, ...)."""
    listed: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "modules"
        named = isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in tuples for t in node.targets)
        if named or (is_call and not tuples):
            is_dict = isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
            values: list[ast.AST] = list(node.value.values) if is_dict else [node]  # type: ignore[attr-defined]  # looked
            constants = [c for value in values for c in ast.walk(value) if isinstance(c, ast.Constant)]
            listed |= {c.value for c in constants if isinstance(c.value, str)}
    return listed


@pytest.mark.parametrize(
    ("tool", "functions", "tuples"),
    [
        ("crates", {"compile_unit", "run_script"}, {"MODULES"}),
        ("bycargo", {"build_by_cargo"}, {"MODULES"}),
        ("sysroot", {"build_core"}, {"MODULES"}),
        ("loader", {"build_loader"}, {"MODULES"}),
        ("image", {"make_kernel_file"}, {"KERNEL_MODULES"}),
        ("image", {"make_image"}, {"DISK_MODULES"}),
        ("image", {"sign_program", "embed_kernel"}, {"SIGNING_MODULES"}),
        ("forms", {"make_form", "copy_served"}, {"MODULES"}),
        ("ide", {"make_project"}, {"MODULES"}),
        ("matrix", {"compile_kernel"}, {"MODULES"}),
        ("tests", {"list_programs"}, {"MODULES"}),
        ("hosts", {"check_program"}, {"MODULES", "CHECKS"}),
    ],
    ids=[
        "crates",
        "bycargo",
        "sysroot",
        "loader",
        "kernel file",
        "disk image",
        "signed program",
        "other forms",
        "editors",
        "the kernel beside the example",
        "tests",
        "hosts",
    ],
)
def test_a_tool_lists_every_module_that_makes_its_files(tool: str, functions: set[str], tuples: set[str]) -> None:
    path = SITE / "site_tools" / f"{tool}.py"
    assert listed_modules(path, tuples) == closure(used_by(path, functions))


def test_every_builder_of_a_tool_is_compared() -> None:
    compared = {"compile_unit", "run_script", "build_by_cargo", "build_core", "build_loader", "make_kernel_file",
                "make_image", "make_form", "make_project", "sign_program", "embed_kernel", "copy_served",
                "compile_kernel", "list_programs", "check_program", "write_spec", "write_bill"}  # fmt: skip
    # The bytes of write_spec and of write_bill are its source.
    found = set()
    for path in (SITE / "site_tools").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "action":
                found.add(ast.unparse(node.args[0]))
    assert found == compared


def test_no_module_of_the_package_imports_scons() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "graph":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] == "SCons"], path
