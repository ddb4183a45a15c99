"""What `cargo metadata` tells of a workspace, for rust-project.json: of the members that no plan of a kernel has.

Their build scripts did not run, and their own macros are not made. A root with #![no_std] is taken to be for the
kernel's target, another one for the builder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootwright.cargo.freestanding import is_freestanding

KINDS = {"bin": "bin", "example": "bin", "custom-build": "bin", "test": "test", "bench": "test"}
WITH_DEV = ("test", "example", "bench")  # these may name what [dev-dependencies] say
LEFT_OUT = (".git", "build", "target")  # directories of a package that hold no sources of its crates


class Members:
    """Adds crates to those of a project: facts are cargo's, cfgs what holds for each platform, host one of these."""

    def __init__(
        self, crates: list[dict[str, Any]], facts: Mapping[str, Any], cfgs: Mapping[str, list[str]], host: str
    ) -> None:
        self._crates, self._cfgs, self._host = crates, cfgs, host
        self._bare = next((platform for platform in cfgs if platform != host), host)
        self._members = set(facts["workspace_members"])
        self._packages = {package["id"]: package for package in facts["packages"]}
        self._nodes = {node["id"]: node for node in facts["resolve"]["nodes"]}
        self._places = {(crate["root_module"], crate["target"]): place for place, crate in enumerate(crates)}

    def add(self) -> None:
        """Adds each target of a member whose root is not there, and what it needs."""
        there = {root for root, _ in self._places}
        for package in sorted(self._members):
            for target in self._packages[package]["targets"]:
                if target["src_path"] not in there:
                    self._add(package, target, self._platform(target))

    def _platform(self, target: Mapping[str, Any]) -> str:
        if {"proc-macro", "custom-build"} & set(target["kind"]):
            return self._host
        return self._bare if is_freestanding(Path(target["src_path"])) else self._host

    def _add(self, package: str, target: Mapping[str, Any], platform: str) -> int:
        """Returns the place of a crate, which is made where there is none of that root for the platform."""
        root = os.path.normpath(target["src_path"])
        if (root, platform) in self._places:
            return self._places[root, platform]
        entry: dict[str, Any] = {}
        place = self._places[root, platform] = len(self._crates)
        self._crates.append(entry)
        facts = self._packages[package]
        directory = str(Path(facts["manifest_path"]).parent)
        kind, own = target["kind"][0], package in self._members
        features = [f'feature="{name}"' for name in self._nodes[package]["features"]]
        entry |= {
            "display_name": target["name"].replace("-", "_"),
            "root_module": root,
            "edition": target["edition"],
            "version": facts["version"],
            "deps": list(self._dependencies(package, kind, platform)),
            "cfg": [*self._cfgs[platform], *(["test"] if kind in ("test", "bench") else []), *features],
            "target": platform,
            "env": _environment(facts, target),
            "is_workspace_member": own,
            "source": {
                "include_dirs": [directory],
                "exclude_dirs": [f"{directory}{os.sep}{name}" for name in LEFT_OUT] if own else [],
            },
            "is_proc_macro": kind == "proc-macro",
        }
        if own:
            label = f"{facts['name']}:{target['name']}"
            entry["build"] = {
                "label": label, "build_file": facts["manifest_path"], "target_kind": KINDS.get(kind, "lib"),
            }  # fmt: skip
        return place

    def _dependencies(self, package: str, kind: str, platform: str) -> Iterator[dict[str, Any]]:
        """Yields what a target of that kind can name, its package's own library among it."""
        library = self._library(package)
        if library and kind in ("bin", *WITH_DEV):
            yield {"crate": self._add(package, library, platform), "name": library["name"].replace("-", "_")}
        wanted = ["build"] if kind == "custom-build" else ["normal", *(["dev"] if kind in WITH_DEV else [])]
        for one in self._nodes[package]["deps"]:
            library = self._library(one["pkg"])
            if library and any((said["kind"] or "normal") in wanted for said in one["dep_kinds"]):
                where = self._host if "proc-macro" in library["kind"] else platform
                yield {"crate": self._add(one["pkg"], library, where), "name": one["name"]}

    def _library(self, package: str) -> Mapping[str, Any] | None:
        libraries = {"lib", "rlib", "dylib", "proc-macro"}
        return next((t for t in self._packages[package]["targets"] if libraries & set(t["kind"])), None)


def _environment(facts: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, str]:
    """Returns the variables that cargo gives each crate of a package."""
    numbers, _, pre = facts["version"].partition("+")[0].partition("-")
    named = dict(zip(("MAJOR", "MINOR", "PATCH"), numbers.split("."), strict=False))
    said = {name: facts.get(name.lower()) or "" for name in ("NAME", "VERSION", "DESCRIPTION", "HOMEPAGE", "REPOSITORY",
                                                            "LICENSE", "RUST_VERSION")}  # fmt: skip
    pairs = {**said, "AUTHORS": ":".join(facts["authors"])}
    pairs |= {f"VERSION_{name}": value for name, value in {**named, "PRE": pre}.items()}
    return {
        "CARGO_CRATE_NAME": target["name"].replace("-", "_"),
        "CARGO_MANIFEST_DIR": str(Path(facts["manifest_path"]).parent),
        **{f"CARGO_PKG_{name}": value for name, value in sorted(pairs.items())},
    }
