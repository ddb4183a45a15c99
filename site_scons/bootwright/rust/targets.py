"""TARGET=: a built-in triple, or the file of a specification."""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import AWAY, is_there


@record(frozen=True)
class Target:
    """A built-in triple (spec is None), or a person's specification; name is what rustc calls it."""

    name: str
    spec: Path | None = None


def find_target(text: str, cwd: Path, hint: str = AWAY) -> Target:
    """Returns the target that TARGET=text means, a relative path being seen from cwd.

    hint says what to do about a file that is none: who named it.
    """
    if not text.endswith(".json"):
        word, dash, rest = text.partition("-")
        # An architecture may have a dot, as thumbv8m.main-none-eabi.
        if not text or any(c in text for c in "/\\ ") or "." in rest or ("." in word and not dash):
            raise BootwrightError(f"TARGET={text} is neither a triple nor the path of a .json file")
        return Target(text)
    path = (cwd / text).absolute()
    path = Path(os.path.realpath(path.parent), path.name)  # a link keeps its own name, which is the target's
    if not is_there(path, hint=hint):
        raise BootwrightError(f"TARGET={text}: there is no file {path}")
    return Target(path.stem, path)
