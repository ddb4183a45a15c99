"""What of a Cargo.toml only Cargo can build: each is refused with a sentence that names the key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.cargo.toml import NOT_YET, Table, show

# The one dependency that is understood: its code is our loader, and nothing is fetched.
BOOTLOADER = "bootloader"
_BOOTLOADER_09 = re.compile(r"[\^~=]?\s*0\.9(\.(\d+|\*))?")


def refuse(manifest: Table, root: Path) -> None:
    """Raises for the first key that needs Cargo."""
    for key in ("workspace", "patch", "replace"):
        if key in manifest.values:
            raise BootwrightError(f"{manifest.path}: [{key}] needs Cargo; {NOT_YET}")
    if "package" not in manifest.values:
        raise BootwrightError(f"{manifest.path} has no [package]")
    for table in _dependency_tables(manifest):
        for name, wanted in table.values.items():
            if table.name == "dependencies" and name == BOOTLOADER:
                _check_bootloader(table, wanted)
            else:
                raise table.error(name, f"is a dependency; {NOT_YET}")
    package, library = manifest.table("package"), manifest.table("lib")
    build = package.values.get("build")
    if build not in (None, False) or (build is None and (root / "build.rs").is_file()):
        script = build if isinstance(build, str) else "build.rs"
        raise package.error("build", f"is a build script, {script}; {NOT_YET}")
    if package.values.get("links") is not None:
        raise package.error("links", f"needs a build script; {NOT_YET}")
    for key in ("proc-macro", "proc_macro"):
        if library.values.get(key):
            raise library.error(key, f"makes this package a procedural macro; {NOT_YET}")
    for key in ("crate-type", "crate_type"):
        for kind in library.strings(key):
            if kind not in ("lib", "rlib"):
                raise library.error(key, f"is {show(kind)}; only lib and rlib are built for a kernel")


def _dependency_tables(manifest: Table) -> Iterator[Table]:
    kinds = ("dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies")
    for place in (manifest, *(manifest.table("target").table(name) for name in manifest.table("target").values)):
        for kind in kinds:
            yield place.table(kind)


def _check_bootloader(table: Table, wanted: object) -> None:
    if isinstance(wanted, dict):
        for key in wanted:
            if key not in ("version", "features"):
                raise table.error(f"{BOOTLOADER}.{key}", f"is more than the version of a loader; {NOT_YET}")
        wanted = wanted.get("version")
    if not isinstance(wanted, str) or not _BOOTLOADER_09.fullmatch(wanted.strip()):
        words = "has no version" if wanted is None else f"is {show(wanted)}; only 0.9.x is understood"
        raise table.error(BOOTLOADER, f"{words}: {NOT_YET}")
