"""Answers that were dear, remembered in a file of JSON: each under its question, with a stamp.

A stamp is what differs once the answer may come out otherwise. To remember is a matter of speed alone: a file that is
not there, is half of one or is of another bootwright holds nothing, and one that cannot be written stays as it is.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any


class Memory:
    """The answers in the file path, at most so many (0: all), those kept last; format names how they are written."""

    def __init__(self, path: Path, form: str, most: int = 0) -> None:
        self._path = path
        self._form = form
        self._most = most
        self._entries = self._read()

    def answer(self, question: str) -> Any:
        """Returns what was answered last, whether it still holds or not; None where nothing was."""
        entry = self._entries.get(question)
        return entry["answer"] if entry else None

    def holds(self, question: str, stamp: object) -> bool:
        """Tells whether there is an answer, and its stamp was this one."""
        entry = self._entries.get(question)
        return entry is not None and entry["stamp"] == _as_read(stamp)

    def keep(self, question: str, stamp: object, answer: object) -> None:
        """Remembers the answer; write() makes it last."""
        self._entries.pop(question, None)
        self._entries[question] = {"stamp": _as_read(stamp), "answer": _as_read(answer)}

    def forget(self, question: str) -> bool:
        """Removes the answer; returns whether there was one."""
        return self._entries.pop(question, None) is not None

    def questions(self) -> list[str]:
        """Returns what is answered, the answer kept last at the end."""
        return list(self._entries)

    def write(self) -> None:
        """Replaces the file at once; no lock is needed."""
        kept = dict(list(self._entries.items())[-self._most :])
        with contextlib.suppress(OSError), atomic.new_file(self._path, shared=True) as file:
            file.write_text(json.dumps({"format": self._form, "entries": kept}), encoding="utf-8")

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            facts = json.loads(read_text(self._path))
            if facts["format"] != self._form:
                return {}
            return {str(q): {"stamp": e["stamp"], "answer": e["answer"]} for q, e in facts["entries"].items()}
        except (OSError, BootwrightError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return {}


def _as_read(value: object) -> Any:
    """Returns value as it comes back from the file, where a tuple is a list."""
    return json.loads(json.dumps(value))
