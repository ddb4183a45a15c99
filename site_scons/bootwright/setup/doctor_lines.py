"""The doctor's report as a person reads it: a table on a terminal, else lines of text."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from bootwright.base.folding import fit, is_too_narrow

if TYPE_CHECKING:
    from bootwright.setup.doctor import Finding, Report

FACT_WIDTH = 16  # columns for what a fact is called
PRIVATE = "private"  # the fact that says where programs lie that came for this person alone


def show(found: Report) -> None:
    """Prints the report: as a table on a terminal where rich is, which tools/doctor may have to do without."""
    if not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        print("\n".join(plain_lines(found)))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "program", "path and version", "needed for"):
        table.add_column(heading, overflow="fold")
    for f in found.findings:
        colour = {"missing": "red", "none": "yellow", "found": "green"}[f.state]
        where = f"{_path(found, f)}\n{_who(f)}" if f.path else ""
        table.add_row(f"[{colour}]{f.state}[/]", f.name, escape(where), f"{f.verbs}: {f.purpose}")
    narrow = is_too_narrow(console, table)
    if narrow:
        sys.stdout.write(fit("\n".join([*short_lines(found), ""]), sys.stdout, 8))
    else:
        console.print(table)
    sys.stdout.write(fit("\n".join(["", *closing_lines(found), ""]), sys.stdout, FACT_WIDTH))


def short_lines(found: Report) -> list[str]:
    """Returns a few lines for each program, for a terminal that is too narrow for columns."""
    lines: list[str] = []
    for f in found.findings:
        where = [f"        {_path(found, f)}", f"        {_who(f)}"] if f.path else []
        lines += [f"{f.state:<8}{f.name}", *where, f"        {f.verbs}: {f.purpose}"]
    return lines


def _path(found: Report, f: Finding) -> str:
    place = found.facts.get(PRIVATE, "")
    return (f.path or "").removeprefix(f"{place}{os.sep}") if place else f.path or ""


def _who(f: Finding) -> str:
    """Returns who brought a program, and the version that it says."""
    return ": ".join(filter(None, (f.origin, f.version)))


def plain_lines(found: Report) -> list[str]:
    """Returns the whole report as lines of text."""
    table = [f"{f.state:<8}{f.name:<20}{f.path or ''}  {_who(f)}\n{'':8}{f.verbs}: {f.purpose}" for f in found.findings]
    return [*table, "", *closing_lines(found)]


def closing_lines(found: Report) -> list[str]:
    """Returns the facts, a cure for each problem, and a verdict for each thing that can be done."""
    lines = [f"{name:<{FACT_WIDTH}}{fact}" for name, fact in found.facts.items()]
    for f in found.findings:
        if f.problem:
            lines += ["", f"{f.name}: {f.problem}", f"  cure: {f.cure}"]
    return [*lines, "", *(f"{ability.name:<8}{ability}" for ability in found.abilities)]
