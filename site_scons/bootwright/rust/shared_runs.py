"""What a build script of a registry's package said and made, in the store: one run for all kernels and machines.

Most such scripts ask the compiler what it can do, which is the same wherever the compiler is. A run is shared where all
that it said is of the compiler and the package: cfgs, variables, and files of the package to watch; no library, no word
for the linker, no warning, no metadata. No path of this machine may stand in what it said or made. And the script's
sources must not look elsewhere: start a program by its name, ask for the time or all variables, or name a path.

The key is all that it got: its program, cargo's variables without paths, the compiler, the package's checksum, and of
the person's variables those that its sources name. What it declares is compared when it is taken, as of a unit. Every
other script, and each one of a person's own package, runs wherever it is built.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import LARGEST, read_text
from bootwright.cargo.directives import Directives, read_directives
from bootwright.cargo.published import check_published
from bootwright.cargo.units import Unit
from bootwright.rust.compile import environment_of
from bootwright.rust.more import More, Room
from bootwright.rust.script import Ran, files_made, of_person
from bootwright.rust.shared import VARIABLES, digest_of, needed_by_names
from bootwright.storage.store import DESCRIPTION, Store

KIND = "script"
RECIPE = 2  # to be raised when a run comes out otherwise than before
SAID, MADE = "stdout", "out"  # of an entry: a file, and a directory where the script made any
OF_THIS_MACHINE = ("PATH", "NUM_JOBS", "CARGO")  # variables of cargo's that are in no key
MODULE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(?:r#)?(\w+)\s*;", re.MULTILINE)
INCLUDED = re.compile(r'(?:\binclude!\s*\(\s*|\bpath\s*=\s*)"([^"]+)"')
NAMED = re.compile(r'"(_*[A-Za-z][A-Za-z0-9_]*)"')  # a shell's own "_" is in texts for other reasons
ELSEWHERE = re.compile(
    r'Command::new\(\s*"|\bSystemTime\b|\bvars(?:_os)?\s*\(|\bcurrent_exe\b|\bhome_dir\b|\bavailable_parallelism\b'
    r'|\b(?:Tcp|Udp|Unix)Stream\b|"(?:/|\.\./|[A-Za-z]:[\\/])[\w.]|"(?:PATH|NUM_JOBS|CARGO)"'
)
PATH = re.compile(r"""(?:^|[\s="':;,(\[])(?:/|[A-Za-z]:[\\/])[\w.]""", re.MULTILINE)


class _Own(Exception):
    """Ends the making of an entry for what is not to be shared."""

    def __init__(self, ran: Ran) -> None:
        super().__init__()
        self.ran = ran


def run_key(
    unit: Unit, room: Room, made_of: Mapping[Path, str], identity: str, person: Mapping[str, str],
    crates: Iterable[Path],
) -> str:  # fmt: skip
    """Returns the key of what the run unit says and makes: 32 hex digits; "" where its sources look elsewhere.

    made_of are the program and what other scripts said, each with its SHA-256; crates are the root files of the
    program and the libraries in it; person is the whole environment.
    """
    named: set[str] = set()
    for path in crates:
        for text in _sources(path):
            if text is None or ELSEWHERE.search(text):
                return ""
            named.update(NAMED.findall(text))
    got = {name: value for name, value in environment_of(unit, room, More()).items() if name not in OF_THIS_MACHINE}
    own = {name: value for name, value in of_person(person).items() if name in named}
    own |= {name: value for name, value in room.variables.items() if name in named}
    needed = needed_by_names(made_of, room)
    facts = [RECIPE, identity, unit.package, unit.version, unit.checksum, unit.cwd, needed, got, own]
    return digest_of(json.loads(room.roots.free(json.dumps(facts))))


def _sources(root: Path) -> Iterable[str | None]:
    """Gives the text of each file of the crate with that root file; None for one that is not found."""
    waiting, seen = [root], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            text = read_text(path, LARGEST)
        except (OSError, BootwrightError):
            yield None
            continue
        yield text
        waiting += [path.parent / name for name in INCLUDED.findall(text)]
        below = path.parent if path == root or path.stem == "mod" else path.parent / path.stem
        for name in MODULE.findall(text):
            places = (below / f"{name}.rs", below / name / "mod.rs")
            waiting.append(next((place for place in places if place.is_file()), places[0]))


def take_run(
    unit: Unit, room: Room, key: str, person: Mapping[str, str], store: Store, run: Callable[[], Ran]
) -> Ran:  # fmt: skip
    """Puts into OUT_DIR what the script made, and returns what it said; run runs it, where the store has no run of it.

    Who has other values of the variables that it declared finds another entry.
    """
    out, made = room.out / unit.name, []

    def build(directory: Path) -> None:
        ran = run()
        made.append(ran)
        if not is_shared(unit, room, ran):
            raise _Own(ran)
        if ran.files:
            shutil.copytree(out, directory / MADE)
        (directory / SAID).write_text(ran.said, encoding="utf-8", newline="")
        known = {name: person.get(name) for name in _declared(unit, ran.directives)}
        (directory / VARIABLES).write_text(json.dumps(known, sort_keys=True), encoding="utf-8")
        (directory / DESCRIPTION).write_text(f"{unit.package} {unit.version}, its build script\n", encoding="utf-8")

    while True:
        try:
            entry = store.take_or_build(KIND, key, build, durable=False)
        except _Own as own:
            return own.ran
        known = json.loads((entry / VARIABLES).read_text(encoding="utf-8"))
        here = {name: person.get(name) for name in known}
        if known == here:
            break
        key = digest_of([key, here])
    if made:
        return made[-1]
    said = (entry / SAID).read_bytes().decode()
    shutil.rmtree(out, ignore_errors=True)
    if (entry / MADE).is_dir():
        shutil.copytree(entry / MADE, out)
    else:
        out.mkdir(parents=True)
    return Ran(said, files_made(out), read_directives(said))


def is_shared(unit: Unit, room: Room, ran: Ran) -> bool:
    """Says whether what a script said and made is the same wherever it runs, as far as that can be seen of it."""
    said, out = ran.directives, room.out / unit.name
    if said.searches or said.libraries or said.link_args or said.metadata or said.warnings or said.errors:
        return False
    files = [path for path in out.rglob("*") if path.is_file() and not path.is_symlink()]
    found = {path for file in files for path in (file, *file.parents)}
    if any(path not in found for path in out.rglob("*")):  # a link or an empty directory: no entry holds these
        return False
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in said.files) or PATH.search(ran.said):
        return False
    home = Path.home()
    places = [path for _, path in room.roots.pairs] + ([str(home)] if len(home.parts) > 1 else [])
    words = [
        word.encode() for place in places for word in {place, place.replace("\\", "\\\\"), place.replace("\\", "/")}
    ]
    if any(word in data for data in (ran.said.encode(), *(file.read_bytes() for file in files)) for word in words):
        return False
    try:
        check_published(Path(unit.root), f"{unit.package} {unit.version}", unit.checksum)
    except BootwrightError:
        return False
    return True


def _declared(unit: Unit, said: Directives) -> list[str]:
    return [name for name in said.variables if name not in unit.environment]
