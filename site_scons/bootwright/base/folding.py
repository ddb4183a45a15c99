"""Sentences on a terminal: a line that is wider than it is folded between two words, and not within one.

What a person copies stays in one piece, and the terminal folds it: a command, a quoted line of source, a path.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console
    from rich.table import Table

LEAST = 20  # columns; in fewer nobody reads
# A command after the words that lead to it, an excerpt of a source, and the place that rustc names one by.
WHOLE = re.compile(
    r"\s*(?:hint: |cure: |to write to it: |(?:hint: )?the command was: )?"
    r"(?:(?:\S*/)?(?:sudo|apt-get|dnf|pacman|zypper|apk|nix|brew|winget|rustup|cargo|scons|sconsw|bootwright|py|git)\s"
    r"|/\S+ -|[A-Z][A-Z_]+=\S+ \S*/)"
    r"|\s*\d* \| |\s*--> "
)
# A word or numbers, under what stands behind which the next lines begin.
LABEL = re.compile(r" +(?:[a-z]+(?:: | {2,})|[\d,]+ {2,}(?:[-+][\d,]+ {2,})?)?")
PIECE = re.compile(r"`[^`]*`\S*|\S+")
PART = re.compile(r".+?(?:::|$)")  # of a symbol's name, which may be wider than a terminal


def fit(text: str, stream: TextIO, indent: int | None = None) -> str:
    """Returns text as it goes to stream: folded to its width, where it is a terminal that has one.

    indent is how far folded rows are set in, None where each line shows that itself.
    """
    if not stream.isatty():
        return text
    width = columns(stream)
    return "\n".join(fold(line, width, indent) for line in text.split("\n")) if width >= LEAST else text


def columns(stream: TextIO) -> int:
    """Returns how wide the terminal is, COLUMNS before what it says itself; 0 where neither says."""
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def is_too_narrow(console: Console, table: Table) -> bool:
    """Tells whether rich would break words to show table's columns beside each other."""
    return table.__rich_measure__(console, console.options).minimum > console.width


def fold(line: str, width: int, depth: int | None = None) -> str:
    """Returns a line in several of at most width characters, but for a word, or what backquotes hold, that is wider.

    What is folded is set in by depth, which None leaves to the line.
    """
    return line if WHOLE.match(line) else fill(line, width, depth)


def fill(line: str, width: int, depth: int | None = None) -> str:
    """Returns a line in several, as fold does, whatever it begins with.

    A word that is wider than what is left of a row by its indent begins a row, less far in where it fits so.
    """
    if len(line) <= width:
        return line
    label = LABEL.match(line)
    if depth is None:
        depth = len(label[0]) if label and len(label[0]) <= width // 2 else 2
    indent = " " * depth
    rows, end = [""], 0
    for piece in PIECE.finditer(line):
        blanks = line[end : piece.start()]
        for part in _parts(piece[0], width - len(indent), width):
            fits = len(rows[-1]) + len(blanks) + len(part) <= width or len(part) > width
            if rows[-1].strip() and not fits:
                rows.append(indent[: max(0, width - len(part))] + part)
            else:
                rows[-1] += blanks + part
            blanks = ""
        end = piece.end()
    return "\n".join(row.rstrip() for row in rows)


def _parts(piece: str, least: int, width: int) -> list[str]:
    """Returns a piece in those that a row may end with: a name's where rows of least columns are too short for it."""
    if len(piece) <= least:
        return [piece]
    if " " in piece:
        return re.findall(r"\S+ ?", piece) if len(piece) > width else [piece]
    return PART.findall(piece)
