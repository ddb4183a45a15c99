"""Units of registry packages in the per-user store: compiled once for a person, whichever kernel uses them.

Their sources are known by the registry's checksum. The rest of the key is all that the bytes depend on: arguments and
variables without the place of the build, the compiler, its core, and the contents of what the unit is linked with.
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
from bootwright.storage.store import DESCRIPTION, Store

KIND = "unit"


def unit_keys(unit: Unit, room: Room, more: More, made_of: Mapping[Path, str], identity: str) -> tuple[str, ...]:
    """Returns the unit's keys in the store, each 32 hex digits: the same for the same bytes to come.

    made_of are the products that it takes, with their SHA-256; identity says which compiler. What takes a file that a
    build script made has a second key, with the place of the build: for bytes in which the place stands.
    """
    needed = {}
    is_placed = False
    for path, digest in made_of.items():
        name = path.relative_to(room.out).as_posix() if path.is_relative_to(room.out) else path.name
        if name.endswith(".stdout"):
            text = path.read_text(encoding="utf-8", errors="replace").replace(str(room.out), OUT)
            digest = hashlib.sha256(text.encode()).hexdigest()
        elif name.endswith(".files") and path.stat().st_size:
            is_placed = True  # what was generated there may be named in the bytes
        needed[name] = digest
    facts = [
        RECIPE, identity, unit.kind, unit.cwd, unit.argv, sorted(unit.environment.items()), unit.checksum, more.first,
        more.last if not unit.is_program else (), sorted(more.environment.items()), [name for _, name in room.remaps],
        needed,
    ]  # fmt: skip
    places = ["", str(room.out)] if is_placed else [""]
    texts = [json.dumps([*facts, place], sort_keys=True) for place in places]
    return tuple(hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts)


def key_in(store: Store, keys: Sequence[str]) -> str:
    """Returns the key of keys under which the store has the unit; "" where it has it under none."""
    return next((key for key in keys if store.has(KIND, key)), "")


def take_unit(
    unit: Unit, keys: Sequence[str], names: list[str], compile_into: Callable[[Path], None], out: Path, room: Room,
    store: Store | None = None,
) -> None:  # fmt: skip
    """Copies the unit's products, by their names, into out; compile_into makes them where the store has none."""
    store = store or Store()

    def fill(place: Path) -> None:
        for path in sorted(place.iterdir()):
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (place / DESCRIPTION).write_text(f"{unit.package} {unit.version}, {unit.crate}\n", encoding="utf-8")

    def build(place: Path) -> None:
        compile_into(place)
        fill(place)

    def keep(place: Path) -> None:
        for name in names:
            shutil.copyfile(out / name, place / name)
        fill(place)

    key = key_in(store, keys)
    if not key and len(keys) > 1:
        # Who waits for it elsewhere would wait for a key that is known when it is made.
        compile_into(out)
        key = keys[_names_place(unit, [out / name for name in names], room)]
        store.take_or_build(KIND, key, keep, durable=False)
    else:
        entry = store.take_or_build(KIND, key or keys[0], build, durable=False)
        for name in names:
            shutil.copyfile(entry / name, out / name)
    for name in names if unit.is_program else ():
        (out / name).chmod(0o755)


def _names_place(unit: Unit, products: Sequence[Path], room: Room) -> bool:
    """Says whether the place of the build stands in products, or may: a procedural macro's metadata is compressed."""
    places = {str(room.out).encode(), str(room.out.resolve()).encode()}
    return unit.kind == "proc-macro" or any(place in path.read_bytes() for path in products for place in places)
