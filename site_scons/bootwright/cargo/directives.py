"""What a build script says on its stdout, and where it goes: into the words and variables of the units that get it.

https://doc.rust-lang.org/cargo/reference/build-scripts.html#outputs-of-the-build-script
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bootwright.base.errors import BootwrightError
from bootwright.cargo.units import Unit, mark_for

# Directive -> whether cargo gives the argument to a unit of that kind; the unit's package is the script's own.
LINK_ARGS = {
    "rustc-link-arg": ("lib", "proc-macro", "bin", "test", "example", "bench", "custom-build"),
    "rustc-link-arg-bins": ("bin",),
    "rustc-link-arg-tests": ("test",),
    "rustc-link-arg-examples": ("example",),
    "rustc-link-arg-benches": ("bench",),
}
IGNORED = ("rustc-link-arg-cdylib", "rustc-cdylib-link-arg")  # of a crate type that no plan has


@dataclass
class Directives:
    """What one script said, in its order. link_args are directive and argument; metadata goes to who depends on it."""

    cfgs: list[str] = field(default_factory=list)
    check_cfgs: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    link_args: list[tuple[str, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def declares(self) -> bool:
        """Says whether the script told what it depends on; else it is any file of its package."""
        return bool(self.files or self.variables)


def read_directives(said: str) -> Directives:
    """Reads what a build script wrote to its stdout; lines that are no directives are its own."""
    found = Directives()
    for line in said.splitlines():
        if line.startswith("cargo::"):
            key, _, value = line.removeprefix("cargo::").partition("=")
            if key == "metadata":
                key, _, value = value.partition("=")
                found.metadata[key] = value
            elif not _take(found, key, value):
                raise BootwrightError(
                    f"a build script says `{line}`: there is no such key as {key}",
                    "https://doc.rust-lang.org/cargo/reference/build-scripts.html has those that cargo takes",
                )
        elif line.startswith("cargo:"):
            key, _, value = line.removeprefix("cargo:").partition("=")
            if not _take(found, key, value):
                found.metadata[key] = value
    return found


def _take(found: Directives, key: str, value: str) -> bool:
    """Adds one directive; returns whether key is one."""
    simple = {
        "rustc-cfg": found.cfgs, "rustc-check-cfg": found.check_cfgs, "rustc-link-search": found.searches,
        "rustc-link-lib": found.libraries, "rerun-if-changed": found.files, "rerun-if-env-changed": found.variables,
        "warning": found.warnings, "error": found.errors,
    }  # fmt: skip
    if key in simple:
        simple[key].append(value)
    elif key in LINK_ARGS or key == "rustc-link-arg-bin":
        found.link_args.append((key, value))
    elif key == "rustc-env":
        name, _, text = value.partition("=")
        found.environment[name] = text
    elif key == "rustc-flags":
        _take_flags(found, shlex.split(value))
    else:
        return key in IGNORED
    return True


def _take_flags(found: Directives, words: Sequence[str]) -> None:
    """Takes the words of rustc-flags, which are -L and -l alone, each with its value joined or apart."""
    rest = iter(words)
    for word in rest:
        kind, value = word[:2], word[2:] or next(rest, "")
        if kind not in ("-L", "-l"):
            raise BootwrightError(f"a build script's rustc-flags holds {word}; only -l and -L are allowed")
        (found.searches if kind == "-L" else found.libraries).append(value)


def expand_words(unit: Unit, said: Mapping[str, Directives]) -> list[str]:
    """Returns the unit's arguments with each script's directives, by its name in said, in the place of its mark."""
    marks = {mark_for(name): said[name] for name in unit.scripts}
    if not marks:
        return list(unit.argv)
    words: list[str] = []
    pending = ""
    for word in unit.argv:
        mark = next((mark for mark in marks if mark in word), "")
        if word in ("--cfg", "--check-cfg", "-L", "-l", "-C") and not pending:
            pending = word
            continue
        if mark:
            words += _of_kind(unit, pending, word, marks[mark])
        else:
            words += [pending, word] if pending else [word]
        pending = ""
    return [*words, pending] if pending else words


def _of_kind(unit: Unit, option: str, word: str, said: Directives) -> list[str]:
    if option == "-C":
        values = [f"link-arg={_argument(key, text)}" for key, text in said.link_args if _applies(key, text, unit)]
    else:
        values = {"--cfg": said.cfgs, "--check-cfg": said.check_cfgs, "-L": said.searches, "-l": said.libraries}[option]
    return [text for value in values for text in (option, value)]


def _argument(key: str, text: str) -> str:
    return text.partition("=")[2] if _is_for_one(key) else text


def _is_for_one(key: str) -> bool:
    return key == "rustc-link-arg-bin"


def _applies(key: str, argument: str, unit: Unit) -> bool:
    if _is_for_one(key):
        return unit.kind == "bin" and argument.startswith(f"{unit.target}=")
    return unit.kind in LINK_ARGS[key]


def expand_environment(unit: Unit, said: Mapping[str, Directives]) -> dict[str, str]:
    """Returns the unit's variables with what its scripts set, and with DEP_NAME_KEY for their metadata."""
    marks = {mark_for(name): said[name] for name in unit.scripts}
    found: dict[str, str] = {}
    for name, value in unit.environment.items():
        mark = next((mark for mark in marks if name.endswith(mark)), "")
        if not mark:
            found[name] = value
        elif name == mark:
            found |= marks[mark].environment
        else:
            prefix = name.removesuffix(mark)
            found |= {prefix + _envify(key): text for key, text in marks[mark].metadata.items()}
    return found


def _envify(key: str) -> str:
    return key.upper().replace("-", "_")


def search_directories(names: Iterable[str], said: Mapping[str, Directives]) -> list[str]:
    """Returns the directories that scripts add to where libraries are searched, without their kinds."""
    found = []
    for name in names:
        for word in said[name].searches:
            kind, _, path = word.partition("=")
            found.append(path if kind in ("dependency", "crate", "native", "framework", "all") else word)
    return [os.path.normpath(path) for path in dict.fromkeys(found)]
