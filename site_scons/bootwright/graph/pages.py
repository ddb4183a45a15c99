"""`scons help SUBJECT`: a page of docs/, as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bootwright.base.called import as_called
from bootwright.base.errors import BootwrightError
from bootwright.setup.meant import nearest


def page(words: Sequence[str], docs: Path) -> str:
    """Returns the page that words (help, a subject) ask for, or the list of subjects; raises for one that is none."""
    titles = {path.stem: _title(path) for path in sorted(docs.glob("*.md"))}
    subjects = [word for word in words if word != "help"]
    if not subjects:
        widest = max(map(len, titles))
        rows = "".join(f"  scons help {name:<{widest}}  {title}\n" for name, title in titles.items())
        return as_called(f"{rows}\nscons -h lists targets, variables and switches.\n")
    if len(subjects) > 1:
        raise BootwrightError(f"{' and '.join(subjects)}: `scons help` prints one page")
    if subjects[0] not in titles:
        near = nearest(subjects[0].lower(), titles)
        hint = f"did you mean scons help {near}?" if near else f"there are {', '.join(titles)}"
        raise BootwrightError(f"there is no page on {subjects[0]}", hint)
    return as_called((docs / f"{subjects[0]}.md").read_text(encoding="utf-8"))


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
