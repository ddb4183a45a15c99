"""What a plan is made of: the calls of rustc and of build scripts that cargo would make, each a unit.

Paths below cargo's target directory begin with OUT in a unit, since what is planned in one place is built in another.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from bootwright.base.records import field, record, replace

OUT = "@out@"
OWN = "own"  # below OUT: what is compiled with a cfg of ours
TEST_CFG = "bootwright_test"  # that cfg
FORMAT = 5  # of the remembered plan
EXE = ".exe" if sys.platform == "win32" else ""
DYLIB = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
ENDINGS = {"lib": ".rlib", "rlib": ".rlib", "staticlib": ".a", "proc-macro": DYLIB}


@record(frozen=True)
class Unit:
    """One call. argv are rustc's arguments; a build script's are its program alone, below OUT.

    name is the unit's own in its plan: where its product lies below OUT. kind is Cargo's word for the target (lib,
    proc-macro, bin, test, example, bench, custom-build), or run for a build script that runs. package and version are
    Cargo's; root is the package's directory and source the target's root file, of a run its script's. checksum is
    the registry's SHA-256 of the package, "" where it is none of a registry's; local says that the person may edit it.
    is_test: compiled as a test. needs are the names of the units whose products it takes; scripts those among them that
    are runs whose directives reach it. nightly: a crate of a registry that asks for a nightly compiler.
    """

    name: str
    kind: str
    cwd: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    package: str
    version: str
    root: str
    source: str = ""
    target: str = ""
    checksum: str = ""
    local: bool = False
    is_test: bool = False
    needs: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    nightly: bool = False

    @property
    def is_run(self) -> bool:
        """Says whether it is a build script that runs; else rustc compiles."""
        return self.kind == "run"

    @property
    def crate(self) -> str:
        """The crate's name; the package's for a run."""
        return self.package if self.is_run else value_of(self.argv, "--crate-name")

    @property
    def for_builder(self) -> bool:
        """Says whether what it makes runs on the machine that builds."""
        return not self.is_run and "--target" not in self.argv

    @property
    def is_program(self) -> bool:
        """Says whether a linker makes something that can be started of it."""
        return not self.is_run and (self.is_test or value_of(self.argv, "--crate-type") == "bin")

    @property
    def directory(self) -> str:
        """Where its products go, from OUT; of a run its OUT_DIR's parent."""
        return self.name.rpartition("/")[0]

    @property
    def products(self) -> tuple[str, ...]:
        """The files that it makes, from OUT, the one that others are linked with first."""
        if self.is_run:
            return (f"{self.name}.stdout", f"{self.name}.files")
        stem = self.name.rpartition("/")[2]
        if self.is_program:
            return (f"{self.directory}/{stem}{EXE if self.for_builder else ''}",)
        found = [f"{self.directory}/lib{stem}{ENDINGS[kind]}" for kind in crate_types(self.argv) if kind in ENDINGS]
        if "metadata" in value_of_joint(self.argv, "--emit").split(","):
            found.append(f"{self.directory}/lib{stem}.rmeta")
        return tuple(found)


@record(frozen=True)
class Plan:
    """The units of one build, each after those that it needs, and what cargo said (warnings, each whole).

    unplanned says, where it is not empty, what of the package a plan cannot express. command is cargo's with which it
    was planned, and variables are those that it got beside a person's: with them cargo builds the same. configured are
    the variables of [env]: every unit gets them, and none depends on one that it does not read; each with whether it is
    forced upon who has a value of their own.
    """

    units: tuple[Unit, ...]
    said: tuple[str, ...] = ()
    unplanned: str = ""
    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    configured: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    by_name: Mapping[str, Unit] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {unit.name: unit for unit in self.units})

    def variables_for(self, person: Mapping[str, str]) -> dict[str, str]:
        """Returns what the variables of [env] are where person are a person's own."""
        return {name: value if forced else person.get(name, value) for name, (value, forced) in self.configured.items()}

    def products(self, kind: str, package_root: str) -> list[Unit]:
        """Returns what a package is for the target: its programs of a kind, or its library, of the kind lib."""
        found = [
            unit for unit in self.units if unit.kind == kind and unit.root == package_root and not unit.for_builder
        ]
        return [unit for unit in found if (not unit.is_test if kind == "lib" else unit.is_program)]

    def closure(self, unit: Unit) -> list[Unit]:
        """Returns all that unit is made of, each after what it needs; unit itself need not be of this plan."""
        wanted = set(unit.needs)
        for other in reversed(self.units):
            if other.name in wanted:
                wanted.update(other.needs)
        return [other for other in self.units if other.name in wanted]

    def to_json(self) -> dict[str, Any]:
        """Returns what from_json takes, in JSON's types."""
        units = [{**asdict(unit), "environment": dict(unit.environment)} for unit in self.units]
        more = {"command": list(self.command), "variables": dict(self.variables), "configured": dict(self.configured)}
        return {"units": units, "said": list(self.said), "unplanned": self.unplanned, **more}

    @staticmethod
    def from_json(facts: Mapping[str, Any]) -> Plan:
        """Returns the plan of to_json; raises KeyError or TypeError where facts are something else."""
        units = []
        for entry in facts["units"]:
            for key in ("argv", "needs", "scripts"):
                entry[key] = tuple(entry[key])
            units.append(Unit(**entry))
        command, variables = tuple(facts["command"]), dict(facts["variables"])
        configured = {name: (value, forced) for name, (value, forced) in facts["configured"].items()}
        return Plan(tuple(units), tuple(facts["said"]), str(facts["unplanned"]), command, variables, configured)


