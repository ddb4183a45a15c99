"""Making a plan: cargo runs with the ghost in the compiler's place, and what it recorded becomes units.

Of cargo's own it needs RUSTC_WRAPPER, --message-format=json and a lock file of ours, so that nothing is written into
the person's package. Tried with cargo 1.85 to 1.97, the newer layout of its build directory included.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.cargo import ghost
from bootwright.cargo.nightly import asks_for_nightly
from bootwright.cargo.room import Room
from bootwright.cargo.units import DYLIB, OUT, Plan, Unit, crate_types, mark_for, value_of

# The variables of a call that are of the planning itself, or of cargo's process.
NOT_RECORDED = {
    "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_RESOLVER_LOCKFILE_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", ghost.LOG,
    "LC_CTYPE",  # which a ghost in Python gives itself where the locale is C
}  # fmt: skip
ALWAYS_RECORDED = {"RUSTC", "RUSTDOC", "CARGO", "HOST", "TARGET"}
MADE = (".rlib", ".rmeta", ".a", DYLIB)  # what a library's compilation makes may end so
SEARCH_PATHS = ("LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
KNOWN_TYPES = {"lib", "rlib", "bin", "proc-macro", "staticlib"}
ARTIFACT = re.compile(r"CARGO_(BIN|CDYLIB|STATICLIB)_(FILE|DIR)_")  # of artifact dependencies, an unstable feature
EXTERN = re.compile(r"(?:(?P<options>[\w,!]+):)?(?P<name>[\w-]+)=(?P<path>.*)", re.DOTALL)


def read_plan(
    room: Room, messages: str, base: Mapping[str, str], library: Path, lock: Path, said: Sequence[str],
    configured: Mapping[str, bool],
) -> Plan:  # fmt: skip
    """Returns the plan that cargo's messages and the ghost's log in room tell of.

    base is the environment that cargo ran in, library the directory of the standard library's sources, whose units are
    left out; lock is the lock file with the packages' checksums. configured are the names of [env], as
    config.Configuration.variables has them.
    """
    reader = _Reader(room, base, library, read_checksums(lock), configured)
    reader.read_messages(messages)
    calls = ghost.read_calls(room.log)
    return reader.plan(calls, said)


def read_checksums(lock: Path) -> dict[tuple[str, str], str]:
    """Returns the registry's checksum of each package, by its name and version, as a lock file has them."""
    try:
        packages = tomllib.loads(read_text(lock)).get("package", [])
    except FileNotFoundError:
        return {}
    return {(p["name"], p["version"]): p["checksum"] for p in packages if "checksum" in p}


@dataclass
class _Artifact:
    """What cargo says of one product."""

    kind: str
    name: str
    package_id: str
    is_test: bool


