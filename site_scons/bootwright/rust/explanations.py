"""The errors of a freestanding program's first steps as data: how compilers and linkers word each, and what cures it.

rustc's output is shown as it is; under it stands one line of this catalogue. The first entry that fits is the one: they
are in the order in which a reader meets and mends them. site_scons/README.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootwright.rust import compiler_errors, linker_errors
from bootwright.rust.explain import Situation
from bootwright.rust.rustc import Diagnostic

CATALOGUE = (*compiler_errors.ENTRIES, *linker_errors.ENTRIES)


def find(said: Iterable[Diagnostic], situation: Situation) -> tuple[str, str]:
    """Returns the name and the line of the first entry that fits, two empty words where the catalogue has none."""
    said = list(said)
    found = ((entry.name, entry.explain(said, situation)) for entry in CATALOGUE)
    return next((pair for pair in found if pair[1]), ("", ""))
