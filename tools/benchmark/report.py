"""The bench's table in Markdown: one row for each thing measured, then how every figure was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.benchmark.figures import Of, Row, median, show_figure

PEER = "cargo bootimage"


def write_table(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Returns the whole report; facts (name -> text) say where and with what it was measured."""
    lines = ["# bootwright beside cargo bootimage", ""]
    lines += [f"- {name}: {fact}" for name, fact in facts.items()]
    lines += ["", f"| | bootwright | {PEER} | ratio | at most | reached |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row.name, show_figure(row.our_best, row.unit), show_other(row.peer_best, row)]
        cells += [show_figure(row.ratio), show_limit(row), {True: "yes", False: "no", None: ""}[row.reached]]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "The least of all measurements, which took turns. All of them:", ""]
    lines += ["| | bootwright | median | cargo bootimage | median |", "|---|---|---|---|---|"]
    for row in rows:
        cells = [row.name, _all(row.ours), show_figure(median(row.ours), row.unit)]
        cells += [_all(row.peer), show_other(median(row.peer) if row.peer else None, row)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show_limit(row: Row) -> str:
    """Returns the limit as it is read: a number for a ratio, a figure with its unit for one of bootwright's own."""
    return "" if row.limit is None else show_figure(row.limit, row.unit if row.of is Of.OURS else "")


def show_other(figure: float | None, row: Row) -> str:
    """Returns a figure of the peer's column, with what it is where that is not the peer."""
    return show_figure(figure, row.unit) + (f" ({row.against})" if row.against else "")


def _all(figures: Sequence[float]) -> str:
    return " ".join(show_figure(figure) for figure in figures) or "-"
