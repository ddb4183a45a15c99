"""Which tests TESTS= chooses, by their printed names; and which programs may hold some that only the guest names."""

from __future__ import annotations

import fnmatch

WHOLE = ("lib", "main", "src")  # programs whose tests bear the names of modules, not the program's


def is_chosen(name: str, patterns: str) -> bool:
    """Tells whether one of the patterns (separated by spaces) is the name, matches it, or is a room or module of it."""
    return any(
        name == pattern or fnmatch.fnmatchcase(name, pattern) or name.startswith((f"{pattern}/", f"{pattern}::"))
        for pattern in patterns.split()
    )


def may_hold(program: str, patterns: str) -> bool:
    """Tells whether the program printed as kernel/NAME/SUITE may tell of a test that one of the patterns chooses.

    A test in tests/SUITE.rs bears the suite before its `::`, one of the package's own modules anything.
    """
    package, _, suite = program.rpartition("/")
    for pattern in patterns.split():
        before, colons, _ = pattern.partition("::")
        place = before.rpartition("/")[0]
        if not colons:
            continue
        if fnmatch.fnmatchcase(program, before):
            return True
        if suite in WHOLE and (not place or "*" in place or fnmatch.fnmatchcase(package, place)):
            return True
    return False
