"""Which package of those that `cargo metadata` tells of is the kernel.

The one in the directory, as a rule. But what authors have there may be a program for their own machine that carries the
kernel along, as the template of the crate bootloader 0.11 does: a dependency on an artifact, an image made of it by a
build script, QEMU started by main. And a workspace may hold tools beside the kernel, such as an xtask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.cargo.freestanding import is_freestanding
from bootwright.cargo.packages import Choice

KERNEL = "kernel"  # what authors call the directory, or the package, of a kernel among other bare-metal programs


@record(frozen=True)
class Chosen:
    """The package that is the kernel, as `cargo metadata` has it, or its manifest's path and an id alone.

    program is the one that a dependency names. note, weighed and words are as packages.Package has them.
    """

    package: Mapping[str, Any]
    program: str = ""
    note: str = ""
    weighed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def programs(package: Mapping[str, Any], kind: str = "bin") -> dict[str, str]:
    """Returns the root file of each program of that kind, by its name."""
    targets = [t for t in package["targets"] if kind in t["kind"] and "bin" in t["crate_types"]]
    return {t["name"]: t["src_path"] for t in targets}


def choose(manifest: Path, facts: Mapping[str, Any], choice: Choice) -> Chosen:
    """Returns the package that PACKAGE= names, else the one in the directory, unless that carries the kernel along.

    In a workspace without a package of its own it is the one member with a program, else the one that is freestanding,
    else the one of these that is called kernel. facts are cargo's of the workspace that manifest is of.
    """
    members = list(facts["packages"])
    if choice.package:
        for package in members:
            if package["name"] == choice.package:
                return Chosen(package)
        names = ", ".join(sorted(package["name"] for package in members))
        raise BootwrightError(f"PACKAGE={choice.package}: {manifest} has no such package", f"it has {names}")
    places = (str(manifest), str(manifest.resolve()))
    own = next((package for package in members if package["manifest_path"] in places), None)
    if own is not None:
        is_root = Path(own["manifest_path"]).parent == Path(facts["workspace_root"])
        return _of_package(own, members if is_root else [own], choice)
    defaults = facts.get("workspace_default_members") or facts["workspace_members"]
    for some in ([p for p in members if p["id"] in defaults], members):
        with_programs = [package for package in some if programs(package)]
        if len(with_programs) == 1:
            return Chosen(with_programs[0])
    if not members:
        raise BootwrightError(f"{manifest} is a workspace without a member", "KERNEL= names a package's directory")
    kernels = _kernels(package for package in members if programs(package))
    if len(kernels) == 1:
        told = f"of the programs of {manifest} the kernel is taken to be {_of(kernels[0])}"
        return Chosen(kernels[0], note=_note(told), weighed=_roots(members))
    names = ", ".join(sorted(package["name"] for package in members if programs(package)))
    names = names or ", ".join(sorted(package["name"] for package in members))
    raise BootwrightError(f"{manifest} is a workspace of several programs", f"PACKAGE= names the kernel: {names}")


def _of_package(own: Mapping[str, Any], members: Sequence[Mapping[str, Any]], choice: Choice) -> Chosen:
    """Returns the package in the directory, or the kernel that it carries along where it is for the builder.

    members are those that may be meant beside it: the others of its workspace where it is the root of one.
    """
    carried = list(_carried(own, members))
    others = [package for package in members if package is not own and programs(package)]
    if choice.program in {**programs(own), **programs(own, "example")} or not (carried or others):
        return Chosen(own)
    weighed = _roots([own, *others])
    kernels = [] if has_freestanding(own) else [one.package for one in carried] or _kernels(others)
    if not kernels:
        return Chosen(own, weighed=weighed)
    what = f"{own['name']} is a program for this machine" if programs(own) else f"{own['name']} has no program"
    if len(kernels) > 1:
        names = ", ".join(sorted(package["name"] for package in kernels))
        raise BootwrightError(f"{own['manifest_path']}: {what}", f"PACKAGE= names the kernel: {names}")
    one = carried[0] if carried else Chosen(kernels[0])
    told = f"{what}, and the kernel is taken to be {_of(one.package)}"
    return Chosen(one.package, one.program, _note(told), weighed, one.words)


def _note(told: str) -> str:
    return f"{told}; PACKAGE= names another"


def _of(package: Mapping[str, Any]) -> str:
    return f"{package['name']} in {Path(package['manifest_path']).parent}"


def _roots(packages: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted({root for package in packages for root in programs(package).values()}))


def has_freestanding(package: Mapping[str, Any]) -> bool:
    """Says whether a program of the package is for a bare machine."""
    return any(is_freestanding(Path(root)) for root in programs(package).values())


def _kernels(packages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns which of packages may be the kernel: those that are freestanding, or the one of them of that name."""
    found = [package for package in packages if has_freestanding(package)]
    named = [p for p in found if KERNEL in (p["name"], Path(p["manifest_path"]).parent.name)]
    return named if len(named) == 1 else found


def _carried(own: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> Iterator[Chosen]:
    """Yields each package of which own takes a program along that is made for a target of its own."""
    by_place = {package["manifest_path"]: package for package in members}
    for dependency in own["dependencies"]:
        artifact, path = dependency.get("artifact"), dependency.get("path")
        kinds = [kind for kind in artifact["kinds"] if kind.startswith("bin")] if artifact else []
        if not kinds or not path or artifact.get("target") in (None, "target"):
            continue
        manifest = str(Path(path, "Cargo.toml"))
        package = by_place.get(manifest) or {"name": dependency["name"], "manifest_path": manifest, "id": manifest}
        words = [] if dependency["uses_default_features"] else ["--no-default-features"]
        words += ["--features", ",".join(dependency["features"])] if dependency["features"] else []
        program = kinds[0].partition(":")[2] if len(kinds) == 1 else ""
        yield Chosen(package, program, words=tuple(words))
