"""Units of registry packages in the per-user store: compiled once for a person, whichever kernel uses them.

Their sources are known by the registry's checksum. The rest of the key is all that the bytes depend on: arguments and
variables without the place of the build, the compiler, its core, and the contents of what the unit is linked with.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from bootwright.cargo.units import OUT, Unit
from bootwright.rust.compile import RECIPE
from bootwright.rust.more import More, Room
from bootwright.storage.store import DESCRIPTION, Store

KIND = "unit"


def unit_key(unit: Unit, room: Room, more: More, made_of: Mapping[Path, str], identity: str) -> str:
    """Returns the unit's key in the store: 32 hex digits, the same for the same bytes to come.

    made_of are the products that it takes, with their SHA-256; identity says which compiler.
    """
    needed = {}
    place = ""
    for path, digest in made_of.items():
        name = path.relative_to(room.out).as_posix() if path.is_relative_to(room.out) else path.name
        if name.endswith(".stdout"):
            text = path.read_text(encoding="utf-8", errors="replace").replace(str(room.out), OUT)
            digest = hashlib.sha256(text.encode()).hexdigest()
        elif name.endswith(".files") and path.stat().st_size:
            place = str(room.out)  # what was generated there may be named in the bytes
        needed[name] = digest
    facts = [
        RECIPE, identity, unit.kind, unit.cwd, unit.argv, sorted(unit.environment.items()), unit.checksum, more.first,
        more.last if not unit.is_program else (), sorted(more.environment.items()), [name for _, name in room.remaps],
        needed, place,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def take_unit(
    unit: Unit, key: str, names: list[str], compile_into: Callable[[Path], None], out: Path, store: Store | None = None
) -> None:
    """Copies the unit's products, by their names, into out; compile_into makes them where the store has none."""

    def build(place: Path) -> None:
        compile_into(place)
        for path in sorted(place.iterdir()):
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (place / DESCRIPTION).write_text(f"{unit.package} {unit.version}, {unit.crate}\n", encoding="utf-8")

    entry = (store or Store()).take_or_build(KIND, key, build, durable=False)
    for name in names:
        shutil.copyfile(entry / name, out / name)
        if unit.is_program:
            (out / name).chmod(0o755)
