"""Which programs of tests a package has: those that cargo makes, and those that are kernels of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bootwright.cargo.packages import LIBRARY
from bootwright.cargo.plans import Planned
from bootwright.cargo.sources import mentions, mentions_in
from bootwright.cargo.units import TEST_CFG, Plan, Unit, as_program, test_programs, with_cfg
from bootwright.testing.written import NO_STD, WITHOUT_HARNESS, Target, why_gated, why_untested

DIRECTORIES = {"test": "tests", "example": "examples", "bench": "benches"}


@dataclass(frozen=True)
class Program:
    """One program of tests to be: its suite, the directory of its kind, the unit, and the plan that the unit is of."""

    suite: str
    directory: str
    unit: Unit
    plan: Plan
    own: bool = False  # a kernel of its own with our cfg, which cargo knows nothing of

    def path(self, objects: str, package: str) -> str:
        """Returns where it is made, without ending."""
        return f"{objects}/{self.directory}/{package if self.directory == 'src' else self.suite}"


def find_programs(planned: Planned, tests: Planned) -> tuple[list[Program], list[Target]]:
    """Returns the programs, and the targets whose tests are not run; tests is planned as `cargo test` has it."""
    package = planned.package
    found: list[Program] = []
    # Where a file of src/ says bootwright_test, a program in tests/ without a harness of Rust's has the package's own.
    as_kernel = package.kind != LIBRARY and not planned.plan.unplanned
    has_own = as_kernel and mentions(Path(package.main).parent, TEST_CFG)
    if has_own:
        plan, program = with_cfg(planned.plan, planned.program, TEST_CFG)
        found.append(Program("src", "src", program, plan, own=True))
    targets = [
        Target(kind, name, source, why_untested({"kind": kind, "name": name}), kind == "test")
        for kind, name, source in package.untested
    ]
    units = test_programs(tests.plan, package.root)
    made = {(unit.kind, unit.target) for unit in units}
    targets += [
        Target(kind, name, source, why_gated(kind, name, features), kind in DIRECTORIES)
        for kind, name, source, *features in package.gated
        if (kind, name) not in made
    ]
    for unit in units:
        root = os.path.normpath(Path(unit.cwd, unit.source))
        has_none = "--test" not in unit.argv
        if has_none and has_own and unit.kind == "test":
            found.append(_own(planned, unit))
        elif has_none or mentions_in(Path(root), "custom_test_frameworks"):
            found.append(_as_it_is(unit, tests))
        else:
            targets.append(Target(unit.kind, unit.target, root, NO_STD))
            if unit.kind == "test" and as_kernel:
                found.append(_own(planned, unit))
        if has_none:
            targets.append(Target(unit.kind, unit.target, root, WITHOUT_HARNESS))
    return found, targets


def _own(planned: Planned, unit: Unit) -> Program:
    return Program(unit.target, "tests", as_program(planned.program, unit, TEST_CFG), planned.plan, own=True)


def _as_it_is(unit: Unit, tests: Planned) -> Program:
    if unit.kind in DIRECTORIES:
        return Program(unit.target, DIRECTORIES[unit.kind], unit, tests.plan)
    if unit.kind == "bin" and unit.target != tests.package.program:
        return Program(unit.target, "bin", unit, tests.plan)
    return Program("lib" if unit.kind == "lib" else "main", "unit", unit, tests.plan)
