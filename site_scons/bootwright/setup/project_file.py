"""A kernel's own words: what bootwright.toml, bootwright.local.toml and [package.metadata.bootwright] say of variables.

The first is the project's, the second that of one machine; each lies beside Cargo.toml, of the kernel's package or of
its workspace. A local one wins, then the nearer one, and the command line over all. A key is the name of a variable,
its value what the command line would say. sconsw looks at each start, so that nothing is imported where there is
nothing to read.
"""

from __future__ import annotations

import os

from bootwright.setup import stamp
from bootwright.setup.paths import is_path

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bootwright.base.errors import BootwrightError
    from bootwright.cargo.toml import Table
    from bootwright.setup.words import Variable

SHARED, LOCAL = "bootwright.toml", "bootwright.local.toml"
MANIFEST = "Cargo.toml"
IN_MANIFEST = ("bootwright]", "bootwright.", "bootwright=")  # a key of TOML, without blanks and quotes
NO_PART = str.maketrans("", "", " \t\"'")
WORKSPACE = r"(?m)^\s*(\[\s*)?[\"']?workspace[\"']?\s*[].=]"
LISTS = {"QEMUFLAGS": " ", "RUSTFLAGS": " ", "FEATURES": ","}  # what may be a list, and what joins it
# Where the command line has one of these, what a file says of the others in its row does not count.
TOGETHER = (("VARIANT", "PROFILE"), ("SIGN", "SIGN_KEY", "SIGN_CERT"), ("TARGET", "HOST", "ARCH"))


class Word:
    """One variable of a file: its value as the command line would have it, and where it stands."""

    def __init__(self, value: str, place: str) -> None:
        self.value, self.place = value, place


def kernel_of(given: Mapping[str, str], home: str, launch: str = os.curdir) -> str:
    """Returns the directory of the package that given, the command line, means; "" where that is another example."""
    named = given.get("KERNEL")
    if named:
        return os.path.realpath(os.path.join(launch, named))
    example = os.path.join(home, "kernel")  # which an installation has not
    return "" if any(given.get(name) for name in TOGETHER[-1]) or not os.path.isdir(example) else example


def has_words(kernel: str) -> bool:
    """Tells whether there may be words for the package in kernel, without reading more than its manifest."""
    manifest = stamp.read(os.path.join(kernel, MANIFEST))
    if "metadata" in manifest:
        keys = manifest.translate(NO_PART)
        if any(key in keys for key in IN_MANIFEST):
            return True
    return next(_files(kernel), None) is not None


def find_words(kernel: str, given: Mapping[str, str]) -> dict[str, Word]:
    """Returns the words of the files for the package in kernel, without those that given, the command line, decides.

    Raises BootwrightError for a file that is no TOML, an unknown key, or a value that the variable does not take.
    """
    if not has_words(kernel):
        return {}
    from bootwright.setup.words import VARIABLES

    rows = {row.name: row for row in VARIABLES}
    found: dict[str, Word] = {}
    for table in _tables(kernel):
        for key in table.values:
            value = _value(table, key, rows)
            found.setdefault(key, Word(value, f"[{table.name}] of {table.path}" if table.name else str(table.path)))
    decided = {
        name for names in (*TOGETHER, *((name,) for name in given)) if set(names) & given.keys() for name in names
    }
    return {name: word for name, word in found.items() if name not in decided}


def with_words(home: str, arguments: Iterable[str]) -> list[str]:
    """Returns arguments, and what the kernel's files say where they do not; of a wrong file scons tells."""
    arguments = list(arguments)
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    kernel = kernel_of(given, home)
    if not kernel or not has_words(kernel):
        return arguments
    from bootwright.base.errors import BootwrightError

    try:
        found = find_words(kernel, given)
    except BootwrightError:
        return arguments
    return [*arguments, *(f"{name}={word.value}" for name, word in found.items())]


def _files(kernel: str) -> Iterator[str]:
    """Yields the files that there are, the one that wins first."""
    places, place, below = [], kernel, ""
    while place != below:
        places.append(place)
        place, below = os.path.dirname(place), place
    for name in (LOCAL, SHARED):
        for place in places:
            path = os.path.join(place, name)
            if os.path.lexists(path) and (place == kernel or _is_workspace(os.path.join(place, MANIFEST))):
                yield path


def _is_workspace(manifest: str) -> bool:
    import re

    return re.search(WORKSPACE, stamp.read(manifest)) is not None


def _tables(kernel: str) -> Iterator[Table]:
    """Yields the tables that there are, the one that wins first."""
    from pathlib import Path

    from bootwright.cargo.toml import Table, read_toml

    for name in _files(kernel):
        yield Table(Path(name), "", read_toml(Path(name)))
    manifest = Path(kernel, MANIFEST)
    if manifest.is_file():
        table = Table(manifest, "", read_toml(manifest))
        for key in ("package", "metadata", "bootwright"):
            table = table.table(key)
        # Its other keys are what only a package says: cargo/metadata.py.
        yield Table(manifest, table.name, {key: value for key, value in table.values.items() if key.isupper()})


def _value(table: Table, key: str, rows: Mapping[str, Variable]) -> str:
    """Returns what stands at key, as the command line would have it."""
    from bootwright.cargo.toml import show

    row = rows.get(key)
    if row is None:
        raise _unknown(table, key, rows)
    if row.once:
        raise table.error(key, "is about one call, so that no file says it", f"say {key}= where you call scons")
    value = table.values[key]
    if isinstance(value, bool) and "1" in row.values:
        value = str(int(value))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    elif isinstance(value, list) and key in LISTS:
        value = _joined(table, key)
    if not isinstance(value, str):
        raise table.error(key, f"is {show(value)}, which is no value of {key}=", _takes(row))
    if row.values and value not in (*row.values, row.default):
        raise table.error(key, f"is {show(value)}, none of {', '.join(row.values)}", _takes(row))
    if value and is_path(key, value):
        value = os.path.normpath(table.path.parent / value)
    return value


def _joined(table: Table, key: str) -> str:
    words = table.strings(key)
    if key == "QEMUFLAGS":
        import shlex

        return shlex.join(words)
    for word in words:
        if word.split() != [word]:
            raise table.error(key, f'holds "{word}", and {key}= takes words without a blank')
    return LISTS[key].join(words)


def _unknown(table: Table, key: str, rows: Mapping[str, Variable]) -> BootwrightError:
    import difflib  # a file without a mistake does not pay for it

    near = difflib.get_close_matches(key.upper(), rows, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else "the keys are the variables that `scons -h` lists"
    return table.error(key, "is no variable of bootwright's", hint)


def _takes(row: Variable) -> str:
    return f"{row.name}: {row.help.partition('; default')[0]}"
