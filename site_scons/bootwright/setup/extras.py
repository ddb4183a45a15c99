"""The packages of Python that a few words need beside requirements.txt: sets, as pyproject.toml names its extras.

requirements/NAME.txt pins a set. When it is in .venv a copy of that file lies there, so that another list has it
brought again; an empty copy says that its installation did not end. Where bootwright is installed, sets are pip's.
"""

from __future__ import annotations

import os

from bootwright.setup import stamp
from bootwright.setup.verbs import BY_WORD

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOR = {"registry": "push and pull", "pool": "POOL=", "rack": "BOARD=", "test": "the tests of bootwright"}
ELSEWHERE = {"rack": "labgrid-client"}  # the program of a set that may be a person's own, anywhere on PATH


def needed(home: str, words: Iterable[str], values: Mapping[str, str], path: str) -> tuple[str, ...]:
    """Returns the sets that scons with these words and variables needs; none where bootwright is installed."""
    if stamp.is_installed(home):
        return ()
    wants = {name: None for word in words if word in BY_WORD for variable, name in BY_WORD[word].extras.items()
             if values.get(variable)}  # fmt: skip
    return tuple(name for name in wants if not _is_on(path, ELSEWHERE.get(name, ""), os.path.join(home, ".venv")))


def _is_on(path: str, program: str, venv: str) -> bool:
    """Tells whether a program is on PATH; in .venv it is of a set."""
    places = [place for place in path.split(os.pathsep) if place and not place.startswith(venv)] if program else []
    return any(os.access(os.path.join(place, program), os.X_OK) for place in places)


def list_path(home: str, name: str) -> str:
    """Returns the path of the list of a set."""
    return os.path.join(home, "requirements", f"{name}.txt")


def copy_path(home: str, name: str) -> str:
    """Returns where the copy of a set's list lies that says that it is installed."""
    return os.path.join(home, ".venv", f"bootwright.{name}.txt")


def is_there(home: str, name: str) -> bool:
    """Tells whether the set of today's list is in .venv."""
    text = stamp.read(list_path(home, name))
    return text != "" and text == stamp.read(copy_path(home, name))
