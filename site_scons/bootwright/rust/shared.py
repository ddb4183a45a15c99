"""Units of registry packages in the per-user store: compiled once for a person, whichever kernel uses them.

Their sources are known by the registry's checksum. The rest of the key is all that the bytes depend on: arguments and
variables without the place of the build, the compiler, its core, and the contents of what the unit is linked with.
Variables of [env] are in it only where the compiler says that the unit read them, so that kernels whose configurations
differ share the rest. The places of checkout, cargo's home and store are in it by their names (roots.py), for other
machines' sake; what has one of these paths in its bytes is kept for that path alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootwright.cargo.units import Unit
from bootwright.rust.compile import RECIPE
from bootwright.rust.more import More, Room
from bootwright.rust.roots import Roots
from bootwright.rust.unit_reads import Reads
from bootwright.storage.store import DESCRIPTION, Store

KIND = "unit"
VARIABLES = "variables"  # a file of an entry: what the unit read of the environment, as JSON
PLACE = "="  # in that file begins so, as no variable can, what stands for a root whose path is in the bytes
OUT_ROOT = "@out@"
# The section .rustc of a dynamic library: a header with a length, and behind it the metadata with its own, or that
# compressed (rustc_metadata's METADATA_HEADER; 1.96 compresses it no more).
PLAIN_METADATA = re.compile(rb"rust\0\0\0..{8}rust\0\0\0", re.DOTALL)


def unit_key(unit: Unit, room: Room, more: More, made_of: Mapping[Path, str], identity: str, has_macros: bool) -> str:
    """Returns the unit's key in the store: 32 hex digits, the same for the same bytes to come.

    made_of are the products that it takes, with their SHA-256; identity says which compiler; has_macros that there are
    procedural macros among what it is made of, which may read the environment unseen.
    """
    words = more.last if unit.for_builder or not unit.is_program else ()  # those of the target's programs are paths
    facts = [
        RECIPE, identity, unit.kind, unit.cwd, unit.argv, sorted(variables_of(unit).items()), unit.checksum, more.first,
        words, sorted(more.environment.items()), [name for _, name in room.remaps],
        needed_by_names(made_of, room), sorted(room.variables.items()) if has_macros else (),
    ]  # fmt: skip
    if unit.kind == "proc-macro" and "OUT_DIR" in unit.environment:
        facts.append("read")  # its metadata; who did not read it kept each for one place
    return digest_of(json.loads(room.roots.free(json.dumps(facts))))


def needed_by_names(made_of: Mapping[Path, str], room: Room) -> dict[str, str]:
    """Returns the SHA-256 of each product that a unit takes by a name without a path of this machine."""
    needed = {}
    for path, digest in made_of.items():
        name = path.relative_to(room.out).as_posix() if path.is_relative_to(room.out) else path.name
        needed[name] = digest_of_said(path, room.roots) if name.endswith(".stdout") else digest
    return needed


def variables_of(unit: Unit) -> dict[str, str]:
    """Returns the unit's variables but for PATH, to which rustup's cargo adds its own directory."""
    return {name: value for name, value in unit.environment.items() if name != "PATH"}


def digest_of_said(path: Path, roots: Roots) -> str:
    """Returns the SHA-256 of what a build script said, whose paths are those of its machine."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return hashlib.sha256(roots.free(text).encode()).hexdigest()


def digest_of(facts: object) -> str:
    """Returns 32 hex digits that stand for facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def take_unit(
    unit: Unit, key: str, names: list[str], compile_into: Callable[[Path], Reads], person: Mapping[str, str], out: Path,
    store: Store, roots: Roots,
) -> Reads:  # fmt: skip
    """Copies the unit's products, by their names, into out; compile_into makes them where the store has none.

    Returns what of person, the environment, the unit read. Who has other values of that finds another entry; and so
    does who builds at another place, of what names the place: files that a build script made lie in it, and a crate may
    ask where its own sources are.
    """

    def build(directory: Path) -> None:
        reads = compile_into(directory)
        for path in sorted(directory.iterdir()):
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        places = places_in(unit, [directory / name for name in names], roots)
        known = {**reads.variables, **{f"{PLACE}{name}": path for name, path in places.items()}}
        (directory / VARIABLES).write_text(json.dumps(known, sort_keys=True), encoding="utf-8")
        (directory / DESCRIPTION).write_text(f"{unit.package} {unit.version}, {unit.crate}\n", encoding="utf-8")

    while True:
        entry = store.take_or_build(KIND, key, build, durable=False)
        known = json.loads((entry / VARIABLES).read_text(encoding="utf-8"))
        here = {name: roots.here(name[1:]) if name.startswith(PLACE) else person.get(name) for name in known}
        if known == here:
            break
        key = digest_of([key, here])
    for name in names:
        shutil.copyfile(entry / name, out / name)
        if unit.is_program:
            (out / name).chmod(0o755)
    return Reads(variables={name: value for name, value in known.items() if not name.startswith(PLACE)})


def places_in(unit: Unit, products: Sequence[Path], roots: Roots) -> dict[str, str]:
    """Returns the roots whose paths stand in the products, or may: some compilers compress a procedural macro's."""
    found = roots.named_in(products)
    if "OUT_DIR" not in unit.environment:
        found.pop(OUT_ROOT, None)  # it is told no such place, so that this is another's
    elif unit.kind == "proc-macro" and not any(PLAIN_METADATA.search(path.read_bytes()) for path in products):
        found[OUT_ROOT] = roots.here(OUT_ROOT)
    return found
