"""The shared cache of one run, as the command line names it, and the units of the person's own that it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetLaunchDir

from bootwright.base.home import PACKAGE
from bootwright.graph.contents import inputs_of
from bootwright.graph.sentences import tell
from bootwright.graph.session import session
from bootwright.rust.cached import Looked, OwnUnit, why_missed
from bootwright.rust.shared import digest_of, digest_of_said, variables_of
from bootwright.rust.unit_reads import Reads
from bootwright.storage.places import open_place
from bootwright.storage.shared_cache import Cache

Make = Callable[[Callable[[str], None]], tuple[Reads, list[str]]]

_looked: dict[Entry, Looked] = {}


def open_cache(words: Mapping[str, str], explains: bool) -> Cache:
    """Returns the cache that CACHE= names; what came of it is said when all is built."""
    launch = GetLaunchDir()
    authority, credentials = (_file(words, name, launch) for name in ("CACHE_CA", "CACHE_CREDENTIALS"))
    writes = words["CACHE_WRITE"] == "1"
    cache = Cache(open_place(words["CACHE"], Path(launch), authority, credentials, writes), writes, tell, explains)

    def finish() -> None:
        line = cache.finish()
        if line:
            tell(line)

    session().at_end.append(finish)
    return cache


def _file(words: Mapping[str, str], name: str, launch: str) -> Path | None:
    return Path(launch, words[name]) if words[name] else None


def look(target: list[Entry], env: Environment, person: Mapping[str, str]) -> Looked:
    """Returns what the cache has of a unit of the person's own; it is asked once, before the unit is made."""
    if target[0] not in _looked:
        unit, cache = env["UNIT"], env["SHAREDCACHE"]
        facts = _facts(target, env)
        found = _looked[target[0]] = OwnUnit(unit, env["UNITROOM"].roots, person).look(cache, digest_of(facts))
        if found.facts is None:
            name = digest_of([unit.package, unit.crate, unit.kind, unit.is_test, env["CORENAME"]])
            if cache.explains:
                tell(f"not in the cache: {env['UNITSHOWN']}: {why_missed(facts, cache.noted(name))}")
            cache.note(name, facts)
    return _looked[target[0]]


def take_or_make(target: list[Entry], scratch: Path, env: Environment, person: Mapping[str, str], make: Make) -> Reads:
    """Has the unit's products put into scratch, from the cache, or by make, which returns what it read and their names.

    make gets a function that hears what the compiler says: who takes them from the cache is told it as well.
    """
    cache, looked = env["SHAREDCACHE"], look(target, env, person)
    own = OwnUnit(env["UNIT"], env["UNITROOM"].roots, person)
    taken = own.take(cache, looked, scratch, session().show)
    cache.counted(taken is not None)
    if taken is not None:
        return taken
    said: list[str] = []
    reads, names = make(said.append)
    own.offer(cache, looked, scratch, names, reads, said)
    return reads


def _facts(target: list[Entry], env: Environment) -> dict[str, object]:
    """Returns all that a unit of the person's own is known to depend on before it is made, without paths."""
    unit, room, more, ways = (env[name] for name in ("UNIT", "UNITROOM", "UNITMORE", "UNITWAYS"))
    roots = room.roots
    ours: dict[str, str] = {}
    made_of: dict[str, str] = {}
    for node in inputs_of(target[0]):
        path = str(getattr(node, "abspath", ""))
        if path:  # else it is a value, which stands in these facts
            said = path.endswith(".stdout")
            digest = digest_of_said(Path(path), roots) if said else node.get_csig()
            (ours if path.startswith(str(PACKAGE)) else made_of)[path] = digest
    facts = {
        "bootwright": ours,
        "compiler": env["BOOTWRIGHT"].identity,
        "arguments": [unit.argv, more.first, more.last, more.script, more.own_script, [n for _, n in room.remaps]],
        "environment": {**variables_of(unit), **more.environment},
        "package": [unit.package, unit.version, unit.kind, unit.is_test, unit.cwd, unit.source],
        "dependencies": made_of,
        "[env]": dict(room.variables) if env["UNITMACROS"] else {},
        "files of RUSTFLAGS": [] if unit.for_builder else [digest for _, digest in ways.flag_files],
        "nightly": bool(ways.nightly),
        "directories": list(env["RUSTDIRECTORIES"]),
    }
    return dict(json.loads(roots.free(json.dumps(facts))))
