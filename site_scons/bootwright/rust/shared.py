"""Units of registry packages in the per-user store: compiled once for a person, whichever kernel uses them.

Their sources are known by the registry's checksum. The rest of the key is all that the bytes depend on: arguments and
variables without the place of the build, the compiler, its core, and the contents of what the unit is linked with.
Variables of [env] are in it only where the compiler says that the unit read them, so that kernels whose configurations
differ share the rest.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootwright.cargo.units import OUT, Unit
from bootwright.rust.compile import RECIPE
from bootwright.rust.more import More, Room
from bootwright.rust.unit_reads import Reads
from bootwright.storage.store import DESCRIPTION, Store

KIND = "unit"
VARIABLES = "variables"  # a file of an entry: what the unit read of the environment, as JSON
PLACE = "="  # in that file, as no variable can be called: the place of the build, where it stands in the bytes


def unit_key(unit: Unit, room: Room, more: More, made_of: Mapping[Path, str], identity: str, has_macros: bool) -> str:
    """Returns the unit's key in the store: 32 hex digits, the same for the same bytes to come.

    made_of are the products that it takes, with their SHA-256; identity says which compiler; has_macros that there are
    procedural macros among what it is made of, which may read the environment unseen.
    """
    needed = {}
    for path, digest in made_of.items():
        name = path.relative_to(room.out).as_posix() if path.is_relative_to(room.out) else path.name
        if name.endswith(".stdout"):
            text = path.read_text(encoding="utf-8", errors="replace").replace(str(room.out), OUT)
            digest = hashlib.sha256(text.encode()).hexdigest()
        needed[name] = digest
    facts = [
        RECIPE, identity, unit.kind, unit.cwd, unit.argv, sorted(unit.environment.items()), unit.checksum, more.first,
        more.last if not unit.is_program else (), sorted(more.environment.items()), [name for _, name in room.remaps],
        needed, sorted(room.variables.items()) if has_macros else (),
    ]  # fmt: skip
    return _digest(facts)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def take_unit(
    unit: Unit, key: str, names: list[str], compile_into: Callable[[Path], Reads], person: Mapping[str, str], out: Path,
    store: Store | None = None, place: Path | None = None,
) -> Reads:  # fmt: skip
    """Copies the unit's products, by their names, into out; compile_into makes them where the store has none.

    Returns what of person, the environment, the unit read. Who has other values of that finds another entry; and so
    does who builds at another place, of what names the place: files that a build script made lie in it.
    """

    def build(directory: Path) -> None:
        reads = compile_into(directory)
        for path in sorted(directory.iterdir()):
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        known = {**reads.variables, **({PLACE: str(place)} if _names_place(unit, directory, names, place) else {})}
        (directory / VARIABLES).write_text(json.dumps(known, sort_keys=True), encoding="utf-8")
        (directory / DESCRIPTION).write_text(f"{unit.package} {unit.version}, {unit.crate}\n", encoding="utf-8")

    while True:
        entry = (store or Store()).take_or_build(KIND, key, build, durable=False)
        known = json.loads((entry / VARIABLES).read_text(encoding="utf-8"))
        here = {name: str(place) if name == PLACE else person.get(name) for name in known}
        if known == here:
            break
        key = _digest([key, here])
    for name in names:
        shutil.copyfile(entry / name, out / name)
        if unit.is_program:
            (out / name).chmod(0o755)
    return Reads(variables={name: value for name, value in known.items() if name != PLACE})


def _names_place(unit: Unit, directory: Path, names: Sequence[str], place: Path | None) -> bool:
    """Says whether place stands in the products, or may: a procedural macro's metadata is compressed."""
    if place is None or "OUT_DIR" not in unit.environment:
        return False
    found = {str(place).encode(), str(place.resolve()).encode()}
    return unit.kind == "proc-macro" or any(path in (directory / name).read_bytes() for name in names for path in found)
