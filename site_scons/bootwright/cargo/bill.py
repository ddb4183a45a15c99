"""The bill of materials of a kernel (CycloneDX): the packages that cargo planned, by the package cyclonedx.

What it holds is in the plan: names, versions, licences, checksums of registries, what was compiled into the kernel and
what ran on the builder alone. It holds no time, and its serial number is made of the rest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bootwright import __version__
from bootwright.base.extras import lacking
from bootwright.cargo.plans import Planned
from bootwright.cargo.units import Unit

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

SPACE = uuid.UUID("6b1f2a34-7c0e-4f6f-9a3d-0d5f4a1c7e52")  # of our serial numbers
LIBRARIES = ("core", "alloc", "compiler_builtins")
LOADER = "bootwright-loader"


def write_bill(planned: Planned, release: str, extra: str, loader: bool) -> str:
    """Returns the bill as JSON. release is rustc's; loader says that the kernel comes with our boot loader.

    Raises BootwrightError that names extra where the package is not installed.
    """
    try:
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
    except ModuleNotFoundError as error:
        raise lacking(extra, "the bill of materials", error) from error
    program = planned.program
    units = [*(planned.plan.closure(program) if program.needs else planned.plan.units), program]
    made = {unit.name: _reference(unit) for unit in units}
    ours = [unit for unit in units if not (unit.for_builder or unit.is_run or unit.kind == "proc-macro")]
    inside = {made[unit.name] for unit in ours}
    root = _component(program, made[program.name] in inside, ComponentType.OPERATING_SYSTEM)
    found = {made[program.name]: root}
    for unit in sorted(units, key=lambda unit: (unit.package, unit.version)):
        reference = made[unit.name]
        if reference not in found:
            found[reference] = _component(unit, reference in inside, ComponentType.LIBRARY)
    bom = Bom(serial_number=SPACE)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the same kernel, the same bill
    bom.metadata.component = root
    bom.metadata.tools.components.update(_tools(release))
    edges: dict[str, set[str]] = {reference: set() for reference in found}
    for unit in units:
        edges[made[unit.name]] |= {made[name] for name in unit.needs if name in made} - {made[unit.name]}
    more = [
        Component(name=name, version=release, type=ComponentType.LIBRARY, bom_ref=f"rust/{name}") for name in LIBRARIES
    ]
    if loader:
        more.append(
            Component(name=LOADER, version=__version__, type=ComponentType.FIRMWARE, bom_ref=f"{LOADER}@{__version__}")
        )
    bom.components.update([component for component in found.values() if component is not root], more)
    for reference, component in found.items():
        bom.register_dependency(component, [found[name] for name in sorted(edges[reference])])
    bom.register_dependency(root, more)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    facts = json.loads(text)
    facts["serialNumber"] = uuid.uuid5(SPACE, json.dumps(facts, sort_keys=True)).urn
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def _reference(unit: Unit) -> str:
    """Returns what names a package among all of a plan: cargo takes no two of one name, version and source."""
    return f"{unit.package}@{unit.version}" + ("" if unit.checksum else f"+{_source(unit)}")


def _source(unit: Unit) -> str:
    return "registry" if unit.checksum else "local" if unit.local else "git"


def _component(unit: Unit, inside: bool, kind: object) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentScope
    from packageurl import PackageURL

    return Component(
        name=unit.package,
        version=unit.version,
        type=kind,  # type: ignore[arg-type]
        bom_ref=_reference(unit),
        purl=PackageURL("cargo", None, unit.package, unit.version) if unit.checksum else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=unit.checksum)] if unit.checksum else [],
        licenses=_licences(unit.environment),
        scope=ComponentScope.REQUIRED if inside else ComponentScope.EXCLUDED,
        properties=[Property(name="bootwright:source", value=_source(unit))],
    )


def _licences(environment: Mapping[str, str]) -> list[LicenseExpression | DisjunctiveLicense]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_expression

    text = " OR ".join(environment.get("CARGO_PKG_LICENSE", "").split("/"))  # MIT/Apache-2.0, as cargo once took it
    if not text:
        return []
    return [LicenseExpression(text) if is_expression(text) else DisjunctiveLicense(name=text)]


def _tools(release: str) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType

    return [
        Component(name="bootwright", version=__version__, type=ComponentType.APPLICATION),
        Component(name="rustc", version=release, type=ComponentType.APPLICATION),
    ]
