"""The package that is the kernel, as `cargo metadata` tells of it: where it lies, its programs, its own settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import AS_UTF8
from bootwright.cargo.build_command import BIN, EXAMPLE, command_of, value_of
from bootwright.cargo.command import JSON_IS_UNSTABLE, Cargo, error_in, run_cargo, warnings_in
from bootwright.cargo.metadata import OWN_METADATA

LONGEST = 200  # bytes of a name: cargo and we add up to 50 to it, and a file's has 255


@record(frozen=True)
class Package:
    """One package: its name, its directory, its workspace's, and the program in it that is the kernel.

    library is the root of its library, "" without one. metadata is its table [package.metadata]; said are cargo's
    warnings; manifests are the Cargo.toml of all members of its workspace. bootloader: it depends on the crate of that
    name; fetches: a member depends on a package that cargo may have to fetch. kind is Cargo's word for the program:
    bin, or example where BIN= names one. untested are kind, name and root file of each target that `cargo test` makes
    no program of tests of.
    """

    name: str
    root: str
    workspace: str
    program: str
    main: str
    library: str
    metadata: Mapping[str, Any]
    said: tuple[str, ...]
    manifests: tuple[str, ...]
    bootloader: bool = False
    fetches: bool = False
    kind: str = "bin"
    untested: tuple[tuple[str, str, str], ...] = ()


@record(frozen=True)
class Choice:
    """What the command line says of which program is meant: PACKAGE= and BIN=, "" where it does not."""

    package: str = ""
    program: str = ""


def read_package(cargo: Cargo, directory: Path, choice: Choice, environ: Mapping[str, str]) -> Package:
    """Asks cargo about the package in directory, or about that member of the workspace there which is meant.

    Raises BootwrightError with cargo's own words, or where it is not clear which program is meant.
    """
    manifest = directory / "Cargo.toml"
    words = [str(cargo.program), "metadata", "--no-deps", "--format-version=1", f"--manifest-path={manifest}"]
    if cargo.version >= JSON_IS_UNSTABLE:
        words.append("-Zjson-target-spec")  # for a default-target
    ended = run_cargo(words, directory, cargo.environment(environ, None))
    if ended.status:
        said = error_in(ended.stderr)
        hint = f"that file is not UTF-8: {AS_UTF8}" if "utf-8" in said.lower() else ""
        raise BootwrightError(f"cargo does not take {manifest}:\n{said}", hint)
    facts = json.loads(ended.stdout)
    members = {package["manifest_path"]: package for package in facts["packages"]}
    package = _choose_package(manifest, facts, members, choice)
    for made in package["targets"]:
        _check_name(package["manifest_path"], made["kind"][0], made["name"])
    kind, (name, main) = _choose_program(package, choice)
    libraries = [target for target in package["targets"] if _kind(target) == "lib"]
    return Package(
        name=package["name"],
        root=str(Path(package["manifest_path"]).parent),
        workspace=facts["workspace_root"],
        program=name,
        main=main,
        library=libraries[0]["src_path"] if libraries else "",
        metadata=package["metadata"] or {},
        said=(*warnings_in(ended.stderr), *_misplaced(facts)),
        manifests=tuple(sorted({*members, str(Path(facts["workspace_root"], "Cargo.toml"))})),
        bootloader=any(dependency["name"] == "bootloader" for dependency in package["dependencies"]),
        kind=kind,
        untested=tuple((_kind(t), t["name"], t["src_path"]) for t in package["targets"] if not t.get("test", True)),
        fetches=any(_is_fetched(one, members) for member in members.values() for one in member["dependencies"]),
    )


def _misplaced(facts: Mapping[str, Any]) -> list[str]:
    """Returns a line for each table of a workspace's metadata that is read of packages alone, here as by bootimage."""
    path, tables = Path(facts["workspace_root"], "Cargo.toml"), facts.get("metadata")
    names = [name for name in OWN_METADATA if isinstance(tables, dict) and name in tables]
    where = "the kernel's package says it in [package.metadata.{}]"
    return [f"bootwright: {path}: [workspace.metadata.{n}] has no effect: {where.format(n)}" for n in names]


