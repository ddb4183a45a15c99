"""`scons help SUBJECT`: a page of docs/, as it is written."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base.called import as_called
from bootwright.base.errors import BootwrightError
from bootwright.base.folding import LEAST, columns, fold
from bootwright.setup.meant import nearest


def page(words: Sequence[str], docs: Path) -> str:
    """Returns the page that words (help, a subject) ask for, or the list of subjects; raises for one that is none."""
    titles = {path.stem: _title(path) for path in sorted(docs.glob("*.md"))}
    subjects = [word for word in words if word != "help"]
    if not subjects:
        return as_called(_list(titles, columns(sys.stdout)))
    if len(subjects) > 1:
        raise BootwrightError(f"{' and '.join(subjects)}: `scons help` prints one page")
    if subjects[0] not in titles:
        near = nearest(subjects[0].lower(), titles)
        hint = f"did you mean scons help {near}?" if near else f"there are {', '.join(titles)}"
        raise BootwrightError(f"there is no page on {subjects[0]}", hint)
    return as_called((docs / f"{subjects[0]}.md").read_text(encoding="utf-8"))


def _list(titles: Mapping[str, str], width: int) -> str:
    """Returns a row for each page, or two where a terminal is too narrow; width 0: it is none, or does not say."""
    widest = max(map(len, titles))
    rows = [f"  scons help {name:<{widest}}  {title}" for name, title in titles.items()]
    if LEAST <= width < max(map(len, rows)):
        rows = [f"  scons help {name}\n{fold(f'      {title}', width)}" for name, title in titles.items()]
    end = "scons -h lists targets, variables and switches."
    return "\n".join([*rows, "", "\n".join(textwrap.wrap(end, width)) if width >= LEAST else end, ""])


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
