"""The run of a build script, or what one said and made that the store or the shared cache has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.graph.session import session
from bootwright.rust.script import Ran, run_script
from bootwright.rust.shared_runs import KIND, run_key, take_run
from bootwright.storage.store import Store


def run_or_take(source: list[Entry], env: Environment, person: Mapping[str, str]) -> Ran:
    """Returns what the script of UNIT said, and has what it made in its OUT_DIR; person is the environment."""
    unit, room = env["UNIT"], env["UNITROOM"]

    def run() -> Ran:
        ways = env["UNITWAYS"]
        return run_script(unit, room, person, session().show, bool(ways.nightly), ways.core_for(unit))

    key = _key(source, env, person)
    return take_run(unit, room, key, person, Store(cache=env["SHAREDCACHE"]), run) if key else run()


def word_for(source: list[Entry], env: Environment, person: Mapping[str, str]) -> str:
    """Returns the word for what is done: the script runs, or the store or the shared cache has what came of it."""
    cache = env["SHAREDCACHE"]
    try:
        key = _key(source, env, person)
    except OSError:  # with -n nothing may be there yet of what it is made of
        return "script"
    if key and Store().has(KIND, key):
        return "store "
    return "cache " if key and cache and cache.has(KIND, key) else "script"


def _key(source: list[Entry], env: Environment, person: Mapping[str, str]) -> str:
    """Returns under which key the store has the run; "" where it always runs."""
    unit = env["UNIT"]
    if not unit.checksum:
        return ""
    made_of = {Path(str(node.abspath)): node.get_csig() for node in source}
    return run_key(unit, env["UNITROOM"], made_of, env["BOOTWRIGHT"].identity, person, env["UNITCRATES"])
