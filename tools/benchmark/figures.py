"""What the bench compares: rows of figures for bootwright and for its peer, their ratio, and the limit each is held to.

Of several measurements the least counts: what a machine does beside only ever adds to a time.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from enum import StrEnum


class Of(StrEnum):
    """What a row's limit is about."""

    RATIO = "ratio"
    OURS = "bootwright's own figure"


@dataclass(frozen=True)
class Row:
    """One thing measured: the figures of bootwright and of the peer (none where only bootwright is measured).

    unit is "s", "M" (millions of guest instructions) or another word; limit is the most that is wanted. against names
    another way of bootwright's own that stands in the peer's place; empty for the peer itself.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    limit: float | None = None
    of: Of = Of.RATIO
    against: str = ""

    @property
    def our_best(self) -> float:
        """The least of bootwright's figures."""
        return min(self.ours)

    @property
    def peer_best(self) -> float | None:
        """The least of the peer's figures."""
        return min(self.peer) if self.peer else None

    @property
    def ratio(self) -> float | None:
        """Bootwright's least figure as a part of the peer's; None where there is nothing to divide by."""
        best = self.peer_best
        return self.our_best / best if best else None

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None where there is none, or no figure for it."""
        figure = self.ratio if self.of is Of.RATIO else self.our_best
        return None if self.limit is None or figure is None else figure <= self.limit


def median(figures: tuple[float, ...]) -> float:
    """Returns the median of figures, of which there is at least one."""
    return statistics.median(figures)


def show_figure(figure: float | None, unit: str = "") -> str:
    """Returns figure with three significant digits, or whole where it is large, and its unit; a dash for None."""
    if figure is None:
        return "-"
    text = f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
    return f"{text} {unit}".strip()
