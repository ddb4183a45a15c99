"""Directories that differ from machine to machine and from checkout to checkout, and the names that stand for them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from bootwright.base.records import record

# A path that begins with a root ends there, or goes on with a separator.
_END = r"(?![\w.+~-])"


@record(frozen=True)
class Roots:
    """Pairs of a name such as @cargo@ and the directory or file that it stands for; the longest path counts."""

    pairs: tuple[tuple[str, str], ...]

    def free(self, text: str) -> str:
        """Returns text with the names in place of the paths."""
        if not self.pairs:
            return text
        names = {path: name for name, path in self.pairs}
        pattern = "|".join(re.escape(path) for _, path in self.pairs)
        return re.sub(f"({pattern}){_END}", lambda found: names[found[1]], text)

    def full(self, text: str) -> str:
        """Returns a path of free()'s as it is here."""
        for name, path in self.pairs:
            if text == name or text.startswith(f"{name}/"):
                return path + text[len(name) :]
        return text

    def named_in(self, files: Iterable[Path]) -> dict[str, str]:
        """Returns those roots whose paths stand in the bytes of files, by their names."""
        found: dict[str, str] = {}
        for file in files:
            data = file.read_bytes()
            found |= {name: self.here(name) for name, path in self.pairs if path.encode() in data}
        return found

    def here(self, name: str) -> str:
        """Returns all that a name stands for here."""
        return "\0".join(path for other, path in self.pairs if other == name)


@functools.lru_cache
def roots_of(places: tuple[tuple[str, Path | None], ...]) -> Roots:
    """Returns the roots with these names, each by its path and, where links lead elsewhere, by its real one."""
    found: dict[str, str] = {}
    for name, path in places:
        for text in (str(path), str(path.resolve())) if path else ():
            if len(Path(text).parts) > 1:  # a root directory stands in every path
                found.setdefault(text, f"@{name}@")
    return Roots(tuple(sorted(((name, path) for path, name in found.items()), key=lambda pair: -len(pair[1]))))
