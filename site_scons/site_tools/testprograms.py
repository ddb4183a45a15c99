"""The Tool that adds a kernel's programs of tests: as `cargo test` makes them, and those that are kernels themselves.

Method: env.TestPrograms(kernel, planned, units, core, variant, add_program), called by the Tool kernel: it fills
kernel.tests. Uses the methods Plan, CargoReason and CargoNodes, and KERNELDIR.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.cargo.plans import Planned
from bootwright.cargo.sources import has_doc_tests, mentions, mentions_in
from bootwright.cargo.units import TEST_CFG, Plan, Unit, as_program, test_programs, with_cfg
from bootwright.graph.nodes import Core, KernelNodes
from bootwright.graph.sentences import tell_once
from bootwright.graph.units import Nodes
from bootwright.testing.written import NO_STD, Target, why_untested

WITHOUT_HARNESS = "harness = false has the program run what it chooses itself"

AddProgram = Callable[[Unit, list[Entry], str], KernelNodes]  # of a unit, its ELF and map, and the path without ending


@dataclass(frozen=True)
class _Test:
    """One program of tests to be: its suite and path without ending, the unit, and the plan that the unit is of."""

    suite: str
    path: str
    unit: Unit
    plan: Plan
    own: bool = False  # a kernel of its own with our cfg, which cargo knows nothing of


def add_programs(
    env: Environment, kernel: KernelNodes, planned: Planned, units: Nodes, core: Core, variant: str,
    add_program: AddProgram,
) -> None:  # fmt: skip
    """Adds the programs of tests to kernel.tests."""
    package, objects = planned.package, kernel.objects
    tests = env.Plan(Path(env["KERNELDIR"]), core, variant, tests=True)
    found: list[_Test] = []
    if mentions(Path(package.main).parent, TEST_CFG) and not planned.plan.unplanned:
        plan, program = with_cfg(planned.plan, planned.program, TEST_CFG)
        found.append(_Test("src", f"{objects}/src/{package.name}", program, plan, own=True))
    if package.library and has_doc_tests(Path(package.library).parent):
        tell_once(
            f"{package.library}: tests in its documentation are not run: rustdoc needs std, and {core.name} has none"
        )
    kernel.targets = [
        Target(kind, name, source, why_untested({"kind": kind, "name": name}))
        for kind, name, source in package.untested
    ]
    for unit in test_programs(tests.plan, package.root):
        suite = unit.target if unit.kind == "test" else "lib" if unit.kind == "lib" else "main"
        path = f"{objects}/{'tests' if unit.kind == 'test' else 'unit'}/{suite}"
        root = os.path.normpath(Path(unit.cwd, unit.source))
        if "--test" not in unit.argv or mentions_in(Path(root), "custom_test_frameworks"):
            found.append(_Test(suite, path, unit, tests.plan))
        else:
            kernel.targets.append(Target(unit.kind, unit.target, root, NO_STD))
            if unit.kind == "test" and not planned.plan.unplanned:
                unit = as_program(planned.program, unit, TEST_CFG)
                found.append(_Test(suite, path, unit, planned.plan, own=True))
        if "--test" not in unit.argv and unit.kind == "test":
            kernel.targets.append(Target(unit.kind, unit.target, root, WITHOUT_HARNESS))
    made = _by_cargo(env, [test for test in found if not test.own], tests, units, objects)
    for test in found:
        elf = made.get(test.path) or units.program(test.plan, test.unit, test.path)
        nodes = add_program(test.unit, elf, test.path)
        nodes.suite, nodes.crate, nodes.harness = test.suite, test.unit.crate, "--test" in test.unit.argv
        nodes.reads = next(node.abspath for node in elf if node.name.endswith(".reads"))
        kernel.tests.append(nodes)


def _by_cargo(
    env: Environment, found: list[_Test], tests: Planned, units: Nodes, objects: str
) -> dict[str, list[Entry]]:
    """Returns the nodes of those programs that cargo itself is to make, by their paths; all of them, or none."""
    paths = [test.path for test in found]
    if not found or not env.CargoReason(tests, "its tests"):
        return {}
    nodes = env.CargoNodes(tests, units, [(test.unit, test.path) for test in found], objects)
    return dict(zip(paths, nodes, strict=True))


def generate(env: Environment) -> None:
    """Adds the method."""
    env.AddMethod(add_programs, "TestPrograms")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
