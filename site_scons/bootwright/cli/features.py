"""Which features of the crate bootloader 0.9 a package asks for: its manifest says, and else cargo.

A manifest tells them where the package itself is the only one that can: then reading one file takes the place of a
process that takes longer than a machine to start.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bootwright.base.cache import cache_directory
from bootwright.base.errors import BootwrightError
from bootwright.base.loaded import stamp
from bootwright.base.procs import attempt
from bootwright.base.remembered import Memory

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

CRATE = "bootloader"
OF_09 = re.compile(r"[=^~ ]*0\.9(\.|$)")
READ = ("package", "dependencies", "target", "features")
MEMORY = "manifests.json"  # in the store's directory
FORMAT = "manifests 1"
REMEMBERED = 64
ELSEWHERE = ("path", "git", "workspace")  # keys of a dependency whose own manifest may ask for features as well


def bootloader_features(manifest: Path, tables: Mapping[str, Any], environ: Mapping[str, str]) -> set[str]:
    """Returns the features of bootloader 0.9 that the package in manifest is built with; tables is what that holds."""
    if CRATE not in manifest.read_text(encoding="utf-8"):
        wanted = [{"path": "x"} for table in _dependencies(tables) for entry in table.values() if _is_elsewhere(entry)]
    else:
        wanted = [entry for table in _dependencies(tables) for name, entry in table.items() if _is_it(name, entry)]
    others = any(_is_elsewhere(entry) for table in _dependencies(tables) for entry in table.values())
    in_features = CRATE in json.dumps(tables.get("features", {}))
    if others or in_features or any(not isinstance(entry, str) and entry.get("optional") for entry in wanted):
        return _ask_cargo(manifest, environ)
    found: set[str] = set()
    for entry in wanted:
        version = entry if isinstance(entry, str) else str(entry.get("version", ""))
        if OF_09.match(version) and not isinstance(entry, str):
            found |= set(map(str, entry.get("features", [])))
    return found


def _dependencies(tables: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield tables.get("dependencies", {})
    for target in tables.get("target", {}).values():
        yield target.get("dependencies", {})


def _is_it(name: str, entry: Any) -> bool:
    return (entry.get("package", name) if isinstance(entry, Mapping) else name) == CRATE


def _is_elsewhere(entry: Any) -> bool:
    return isinstance(entry, Mapping) and any(key in entry for key in ELSEWHERE)


def _ask_cargo(manifest: Path, environ: Mapping[str, str]) -> set[str]:
    """Returns the features that cargo resolved; CARGO names the one that starts us."""
    cargo = environ.get("CARGO") or "cargo"
    words = [cargo, "metadata", "--format-version=1", "--offline", f"--manifest-path={manifest}"]
    ended = attempt(words, cwd=manifest.parent, env=dict(os.environ, **environ))
    if ended.status:
        raise ended.error("to learn the features of the crate bootloader")
    metadata = json.loads(ended.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    for node in metadata["resolve"]["nodes"]:
        package = packages[node["id"]]
        if package["name"] == CRATE and package["version"].startswith("0.9."):
            return set(node["features"])
    return set()


def read_manifest(manifest: Path) -> dict[str, Any]:
    """Returns what a Cargo.toml holds under the keys in READ; raises where it cannot be read.

    It is remembered while the file is the same: to have Python read TOML takes longer than all else here.
    """
    known = Memory(Path(cache_directory(), MEMORY), FORMAT, REMEMBERED)
    now = stamp(manifest)
    if known.holds(str(manifest), now):
        answer = known.answer(str(manifest))
        if isinstance(answer, dict):
            return answer
    import tomllib

    try:
        tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except OSError as error:
        raise BootwrightError(f"{manifest} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BootwrightError(f"{manifest}: {error}") from error
    found = {key: tables[key] for key in READ if key in tables}
    with contextlib.suppress(TypeError):  # a date, which JSON does not know
        known.keep(str(manifest), now, found)
        known.write()
    return found
