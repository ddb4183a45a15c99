"""The Tool that adds a kernel's programs of tests: as `cargo test` makes them, and those that are kernels themselves.

Method: env.TestPrograms(kernel, planned, units, core, variant, add_program), called by the Tool kernel: it fills
kernel.tests. Uses the methods Plan, CargoReason and CargoNodes, and KERNELDIR.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.cargo.plans import Planned
from bootwright.cargo.sources import has_doc_tests
from bootwright.cargo.units import Unit
from bootwright.graph.nodes import Core, KernelNodes
from bootwright.graph.sentences import tell_once
from bootwright.graph.units import Nodes
from bootwright.testing.programs import find_programs

AddProgram = Callable[[Unit, list[Entry], str], KernelNodes]  # of a unit, its ELF and map, and the path without ending


def add_programs(
    env: Environment, kernel: KernelNodes, planned: Planned, units: Nodes, core: Core, variant: str,
    add_program: AddProgram,
) -> None:  # fmt: skip
    """Adds the programs of tests to kernel.tests."""
    package, objects = planned.package, kernel.objects
    tests = env.Plan(Path(env["KERNELDIR"]), core, variant, tests=True)
    if package.library and has_doc_tests(Path(package.library).parent):
        tell_once(
            f"{package.library}: tests in its documentation are not run: rustdoc needs std, and {core.name} has none"
        )
    found, kernel.targets = find_programs(planned, tests)
    placed = [(test, test.path(objects, package.name)) for test in found]
    cargos = [(test.unit, path) for test, path in placed if not test.own]
    made = _by_cargo(env, cargos, tests, units, objects)
    for test, path in placed:
        elf = made.get(path) or units.program(test.plan, test.unit, path)
        nodes = add_program(test.unit, elf, path)
        nodes.suite, nodes.crate, nodes.harness = test.suite, test.unit.crate, "--test" in test.unit.argv
        nodes.reads = next(node.abspath for node in elf if node.name.endswith(".reads"))
        kernel.tests.append(nodes)


def _by_cargo(
    env: Environment, programs: list[tuple[Unit, str]], tests: Planned, units: Nodes, objects: str
) -> dict[str, list[Entry]]:
    """Returns the nodes of those programs that cargo itself is to make, by their paths; all of them, or none."""
    if not programs or not env.CargoReason(tests, "its tests"):
        return {}
    nodes = env.CargoNodes(tests, units, programs, objects)
    return dict(zip([path for _, path in programs], nodes, strict=True))


def generate(env: Environment) -> None:
    """Adds the method."""
    env.AddMethod(add_programs, "TestPrograms")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
