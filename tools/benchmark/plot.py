"""The bench's plot: a bar for each ratio on a logarithmic axis, the peer being 1, with a mark at each limit (SVG)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from tools.benchmark.figures import Of, Row, show_figure

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 860, 330, 110, 76, 30, 16
INK, QUIET, BETTER, WORSE, LIMIT = "#1b1f24", "#8b949e", "#2f81c1", "#c9652f", "#1b1f24"


def write_plot(rows: Sequence[Row], title: str) -> str:
    """Returns an SVG of the rows that have a ratio."""
    compared = [(row, row.ratio) for row in rows if row.ratio]
    ratios = [ratio for _, ratio in compared]
    limits = [row.limit for row, _ in compared if row.limit and row.of is Of.RATIO]
    low = math.floor(math.log10(min([*ratios, *limits, 0.1])))
    high = max(0.0, math.log10(max([*ratios, *limits, 1.0])))
    scale = (WIDTH - LEFT - RIGHT) / (high - low)

    def x(ratio: float) -> float:
        return LEFT + (math.log10(ratio) - low) * scale

    height = TOP + STEP * len(compared) + 40
    bottom = height - 34
    size = f'width="{WIDTH}" height="{height}"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect {size} fill="#ffffff"/>',
        _text(12, 26, title, INK, size=16),
        _text(
            12, 48, "bootwright's figure as a part of the peer's, or of what is named; a black mark is the limit", QUIET
        ),
    ]
    for power in range(low, math.floor(high) + 1):
        out += [_line(x(10.0**power), TOP - 8, bottom, QUIET, 0.5)]
        out += [_text(x(10.0**power), bottom + 16, f"{10.0**power:g}", QUIET, "middle")]
    for number, (row, ratio) in enumerate(compared):
        middle = TOP + STEP * number + STEP / 2
        left, right = sorted((x(ratio), x(1.0)))
        colour = BETTER if ratio <= 1 else WORSE
        name = f"{row.name} / {row.against}" if row.against else row.name
        out += [_text(LEFT - 10, middle + 4, name, INK, "end")]
        place = f'x="{left:.1f}" y="{middle - BAR / 2:.1f}" width="{right - left:.1f}" height="{BAR}"'
        out += [f'<rect {place} fill="{colour}"/>']
        out += [_text(max(right, x(1.0)) + 8, middle + 4, show_figure(ratio), INK)]
        if row.limit and row.of is Of.RATIO:
            out += [_line(x(row.limit), middle - BAR / 2 - 4, middle + BAR / 2 + 4, LIMIT, 2)]
    out += [_line(x(1.0), TOP - 8, bottom, INK, 1)]
    return "\n".join([*out, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
    )


def _line(x: float, top: float, bottom: float, colour: str, width: float) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{colour}" stroke-width="{width}"/>'
    )
