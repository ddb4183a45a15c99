"""`scons help SUBJECT`: a page of docs/, as it is written, or filled to the width of a terminal."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bootwright.base.called import as_called
from bootwright.base.errors import BootwrightError
from bootwright.base.folding import LEAST, columns, fold
from bootwright.base.home import HOME
from bootwright.graph.reading import fit_page
from bootwright.setup.meant import nearest
from bootwright.setup.verbs import BY_WORD
from bootwright.setup.words import VARIABLES


def subjects(docs: Path = HOME / "docs") -> list[str]:
    """Returns what there are pages on."""
    return sorted(path.stem for path in docs.glob("*.md"))


def page(words: Sequence[str], docs: Path) -> str:
    """Returns the page that words (help, a subject) ask for, or the list of subjects; raises for one that is none.

    A word or a variable of the command line gets what `scons -h` says of it, and the page that shows its use.
    """
    titles = {name: _title(docs / f"{name}.md") for name in subjects(docs)}
    asked = [word for word in words if word != "help"]
    if not asked:
        return _list(titles, columns(sys.stdout))
    if len(asked) > 1:
        raise BootwrightError(f"{' and '.join(asked)}: `scons help` prints one page")
    if asked[0] not in titles and asked[0] in BY_WORD:
        return _row(asked[0], _where_shown(asked[0], docs, titles), columns(sys.stdout))
    variable = next((v for v in VARIABLES if v.name == asked[0].upper()), None)
    if asked[0] not in titles and variable:
        legal = f" ({'|'.join(variable.values)})" if variable.values else ""
        lines = [f"{variable.name}=: {variable.help}{legal}", "scons help variables has all of them."]
        return _lines(lines, columns(sys.stdout))
    if asked[0] not in titles:
        near = nearest(asked[0].lower(), [*titles, *BY_WORD]) or nearest(asked[0].upper(), [v.name for v in VARIABLES])
        hint = f"did you mean scons help {near}?" if near else f"there are {', '.join(titles)}"
        raise BootwrightError(f"there is no page on {asked[0]}", hint)
    text = as_called((docs / f"{asked[0]}.md").read_text(encoding="utf-8"))
    return fit_page(text, columns(sys.stdout)) if sys.stdout.isatty() else text


def _row(word: str, shown: str, width: int) -> str:
    """Returns what there is to say of a word without a page; shown is the page that shows its use, or ""."""
    lines = [f"scons {word}: {BY_WORD[word].help_line}"]
    if shown:
        lines.append(f"scons help {shown} shows its use.")
    return _lines(lines, width)


def _lines(lines: Iterable[str], width: int) -> str:
    """Returns lines as this person calls the program, folded to a terminal's width where it has one."""
    lines = map(as_called, lines)
    return "".join(f"{fold(line, width) if width >= LEAST else line}\n" for line in lines)


def _where_shown(word: str, docs: Path, titles: Iterable[str]) -> str:
    """Returns the page that has the word in the most of its commands, "" where none has: a mention tells little."""
    command = re.compile(rf"^    .*\bsconsw? {re.escape(word)}\b", re.MULTILINE)
    times = {name: len(command.findall((docs / f"{name}.md").read_text(encoding="utf-8"))) for name in titles}
    most = max(times, key=lambda name: times[name], default="")
    return most if times.get(most) else ""


def _list(titles: Mapping[str, str], width: int) -> str:
    """Returns a row for each page, or two where a terminal is too narrow; width 0: it is none, or does not say."""
    widest = max(map(len, titles))
    titles = {name: as_called(title) for name, title in titles.items()}
    asked = as_called("scons help")
    rows = [f"  {asked} {name:<{widest}}  {title}" for name, title in titles.items()]
    if LEAST <= width < max(map(len, rows)):
        rows = [f"  {asked} {name}\n{fold(f'      {title}', width)}" for name, title in titles.items()]
    end = as_called("scons -h lists targets, variables and switches.")
    return "\n".join([*rows, "", "\n".join(textwrap.wrap(end, width)) if width >= LEAST else end, ""])


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
