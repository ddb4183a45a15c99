"""The test functions in a package's sources: their names, and those that no program of tests was made of."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1 << 24  # bytes of a source that is looked at
# The last of a line's attributes, or what one of them sets under a condition.
ATTRIBUTE = re.compile(
    r"^[ \t]*(?:#\[[^\]\n]*\][ \t]*)*#\[\s*(?:cfg_attr\([^\n]*,\s*)?(test|test_case)\s*(?:,?\s*\))?\s*\]", re.MULTILINE
)
PACKAGE = re.compile(r"^\s*\[\s*package\s*\]", re.MULTILINE)  # a workspace alone has no such table
FUNCTION = re.compile(
    r"^[ \t]*(?:#\[[^\]\n]*\][ \t]*)*#\[test_case\]\s*(?:#\[[^\n]*\]\s*|//[^\n]*\n\s*)*(?:pub(?:\([^)\n]*\))?\s+)?"
    r'(?:(?:const|async|unsafe|extern(?:\s+"[^"\n]*")?)\s+)*fn\s+(\w+)',
    re.MULTILINE,
)
NAMED = 3  # files that a line names; more are counted
NO_STD = (
    "the harness that runs them needs std; with #![feature(custom_test_frameworks)] or harness = false a kernel brings "
    "its own"
)
WITHOUT_HARNESS = "harness = false has the program run what it chooses itself"


@dataclass(frozen=True)
class Target:
    """A target of Cargo.toml: Cargo's word for its kind, its name, its root file, and why its tests are not run.

    why is "" where they are. whole: it is a program that is told of, whatever functions it has.
    """

    kind: str
    name: str
    source: str
    why: str = ""
    whole: bool = False


def find_test_functions(files: Iterable[str], root: Path) -> list[str]:
    """Returns `name (file)` for each #[test_case] function in the Rust sources among files, seen from root."""
    found = []
    for name in files:
        path = Path(name)
        if path.suffix == ".rs" and path.is_relative_to(root):
            shown = path.relative_to(root).as_posix()
            found += [f"{function} ({shown})" for function in FUNCTION.findall(_text(path))]
    return found


def not_run(root: Path, tested: Collection[str], targets: Sequence[Target]) -> list[str]:
    """Returns a line for test functions of the package in root that stand in none of the files tested, by their why."""
    lines: dict[tuple[str, str], list[str]] = {}
    for path in sources_of(root):
        if str(path) in tested:
            continue
        for attribute in dict.fromkeys(ATTRIBUTE.findall(_text(path))):
            key = (attribute, _why(path, targets))
            lines.setdefault(key, []).append(path.relative_to(root).as_posix())
    told = {name for names in lines.values() for name in names}
    wholes = [
        (os.path.relpath(target.source, root).replace(os.sep, "/"), target.why) for target in targets if target.whole
    ]
    return [
        *(
            f"{_listed(names)}: #[{attribute}] functions are not run: {why}"
            for (attribute, why), names in lines.items()
        ),
        *(f"{name} is not run: {why}" for name, why in wholes if name not in told),
    ]


def never_told(ran: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[str]:
    """Returns the functions, `name (file)`, that stand in the sources of programs and that none of them told of.

    ran are what find_test_functions found for each program that passed, and the names that it told, without those that
    only count themselves.
    """
    lacking: dict[str, bool] = {}  # by what is shown: whether each program that has it in its sources lacks it
    for written, told in ran:
        heard = Counter(re.split("::|/", name)[-1] for name in told)
        by_name: dict[str, list[str]] = {}
        for one in written:
            by_name.setdefault(one.partition(" ")[0], []).append(one)
        for name, all_of_it in by_name.items():
            left = len(all_of_it) - heard[name]
            some = heard[name] and left > 0
            for one in [f"{left} of {', '.join(all_of_it)}"] if some else dict.fromkeys(all_of_it):
                lacking[one] = left > 0 and lacking.get(one, True)
    return [one for one, is_lacking in lacking.items() if is_lacking]


def others_not_run(packages: Iterable[str], root: Path, shown_from: Path) -> list[str]:
    """Returns a line for each kind of test function in packages, directories, but for the package in root."""
    found: dict[str, list[str]] = {}
    for package in sorted({os.path.realpath(name) for name in packages} - {os.path.realpath(root)}):
        if not PACKAGE.search(_text(Path(package, "Cargo.toml"))):
            continue
        attributes = [name for path in sources_of(Path(package)) for name in ATTRIBUTE.findall(_text(path))]
        shown = os.path.relpath(package, shown_from).replace(os.sep, "/")
        for attribute in dict.fromkeys(attributes):
            found.setdefault(attribute, []).append(shown if shown != "." else package)
    ways = {
        "test": "they are of other packages; where they need std `cargo test` there runs them, on this machine",
        "test_case": "they are of other packages; KERNEL= names one",
    }
    return [f"{_listed(names)}: #[{key}] functions are not run: {ways[key]}" for key, names in found.items()]


def _why(path: Path, targets: Sequence[Target]) -> str:
    """Returns why the tests in a file are not run: by the target whose root it is, else by one it may belong to."""
    untested = [target for target in targets if target.why]
    for target in untested:
        if target.source == str(path):
            return target.why
    for target in untested:
        if path.is_relative_to(Path(target.source).parent) and target.kind in ("lib", "bin"):
            return target.why
    return "no program of tests has the file among its modules"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def why_untested(target: Mapping[str, str]) -> str:
    """Returns why cargo makes no program of tests of a target that says so itself, or is of a kind that says so."""
    if target["kind"] in ("example", "bench"):
        return f"cargo takes no tests from {target['kind']}s, unless one says test = true"
    table = "[lib]" if target["kind"] == "lib" else f"[[{target['kind']}]] {target['name']}"
    return f"{table} has test = false in Cargo.toml"


def why_gated(kind: str, name: str, features: Sequence[str]) -> str:
    """Returns why cargo makes no program of tests of a target whose required-features are not all there."""
    words = ",".join(features)
    return f"[[{kind}]] {name} has required-features in Cargo.toml; FEATURES={words} gives them"


def sources_of(root: Path) -> Iterator[Path]:
    """Yields the package's Rust sources: without hidden and build directories, and without packages in it."""
    for place, directories, names in os.walk(root):
        if place != str(root) and "Cargo.toml" in names:
            directories.clear()
            continue
        directories[:] = sorted(
            name for name in directories if name[0] != "." and not Path(place, name, "CACHEDIR.TAG").exists()
        )
        yield from (Path(place, name) for name in sorted(names) if name.endswith(".rs") and name[0] != ".")


def _text(path: Path) -> str:
    try:
        fits = path.is_file() and path.stat().st_size <= LARGEST
        return path.read_text(encoding="utf-8", errors="replace") if fits else ""
    except OSError:
        return ""
