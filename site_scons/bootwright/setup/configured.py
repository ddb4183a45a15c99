"""The target that cargo's configuration names, as sconsw reads it at each start: without a parser of TOML.

cargo/config.py reads the configuration as Cargo does. Here the usual ways to write two keys are enough: what is not
understood is found missing, and named, by scons.
"""

from __future__ import annotations

import os

from bootwright.setup import stamp


def configured_target(directory: str) -> str:
    """Returns the target for the package in directory, of a specification the absolute path; empty where none is named.

    The variable wins over the files, the nearest of these over those above, and CARGO_HOME's comes last. Where nobody
    names one it is what the files imply, as rust/implied_target.py has it.
    """
    target = os.environ.get("CARGO_BUILD_TARGET", "")
    if target:
        return os.path.join(directory, target) if target.endswith(".json") else target
    above, place, below = [], directory, ""
    while place != below:
        above.append(place)
        place, below = os.path.dirname(place), place
    places = [os.path.join(place, ".cargo") for place in above]
    places.append(os.environ.get("CARGO_HOME") or os.path.join(os.path.expanduser("~"), ".cargo"))
    for place in places:
        for name in ("config", "config.toml"):
            target = _target_of(os.path.join(place, name), ())
            if target:
                return target
    return _implied(directory, above, places)


def _implied(directory: str, above: list[str], places: list[str]) -> str:
    """Returns the only bare target that has a table in a configuration, else that a toolchain file or a JSON names."""
    configurations = [stamp.read(os.path.join(place, name)) for place in places for name in ("config", "config.toml")]
    lines = [line.strip() for text in configurations for line in text.splitlines()]
    tables = {_triple(line) for line in lines if line.startswith("[target.")}
    if found := {name for name in tables if _is_bare(name)}:
        return found.pop() if len(found) == 1 else ""
    files = [os.path.join(place, name) for place in above for name in ("rust-toolchain", "rust-toolchain.toml")]
    wanted = next((stamp.read(path) for path in files if os.path.isfile(path)), "").partition("targets")[2]
    words = wanted.partition("]")[0].replace("'", '"').split('"')[1::2]
    if found := {word for word in words if _is_bare(word)}:
        return found.pop() if len(found) == 1 else ""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    paths = [os.path.join(directory, name) for name in names if name.endswith(".json")]
    found = {path for path in paths if '"llvm-target"' in stamp.read(path)}
    return found.pop() if len(found) == 1 else ""


def _triple(header: str) -> str:
    """Returns the name behind [target., which has a dot in it where it is quoted."""
    name = header.removeprefix("[target.")
    return name[1:].partition(name[0])[0] if name[:1] in ("'", '"') else name.partition("]")[0].partition(".")[0]


def _is_bare(name: str) -> bool:
    return "(" not in name and (name.endswith("-none") or "-none-" in name)


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
