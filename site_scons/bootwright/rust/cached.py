"""What was compiled of sources that a person may edit, taken from a cache that machines share.

What such a unit reads is known once it was compiled. So its key, all that is known before, leads to a list of what was
read under that key, with digests. Where this tree has the same, the products are taken; where not, the key and what
this tree has make the next key, until there is no list. So each state of the sources is found, and none for another.
"""

from __future__ import annotations

import json
import re
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootwright.base.records import record
from bootwright.base.scratch import scratch_directory
from bootwright.cargo.units import Unit
from bootwright.rust.roots import Roots
from bootwright.rust.shared import digest_of, places_in
from bootwright.rust.unit_reads import ABSENT, Reads, digest_or_absent
from bootwright.storage.shared_cache import Cache

LISTS, PRODUCTS = "own.reads", "own"
LIST = "reads"  # the one file of an entry of LISTS
FURTHEST = 64  # keys; each state of a tree that was ever put under one key makes the next a step longer
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@record(frozen=True)
class Looked:
    """What the cache knows of a unit: the key under which it is, or would be put; facts are None where it is not."""

    key: str
    facts: dict[str, Any] | None = None


@record(frozen=True)
class OwnUnit:
    """A unit, what its paths are named by, and the environment that it may read."""

    unit: Unit
    roots: Roots
    person: Mapping[str, str]

    def look(self, cache: Cache, key: str) -> Looked:
        """Follows the keys from the first one on."""
        for _ in range(FURTHEST):
            facts = _read_list(cache, key, self.unit.crate)
            if facts is None:
                return Looked(key)
            here = self._as_here(facts)
            if all(here[name] == facts[name] for name in here):
                return Looked(key, facts)
            key = digest_of([key, here])
        return Looked(key)

    def take(self, cache: Cache, looked: Looked, into: Path, show: Callable[[str], None]) -> Reads | None:
        """Puts the products into a directory and shows what the compiler said; None where they cannot be had."""
        facts = looked.facts
        if facts is None or not cache.fetch(PRODUCTS, looked.key, into, self.unit.crate):
            return None
        if self._as_here(facts)["files"] != facts["files"]:  # they changed since they were looked at
            for path in into.iterdir():
                path.unlink()
            return None
        for text in facts["said"]:
            show(text)
        files = {self.roots.full(name): digest for name, digest in facts["files"].items()}
        return Reads(files=files, variables=dict(facts["variables"]))

    def offer(
        self, cache: Cache, looked: Looked, directory: Path, names: Sequence[str], reads: Reads, said: Sequence[str]
    ) -> None:
        """Has the products and the list of what was read put into the cache."""
        facts = {
            "files": {self.roots.free(name): digest for name, digest in reads.files.items()},
            "variables": reads.variables,
            "places": places_in(self.unit, [directory / name for name in names], self.roots),
            "said": [ANSI.sub("", text) for text in said],
        }
        cache.offer(PRODUCTS, looked.key, directory, names)
        with tempfile.TemporaryDirectory(prefix="cached-", dir=directory) as scratch:
            Path(scratch, LIST).write_text(json.dumps(facts, sort_keys=True), encoding="utf-8")
            cache.offer(LISTS, looked.key, Path(scratch))

    def _as_here(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what this tree and this person have of what such a list names."""
        return {
            "files": {name: _digest(Path(self.roots.full(name))) for name in facts["files"]},
            "variables": {name: self.person.get(name) for name in facts["variables"]},
            "places": {name: self.roots.here(name) for name in facts["places"]},
        }


def why_missed(ours: Mapping[str, object], theirs: Mapping[str, object] | None) -> str:
    """Returns in which facts of its key a unit differs from the one that was put last, as words."""
    if theirs is None:
        return "nothing of it was ever put there"
    different = []
    for name in _different(ours, theirs):
        mine, other = ours.get(name), theirs.get(name)
        inner = _different(mine, other) if isinstance(mine, dict) and isinstance(other, dict) else []
        different.append(f"{name} ({', '.join(inner)})" if inner else name)
    return f"not the same as what was put there last: {', '.join(different)}" if different else "what it reads differs"


def _different(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _read_list(cache: Cache, key: str, crate: str) -> dict[str, Any] | None:
    with scratch_directory("cached") as scratch:
        place = scratch / "entry"
        place.mkdir()
        if not cache.fetch(LISTS, key, place, crate):
            return None
        try:
            facts = json.loads((place / LIST).read_text(encoding="utf-8"))
            return facts if _is_list(facts) else None
        except (OSError, ValueError):
            return None


def _is_list(facts: Any) -> bool:
    """Says whether facts, which anybody may have put there, are of the shape that offer() gives them."""
    tables = {"files": str, "variables": str | None, "places": str}
    return (
        isinstance(facts, dict)
        and facts.keys() == {*tables, "said"}
        and all(isinstance(facts[name], dict) for name in tables)
        and all(isinstance(value, kind) for name, kind in tables.items() for value in facts[name].values())
        and isinstance(facts["said"], list)
        and all(isinstance(text, str) for text in facts["said"])
    )


def _digest(path: Path) -> str:
    try:
        return digest_or_absent(path) if stat.S_ISREG(path.stat().st_mode) else ABSENT
    except (OSError, ValueError):
        return ABSENT
