"""A page of docs/ as it is read on a terminal: filled to its width, tables without their bars.

The pages hold headings, paragraphs, lists, commands (set in by four blanks, with a remark behind three or more) and
tables; a renderer of all of Markdown would break words to make its columns fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bootwright.base.folding import LEAST, fill

SET_IN = "    "  # of a command
REMARK = re.compile(r"(?<=\S) {3,}(?=\S)")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
CELLS = re.compile(r"(?<!\\)\|")
GAP = "  "
BLANK, CODE, TABLE, ITEM, HEADING, TEXT = "blank", "code", "table", "item", "heading", "text"


def fit_page(text: str, width: int) -> str:
    """Returns a page in rows of at most width columns, but for a command or a word that is wider.

    width 0, of what is no terminal, leaves it as it is written.
    """
    if width < LEAST:
        return text
    rows: list[str] = []
    for kind, lines in _blocks(text.splitlines()):
        if kind == CODE:
            rows += [row for line in lines for row in _command(line, width)]
        elif kind == TABLE:
            rows += _table([_cells(line) for line in lines], width)
        elif kind in (ITEM, TEXT):
            joined = LINK.sub(r"\1", " ".join(line.strip() for line in lines))
            rows += fill(joined, width, 2 if kind == ITEM else 0).split("\n")
        elif kind == HEADING:
            rows += fill(lines[0], width, 2).split("\n")
        else:
            rows += lines
    return "\n".join(rows) + "\n"


def _kind(line: str) -> str:
    beginnings = ((SET_IN, CODE), ("|", TABLE), ("- ", ITEM), ("#", HEADING))
    return next((kind for begin, kind in beginnings if line.startswith(begin)), TEXT if line.strip() else BLANK)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields what belongs together with its kind: the lines of a paragraph, of an item of a list, of a table."""
    block: list[str] = []
    kind = BLANK
    for line in lines:
        here = _kind(line)
        if here == CODE and kind == ITEM:
            here = TEXT
        goes_on = (here == kind and here in (CODE, TABLE)) or (here == TEXT and kind in (TEXT, ITEM))
        if block and not goes_on:
            yield kind, block
            block = []
        kind = kind if goes_on else here
        block.append(line)
    if block:
        yield kind, block


def _command(line: str, width: int) -> list[str]:
    """Returns a command, which stays whole, and what is said of it below where it does not fit beside."""
    remark = next(reversed(list(REMARK.finditer(line))), None)
    if len(line) <= width or remark is None:
        return [line]
    deeper = SET_IN * 2
    return [line[: remark.start()], *fill(f"{deeper}{line[remark.end() :]}", width, len(deeper)).split("\n")]


def _cells(line: str) -> list[str]:
    return [LINK.sub(r"\1", cell.strip()).replace("\\|", "|") for cell in CELLS.split(line.strip())[1:-1]]


def _table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Returns a table in columns where they fit, the last one folded where it is wide enough; else a row in several."""
    head, *body = [row for row in rows if not all(set(cell) <= set("-:") for cell in row)] if len(rows) > 1 else rows
    shown = [head, *body] if any(head) else body
    widths = [max(map(len, column)) for column in zip(*shown, strict=False)]
    first = sum(widths[:-1]) + len(GAP) * len(widths[:-1])
    if first + min(widths[-1], width // 2) <= width and first <= width // 2:
        padded = [GAP.join([*(f"{c:<{w}}" for c, w in zip(row[:-1], widths, strict=False)), row[-1]]) for row in shown]
        return [row for line in padded for row in fill(line.rstrip(), width, first).split("\n")]
    found: list[str] = []
    for label, *cells in body:
        found += fill(label, width, 2).split("\n")
        for name, cell in zip(head[1:], cells, strict=False):
            said = f"{name}: {cell}" if name else cell
            found += fill(f"{SET_IN}{said}", width, len(SET_IN) + 2 * bool(name)).split("\n") if cell else []
    return found
