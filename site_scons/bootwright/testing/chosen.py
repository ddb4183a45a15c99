"""Which tests TESTS= and SHARD= choose, by their printed names; which programs may hold some that only the guest names;
and what a pattern that chooses none may have meant."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError

NEAR_ENOUGH = 0.7
MOST_TIMES = 1_000_000
TEST = re.compile(r"^(?:async )?def test_(\w+)\(", re.MULTILINE)
WHOLE = ("lib", "main", "src")  # programs whose tests bear the names of modules, not the program's
WILD = re.compile(r"[*?\[]")


def is_chosen(name: str, patterns: str) -> bool:
    """Tells whether one of the patterns (separated by spaces) is the name, matches it, or is a room or module of it."""
    return any(
        name == pattern or fnmatch.fnmatchcase(name, pattern) or name.startswith((f"{pattern}/", f"{pattern}::"))
        for pattern in patterns.split()
    )


def may_be_chosen(start: str, patterns: str) -> bool:
    """Tells whether one of the patterns may choose a name that begins with start, as those of one file do."""
    plain = [WILD.split(pattern, maxsplit=1)[0] for pattern in patterns.split()]
    return any(start.startswith(word) or word.startswith(start) for word in plain)


def may_hold(program: str, patterns: str) -> bool:
    """Tells whether the program printed as kernel/NAME/SUITE may tell of a test that one of the patterns chooses.

    A test in tests/SUITE.rs bears the suite before its `::`, one of the package's own modules anything, one in its root
    no `::` at all.
    """
    package, _, suite = program.rpartition("/")
    for pattern in patterns.split():
        before, colons, _ = pattern.partition("::")
        place = before.rpartition("/")[0]
        if colons and fnmatch.fnmatchcase(program, before):
            return True
        anywhere = colons and (not place or "*" in place)
        if suite in WHOLE and (anywhere or (place and fnmatch.fnmatchcase(package, place))):
            return True
    return False


def without_names(patterns: str, names: Collection[str]) -> str:
    """Returns patterns without those that are one of names, of programs, and so mean no test of another one."""
    return " ".join(pattern for pattern in patterns.split() if pattern not in names)


def may_choose(program: str, patterns: str, programs: Collection[str]) -> bool:
    """Tells whether the program printed as kernel/NAME/SUITE has to be made where patterns choose the tests.

    programs are all there are.
    """
    package, _, suite = program.rpartition("/")
    start = f"{package}/" if suite in WHOLE else program
    left = without_names(patterns, programs)
    return is_chosen(program, patterns) or may_be_chosen(start, left) or may_hold(program, left)


def chooses_nothing(patterns: str, programs: Sequence[str], tests: Path | None) -> str:
    """Returns the sentence about patterns that can choose no test whatever the guests tell, "" where they may.

    programs are the kernels' as they are printed, kernel/NAME/SUITE; tests is where bootwright's own lie.
    """
    names = [name for path in sorted(tests.rglob("test_*.py")) for name in names_in(path, tests)] if tests else []
    packages = sorted({f"{program.rpartition('/')[0]}/" for program in programs})
    if any(may_be_chosen(name, patterns) for name in [*names, *packages]):
        return ""
    return f"no test's name matches TESTS={patterns}; {near_names(patterns, [*names, *programs])}"


def module_name(path: Path, tests: Path) -> str:
    """Returns what the printed names of a file's tests begin with, up to the ::."""
    room = path.relative_to(tests).parent.as_posix() if path.is_relative_to(tests) else path.parent.name
    return f"{room}/{path.stem.removeprefix('test_')}"


def names_in(path: Path, tests: Path) -> list[str]:
    """Returns the names of a file's tests as far as they are seen without importing it: without parameters."""
    return [f"{module_name(path, tests)}::{name}" for name in TEST.findall(path.read_text("utf-8"))]


def near_names(patterns: str, names: Sequence[str]) -> str:
    """Returns the words about what patterns, which choose none of names, may have meant."""
    words = {word for name in names for word in (name, name.partition("::")[0], name.partition("/")[0])}
    scores: dict[str, float] = {}
    for pattern in patterns.split():
        plain = pattern.replace("*", "").strip("/:")
        for word in words:
            # A pattern may say only how a name begins or ends.
            parts = {word, word[: len(plain) + 1], word[-len(plain) - 1 :]}
            score = max(difflib.SequenceMatcher(None, plain, part).ratio() for part in parts)
            scores[word] = max(score, scores.get(word, 0.0))
    near = [word for word, score in scores.items() if score >= NEAR_ENOUGH]
    near.sort(key=lambda word: (-scores[word], len(word), word))
    if near:
        return f"near it are {', '.join(near[:3])}"
    return f"there is {min(names)}, for example" if names else "there are none"


def read_shard(text: str) -> tuple[int, int]:
    """Returns k and n of SHARD=k/n; raises where it is not that, or k is none of 1 to n."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise BootwrightError(f"SHARD={text} is no part k/n with k of 1 to n")
    return number, count


def is_number_of_times(text: str) -> bool:
    """Says whether text is a number from 1 to MOST_TIMES."""
    return re.fullmatch(r"\d{1,7}", text, re.ASCII) is not None and 1 <= int(text) <= MOST_TIMES
