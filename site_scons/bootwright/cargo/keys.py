"""The keys of a Cargo.toml that Cargo knows: another one is a warning, as with Cargo, and here with what was meant.

Source: https://doc.rust-lang.org/cargo/reference/manifest.html and .../profiles.html, tried with cargo 1.95.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bootwright.cargo.toml import Table

DEPENDENCIES = ("dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies")
TOP = (
    "cargo-features", "package", "project", "profile", "lib", "bin", "example", "test", "bench", "features", "target",
    "replace", "patch", "workspace", "badges", "lints", "hints", *DEPENDENCIES,
)  # fmt: skip
PACKAGE = (
    "name", "version", "edition", "rust-version", "authors", "build", "metabuild", "default-target", "forced-target",
    "links", "exclude", "include", "publish", "workspace", "im-a-teapot", "autolib", "autobins", "autoexamples",
    "autotests", "autobenches", "default-run", "description", "homepage", "documentation", "readme", "keywords",
    "categories", "license", "license-file", "repository", "resolver", "metadata", "namespaced-features",
)  # fmt: skip
CRATE = (
    "name", "crate-type", "crate_type", "path", "filename", "test", "doctest", "bench", "doc", "doc-scrape-examples",
    "proc-macro", "proc_macro", "harness", "required-features", "edition",
)  # fmt: skip
PROFILE = (
    "opt-level", "lto", "codegen-backend", "codegen-units", "debug", "split-debuginfo", "debug-assertions", "rpath",
    "panic", "overflow-checks", "incremental", "dir-name", "inherits", "strip", "rustflags", "package",
    "build-override", "trim-paths", "hint-mostly-unused",
)  # fmt: skip
LINT_TOOLS = ("rust", "clippy", "rustdoc", "cargo", "workspace")
OWN_METADATA = ("bootloader", "bootimage", "bootwright")
PREDEFINED_PROFILES = ("dev", "release", "test", "bench", "doc")


def unused_keys(manifest: Table) -> list[str]:
    """Returns a line for each key of the manifest that nothing reads, sorted by where it stands."""
    lines = []
    for place, known, values in _tables(manifest.values):
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key.replace("_", "-"), [k for k in known if k not in values], 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                lines.append(f"{manifest.path}: unused manifest key: {'.'.join([*place, key])}{meant}")
    return [*sorted(lines), *_misspelt_metadata(manifest)]


def check_profiles(profiles: Table) -> None:
    """Raises for a profile that is none of Cargo's own and does not say which one it is made of: a misspelt one."""
    for name in profiles.values:
        table = profiles.table(name)
        if name not in PREDEFINED_PROFILES and "inherits" not in table.values:
            near = difflib.get_close_matches(name, PREDEFINED_PROFILES, 1)
            hint = f"did you mean [profile.{near[0]}]?" if near else 'inherits = "release" or "dev"'
            raise table.error("inherits", "is missing, which every profile but dev and release needs", hint)


def _tables(values: Mapping[str, Any]) -> Iterator[tuple[list[str], Collection[str], Mapping[str, Any]]]:
    """Yields each table whose keys Cargo knows: its place, those keys and its values; what is no table is passed by."""

    def inner(table: Any, *keys: str) -> Mapping[str, Any]:
        for key in keys:
            table = table.get(key, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    yield [], TOP, values
    yield ["package"], PACKAGE, inner(values, "package")
    yield ["lib"], CRATE, inner(values, "lib")
    yield ["lints"], LINT_TOOLS, inner(values, "lints")
    for kind in ("bin", "example", "test", "bench"):
        listed = values.get(kind, [])
        for number, table in enumerate(listed if isinstance(listed, list) else []):
            yield [kind, str(number)], CRATE, inner(table)
    for name in inner(values, "target"):
        yield ["target", name], DEPENDENCIES, inner(values, "target", name)
    for name in inner(values, "profile"):
        profile = inner(values, "profile", name)
        yield ["profile", name], PROFILE, profile
        yield ["profile", name, "build-override"], PROFILE, inner(profile, "build-override")
        for package in inner(profile, "package"):
            yield ["profile", name, "package", package], PROFILE, inner(profile, "package", package)


def _misspelt_metadata(manifest: Table) -> Iterator[str]:
    """Yields a line for a table of metadata that is nearly one of those read here; the others belong to other tools."""
    package = manifest.table("package")
    for key in package.table("metadata").values:
        near = difflib.get_close_matches(key, OWN_METADATA, 1, 0.8)
        if key not in OWN_METADATA and near and abs(len(near[0]) - len(key)) < 2:
            yield f"{manifest.path}: [package.metadata.{key}] is read by nothing here; did you mean {near[0]}?"
