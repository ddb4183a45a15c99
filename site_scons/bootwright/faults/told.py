"""A report as it is told: a title, and lines of a keyword and its text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from bootwright.base.terminal import printable
from bootwright.elf.symbols import Place
from bootwright.faults import vectors
from bootwright.faults.catalogue import Fault
from bootwright.faults.known import Facts


@dataclass(frozen=True)
class Report:
    """A report; complete is False when a second run, under TCG, would tell vector and error code.

    handler says how the kernel's own handler of the exception ended, "" where there was none. alive: nothing says that
    the kernel died, and this is where it was.
    """

    fault: Fault | None
    facts: Facts
    where: Place | None
    lines: tuple[tuple[str, str], ...]
    rip: int | None
    complete: bool = True
    handler: str = ""
    alive: bool = False

    @property
    def title(self) -> str:
        """The fault in a few words."""
        name = (
            self.fault.name if self.fault else vectors.name(self.facts.vector) if self.facts.vector is not None else "?"
        )
        where = self.where.where or "no line is known" if self.where else ""
        place = f" in {self.where.function or 'no function'}, {where}" if self.where else ""
        return f"{name}{place}{self.handler and f'; {self.handler}'}"

    def text(self) -> str:
        """Returns the report as it is printed: a fault's title, then a keyword and its text in each line."""
        body = []
        for keyword, group in groupby(self.lines, lambda line: line[0]):
            for number, (_, text) in enumerate(group):
                body.append(f"  {'' if number else keyword:<8} {text}".rstrip())
        # What the guest said and what its symbols are called are not ours.
        return printable("\n".join([*([] if self.alive else [f"fault: {self.title}"]), *body]) + "\n")
