"""rust-project.json: the crates of a kernel as rust-analyzer takes them, from the units that a build carries out.

https://rust-analyzer.github.io/book/non_cargo_based_projects.html. What lies in the sysroot (core and alloc, std for
build scripts and macros) it reads by itself from the library's sources. Where several crates have one root, the first
is what an editor shows: a library with its tests, a program without.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootwright.base.records import record
from bootwright.cargo.directives import expand_environment, expand_words
from bootwright.cargo.units import OUT, OWN, Unit, crate_types, value_of, value_of_joint
from bootwright.cli.members import KINDS, LEFT_OUT, Members
from bootwright.rust.more import More, Room

NAME = "rust-project.json"
MARK = "bootwright"  # the key by which the file is known as ours, and the kernel's directory; rust-analyzer has no use
OF_THE_TARGET = ("panic", "debug-assertions", "opt-level", "overflow-checks", "target-cpu", "target-feature")
AskCfg = Callable[[Sequence[str], Mapping[str, str]], list[str]]  # rustc's words and variables -> what --print=cfg says


@record(frozen=True)
class Crate:
    """One crate to be: its unit, and what the build adds to that."""

    unit: Unit
    more: More


def project(
    crates: Sequence[Crate], workspace: Mapping[str, Any] | None, target: tuple[str, More], room: Room, sysroot: Path,
    library: Path | None, host: str, ask: AskCfg, kernel: str,
) -> dict[str, Any]:  # fmt: skip
    """Returns what the file holds for a kernel's directory; the units' scripts have run: room knows what they said.

    workspace is what cargo tells of a workspace with other members, see cargo.workspace, and target the kernel's target
    with what the build adds for it. library is the directory of the library's sources; host is the builder's triple,
    ask is asked for the target's cfgs.
    """
    in_order = sorted((crate for crate in crates if not crate.unit.is_run), key=_rank)
    makers = {product: i for i, crate in enumerate(in_order) for product in crate.unit.products}
    entries = [_entry(crate, room, makers, host, ask) for crate in in_order]
    same = {name: path for name, path in (("sysroot", sysroot), ("sysroot_src", library)) if path}
    merged = _merged(entries)
    if workspace:
        word, more = target
        cfgs = {word: ask([*more.first, "--target", word], more.environment), host: ask([], {})}
        Members(merged, workspace, cfgs, host).add()
    return {MARK: kernel, **{name: str(path) for name, path in same.items()}, "crates": merged}


def is_own(text: bytes) -> bool:
    """Says whether text is of a file that was written here."""
    try:
        return MARK in json.loads(text)
    except (ValueError, TypeError):
        return False


def is_for(text: bytes, kernel: str) -> bool:
    """Says whether text is of a file that builds of this kernel keep current.

    In a workspace with several kernels that is the one for which it was asked last, as long as it is there.
    """
    if not is_own(text):
        return False
    of = json.loads(text)[MARK]
    return not isinstance(of, str) or of == kernel or not Path(of, "Cargo.toml").is_file()


def _rank(crate: Crate) -> int:
    """Returns which of several crates with one root an editor is to show: the least."""
    unit = crate.unit
    tested = unit.is_test or unit.name.startswith(f"{OWN}/")
    return {"lib": 0 if tested else 1, "bin": 2 if tested else 1}.get(unit.kind, 1)


def _entry(crate: Crate, room: Room, makers: Mapping[str, int], host: str, ask: AskCfg) -> dict[str, Any]:
    unit, more = crate.unit, crate.more
    said = room.script_said(unit)
    words = [room.text(word) for word in expand_words(unit, said)]
    target = value_of(words, "--target")
    own = {name: room.text(value) for name, value in expand_environment(unit, said).items()}
    environment = {**room.variables, **own, **more.environment}
    source = os.path.normpath(Path(unit.cwd, unit.source))
    places = [unit.root, *([environment["OUT_DIR"]] if "OUT_DIR" in environment else [])]
    found = ask([*more.first, *_of_the_target(words), *(["--test"] if "--test" in words else [])], more.environment)
    entry: dict[str, Any] = {
        "display_name": unit.crate,
        "root_module": source,
        "edition": value_of_joint(words, "--edition") or value_of(words, "--edition") or "2015",
        "version": unit.version,
        "deps": _dependencies(unit, makers),
        "cfg": list(dict.fromkeys([*found, *_values(words, "--cfg")])),
        "target": target or host,
        "env": dict(sorted(environment.items())),
        "is_workspace_member": unit.local,
        "source": {
            "include_dirs": places,
            "exclude_dirs": [str(Path(unit.root, name)) for name in LEFT_OUT] if unit.local else [],
        },
        "is_proc_macro": "proc-macro" in crate_types(words),
    }
    if entry["is_proc_macro"]:
        entry["proc_macro_dylib_path"] = str(room.out / unit.products[0])
    if unit.local:
        kind = KINDS.get(unit.kind, "lib")
        label = f"{unit.package}:{unit.target}"
        entry["build"] = {"label": label, "build_file": str(Path(unit.root, "Cargo.toml")), "target_kind": kind}
    return entry


def _dependencies(unit: Unit, makers: Mapping[str, int]) -> list[dict[str, Any]]:
    found = []
    for value in _values(unit.argv, "--extern"):
        name, _, path = value.rpartition(":")[2].partition("=") if f"{OUT}/" in value else ("", "", "")
        maker = makers.get(path.removeprefix(f"{OUT}/"))
        if maker is not None:
            found.append({"crate": maker, "name": name})
    return found


def _merged(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns entries without those that say what one before says: of two plans one crate may be two units."""
    place: dict[int, int] = {}
    kept: list[dict[str, Any]] = []
    known: dict[str, int] = {}

    def settle(number: int) -> int:
        if number not in place:
            entry = entries[number]
            entry["deps"] = [{**one, "crate": settle(one["crate"])} for one in entry["deps"]]
            text = json.dumps({**entry, "proc_macro_dylib_path": ""}, sort_keys=True)
            if text not in known:
                known[text] = len(kept)
                kept.append(entry)
            place[number] = known[text]
        return place[number]

    for number in range(len(entries)):
        settle(number)
    return kept


def _values(words: Iterable[str], option: str) -> Iterator[str]:
    """Yields the word after each option."""
    rest = iter(words)
    for word in rest:
        if word == option:
            yield next(rest, "")


def _of_the_target(words: Sequence[str]) -> list[str]:
    """Returns the words by which the target's cfgs may be other ones."""
    found = [word for value in _values(words, "--target") for word in ("--target", value)]
    joined = [word.removeprefix("-C") for word in words if word.startswith("-C") and len(word) > len("-C")]
    for value in [*_values(words, "-C"), *joined]:
        if value.partition("=")[0] in OF_THE_TARGET:
            found += ["-C", value]
    return [*found, *(word for value in _values(words, "-Z") for word in ("-Z", value))]
