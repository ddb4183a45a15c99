"""Cargo's configuration as cargo reads it: .cargo/config.toml from the kernel's directory up, CARGO_HOME's, includes.

cargo itself obeys it when it plans. What is asked here is what a build must know before or beside that: the target that
TARGET= falls back on, the names of [env], and which keys there are (config_keys.py says what becomes of each).
https://doc.rust-lang.org/cargo/reference/config.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import is_there, read_bytes
from bootwright.cargo.build_command import TARGET, command_of, value_of
from bootwright.cargo.command import cargo_home
from bootwright.cargo.host_tuple import resolve_target
from bootwright.cargo.toml import Table, read_toml, show
from bootwright.cargo.watched import included_files

TARGET_VARIABLE = "CARGO_BUILD_TARGET"
PER_PACKAGE, BUILD_COMMAND = b"per-package-target", b"build-command"
ARTIFACT = b"artifact"
HINT = "TARGET= names one for this build"


@record(frozen=True)
class Leaf:
    """One value that is no table: its key's parts, and the file that says so."""

    key: tuple[str, ...]
    value: Any
    path: Path


@record(frozen=True)
class Configuration:
    """The files that count in directory, the one that wins first, and the variables, which win over all files."""

    directory: Path
    files: tuple[tuple[Path, Mapping[str, Any]], ...]
    environ: Mapping[str, str]

    def leaves(self) -> Iterator[Leaf]:
        """Yields each value that is no table, of several for one key the one that wins."""
        seen: set[tuple[str, ...]] = set()
        for path, values in self.files:
            for key, value in _leaves(values):
                if key not in seen:
                    seen.add(key)
                    yield Leaf(key, value, path)

    def default_target(self) -> str | None:
        """Returns the target that cargo would build for, None where nobody says.

        The path of a specification is returned absolute: a file's is seen from the directory that holds .cargo.
        """
        found = self._default_target()
        return found and resolve_target(found, self.environ)

    def _default_target(self) -> str | None:
        forced, default = self.package_targets()
        if forced or (carried := self._target_of_carried()):
            return forced or carried
        word = self._build_commands() or self.environ.get(TARGET_VARIABLE, "")
        if word:
            return str(self.directory / word) if word.endswith(".json") else word
        named: list[str] = []
        for path, values in self.files:
            table = Table(path, "", dict(values)).table("build")
            value = table.values.get("target")
            words = value if isinstance(value, list) else [] if value is None else [value]
            if not all(isinstance(word, str) and word for word in words):
                raise table.error("target", f"is {show(value)}, not one triple or path", HINT)
            named += [str(path.parent.parent / word) if word.endswith(".json") else word for word in words]
            if len({*named}) > 1:
                several = " or ".join(f"TARGET={word}" for word in dict.fromkeys(named))
                raise table.error("target", "names several targets, and a build here is for one", f"say {several}")
            if isinstance(value, str):
                break  # cargo joins lists of several files, and takes one word of the nearest
        return named[0] if named else default

    def package_targets(self) -> tuple[str | None, str | None]:
        """Returns forced-target and default-target of the package's manifest: what per-package-target, unstable, has.

        The first wins over all that others say, the second only where nobody else says anything.
        """
        table = self._package(PER_PACKAGE)
        if table is None:
            return None, None
        words = [table.get(f"{name}-target", str) for name in ("forced", "default")]
        forced, default = (str(self.directory / word) if word and word.endswith(".json") else word for word in words)
        return forced, default

    def _build_commands(self) -> str:
        """Returns the target of bootimage's build-command, "" where there is none."""
        table = self._package(BUILD_COMMAND)
        return value_of(command_of(table.table("metadata").values), TARGET) if table else ""

    def _package(self, key: bytes) -> Table | None:
        """Returns [package] of the manifest where that holds key somewhere; what is wrong otherwise a plan says."""
        manifest = self.directory / "Cargo.toml"
        try:
            data = read_bytes(manifest)
        except FileNotFoundError:
            return None
        return Table(manifest, "", read_toml(manifest)).table("package") if key in data else None

    def _target_of_carried(self) -> str | None:
        """Returns the target of the kernel that a program for the builder carries along as an artifact.

        It is a dependency's, unstable; the rest of the configuration says nothing of it. None where there is no such
        dependency, or where they are for several targets.
        """
        manifest = self.directory / "Cargo.toml"
        try:
            data = read_bytes(manifest)
        except FileNotFoundError:
            return None
        if ARTIFACT not in data:
            return None
        from bootwright.cargo.freestanding import is_freestanding  # most packages have none, and pay nothing for it

        if is_freestanding(self.directory / "src/main.rs"):
            return None
        facts = read_toml(manifest)
        tables = [facts.get(name) for name in ("dependencies", "build-dependencies")]
        dependencies = [one for table in tables if isinstance(table, dict) for one in table.values()]
        found = {
            str(one["target"]) for one in dependencies if isinstance(one, dict) and {"artifact", "target"} <= set(one)
        }
        found.discard("target")
        return found.pop() if len(found) == 1 else None

    def target(self, word: str, launch: str) -> str | None:
        """Returns word, TARGET= seen from launch, else default_target(); raises where the package forces another."""
        forced, _ = self.package_targets()
        if word and forced and forced not in (word, str(Path(launch, word).resolve())):
            words = f"{self.directory / 'Cargo.toml'}: forced-target is {forced}, and TARGET={word} is another"
            raise BootwrightError(words, "take one of the two away")
        return word or self.default_target()

    def builds_std(self) -> bool:
        """Says whether cargo is to build the standard library, whose own dependencies it wants to have then."""
        return any(leaf.key == ("unstable", "build-std") and leaf.value for leaf in self.leaves()) or bool(
            self.environ.get("CARGO_UNSTABLE_BUILD_STD")
        )

    def variables(self) -> dict[str, bool]:
        """Returns the names of [env], each with whether its value is forced upon who has a variable of that name."""
        found: dict[str, bool] = {}
        for _, values in self.files:
            table = values.get("env")
            for name, value in table.items() if isinstance(table, dict) else ():
                found.setdefault(name, isinstance(value, dict) and value.get("force") is True)
        return found


def read_configuration(directory: Path, environ: Mapping[str, str]) -> Configuration:
    """Reads cargo's configuration for directory; raises where that is none, and for a file that is no TOML."""
    directory = directory.absolute()
    if directory.is_file():
        hint = f"KERNEL={directory.parent}" if directory.name == "Cargo.toml" else "it is the one with Cargo.toml in it"
        raise BootwrightError(f"{directory} is a file; KERNEL= takes the package's directory", hint)
    places = [place / ".cargo" for place in (directory, *directory.parents)]
    files: dict[Path, Mapping[str, Any]] = {}
    for place in dict.fromkeys([*places, cargo_home(environ)]):
        for name in ("config", "config.toml"):  # as cargo does, which takes the older name where both are there
            if is_there(place / name):
                _add(place / name, files)
                break
    return Configuration(directory, tuple(files.items()), environ)


def _add(path: Path, files: dict[Path, Mapping[str, Any]]) -> None:
    """Adds a file and what it includes, of which the last wins, but none over the file itself."""
    if path in files or not is_there(path):
        return
    values = read_toml(path)
    files[path] = values
    for included in reversed(included_files(path, values)):
        _add(included, files)


def _leaves(values: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*before, name))
        else:
            yield (*before, name), value
