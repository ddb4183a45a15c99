"""The bill of materials: what is compiled into a kernel and what ran on the builder, by CycloneDX's own schema."""

from __future__ import annotations

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bootwright.cargo.bill import write_bill
from bootwright.cargo.packages import Package
from bootwright.cargo.plans import Planned
from bootwright.cargo.units import Plan, Unit

SUM = "ab" * 32


def unit(name: str, kind: str, *needs: str, checksum: str = "", target: bool = True, licence: str = "") -> Unit:
    words = ["--crate-name", name, "--crate-type", "bin" if kind == "bin" else "lib"]
    words += ["--target", "x86_64-unknown-none"] if target else []
    return Unit(
        f"{name}-{kind}", kind, "/w", tuple(words), {"CARGO_PKG_LICENSE": licence}, name, "1.2.0", f"/w/{name}",
        target=name, checksum=checksum, local=not checksum, needs=needs,
    )  # fmt: skip


UNITS = (
    unit("helper", "lib", checksum=SUM, target=False),
    unit("spin", "lib", checksum=SUM, licence="MIT/Apache-2.0"),
    unit("odd", "lib", checksum=SUM, licence="see the file"),
    unit("spin", "custom-build", "helper-lib", checksum=SUM, target=False),
    unit("elsewhere", "lib", checksum=SUM),
    unit("kernel", "bin", "spin-lib", "odd-lib", "spin-custom-build"),
)
PACKAGE = Package("kernel", "/w/kernel", "/w", "kernel", "/w/kernel/src/main.rs", "", {}, (), ())


def bill(*units: Unit) -> str:
    return write_bill(Planned(Plan(units), PACKAGE), "1.96.0", "registry", loader=True)


def test_a_bill_is_of_cyclonedx_schema_and_holds_what_the_kernel_is_made_of() -> None:
    text = bill(*UNITS)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    facts = json.loads(text)
    found = {one["name"]: one for one in facts["components"]}
    assert sorted(found) == ["alloc", "bootwright-loader", "compiler_builtins", "core", "helper", "odd", "spin"]
    assert found["spin"]["purl"] == "pkg:cargo/spin@1.2.0" and found["spin"]["hashes"][0]["content"] == SUM
    assert (found["spin"]["scope"], found["helper"]["scope"]) == ("required", "excluded")
    assert found["spin"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert found["odd"]["licenses"] == [{"license": {"name": "see the file"}}]
    edges = {one["ref"]: one.get("dependsOn", []) for one in facts["dependencies"]}
    assert edges["spin@1.2.0"] == ["helper@1.2.0"]
    assert {"spin@1.2.0", "odd@1.2.0", "rust/core"} <= set(edges["kernel@1.2.0+local"])


def test_the_same_packages_are_the_same_bill_and_others_another() -> None:
    text = bill(*UNITS)
    assert bill(*UNITS) == text
    other = bill(*UNITS[:-1], unit("kernel", "bin", "spin-lib"))
    assert json.loads(other)["serialNumber"] != json.loads(text)["serialNumber"]
