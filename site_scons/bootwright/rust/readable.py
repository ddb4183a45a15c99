"""What rustc and the linker are about to read beside the crate's own directory: none of it is a FIFO or has no end.

Both would wait, or read until memory ends. What lies in the crate's directory cargo/sources.py has looked at; here it
is what arguments, sources and linker scripts name: objects, include!() and its like, #[path], .incbin, INCLUDE. A name
that a macro makes is not seen; then Ctrl-C ends the compiler.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import AWAY, LARGEST, kind, read_bytes
from bootwright.cargo.config import read_configuration
from bootwright.rust.assembled import find_assembled

INCLUDED = rb'\binclude(?:_bytes|_str)?\s*!\s*[(\[{]\s*"([^"\\\n]+)"'
AT_PATH = rb'#\s*\[\s*path\s*=\s*"([^"\\\n]+)"'
IN_SCRIPT = rb'\bINCLUDE\s+"?([^\s";]+)'
LEAST = 2  # letters; most parts of arguments that are shorter name no file, and none of them a strange one
NOTHING = "/dev/null"


def check_readable(argv: Iterable[str], sources: Iterable[Path], cwd: Path) -> None:
    """Raises for a file that argv or a Rust source names, seen from cwd or from the source, and that is a FIFO."""
    for word in argv:
        for part in re.split("[=@,]", word):
            if len(part) >= LEAST:
                _check(cwd, part, f"{word} names it")
        if script := re.search(r"(?:^|[=,\s])(?:-T|--script=)(.+)$", word):
            _check_script(cwd, script[1], f"{word} names it")
    sources = [path for path in sources if path.suffix == ".rs"]
    for path in sources:
        for name in _named(path, INCLUDED, AT_PATH):
            _check(path.parent, name, f"{path} names it")
    try:
        assembled = find_assembled(sources, cwd)
    except BootwrightError:  # not every source may be rustc's to read; what is wrong with one that is, is told later
        return
    for path in assembled:
        _check(cwd, str(path), "an assembly in the crate names it")


def configured_flags(directory: Path, environ: Mapping[str, str]) -> list[str]:
    """Returns the words of each rustflags in cargo's configuration for directory, which cargo itself hands on."""
    values = [leaf.value for leaf in read_configuration(directory, environ).leaves() if leaf.key[-1] == "rustflags"]
    return [str(word) for value in values for word in (value.split() if isinstance(value, str) else value)]


def _check_script(cwd: Path, name: str, hint: str) -> None:
    """Looks at a linker script and at what it includes, which linkers find from cwd on or beside the script."""
    waiting, seen = [(name, hint)], set()
    while waiting:
        name, hint = waiting.pop()
        _check(cwd, name, hint)
        if (path := cwd / name) not in seen:
            seen.add(path)
            found = list(_named(path, IN_SCRIPT))
            waiting += [(str(place / inner), f"{path} names it") for inner in found for place in (cwd, path.parent)]


def _check(place: Path, name: str, hint: str) -> None:
    path = os.path.normpath(place / name)
    try:
        what = kind(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return  # rustc says that there is none, if it is one
    if what and what != "a directory" and path != NOTHING:
        raise BootwrightError(f"{path} is {what}, no regular file", f"{hint}; {AWAY}")


def _named(path: Path, *patterns: bytes) -> Iterator[str]:
    """Yields the names that stand in the text at path after one of patterns."""
    try:
        text = read_bytes(path, LARGEST)
    except (OSError, BootwrightError):
        return
    for pattern in patterns:
        yield from (name.decode(errors="surrogateescape") for name in re.findall(pattern, text))
