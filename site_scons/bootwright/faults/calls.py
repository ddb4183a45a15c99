"""The frames of a guest as a report shows them: the place to look at, and the list of calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from bootwright.elf.demangle import LIBRARY, crate_of
from bootwright.elf.symbols import Place
from bootwright.faults.unwind import Frame

SHOWN_FRAMES = 16
OTHERS = (*LIBRARY, "__rustc")  # nobody's own: the compiler's shims between the library and the kernel
PANIC_HANDLER = "rust_begin_unwind"  # as the compiler calls it
LIBRARY_PATH = re.compile(r"^/rustc/[0-9a-f]+/library/")
# As compiled files name what they were made of: of a package its name and version are enough.
SHORTENED = re.compile(rf"{LIBRARY_PATH.pattern}|^/cargo/(?:registry/src/[^/]+|git/checkouts)/")
FETCHED_PATH = re.compile(r"/(?:registry/src|git/checkouts)/")  # where cargo puts the sources of others


def is_foreign(file: str) -> bool:
    """Tells whether a source is the library's or that of a package which cargo fetched: nobody looks for a fault there
    first.
    """
    return LIBRARY_PATH.match(file) is not None or FETCHED_PATH.search(file) is not None


def _is_others(place: Place) -> bool:
    """Tells whether a place is the library's or the compiler's, by whose name for it a panic handler goes."""
    return crate_of(place.function) in OTHERS and not place.function.endswith(PANIC_HANDLER)


def innermost(frames: Sequence[Frame]) -> Place:
    """Returns the innermost place of the kernel's own code, else the innermost of a package that it uses, else the
    innermost that has a name, else a nameless one.
    """
    places = [place for frame in frames for place in frame.places if place.function]
    own = [p for p in places if not _is_others(p) and not LIBRARY_PATH.match(p.file)]
    # What the compiler calls by itself, as __aeabi_memcpy, bears no crate's name and has no lines.
    named = [p for p in own if p.file or "::" in p.function]
    mine = [p for p in named if p.file and not is_foreign(p.file)]
    return next(iter(mine or named or own or places), Place(""))


def calls(frames: Sequence[Frame]) -> list[str]:
    """Returns a line for each function on the stack; turns of a recursion that are alike are counted."""
    rows: list[str] = []
    number = 0
    for _, group in groupby(frames, lambda frame: (frame.pc, frame.guess, frame.interrupted)):
        alike = list(group)
        rows += _row(number, alike[0], len(alike))
        number += len(alike)
    if len(rows) <= SHOWN_FRAMES:
        return rows
    half = SHOWN_FRAMES // 2
    return [*rows[:half], f"... {len(rows) - SHOWN_FRAMES} more ...", *rows[-half:]]


def _row(number: int, frame: Frame, times: int) -> list[str]:
    rows = []
    for place in frame.places or (Place(""),):
        file = SHORTENED.sub("", place.where)
        marks = [
            *(["inlined"] if place.inlined else []),
            *(["a guess: found by searching the stack"] if frame.guess else []),
            *(["interrupted here"] if frame.interrupted else []),
            *([f"{times} times"] if times > 1 else []),
        ]
        mark = f" ({', '.join(marks)})" if marks else ""
        name = place.function or "no function of the kernel"
        rows.append(f"#{number} {frame.pc:#x} {name}{f', {file}' if file else ''}{mark}")
    return rows