def _kind(target: Mapping[str, Any]) -> str:
    """Returns the word of Cargo.toml for the kind of a target of `cargo metadata`."""
    return "lib" if set(target["kind"]) & {"lib", "rlib", "staticlib", "dylib", "cdylib"} else str(target["kind"][0])


def _is_fetched(dependency: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    """Says whether the dependency, or one of its own, may come from elsewhere: those of a member are known."""
    path = dependency.get("path")
    return dependency.get("source") is not None or not path or str(Path(path, "Cargo.toml")) not in members


def _check_name(manifest: str, kind: str, name: str) -> None:
    """Raises for a name that is no part of a file's: cargo leaves it to rustc to say so, and writes files before."""
    if not re.fullmatch(r"[\w-]+", name):
        what = f"[{kind}]" if kind in ("lib", "bin", "test", "example", "bench") else kind
        raise BootwrightError(f'{manifest}: {what} name is "{name}": only letters, digits, - and _ make a name')
    if len(name.encode()) > LONGEST:
        hint = "a shorter name in Cargo.toml does"
        raise BootwrightError(f"{manifest}: a name is {len(name.encode())} bytes long; the limit is {LONGEST}", hint)


def _programs(package: Mapping[str, Any], kind: str = "bin") -> dict[str, str]:
    targets = [t for t in package["targets"] if kind in t["kind"] and "bin" in t["crate_types"]]
    return {t["name"]: t["src_path"] for t in targets}


def _choose_package(
    manifest: Path, facts: Mapping[str, Any], members: Mapping[str, Any], choice: Choice
) -> Mapping[str, Any]:
    """Returns the package that PACKAGE= names, else the one in the directory, else the one member with a program."""
    names = ", ".join(sorted(package["name"] for package in members.values()))
    if choice.package:
        for package in members.values():
            if package["name"] == choice.package:
                return dict(package)
        raise BootwrightError(f"PACKAGE={choice.package}: {manifest} has no such package", f"it has {names}")
    own = members.get(str(manifest)) or members.get(str(manifest.resolve()))
    if own is not None:
        return dict(own)
    defaults = facts.get("workspace_default_members") or facts["workspace_members"]
    for chosen in ([p for p in members.values() if p["id"] in defaults], list(members.values())):
        with_programs = [package for package in chosen if _programs(package)]
        if len(with_programs) == 1:
            return dict(with_programs[0])
    if not members:
        raise BootwrightError(f"{manifest} is a workspace without a member", "KERNEL= names a package's directory")
    names = ", ".join(sorted(package["name"] for package in members.values() if _programs(package))) or names
    raise BootwrightError(f"{manifest} is a workspace of several programs", f"PACKAGE= names the kernel: {names}")


def _choose_program(package: Mapping[str, Any], choice: Choice) -> tuple[str, tuple[str, str]]:
    """Returns kind, name and root file of the program that is meant.

    BIN= names it, else bootimage's build-command, else default-run; else it is the package's own or only one.
    """
    programs = _programs(package)
    manifest = package["manifest_path"]
    if choice.program:
        for kind in ("bin", "example"):
            if choice.program in _programs(package, kind):
                return kind, (choice.program, _programs(package, kind)[choice.program])
        examples = [f"{name} (an example)" for name in _programs(package, "example")]
        raise BootwrightError(
            f"BIN={choice.program}: {manifest} has no such program",
            f"it has {', '.join([*programs, *examples]) or 'none'}",
        )
    command = command_of(package["metadata"] or {})
    for kind, option in (("bin", BIN), ("example", EXAMPLE)):
        named = value_of(command, option)
        if named in _programs(package, kind):
            return kind, (named, _programs(package, kind)[named])
        if named:
            raise BootwrightError(f"{manifest}: build-command says {option} {named}, and there is none of that name")
    wanted = package.get("default_run") or package["name"]
    if wanted in programs:
        return "bin", (wanted, programs[wanted])
    if len(programs) == 1:
        return "bin", next(iter(programs.items()))
    if programs:
        raise BootwrightError(
            f"{manifest} has {len(programs)} programs: {', '.join(programs)}",
            'BIN= names the one that is the kernel; default-run = "NAME" in Cargo.toml names it for good',
        )
    root = Path(manifest).parent
    raise BootwrightError(f"{root} has no program: neither src/main.rs nor a [[bin]] with a path")
