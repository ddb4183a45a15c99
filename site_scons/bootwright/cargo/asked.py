"""What `cargo metadata` tells of the package that is the kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import AS_UTF8
from bootwright.cargo.build_command import BIN, EXAMPLE, command_of, value_of
from bootwright.cargo.chosen import choose, has_freestanding, programs
from bootwright.cargo.command import JSON_IS_UNSTABLE, Cargo, error_in, run_cargo, warnings_in
from bootwright.cargo.freestanding import is_freestanding
from bootwright.cargo.metadata import OWN_METADATA
from bootwright.cargo.packages import LIBRARY, Choice, Package, no_program

LONGEST = 200  # bytes of a name: cargo and we add up to 50 to it, and a file's has 255


def read_package(cargo: Cargo, directory: Path, choice: Choice, environ: Mapping[str, str]) -> Package:
    """Asks cargo about the package in directory, or about that one of the workspace there which is meant.

    Raises BootwrightError with cargo's own words, or where it is not clear which program is meant.
    """
    facts, said = _ask(cargo, directory, environ)
    chosen = choose(directory / "Cargo.toml", facts, choice)
    root = Path(chosen.package["manifest_path"]).parent
    if chosen.package["id"] not in facts["workspace_members"]:  # a kernel beside the workspace of what carries it
        facts, more = _ask(cargo, root, environ)
        said += [line for line in more if line not in said]
    package = next(one for one in facts["packages"] if one["manifest_path"] == str(root / "Cargo.toml"))
    members = {member["manifest_path"] for member in facts["packages"]}
    for made in package["targets"]:
        _check_name(package["manifest_path"], made["kind"][0], made["name"])
    meant = choice if choice.program else Choice(program=chosen.program)
    kind, (name, main), lacking = _choose_program(package, meant, facts["packages"])
    libraries = [target for target in package["targets"] if _kind(target) == "lib"]
    return Package(
        name=package["name"],
        root=str(root),
        workspace=facts["workspace_root"],
        program=name,
        main=main,
        library=libraries[0]["src_path"] if libraries else "",
        metadata=package["metadata"] or {},
        said=(*said, *_misplaced(facts)),
        manifests=tuple(sorted({*members, str(Path(facts["workspace_root"], "Cargo.toml"))})),
        bootloader=any(dependency["name"] == "bootloader" for dependency in package["dependencies"]),
        kind=kind,
        untested=tuple((_kind(t), t["name"], t["src_path"]) for t in package["targets"] if not t.get("test", True)),
        gated=tuple(
            (_kind(t), t["name"], t["src_path"], *t["required-features"])
            for t in package["targets"]
            if t.get("test", True) and t.get("required-features")
        ),
        fetches=any(_is_fetched(one, members) for member in facts["packages"] for one in member["dependencies"]),
        note=chosen.note,
        weighed=(*chosen.weighed, *(_tested(package) if kind == LIBRARY else ())),
        words=chosen.words,
        lacking=lacking,
    )


def _ask(cargo: Cargo, directory: Path, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Returns what `cargo metadata` tells of the package or workspace in directory, and its warnings."""
    manifest = directory / "Cargo.toml"
    words = [str(cargo.program), "metadata", "--no-deps", "--format-version=1", f"--manifest-path={manifest}"]
    if cargo.version >= JSON_IS_UNSTABLE:
        words.append("-Zjson-target-spec")  # for a default-target
    ended = run_cargo(words, directory, cargo.environment(environ, None))
    if ended.status:
        said = error_in(ended.stderr)
        hint = f"that file is not UTF-8: {AS_UTF8}" if "utf-8" in said.lower() else ""
        raise BootwrightError(f"cargo does not take {manifest}:\n{said}", hint)
    return dict(json.loads(ended.stdout)), warnings_in(ended.stderr)


def _misplaced(facts: Mapping[str, Any]) -> list[str]:
    """Returns a line for each table of a workspace's metadata that is read of packages alone, here as by bootimage."""
    path, tables = Path(facts["workspace_root"], "Cargo.toml"), facts.get("metadata")
    names = [name for name in OWN_METADATA if isinstance(tables, dict) and name in tables]
    where = "the kernel's package says it in [package.metadata.{}]"
    return [f"bootwright: {path}: [workspace.metadata.{n}] has no effect: {where.format(n)}" for n in names]


def _kind(target: Mapping[str, Any]) -> str:
    """Returns the word of Cargo.toml for the kind of a target of `cargo metadata`."""
    return "lib" if set(target["kind"]) & {"lib", "rlib", "staticlib", "dylib", "cdylib"} else str(target["kind"][0])


def _is_fetched(dependency: Mapping[str, Any], members: set[str]) -> bool:
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


def _choose_program(
    package: Mapping[str, Any], choice: Choice, members: Iterable[Mapping[str, Any]] = ()
) -> tuple[str, tuple[str, str], str]:
    """Returns kind, name and root file of the program that is meant; of the library where its tests alone can start,
    and the hint of the sentence that there is no program.

    BIN= names it, else bootimage's build-command, else default-run; else it is the package's own or only one.
    members are the packages of the workspace, of which one may be meant where this one has none.
    """
    own = programs(package)
    manifest = package["manifest_path"]
    if choice.program:
        for kind in ("bin", "example"):
            if choice.program in programs(package, kind):
                return kind, (choice.program, programs(package, kind)[choice.program]), ""
        examples = [f"{name} (an example)" for name in programs(package, "example")]
        raise BootwrightError(
            f"BIN={choice.program}: {manifest} has no such program",
            f"it has {', '.join([*own, *examples]) or 'none'}",
        )
    command = command_of(package["metadata"] or {})
    for kind, option in (("bin", BIN), ("example", EXAMPLE)):
        named = value_of(command, option)
        if named in programs(package, kind):
            return kind, (named, programs(package, kind)[named]), ""
        if named:
            raise BootwrightError(f"{manifest}: build-command says {option} {named}, and there is none of that name")
    wanted = package.get("default_run") or package["name"]
    if wanted in own:
        return "bin", (wanted, own[wanted]), ""
    if len(own) == 1:
        return "bin", next(iter(own.items())), ""
    if own:
        raise BootwrightError(
            f"{manifest} has {len(own)} programs: {', '.join(own)}",
            'BIN= names the one that is the kernel; default-run = "NAME" in Cargo.toml names it for good',
        )
    root = Path(manifest).parent
    linked = next((target["name"] for target in package["targets"] if "staticlib" in target["kind"]), "")
    if linked:
        hint = f"{linked} is a staticlib, which its author links; here a program of the package is linked"
    elif examples := sorted(programs(package, "example")):
        hint = f"BIN= names an example: {', '.join(examples)}"
    else:
        kernels = [member for member in members if has_freestanding(member)]
        names = sorted(f"{member['name']} in {Path(member['manifest_path']).parent}" for member in kernels)
        hint = f"KERNEL= names the directory of one, as of {', '.join(names)}" if names else ""
    library = next((target for target in package["targets"] if _kind(target) == LIBRARY), None)
    if library and any(is_freestanding(Path(name)) for name in _tested(package)):
        return LIBRARY, (library["name"], library["src_path"]), hint
    raise no_program(str(root), hint)


def _tested(package: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the root files of what `cargo test` makes programs of where there is no program."""
    kinds = (LIBRARY, "test")
    return tuple(t["src_path"] for t in package["targets"] if _kind(t) in kinds and t.get("test", True))
