"""What a program that starts a machine said of itself, remembered: to ask takes longer than all else there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bootwright.base.cache import cache_directory
from bootwright.base.loaded import stamp
from bootwright.base.remembered import Memory

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

MEMORY = "machines.json"  # in the store's directory
FORMAT = "machines 1"
REMEMBERED = 64


def answer(question: str, files: Sequence[str | os.PathLike[str]], ask: Callable[[], Any]) -> Any:
    """Returns what ask() returned once for this question while the files are the same, as JSON has it.

    An answer that is false is asked for again: what was not there may be installed without a change of the files. A
    home can be shared by machines, so what the answer is about is this one.
    """
    known = _memory()
    now = [*this_computer(), *map(stamp, files)]
    if known.holds(question, now):
        return known.answer(question)
    said = ask()
    if said:
        known.keep(question, now, said)
        known.write()
    return said


def forget(question: str) -> None:
    """Has the question asked anew: its answer turned out to be wrong."""
    known = _memory()
    if known.forget(question):
        known.write()


def this_computer() -> tuple[str, ...]:
    """Returns system, name, release, version and architecture."""
    if sys.platform != "win32":
        return tuple(os.uname())
    import platform  # which takes 2 ms

    return tuple(platform.uname())


def _memory() -> Memory:
    return Memory(Path(cache_directory(), MEMORY), FORMAT, REMEMBERED)