def with_cfg(plan: Plan, program: Unit, cfg: str) -> tuple[Plan, Unit]:
    """Returns program compiled with cfg, and its package's library with it, in a plan that has both as well."""
    library = next((unit for unit in plan.units if unit.kind == "lib" and unit.name in program.needs
                    and unit.root == program.root), None)  # fmt: skip
    moved = {library.name: f"{OWN}/{library.name}"} if library else {}

    def changed(unit: Unit) -> Unit:
        argv = [*unit.argv, "--cfg", cfg]
        for name in moved:
            directory, _, stem = name.rpartition("/")
            argv = [
                word.replace(f"{OUT}/{directory}/lib{stem}.", f"{OUT}/{OWN}/{directory}/lib{stem}.") for word in argv
            ]
        needs = tuple(moved.get(name, name) for name in unit.needs)
        return replace(unit, name=f"{OWN}/{unit.name}", argv=tuple(argv), needs=needs)

    own = [changed(unit) for unit in (library, program) if unit]
    return replace(plan, units=(*plan.units, *own)), own[-1]


def crate_features(plan: Plan, package: str, version: str) -> list[str]:
    """Returns the features that cargo resolved for a package whose version begins so; none where it is not there."""
    found: dict[str, None] = {}
    for unit in plan.units:
        if unit.package == package and unit.version.startswith(version) and unit.kind == "lib":
            words = re.findall(r'^feature="(.*)"$', "\n".join(unit.argv), re.MULTILINE)
            found |= dict.fromkeys(words)
    return list(found)


def test_programs(plan: Plan, root: str) -> list[Unit]:
    """Returns the programs of tests of the package in root: of its library, of its program, and those in tests/; of
    examples and benches where one says test = true."""
    kinds = ("lib", "bin", "test", "example", "bench")
    found = [u for u in plan.units if u.is_test and u.kind in kinds and u.root == root and not u.for_builder]
    return sorted(found, key=lambda unit: (kinds.index(unit.kind), unit.target))


def as_program(program: Unit, test: Unit, cfg: str) -> Unit:
    """Returns test compiled as program is and with cfg: a file of tests that is a kernel of its own, no harness."""
    given = {name: codegen_option(test.argv, name) for name in ("metadata", "extra-filename")}
    argv = [*program.argv, "--cfg", cfg]
    argv[argv.index("--crate-name") + 1] = test.crate
    argv[argv.index(program.source)] = test.source
    for index, word in enumerate(argv):
        name = word.partition("=")[0]
        if name in given:
            argv[index] = f"{name}={given[name]}"
    environment = {**program.environment, "CARGO_CRATE_NAME": test.crate}
    environment.pop("CARGO_BIN_NAME", None)
    name = f"{OWN}/{test.name}"
    return replace(
        program,
        name=name,
        kind="test",
        argv=tuple(argv),
        environment=environment,
        source=test.source,
        target=test.target,
    )


def mark_for(run: str) -> str:
    """Returns the word that stands in a unit where the directives of the run of that name go."""
    return f"@script:{run}@"


def value_of(words: Iterable[str], option: str) -> str:
    """Returns the word after option; "" where it is not there."""
    words = iter(words)
    return next(words, "") if option in words else ""


def value_of_joint(words: Iterable[str], option: str) -> str:
    """Returns VALUE of the word option=VALUE; "" where it is not there."""
    return next((word[len(option) + 1 :] for word in words if word.startswith(f"{option}=")), "")


def codegen_option(words: Iterable[str], name: str) -> str:
    """Returns the last value that -C name= has, however it is written; "" where it is not there."""
    found, before = "", ""
    for word in words:
        text = word.removeprefix("-C") if word.startswith("-C") and before != "-C" else word if before == "-C" else ""
        if text.startswith(f"{name}="):
            found = text[len(name) + 1 :]
        before = word
    return found


def crate_types(words: Iterable[str]) -> list[str]:
    """Returns the values of --crate-type, in their order, as cargo writes it and as we do: with an equals sign."""
    found, before = [], ""
    for word in words:
        if before == "--crate-type":
            found += word.split(",")
        elif word.startswith("--crate-type="):
            found += word.partition("=")[2].split(",")
        before = word
    return found