@dataclass
class _Reader:
    room: Room
    base: Mapping[str, str]
    library: Path
    checksums: Mapping[tuple[str, str], str]
    configured: Mapping[str, bool]
    variables: dict[str, tuple[str, bool]] = field(default_factory=dict)
    artifacts: dict[tuple[str, str, str, bool], _Artifact] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)  # the ghost's mark -> name of the run
    dropped: set[str] = field(default_factory=set)  # marks and products of the standard library's units
    makers: dict[str, str] = field(default_factory=dict)  # a product's path below OUT -> name of the unit

    def __post_init__(self) -> None:
        self.place = str(self.room.target)

    def read_messages(self, messages: str) -> None:
        for line in messages.splitlines():
            message: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") != "compiler-artifact":
                continue
            target = message["target"]
            kind = target["kind"][0] if target["kind"] else "lib"
            kind = "lib" if kind in ("rlib", "staticlib", "cdylib", "dylib") else kind
            is_test = bool(message["profile"]["test"])
            artifact = _Artifact(kind, target["name"], message["package_id"], is_test)
            crate = target["name"].replace("-", "_")  # two programs may be of one file
            self.artifacts[message["manifest_path"], target["src_path"], crate, is_test] = artifact

    def plan(self, calls: Sequence[ghost.Call], said: Sequence[str]) -> Plan:
        own = []
        for call in calls:
            if self._is_library(call):
                self._drop(call)
            else:
                own.append(call)
        compiled: dict[str, Unit] = {}  # by the name of the call
        for call in own:
            if call.kind == "script":
                self.scripts[call.mark] = self._below(call.environment["OUT_DIR"])
        units, unplanned = [], ""
        for call in self._in_order(own):
            unplanned = unplanned or _what_is_odd(call)
            if call.kind == "rustc":
                unit = self._compilation(call)
                if not unplanned and unit.target == "":
                    unplanned = f"cargo says nothing of {unit.source} of {unit.package}"
                compiled[call.name] = unit
                self.makers |= dict.fromkeys(unit.products, unit.name)
            else:
                unit = self._run(call, compiled)
            units.append(unit)
        return Plan(tuple(units), tuple(said), unplanned, configured=self.variables)

    def _in_order(self, calls: Sequence[ghost.Call]) -> list[ghost.Call]:
        """Returns calls, each after those whose products or directives it takes; the order is the same each time."""
        named = {self._name(call): call for call in calls}
        products = {f"{directory}/lib{stem}{ending}": call.name for call in calls if call.kind == "rustc"
                    for directory, stem in [self._stem(call)] for ending in MADE}  # fmt: skip
        makers = {**products, **{call.mark: call.name for call in calls if call.kind == "script"}}
        graph: TopologicalSorter[str] = TopologicalSorter()
        for _, call in sorted(named.items()):
            texts = [*call.argv, *(variable.lower() for variable in call.environment)]  # DEP_... has marks in capitals
            taken = [mark for text in texts for mark in ghost.marks_in(text)]
            taken += map(self._extern, call.argv)
            needs = [makers[one] for one in taken if one in makers]
            graph.add(call.name, *needs, *([call.product_of] if call.product_of else []))
        by_name = {call.name: call for call in named.values()}
        return [by_name[name] for name in graph.static_order()]

    def _extern(self, value: str) -> str:
        """Returns the path below OUT that a value of --extern names; "" where it names none."""
        match = EXTERN.fullmatch(value)
        return match["path"].removeprefix(f"{self.place}{os.sep}") if match else ""

    def _name(self, call: ghost.Call) -> str:
        """Returns the name of the call's unit."""
        return self._below(call.environment["OUT_DIR"]) if call.kind == "script" else "/".join(self._stem(call))

    def _is_library(self, call: ghost.Call) -> bool:
        root = Path(call.environment.get("CARGO_MANIFEST_DIR", ""))
        return root.is_relative_to(self.library) or root.is_relative_to(self.library.resolve())

    def _drop(self, call: ghost.Call) -> None:
        if call.kind == "script":
            self.dropped.add(call.mark)
            return
        stem = self._stem(call)
        self.dropped |= {f"{stem[0]}/lib{stem[1]}{ending}" for ending in MADE}

    def _stem(self, call: ghost.Call) -> tuple[str, str]:
        """Returns the directory of a compilation's products, from OUT, and their names without lib and ending."""
        extra = [word.removeprefix("extra-filename=") for word in call.argv if word.startswith("extra-filename=")]
        return self._below(value_of(call.argv, "--out-dir")), "".join([value_of(call.argv, "--crate-name"), *extra])

    def _below(self, path: str) -> str:
        return Path(path).relative_to(self.place).as_posix()

    def _compilation(self, call: ghost.Call) -> Unit:
        directory, stem = self._stem(call)
        source = _source(call.argv)
        path = os.path.normpath(Path(call.cwd, source))
        manifest = call.environment.get("CARGO_MANIFEST_PATH") or f"{call.environment['CARGO_MANIFEST_DIR']}/Cargo.toml"
        is_test = "--test" in call.argv or ("--cfg", "test") in zip(call.argv, call.argv[1:], strict=False)
        name = value_of(call.argv, "--crate-name")
        if not f"_{name}".isidentifier():  # cargo leaves this to rustc, which is not asked here
            raise BootwrightError(f"{manifest}: [lib] name is {name!r}: only letters, digits and _ make a crate's name")
        found = (self.artifacts.get((manifest, path, name, test)) for test in (is_test, not is_test))
        artifact = next(filter(None, found), None)
        package = self._package(call)
        if artifact is None:
            kind = "bin" if "bin" in crate_types(call.argv) else "lib"
            artifact = _Artifact(kind, "", "" if package["checksum"] else "path+", is_test)
        externs, argv = self._externs(call.argv)
        needs = [self.makers[path] for path in externs if path in self.makers]
        scripts = self._scripts_in([*argv, *call.environment])
        return Unit(
            name=f"{directory}/{stem}",
            kind=artifact.kind,
            cwd=call.cwd,
            argv=tuple(self._relative(word) for word in argv),
            environment=self._environment(call),
            source=source,
            target=artifact.name,
            is_test=is_test,
            needs=tuple(dict.fromkeys([*needs, *scripts])),
            scripts=tuple(scripts),
            local=artifact.package_id.startswith("path+") or "(path+" in artifact.package_id,
            nightly=bool(package["checksum"]) and asks_for_nightly(argv, Path(path)),
            **package,
        )

    def _run(self, call: ghost.Call, compiled: Mapping[str, Unit]) -> Unit:
        program = compiled[call.product_of]
        name = self._below(call.environment["OUT_DIR"])
        scripts = [one for one in self._scripts_in(call.environment) if one != name]
        return Unit(
            name=name,
            kind="run",
            cwd=call.cwd,
            argv=(f"{OUT}/{program.products[0]}",),
            environment=self._environment(call),
            source=program.source,
            needs=(program.name, *scripts),
            scripts=tuple(scripts),
            local=program.local,
            **self._package(call),
        )

    def _package(self, call: ghost.Call) -> dict[str, Any]:
        package, version = call.environment["CARGO_PKG_NAME"], call.environment["CARGO_PKG_VERSION"]
        root = call.environment["CARGO_MANIFEST_DIR"]
        checksum = self.checksums.get((package, version), "") if f"{os.sep}registry{os.sep}" in root else ""
        return {"package": package, "version": version, "root": root, "checksum": checksum}

    def _externs(self, argv: Sequence[str]) -> tuple[list[str], list[str]]:
        """Returns the products that --extern names, from OUT, and argv without those of the standard library."""
        found, kept = [], []
        words = iter(argv)
        for word in words:
            value = next(words) if word in ("--extern", "-L") else ""
            path = self._extern(value) if word == "--extern" else ""
            if (path and path in self.dropped) or any(mark in self.dropped for mark in ghost.marks_in(value)):
                continue
            found += [path] if path else []
            kept += [word, value] if value else [word]
        return found, kept

    def _scripts_in(self, texts: Sequence[str] | Mapping[str, str]) -> list[str]:
        """Returns the names of the runs whose marks are in texts; a variable DEP_... has them in capitals."""
        found: dict[str, None] = {}
        for text in texts:
            found |= {self.scripts[mark]: None for mark in ghost.marks_in(text.lower()) if mark in self.scripts}
        return list(found)

    def _relative(self, text: str) -> str:
        """Returns text with OUT for cargo's target directory, and a run's name for its mark."""
        text = text.replace(self.place, OUT)
        return ghost.replace_marks(text, lambda mark: mark_for(self.scripts[mark]) if mark in self.scripts else "")

    def _environment(self, call: ghost.Call) -> dict[str, str]:
        found = {}
        capitals = {mark.upper(): name for mark, name in self.scripts.items()}
        for name, value in sorted(call.environment.items()):
            if name in NOT_RECORDED or (name in SEARCH_PATHS and call.kind == "rustc"):
                continue
            if name in self.configured and not name.startswith("CARGO_"):
                known, _ = self.variables.setdefault(name, (value, self.configured[name]))
                if known == value:
                    continue
            if self.base.get(name) == value and name not in ALWAYS_RECORDED:
                continue
            position = name.find(ghost.MARK.upper())
            if position >= 0:
                run = capitals.get(name[position:])
                if run:
                    found[name[:position] + mark_for(run)] = ""
                continue
            relative = self._relative(name)
            if relative:
                found[relative] = self._relative(value)
        return found


def _source(argv: Sequence[str]) -> str:
    """Returns the crate root among rustc's arguments: the one that is neither an option nor an option's value."""
    return next(word for word in argv if word.endswith(".rs") and not word.startswith("-"))


def _package(call: ghost.Call) -> str:
    return call.environment.get("CARGO_PKG_NAME", "")


def _what_is_odd(call: ghost.Call) -> str:
    """Returns what of call a plan does not express; "" where it does."""
    odd = [kind for kind in crate_types(call.argv) if kind not in KNOWN_TYPES]
    if odd:
        return f"{_package(call)} is compiled as a {', '.join(odd)}"
    artifact = next(filter(ARTIFACT.match, call.environment), "")
    return f"{_package(call)} depends on an artifact, which {artifact} names" if artifact else ""
