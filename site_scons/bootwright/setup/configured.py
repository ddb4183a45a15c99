"""The target that cargo's configuration names, as sconsw reads it at each start: without a parser of TOML.

cargo/config.py reads the configuration as Cargo does. Here the usual ways to write two keys are enough: what is not
understood is found missing, and named, by scons.
"""

from __future__ import annotations

import os

from bootwright.setup import stamp


def configured_target(directory: str) -> str:
    """Returns the target for the package in directory, of a specification the absolute path; empty where none is named.

    The variable wins over the files, the nearest of these over those above, and CARGO_HOME's comes last.
    """
    target = os.environ.get("CARGO_BUILD_TARGET", "")
    if target:
        return os.path.join(directory, target) if target.endswith(".json") else target
    places, place, below = [], directory, ""
    while place != below:
        places.append(os.path.join(place, ".cargo"))
        place, below = os.path.dirname(place), place
    places.append(os.environ.get("CARGO_HOME") or os.path.join(os.path.expanduser("~"), ".cargo"))
    for place in places:
        for name in ("config", "config.toml"):
            target = _target_of(os.path.join(place, name), ())
            if target:
                return target
    return ""


def _target_of(path: str, before: tuple[str, ...]) -> str:
    """Returns the target that the configuration at path gives, or what it includes; empty where none does.

    The path of a specification is seen from the directory that holds the configuration's. before are those that include
    it.
    """
    directory = os.path.dirname(path)
    target, included = _read(stamp.read(path))
    if target.endswith(".json"):
        return os.path.join(os.path.dirname(directory), target)
    for name in reversed(included):
        other = os.path.join(directory, name)
        if not target and other not in before:
            target = _target_of(other, (*before, path))
    return target


def _read(text: str) -> tuple[str, list[str]]:
    """Returns the one target that `target = "..."` below [build], or `build.target`, gives, and what is included."""
    table, target = "", ""
    included: list[str] = []
    for line in text.splitlines():
        key, _, value = line.strip().partition("=")
        name = table + key.strip()
        if key.startswith("["):
            table = key.partition("]")[0].strip("[ ") + "."
        elif name in ("build.target", "include"):
            quote = '"' if '"' in value else "'"
            words = value.split(quote)[1::2]
            if name == "include":
                included = words
            elif len(words) == 1:
                target = words[0]
    return target, included
